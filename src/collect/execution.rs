//! Notes how a run goes, for `execution-data/`.

use std::collections::BTreeMap;

use crate::bundle::{Collection, Phase};
use crate::clock::{Clock, Stopwatch};
use crate::facts::document::{Generator, ImageFacts, Time};
use crate::settings::{CollectSettings, RegistrySettings};
use crate::stop::StopReason;

/// A run as it goes.
pub(super) struct Execution {
    started_at: jiff::Timestamp,
    stopwatch: Stopwatch,
    phases: Vec<Phase>,
}

/// A phase that has begun.
#[derive(Debug, Clone, Copy)]
pub(super) struct Begun {
    name: &'static str,
    start_ms: u64,
}

impl Execution {
    /// Begins now.
    pub(super) fn start(clock: Clock) -> Self {
        Self { started_at: clock.now(), stopwatch: clock.start(), phases: Vec::new() }
    }

    /// Shows the time since the start.
    pub(super) fn stopwatch(&self) -> Stopwatch {
        self.stopwatch
    }

    /// Milliseconds since the start.
    pub(super) fn elapsed_ms(&self) -> u64 {
        self.stopwatch.elapsed_ms()
    }

    /// A phase that begins now.
    pub(super) fn begin(&self, name: &'static str) -> Begun {
        self.begun(name, self.elapsed_ms())
    }

    /// A phase that began at `start_ms` after the start.
    pub(super) fn begun(&self, name: &'static str, start_ms: u64) -> Begun {
        Begun { name, start_ms }
    }

    /// Notes that a phase has ended.
    pub(super) fn end(&mut self, phase: Begun) {
        self.phases.push(phase.ended(self.elapsed_ms()));
    }

    /// What `collection.json` says in the end of the phase `last`.
    pub(super) fn so_far<M>(
        &self,
        last: Begun,
        facts: &ImageFacts<M>,
        settings: &CollectSettings,
        stopped: Option<StopReason>,
    ) -> Collection {
        Collection {
            generator: Generator {
                name: env!("CARGO_PKG_NAME").to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
            },
            started_at: Time(self.started_at),
            duration_ms: self.elapsed_ms(),
            reason: stopped.map(|reason| reason.as_str().to_owned()),
            phases: self.phases.iter().cloned().chain([last.ended(self.elapsed_ms())]).collect(),
            registries: facts.run.registries.clone(),
            settings: described(settings),
        }
    }
}

impl Begun {
    fn ended(self, at_ms: u64) -> Phase {
        let Self { name, start_ms } = self;
        Phase { name, start_ms, duration_ms: at_ms.saturating_sub(start_ms) }
    }
}

/// The settings, under the long flags' names. Names of files, never what is in them.
fn described(settings: &CollectSettings) -> BTreeMap<String, serde_json::Value> {
    let limits = &settings.limits;
    let seconds = |duration: std::time::Duration| serde_json::json!(format!("{}s", duration.as_secs_f64()));
    let mut all = BTreeMap::from([
        ("include-images", settings.include_images.into()),
        ("namespace", settings.namespaces.clone().into()),
        ("exclude-namespace", settings.exclude_namespaces.clone().into()),
        ("no-custom-resources", (!settings.custom_resources).into()),
        ("no-pull-secrets", (!settings.pull_secrets).into()),
        ("redact", settings.output.redaction.as_str().into()),
        ("strict", settings.output.strict.into()),
    ]);
    if let Some(selector) = &settings.selector {
        all.insert("selector", selector.clone().into());
    }
    if settings.include_images {
        all.extend([
            ("fallback", settings.fallback.as_str().into()),
            ("attachments", settings.registry.attachments.as_str().into()),
            ("no-cache", (!settings.registry.use_cache).into()),
            ("insecure-registry", settings.registry.insecure.clone().into()),
            ("mirror", mirrors(&settings.registry).into()),
            ("concurrency", limits.concurrency.into()),
            ("retries", limits.retries.into()),
            ("registry-timeout", seconds(limits.request_timeout)),
            ("image-timeout", seconds(limits.image_timeout)),
            ("timeout", seconds(limits.run_timeout)),
        ]);
        all.extend(limits.per_registry.map(|most| ("per-registry", most.into())));
    }
    let files = [("registries-conf", &settings.registry.registries_conf), ("certs-dir", &settings.registry.certs_dir)];
    let named = files.into_iter().filter(|_| settings.include_images);
    all.extend(named.filter_map(|(name, path)| Some((name, path.as_ref()?.display().to_string().into()))));
    all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Mirrors as they were typed, as far as they are told: a path may hold what is nobody's business.
fn mirrors(settings: &RegistrySettings) -> Vec<String> {
    let pairs = settings.mirrors.iter().flat_map(|(host, all)| all.iter().map(move |mirror| (host, &mirror.address)));
    pairs.map(|(host, address)| format!("{host}={address}")).collect()
}
