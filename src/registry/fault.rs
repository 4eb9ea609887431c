//! What went wrong with one exchange, before it is known how often it was tried.

use std::borrow::Cow;
use std::time::Duration;

use super::safety::Refusal;
use crate::image::Failure;
use crate::vocabulary::{ErrorClass, ErrorStage};

/// A failed exchange with a server.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    /// why
    pub class: ErrorClass,
    /// the server: scheme, host and port
    pub origin: String,
    /// what happened, as the end of a sentence that begins with the server
    pub what: String,
    /// what a user can do
    pub remedy: Cow<'static, str>,
    /// the status, when there was an answer
    pub status: Option<u16>,
    /// what `Retry-After` said
    pub retry_after: Option<Duration>,
    /// whether the same request may succeed later
    pub transient: bool,
    /// whether the server speaks the other of https and plain http
    pub other_protocol: OtherProtocol,
    /// whether anything was sent at all
    pub sent: bool,
}

/// Whether a server that was spoken to in one of https and plain http speaks the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OtherProtocol {
    /// Nothing hints at it.
    Unlikely,
    /// Nobody answered, which may have many reasons.
    Possible,
    /// What it answered is no word of the one.
    Certain,
}

/// What is asked for, in the words of the user.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject<'a> {
    /// the step
    pub stage: ErrorStage,
    /// the reference, or the repository
    pub name: &'a str,
    /// what the server is, to stand before its URL: `the token server `, or nothing
    pub server: &'static str,
}

impl Fault {
    /// A fault of an answer that was understood, and that will not change.
    pub(super) fn final_answer(
        class: ErrorClass,
        origin: &str,
        what: impl Into<String>,
        remedy: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            class,
            origin: origin.to_owned(),
            what: what.into(),
            remedy: remedy.into(),
            status: None,
            retry_after: None,
            transient: false,
            other_protocol: OtherProtocol::Unlikely,
            sent: true,
        }
    }

    /// The same for a connection that did not hold: it may hold the next time.
    pub(super) fn broken(
        class: ErrorClass,
        origin: &str,
        what: impl Into<String>,
        remedy: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { transient: true, ..Self::final_answer(class, origin, what, remedy) }
    }

    /// Whether nothing was asked, since the time was over.
    pub(super) fn is_out_of_time(&self) -> bool {
        !self.sent && self.class == ErrorClass::Timeout
    }

    /// We do not go where the server at `origin` sends us.
    pub(super) fn refused(origin: &str, what: &str, why: &Refusal) -> Self {
        const REMEDY: &str = "this was not followed, for safety; check the registry's settings";
        Self::final_answer(ErrorClass::Refused, origin, format!("names {what} that {why}"), REMEDY)
    }

    /// The failure of `subject` after `attempts` attempts.
    pub(super) fn into_failure(self, subject: Subject<'_>, attempts: u32) -> Failure {
        let tries = if attempts == 1 { "attempt" } else { "attempts" };
        Failure {
            stage: subject.stage,
            class: self.class,
            platform: None,
            message: format!(
                "{}: {}{} {} ({attempts} {tries}); {}",
                subject.name, subject.server, self.origin, self.what, self.remedy
            ),
            endpoint: Some(self.origin),
            http_status: self.status,
            attempts,
            retry_after_seconds: self.retry_after.map(|wait| wait.as_secs()),
        }
    }
}
