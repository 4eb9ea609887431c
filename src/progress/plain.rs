//! Lines for logs: nothing is drawn over, and colours are only used where they are wanted.

use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::lines::{self, Paint};
use super::summary::Summary;
use crate::clock::{Clock, Stopwatch};
use crate::event::{Event, Sink};
use crate::text::seconds;

/// How often a log tells how far the run is.
const PROGRESS_EVERY: Duration = Duration::from_secs(5);

/// Writes a line for each notable thing, and every few seconds one that tells how far the run is.
pub struct Plain<W> {
    clock: Clock,
    paint: Paint,
    every: Duration,
    state: Mutex<State<W>>,
}

struct State<W> {
    out: W,
    last_progress: Option<Stopwatch>,
    summary: Summary,
}

impl<W: Write> Plain<W> {
    /// Lines to `out`.
    pub fn new(out: W, clock: Clock) -> Self {
        Self::every(PROGRESS_EVERY, out, clock)
    }

    /// Lines to `out`, with a progress line no oftener than `every`.
    pub(super) fn every(every: Duration, out: W, clock: Clock) -> Self {
        let paint = Paint::NONE;
        Self { clock, paint, every, state: Mutex::new(State { out, last_progress: None, summary: Summary::default() }) }
    }

    /// The same lines, coloured.
    pub(super) fn painted(self, paint: Paint) -> Self {
        Self { paint, ..self }
    }

    /// Whether it is time to tell the progress; if so, the next time is counted from now.
    fn is_due(&self, last: &mut Option<Stopwatch>) -> bool {
        let due = last.is_none_or(|last| u128::from(last.elapsed_ms()) >= self.every.as_millis());
        if due {
            *last = Some(self.clock.start());
        }
        due
    }
}

impl<W: Write + Send> Sink for Plain<W> {
    fn emit(&self, event: &Event) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.summary.observe(event);
        let lines = match event {
            Event::Progress { .. } if !self.is_due(&mut state.last_progress) => Vec::new(),
            Event::Progress { done, total, failed, per_second, eta_seconds, .. } => {
                let left = eta_seconds.map_or_else(String::new, |eta| format!(", {} left", seconds(eta)));
                vec![format!("{done} of {total} images, {failed} failed, {per_second:.1}/s{left}")]
            }
            Event::Paused { host, seconds, reason } => vec![lines::paused(host, *seconds, reason)],
            Event::Finished { .. } => state.summary.lines(event, self.paint),
            _ => lines::line(event, self.paint).into_iter().collect(),
        };
        for line in lines {
            // A log that cannot be written must not end the run.
            let _ = state.out.write_all(format!("{line}\n").as_bytes());
        }
    }
}
