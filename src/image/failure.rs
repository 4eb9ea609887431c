//! The failure of one image, or of one step of it: data, not the end of a run.

use crate::vocabulary::{ErrorClass, ErrorStage};

use super::Platform;

/// What went wrong, with what, and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Failure {
    /// the step that failed
    pub stage: ErrorStage,
    /// why
    pub class: ErrorClass,
    /// the platform whose manifest or config it was about
    pub platform: Option<Platform>,
    /// the endpoint that was asked: scheme, host and port
    pub endpoint: Option<String>,
    /// the HTTP status that it answered
    pub http_status: Option<u16>,
    /// what happened, to what, and what to do; no secret, no durations
    pub message: String,
    /// how often it was tried; 0 when nothing was sent
    pub attempts: u32,
    /// what the server's `Retry-After` said last, in seconds
    pub retry_after_seconds: Option<u64>,
}

impl Failure {
    /// A failure for which nothing was sent.
    pub fn unsent(stage: ErrorStage, class: ErrorClass, message: impl Into<String>) -> Self {
        Self {
            stage,
            class,
            platform: None,
            endpoint: None,
            http_status: None,
            message: message.into(),
            attempts: 0,
            retry_after_seconds: None,
        }
    }
}
