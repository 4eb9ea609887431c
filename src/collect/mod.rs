//! The pipeline: discover and resolve side by side, put together, write.

mod error;
mod execution;
mod feed;
mod inspect;
mod registries;
mod source;
mod stdin;
mod wants;

pub use error::CollectError;
pub use inspect::inspect;
pub use source::Source;

use std::sync::Arc;

use tokio::task::JoinHandle;

use crate::bundle::{Contents, Destination, Written};
use crate::cluster::inventory::Inventory;
use crate::cluster::live::Sighting;
use crate::event::{Event, Events, FindingCounts};
use crate::facts::document::{Image, ImageFacts};
use crate::facts::validate::BadSchema;
use crate::facts::{self, RunContext, Sealer};
use crate::render;
use crate::resolve::{Fallback, Resolution, Resolver, resolve};
use crate::settings::{CollectSettings, Environment};
use crate::stop::{Stop, StopReason};
use crate::vocabulary::{Certainty, ImageStatus, Severity};
use execution::Execution;
use feed::Feed;
pub(crate) use registries::Registries;
use source::{Discovery, Opened};

/// A run that is ready to begin.
pub struct Collection {
    /// where objects come from
    pub source: Source,
    /// everything else that decides how
    pub settings: CollectSettings,
    /// the environment, which may hold credentials
    pub environment: Environment,
    /// where the bundle goes
    pub destination: Destination,
    /// the time
    pub clock: crate::clock::Clock,
}

/// A run that has ended with a bundle.
#[derive(Debug)]
pub struct Outcome {
    /// where the bundle is
    pub written: Written,
    /// whether everything could be looked at and every image resolved, as far as that was asked for
    pub all_well: bool,
    /// why the run ended early, if it did
    pub stopped: Option<StopReason>,
}

impl Collection {
    /// Does the whole run.
    ///
    /// # Errors
    /// What ends a run without a bundle. The failure of an image is none, except with `--fallback none`.
    pub async fn run(self, events: &Events, stop: &Stop) -> Result<Outcome, CollectError> {
        let Self { source, settings, environment, destination, clock } = self;
        let mut execution = Execution::start(clock);
        events
            .emit(Event::Started { namespaces: settings.namespaces.clone(), include_images: settings.include_images });
        let redaction = settings.output.redaction;
        let sealer = tokio::task::spawn_blocking(move || Sealer::new(redaction));
        // Set up before anything is asked, so that a wrong setting costs no time. A run that ends meanwhile asks nobody.
        let registries = match settings.include_images {
            true => Registries::set_up(&settings.registry, &settings.limits, &environment, clock, events, stop).await?,
            false => None,
        };

        let Opened { secrets, origin, discovery } = source.open(&settings, events, stop).await?;
        let way = Way { settings: &settings, events, stop };
        let secrets = secrets.filter(|_| settings.pull_secrets);
        let resolver = registries.map(|registries| registries.resolver(secrets, settings.fallback));
        let (inventory, resolution, sealer) = way.learn(discovery, resolver, sealer, &mut execution).await?;
        let is_asked_to_end = stop.reason().is_some_and(StopReason::is_signal);
        if settings.fallback == Fallback::None && !is_asked_to_end && !is_resolved(resolution.as_ref()) {
            return Err(CollectError::image_failed(resolution.as_ref()));
        }

        let assembling = execution.begin("assemble");
        // Who asks to end from here on gets what is there all the same, and nothing is missing from it.
        let stopped = stop.reason();
        let context = RunContext {
            generated_at: clock.now(),
            duration_ms: execution.elapsed_ms(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            origin,
            redaction,
            cluster_fallback: matches!(settings.fallback, Fallback::BestEffort | Fallback::Cached),
            stopped,
        };
        let cluster_version = inventory.version.clone();
        let assembled = facts::assemble(inventory, resolution, context);
        let (facts, redactions) = facts::seal(assembled, &sealer).map_err(CollectError::Invalid)?;
        report(&facts, events);
        execution.end(assembling);

        let writing = execution.begin("write");
        let written = destination.write(&Contents {
            facts: &facts,
            schema: render::json(&facts::schema::facts_schema())?.as_bytes(),
            summary: &facts::text::summary_text(&facts),
            redactions: render::json(&redactions)?.as_bytes(),
            analysis: render::json(&facts::analysis::analysis(&facts))?.as_bytes(),
            cluster_version: cluster_version.as_ref(),
            collection: &|| execution.so_far(writing, &facts, &settings, stopped),
        })?;
        events.emit(finished(&facts, &written, execution.elapsed_ms(), stopped));
        Ok(Outcome { written, all_well: all_well(&facts), stopped })
    }
}

/// What goes through all that is done to learn of a cluster.
#[derive(Clone, Copy)]
struct Way<'a> {
    settings: &'a CollectSettings,
    events: &'a Events,
    stop: &'a Stop,
}

