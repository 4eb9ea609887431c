//! How often a request is made, and how long the pauses are.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio::time::Instant;
use tracing::debug;

use super::refusal::RequestError;
use crate::limits::ClusterLimits;
use crate::stop::Stop;

/// The longest pause between tries, unless the server asks for a longer one.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// The tries that a request has left.
pub(super) struct Tries {
    pauses: ExponentialBackoff,
    /// how often the server may still ask us to come back later
    patience: usize,
}

impl Tries {
    /// `count` tries, the first of which is about to be made.
    pub(super) fn new(limits: &ClusterLimits, count: usize) -> Self {
        let pauses = ExponentialBuilder::new()
            .with_jitter()
            .with_min_delay(limits.first_pause)
            .with_max_delay(LONGEST_PAUSE)
            .with_max_times(count.saturating_sub(1))
            .build();
        Self { pauses, patience: limits.patience }
    }

    /// Waits until the request for `path`, which ended in `error`, may be made again.
    ///
    /// # Errors
    /// With `error` itself when another try would not change it, or none is left; when the run ends first.
    pub(super) async fn wait_after(
        &mut self,
        error: RequestError,
        path: &str,
        stop: &Stop,
    ) -> Result<(), RequestError> {
        let pause = match error.asked_pause() {
            Some(pause) if self.patience > 0 => {
                self.patience -= 1;
                Some(pause)
            }
            _ if error.may_pass() => self.pauses.next(),
            _ => None,
        };
        // A pause that outlasts the run is none: the failure is final, and the rest of the run gets the time.
        let left = stop.deadline().saturating_duration_since(Instant::now());
        let Some(pause) = pause.filter(|pause| *pause < left) else { return Err(error) };
        debug!(path, %error, ?pause, "trying again");
        stop.or(tokio::time::sleep(pause)).await.ok_or(RequestError::Stopped)
    }
}
