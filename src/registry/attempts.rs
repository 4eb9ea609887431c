//! Asks again what may succeed later, within the deadlines of the image and of the run.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::caller::Caller;
use super::fault::{Fault, Subject};
use super::retry::{delays, spread};
use crate::event::Event;
use crate::image::Failure;
use crate::vocabulary::ErrorClass;

/// A pause for which a server asks has at least this length; a shorter one is no better than our own back-off.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);

/// What can go wrong with a request that may need a token.
#[derive(Debug)]
pub(super) enum Trouble {
    /// the request, at this attempt
    Request(Fault),
    /// what trying again does not help, or has not helped: a token that had its own attempts
    Final(Box<Failure>),
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::Request(fault)
    }
}

/// Does `work` until it succeeds, fails for good, or no attempt or time is left.
pub(super) async fn retried<T, F, Work>(caller: Caller<'_>, subject: Subject<'_>, mut work: F) -> Result<T, Failure>
where
    F: FnMut() -> Work,
    Work: Future<Output = Result<T, Trouble>>,
{
    let mut delays = delays(caller.wire.limits.retries);
    let mut attempts = 0;
    let mut last: Option<Fault> = None;
    loop {
        let fault = match caller.wire.stop.or(work()).await {
            Some(Ok(done)) => return Ok(done),
            Some(Err(Trouble::Final(failure))) => return Err(*failure),
            Some(Err(Trouble::Request(fault))) => match last.take() {
                // That no time was left for another attempt tells less than what happened at the one before.
                Some(last) if fault.is_out_of_time() => return Err(last.into_failure(subject, attempts)),
                _ => fault,
            },
            None => return Err(canceled(subject, attempts)),
        };
        attempts += u32::from(fault.sent);
        let is_limit = fault.class == ErrorClass::RateLimited;
        let wait = match fault.retry_after {
            // Who says when to come back is asked until no time is left: with many images in flight, any of them may
            // find the door closed more often than it would try in vain.
            Some(asked) if is_limit && asked >= SHORTEST_PAUSE => Some(asked + spread()),
            asked if fault.transient => delays.next().map(|delay| delay.max(asked.unwrap_or_default())),
            _ => None,
        };
        if let Some(wait) = wait.filter(|_| is_limit) {
            pause(caller, &fault, fault.retry_after.unwrap_or(wait));
        }
        let Some(wait) = wait.filter(|wait| Instant::now() + *wait < caller.deadline()) else {
            return Err(fault.into_failure(subject, attempts));
        };
        tracing::debug!(server = %fault.origin, class = %fault.class, attempts, "will be asked again");
        last = Some(fault);
        if caller.wire.stop.or(sleep(wait)).await.is_none() {
            return Err(canceled(subject, attempts));
        }
    }
}

/// Pauses the server, no longer than the run lasts, and tells so once.
fn pause(caller: Caller<'_>, fault: &Fault, wait: Duration) {
    let now = Instant::now();
    let until = (now + wait).min(caller.wire.stop.deadline());
    if caller.wire.pauses.pause(&fault.origin, until) {
        let seconds = (until - now).as_millis().div_ceil(1000);
        caller.wire.events.emit(Event::Paused {
            host: caller.host.name.clone(),
            seconds: u64::try_from(seconds).unwrap_or(u64::MAX),
            reason: format!("{} asks to slow down", fault.origin),
        });
    }
}

/// The run ended first.
pub(super) fn canceled(subject: Subject<'_>, attempts: u32) -> Failure {
    let message = format!("{}: the run ended before this was known; run it again", subject.name);
    Failure { attempts, ..Failure::unsent(subject.stage, ErrorClass::Canceled, message) }
}
