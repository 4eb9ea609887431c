//! Resolves many images at once: what may start when, and what is told of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt as _, Stream, StreamExt as _};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::attachments::Lookups;
use super::documents::Documents;
use super::image::{Effort, Shared, resolve_image};
use super::queue::{Job, Queue};
use super::stored::Stored;
use super::{Answer, Fallback, RegistryTally, Resolution, Resolver, Want};
use crate::clock::Stopwatch;
use crate::cluster::inventory::Gap;
use crate::event::{Event, EventError, Events};
use crate::image::Reference;
use crate::stop::{Stop, StopReason};
use crate::task;
use crate::vocabulary::{GapScope, ImageStatus};

/// How often progress is told while images are resolved.
const PROGRESS_EVERY: Duration = Duration::from_secs(1);

/// How many images are begun for each request that may be in flight: while what came for one is read, the other is asked for.
const IMAGES_PER_REQUEST: usize = 2;

/// A run over images.
pub(super) struct Run {
    shared: Arc<Shared>,
    events: Events,
    /// runs from when the first image came
    watch: Option<Stopwatch>,
    queue: Queue,
    tasks: JoinSet<Effort>,
    /// images that are being resolved, and for which more is wanted by now
    newer: HashMap<Reference, Want>,
    /// images that are done with, unless more comes to be wanted of them
    resting: BTreeMap<Reference, Box<Effort>>,
    answers: BTreeMap<Reference, Box<Answer>>,
    /// images known so far
    known: BTreeSet<Reference>,
    /// images that were told of
    done: u64,
    /// of those, the ones that failed
    failed: u64,
    /// whether more may come to be wanted
    is_open: bool,
}

impl Run {
    pub(super) fn new(resolver: Resolver, events: Events, stop: Stop) -> Self {
        let stored = Stored::new(resolver.cache.clone(), resolver.clock);
        let documents = Documents::new(stored, resolver.on_looked.clone());
        Self {
            watch: None,
            shared: Arc::new(Shared { resolver, documents, lookups: Lookups::default(), stop }),
            events,
            queue: Queue::default(),
            tasks: JoinSet::new(),
            newer: HashMap::new(),
            resting: BTreeMap::new(),
            answers: BTreeMap::new(),
            known: BTreeSet::new(),
            done: 0,
            failed: 0,
            is_open: true,
        }
    }

    /// Resolves what `wants` yields until nothing is left.
    pub(super) async fn drive(mut self, wants: impl Stream<Item = Want>) -> Resolution {
        let mut wants = std::pin::pin!(wants);
        let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + PROGRESS_EVERY, PROGRESS_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
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
                Some(ended) = self.tasks.join_next() => if let Some(effort) = task::outcome(ended) {
                    self.finish(effort);
                },
            }
        }
        self.shared.documents.stored.flush(self.shared.stop.is_stopped()).await;
        self.into_resolution()
    }

    fn accept(&mut self, want: Option<Want>) {
        let Some(want) = want else {
            self.is_open = false;
            return mem::take(&mut self.resting).into_values().for_each(|effort| self.settle(*effort));
        };
        self.watch.get_or_insert_with(|| self.shared.resolver.clock.start());
        if self.known.insert(want.reference.clone()) {
            self.queue.push(Job { want, earlier: None });
        } else if let Some(effort) = self.resting.remove(&want.reference) {
            self.go_on(want, *effort);
        } else if let Some(want) = self.queue.replace(want) {
            self.newer.insert(want.reference.clone(), want);
        }
    }

    fn start_tasks(&mut self) {
        let most = self.shared.resolver.limits.concurrency.max(1).saturating_mul(IMAGES_PER_REQUEST);
        while self.tasks.len() < most
            && let Some(Job { want, earlier }) = self.queue.start()
        {
            let shared = Arc::clone(&self.shared);
            self.tasks.spawn(async move { resolve_image(&shared, want, earlier.map(|earlier| *earlier)).await });
        }
    }

    fn finish(&mut self, effort: Effort) {
        self.queue.done(effort.want.reference.registry());
        match self.newer.remove(&effort.want.reference) {
            Some(want) => self.go_on(want, effort),
            None => self.rest(effort),
        }
    }

    /// Goes on with an image for `want`, if that is another one.
    fn go_on(&mut self, want: Want, effort: Effort) {
        match effort.want == want {
            true => self.rest(effort),
            false => self.queue.push(Job { want, earlier: Some(Box::new(effort)) }),
        }
    }

    /// Lets an image be until it is certain that no more will be wanted of it.
    fn rest(&mut self, mut effort: Effort) {
        if !self.is_open {
            return self.settle(effort);
        }
        // What failed may do better with a pull secret that is not known yet.
        if effort.status() == ImageStatus::Resolved {
            self.tell(&mut effort);
        }
        self.resting.insert(effort.want.reference.clone(), Box::new(effort));
    }

    /// Ends an image.
    fn settle(&mut self, mut effort: Effort) {
        self.tell(&mut effort);
        if self.shared.resolver.fallback == Fallback::None && effort.status() != ImageStatus::Resolved {
            self.shared.stop.stop(StopReason::ImageFailed);
        }
        let answer = Box::new(effort.into_answer());
        self.answers.insert(answer.reference.clone(), answer);
    }

    /// Tells how an image fared, once; and again if it turns out to have fared otherwise.
    fn tell(&mut self, effort: &mut Effort) {
        let (status, before) = (effort.status(), effort.told);
        if before == Some(status) {
            return;
        }
        effort.told = Some(status);
        self.done += u64::from(before.is_none());
        self.failed += u64::from(status == ImageStatus::Failed);
        self.events.emit(Event::Image {
            reference: effort.want.reference.to_string(),
            status,
            done: self.done,
            total: self.total(),
            requests: effort.requests,
            duration_ms: effort.duration_ms,
            error: effort
                .failure()
                .map(|failure| EventError { class: failure.class, message: failure.message.clone() }),
        });
    }

    /// Images known so far.
    fn total(&self) -> u64 {
        self.known.len() as u64
    }

    fn tell_progress(&self) {
        let Some(watch) = &self.watch else { return };
        let (done, total) = (self.done, self.total());
        #[expect(clippy::cast_precision_loss, reason = "a rate to be read by people")]
        let per_second = match watch.elapsed_ms() {
            0 => 0.0,
            elapsed => done as f64 * 1000.0 / elapsed as f64,
        };
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an estimate; the cast saturates"
        )]
        let left = (total.saturating_sub(done) as f64 / per_second).ceil() as u64;
        self.events.emit(Event::Progress {
            done,
            total,
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
        let (documents, given_up) = self.shared.documents.take_looked(&self.shared.stop);
        gaps.extend((given_up > 0).then(|| not_described(given_up)));
        Resolution {
            answers: self.answers,
            documents,
            attachments: self.shared.resolver.attachments,
            attached: self.shared.lookups.take_found(),
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

/// What was read, and is known by little more than its digest.
fn not_described(count: u64) -> Gap {
    Gap {
        scope: GapScope::Registry,
        resource: None,
        namespace: None,
        host: None,
        reason: "interrupted".to_owned(),
        message: format!(
            "the run ended before all was described that had been read: of {count} large manifests the facts may tell no more than \
             what they are; raise --timeout"
        ),
        incomplete: true,
    }
}