impl Way<'_> {
    /// Discovers what the cluster uses and meanwhile resolves the images that are known by then, if that is asked for.
    async fn learn(
        self,
        discovery: Discovery,
        resolver: Option<Resolver>,
        sealer: JoinHandle<Result<Sealer, BadSchema>>,
        execution: &mut Execution,
    ) -> Result<(Inventory, Option<Resolution>, Arc<Sealer>), CollectError> {
        let Self { settings, events, stop } = self;
        let Some(mut resolver) = resolver else {
            let inventory = self.discover(discovery, &|_| {}, execution).await?;
            return Ok((inventory, None, Arc::new(sealer.await??)));
        };
        let watch = execution.stopwatch();
        let (feed, wants) = Feed::new(Arc::clone(&resolver.keychain), settings.platforms.as_ref(), watch);
        let discovering = async {
            let inventory = self.discover(discovery, &|sighting| feed.sight(sighting), execution).await?;
            let first_at = feed.complete(&inventory)?;
            Ok::<_, CollectError>((inventory, first_at))
        };
        let resolving = async {
            let sealer = Arc::new(sealer.await??);
            let sealing = Arc::clone(&sealer);
            resolver.on_looked = Some(Arc::new(move |looked| sealing.seal(looked)));
            Ok((resolve(wants, resolver, events, stop).await, sealer))
        };
        let ((inventory, first_at), (resolution, sealer)) = tokio::try_join!(discovering, resolving)?;
        resolution.gaps.iter().for_each(|gap| events.emit(gap.into()));
        execution.end(execution.begun("resolve", first_at));
        Ok((inventory, Some(resolution), sealer))
    }

    async fn discover(
        self,
        discovery: Discovery,
        sighted: &(dyn Fn(Sighting<'_>) + Sync),
        execution: &mut Execution,
    ) -> Result<Inventory, CollectError> {
        let discovering = execution.begun("discover", 0);
        let mut inventory = discovery.finish(sighted, self.events, self.stop).await?;
        inventory.gaps.extend(wants::unknown_nodes(&inventory, self.settings));
        self.events.emit(discovered(&inventory));
        execution.end(discovering);
        Ok(inventory)
    }
}

/// Whether every image that was asked for is complete.
fn is_resolved(resolution: Option<&Resolution>) -> bool {
    let mut answers = resolution.into_iter().flat_map(|resolution| resolution.answers.values());
    answers.all(|answer| answer.status == ImageStatus::Resolved)
}

fn discovered(inventory: &Inventory) -> Event {
    let registries: std::collections::BTreeSet<_> =
        wants::references(inventory).map(crate::image::Reference::registry).collect();
    Event::Discovered {
        workloads: inventory.workloads,
        pods: inventory.pods,
        references: count(inventory.images.len()),
        registries: count(registries.len()),
    }
}

fn report<M>(facts: &ImageFacts<M>, events: &Events) {
    for finding in &facts.findings {
        events.emit(Event::Finding {
            code: finding.code,
            severity: finding.severity,
            image: finding.image.clone(),
            message: finding.message.clone(),
        });
    }
}

fn finished<M>(facts: &ImageFacts<M>, written: &Written, duration_ms: u64, stopped: Option<StopReason>) -> Event {
    let of = |severity| count(facts.findings.iter().filter(|finding| finding.severity == severity).count());
    Event::Finished {
        bundle: written.to_string(),
        complete: facts.complete,
        resolved: facts.summary.resolved,
        partial: facts.summary.partial,
        failed: facts.summary.failed,
        unqueried: facts.summary.unqueried,
        findings: FindingCounts {
            error: of(Severity::Error),
            warning: of(Severity::Warning),
            info: of(Severity::Info),
        },
        duration_ms,
        reason: stopped.map(|reason| reason.as_str().to_owned()),
    }
}

/// Whether `--strict` is content: nothing is missing from the bundle that was asked for.
fn all_well<M>(facts: &ImageFacts<M>) -> bool {
    // What a custom resource only seems to name may be no image, so that it may well not be there.
    let is_guess = |image: &Image| {
        !image.used_by.is_empty() && image.used_by.iter().all(|user| user.certainty == Some(Certainty::Probable))
    };
    let is_resolved = |image: &Image| matches!(image.status, ImageStatus::Resolved | ImageStatus::Unqueried);
    let is_well = |image: &Image| is_resolved(image) || is_guess(image);
    facts.complete && facts.gaps.is_empty() && facts.images.iter().map(Box::as_ref).all(is_well)
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}
