//! Resolves many images at once: what may start when, and what is told of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt as _, Stream, StreamExt as _};
use tokio::task::{JoinError, JoinSet};
use tokio::time::MissedTickBehavior;

use super::attachments::Lookups;
use super::documents::Documents;
use super::image::{Shared, resolve_image};
use super::queue::Queue;
use super::stored::Stored;
use super::{Answer, Fallback, RegistryTally, Resolution, Resolver, Want};
use crate::clock::Stopwatch;
use crate::cluster::inventory::Gap;
use crate::event::{Event, EventError, Events};
use crate::image::Reference;
use crate::stop::{Stop, StopReason};
use crate::vocabulary::{GapScope, ImageStatus};

/// How often progress is told while images are resolved.
const PROGRESS_EVERY: Duration = Duration::from_secs(1);

/// A run over images.
pub(super) struct Run {
    shared: Arc<Shared>,
    events: Events,
    watch: Stopwatch,
    queue: Queue,
    tasks: JoinSet<(Answer, u64)>,
    answers: BTreeMap<Reference, Answer>,
    /// images known so far
    total: u64,
    failed: u64,
    /// whether more images may come
    is_open: bool,
}

impl Run {
    pub(super) fn new(resolver: Resolver, events: Events, stop: Stop) -> Self {
        let documents = Documents::new(Stored::new(resolver.cache.clone(), resolver.clock));
        Self {
            watch: resolver.clock.start(),
            shared: Arc::new(Shared { resolver, documents, lookups: Lookups::default(), stop }),
            events,
            queue: Queue::default(),
            tasks: JoinSet::new(),
            answers: BTreeMap::new(),
            total: 0,
            failed: 0,
            is_open: true,
        }
    }

    /// Resolves what `wants` yields until nothing is left.
    pub(super) async fn drive(mut self, wants: impl Stream<Item = Want>) -> Resolution {
        let mut wants = std::pin::pin!(wants);
        let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + PROGRESS_EVERY, PROGRESS_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let stop = self.shared.stop.clone();
        while self.is_open || !self.queue.is_empty() || !self.tasks.is_empty() {
            self.start_tasks();
            tokio::select! {
                biased;
                _ = ticks.tick() => self.tell_progress(),
                want = wants.next(), if self.is_open => {
                    // What is ready now is sorted before any of it starts.
                    self.accept(want);
                    while self.is_open && let Some(want) = wants.next().now_or_never() {
                        self.accept(want);
                    }
                }
                () = stop.stopped(), if self.is_open => self.is_open = false,
                Some(ended) = self.tasks.join_next() => match ended.map_err(JoinError::try_into_panic) {
                    Ok((answer, duration_ms)) => self.finish(answer, duration_ms),
                    // A panic is a bug of ours, and none of an image.
                    Err(Ok(panic)) => std::panic::resume_unwind(panic),
                    // The runtime shuts down: nobody waits for an answer.
                    Err(Err(_)) => {}
                },
            }
        }
        self.into_resolution()
    }

    fn accept(&mut self, want: Option<Want>) {
        match want {
            Some(want) => {
                self.total += 1;
                self.queue.push(want);
            }
            None => self.is_open = false,
        }
    }

    fn start_tasks(&mut self) {
        while self.tasks.len() < self.shared.resolver.limits.concurrency.max(1)
            && let Some(want) = self.queue.start()
        {
            let shared = Arc::clone(&self.shared);
            self.tasks.spawn(async move {
                let watch = shared.resolver.clock.start();
                let answer = resolve_image(&shared, want).await;
                (answer, watch.elapsed_ms())
            });
        }
    }

    fn finish(&mut self, answer: Answer, duration_ms: u64) {
        self.queue.done(answer.reference.registry());
        self.failed += u64::from(answer.status == ImageStatus::Failed);
        let error = answer.failures.first();
        self.events.emit(Event::Image {
            reference: answer.reference.to_string(),
            status: answer.status,
            done: self.answers.len() as u64 + 1,
            total: self.total,
            requests: answer.requests,
            duration_ms,
            error: error.map(|failure| EventError { class: failure.class, message: failure.message.clone() }),
        });
        if self.shared.resolver.fallback == Fallback::None && answer.status != ImageStatus::Resolved {
            self.shared.stop.stop(StopReason::ImageFailed);
        }
        self.answers.insert(answer.reference.clone(), answer);
    }

    fn tell_progress(&self) {
        let done = self.answers.len() as u64;
        #[allow(clippy::cast_precision_loss, reason = "a rate to be read by people")]
        let per_second = match self.watch.elapsed_ms() {
            0 => 0.0,
            elapsed => done as f64 * 1000.0 / elapsed as f64,
        };
        #[allow(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an estimate; the cast saturates"
        )]
        let left = (self.total.saturating_sub(done) as f64 / per_second).ceil() as u64;
        self.events.emit(Event::Progress {
            done,
            total: self.total,
            failed: self.failed,
            per_second,
            eta_seconds: (!self.is_open && per_second > 0.0).then_some(left),
            bytes: self.shared.resolver.client.tallies().iter().map(|tally| tally.bytes).sum(),
        });
    }

    fn into_resolution(self) -> Resolution {
        let registries = self.shared.resolver.client.tallies();
        let mut gaps = self.shared.resolver.keychain.gaps();
        gaps.extend(registries.iter().filter(|tally| tally.is_held).map(held));
        Resolution {
            answers: self.answers,
            documents: self.shared.documents.looked(),
            attachments: self.shared.resolver.attachments,
            attached: self.shared.lookups.found(),
            registries,
            cache_hits: self.shared.documents.stored.hits(),
            gaps,
            missing_secrets: self.shared.resolver.keychain.missing(),
        }
    }
}

/// What could not be asked for because the quota is nearly spent.
fn held(tally: &RegistryTally) -> Gap {
    let left = tally.rate_limit.map(|(limit, remaining)| format!(" ({remaining} of {limit})")).unwrap_or_default();
    Gap {
        scope: GapScope::Registry,
        resource: None,
        namespace: None,
        host: Some(tally.host.clone()),
        reason: "rate-limited".to_owned(),
        message: format!(
            "the last pulls of the quota{left} are left to the cluster, so that some images were not asked for; log in for a \
             larger quota, or run again when it has filled up"
        ),
        incomplete: false,
    }
}
