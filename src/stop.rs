//! The end of a run before its work is done: one deadline and one cancellation that reach everything.

use std::sync::{Arc, OnceLock};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Why a run ends early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// SIGINT
    Interrupted,
    /// SIGTERM
    Terminated,
    /// `--timeout` is over
    Timeout,
    /// `--fallback none`, and an image failed
    ImageFailed,
}

impl StopReason {
    /// Whether somebody asked for it by a signal.
    pub fn is_signal(self) -> bool {
        matches!(self, Self::Interrupted | Self::Terminated)
    }

    /// As events and facts say it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Interrupted => "interrupted",
            Self::Terminated => "terminated",
            Self::Timeout => "timeout",
            Self::ImageFailed => "image-failed",
        }
    }
}

/// Tells a run to end; cheap to clone, and all clones are one.
#[derive(Debug, Clone)]
pub struct Stop {
    token: CancellationToken,
    reason: Arc<OnceLock<StopReason>>,
    deadline: Instant,
}

impl Stop {
    /// A run that may last until `deadline`.
    pub fn at(deadline: Instant) -> Self {
        Self { token: CancellationToken::new(), reason: Arc::default(), deadline }
    }

    /// When the run must end. No wait may be longer.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Ends the run; the first reason counts.
    pub fn stop(&self, reason: StopReason) {
        // A later reason is of no interest.
        let _ = self.reason.set(reason);
        self.token.cancel();
    }

    /// Why the run was told to end, if it was.
    pub fn reason(&self) -> Option<StopReason> {
        self.reason.get().copied()
    }

    /// Whether the run was told to end.
    pub fn is_stopped(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Waits until the run is told to end, or its deadline has come.
    pub async fn stopped(&self) {
        tokio::select! {
            biased;
            () = self.token.cancelled() => {}
            () = tokio::time::sleep_until(self.deadline) => self.stop(StopReason::Timeout),
        }
    }

    /// Runs `work`, or gives up (`None`) when the run must end first.
    pub async fn or<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.stopped() => None,
            done = work => Some(done),
        }
    }
}
