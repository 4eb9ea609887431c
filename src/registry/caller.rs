//! For whom a request is made: whose turn it takes, whose pauses it heeds, and until when it may last.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::SetOnce;
use tokio::time::{Instant, sleep_until};

use super::fault::Fault;
use super::host::{Host, Pauses};
use super::transport::Transport;
use super::turns::{Turn, Turns, Wish};
use crate::clock::Clock;
use crate::event::Events;
use crate::limits::Limits;
use crate::stop::Stop;
use crate::vocabulary::ErrorClass;

/// What all requests of a run share.
pub(super) struct Wire {
    pub transport: Transport,
    pub limits: Limits,
    pub turns: Arc<Turns>,
    pub pauses: Pauses,
    pub clock: Clock,
    pub events: Events,
    pub stop: Stop,
}

/// What one image has used.
#[derive(Default)]
pub(super) struct Account {
    requests: AtomicU64,
    deadline: SetOnce<Instant>,
}

/// For whom a request is made.
#[derive(Clone, Copy)]
pub(super) struct Caller<'a> {
    pub wire: &'a Wire,
    pub account: &'a Account,
    pub host: &'a Host,
    /// for one request
    pub patience: Duration,
}

/// Until when something may last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Due {
    pub at: Instant,
    /// the flag that says so
    pub limit: &'static str,
}

impl Account {
    /// Requests made so far.
    pub(super) fn requests(&self) -> u64 {
        self.requests.load(Relaxed)
    }

    /// Waits until the image's time is over.
    pub(super) async fn is_over(&self) {
        sleep_until(*self.deadline.wait().await).await;
    }
}

impl<'a> Caller<'a> {
    /// When the image must be done. Its time begins with its first request: it is not its fault when it has to wait
    /// for a turn, or for a pause that began before.
    pub(super) fn deadline(self) -> Instant {
        self.due().at
    }

    fn due(self) -> Due {
        let run = Due { at: self.wire.stop.deadline(), limit: "--timeout" };
        let image = self.account.deadline.get().map(|at| Due { at: *at, limit: "--image-timeout" });
        image.filter(|image| image.at < run.at).unwrap_or(run)
    }

    /// Waits until a request to the server at `origin` may be made.
    pub(super) async fn turn(self, origin: &str) -> Result<Turn, Fault> {
        loop {
            let due = self.due();
            match self.wire.pauses.until(origin) {
                Some(until) if until >= due.at => return Err(paused(origin, due)),
                Some(until) => sleep_until(until).await,
                None => {
                    let turn = self.wire.turns.next(self.wish(origin)).await;
                    let due = self.due();
                    if Instant::now() >= due.at {
                        return Err(out_of_time(origin, due));
                    }
                    // A pause may have begun in the meantime.
                    if self.wire.pauses.until(origin).is_none() {
                        return Ok(turn);
                    }
                }
            }
        }
    }

    fn wish<'o>(self, origin: &'o str) -> Wish<'o>
    where
        'a: 'o,
    {
        let has_begun = self.account.deadline.get().is_some();
        Wish { registry: &self.host.name, limit: self.host.limit, origin, has_begun }
    }

    /// Counts a request, and says when it must be done.
    pub(super) fn begin_request(self) -> Due {
        let now = Instant::now();
        self.account.requests.fetch_add(1, Relaxed);
        self.host.count_request();
        let end = now.checked_add(self.wire.limits.image_timeout);
        // Only the first request begins the image's time.
        let _ = self.account.deadline.set(end.unwrap_or(self.wire.stop.deadline()));
        let own = now.checked_add(self.patience).map(|at| Due { at, limit: "--registry-timeout" });
        let due = self.due();
        own.filter(|own| own.at < due.at).unwrap_or(due)
    }
}

fn out_of_time(origin: &str, due: Due) -> Fault {
    const WHAT: &str = "was not asked any more: the time for it was over";
    Fault { sent: false, ..Fault::final_answer(ErrorClass::Timeout, origin, WHAT, allow_more(due)) }
}

fn paused(origin: &str, due: Due) -> Fault {
    const WHAT: &str = "asked for a pause that is longer than the time left";
    let remedy = format!("ask again later, or {}", allow_more(due));
    Fault { sent: false, ..Fault::final_answer(ErrorClass::RateLimited, origin, WHAT, remedy) }
}

fn allow_more(due: Due) -> String {
    format!("allow more with {}", due.limit)
}
