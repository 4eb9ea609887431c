//! Resolving against a registry over a real socket: what is learned, and exactly what is asked for.

mod access;
mod attachments;
mod cache;
mod course;
mod deadlines;
pub(crate) mod fake_registry;
mod flights;
mod growing;
mod images;
mod recall;
mod running;
mod soak;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use imagefacts::cache::Cache;
use imagefacts::clock::Clock;
use imagefacts::cluster::inventory::{PullContext, ReportedAs};
use imagefacts::cluster::objects::PullSecret;
use imagefacts::credentials::{Keychain, LocalSources, PullSecretError, PullSecretReader};
use imagefacts::event::{Event, Events, Sink};
use imagefacts::image::{Digest, Platform, Reference};
use imagefacts::limits::Limits;
use imagefacts::registry::{RegistryClient, RegistryOptions};
use imagefacts::resolve::{
    Answer, Attachments, Fallback, OnLooked, Resolution, Resolver, Want, WantedPlatforms, resolve,
};
use imagefacts::sorted::{SortedMap, SortedSet};
use imagefacts::stop::Stop;
use tokio::time::Instant;

/// How images are resolved in a test, and what was told of it.
struct Bench {
    limits: Limits,
    options: RegistryOptions,
    fallback: Fallback,
    attachments: Attachments,
    secrets: Secrets,
    env: BTreeMap<String, String>,
    stop: Stop,
    cache: Option<Cache>,
    events: Arc<Recorder>,
    on_looked: Option<OnLooked>,
}

/// Pull secrets by `namespace/name`: host, user, password.
#[derive(Clone, Default)]
struct Secrets(BTreeMap<String, (String, &'static str, &'static str)>);

#[derive(Default)]
struct Recorder(Mutex<Vec<Event>>);

impl Sink for Recorder {
    fn emit(&self, event: &Event) {
        self.0.lock().unwrap().push(event.clone());
    }
}

impl PullSecretReader for Secrets {
    fn secret<'a>(
        &'a self,
        namespace: &'a str,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Option<PullSecret>, PullSecretError>> {
        let found = self.0.get(&format!("{namespace}/{name}")).map(|(host, user, password)| {
            let entry = format!(r#"{{"auths":{{"{host}":{{"username":"{user}","password":"{password}"}}}}}}"#);
            PullSecret::DockerConfigJson(entry.into())
        });
        async move { found.map(Some).ok_or(PullSecretError::Missing) }.boxed()
    }

    fn service_account_secrets<'a>(
        &'a self,
        _: &'a str,
        _: &'a str,
    ) -> BoxFuture<'a, Result<Vec<String>, PullSecretError>> {
        async { Ok(Vec::new()) }.boxed()
    }
}

impl Bench {
    fn new() -> Self {
        Self {
            limits: Limits { retries: 0, ..Limits::default() },
            options: RegistryOptions::default(),
            fallback: Fallback::BestEffort,
            attachments: Attachments::default(),
            secrets: Secrets::default(),
            env: BTreeMap::new(),
            stop: Stop::at(Instant::now() + Duration::from_secs(60)),
            cache: None,
            events: Arc::default(),
            on_looked: None,
        }
    }

    fn secret(mut self, name: &str, host: &str, user: &'static str, password: &'static str) -> Self {
        self.secrets.0.insert(name.to_owned(), (host.to_owned(), user, password));
        self
    }

    async fn resolve(&self, wants: impl futures::Stream<Item = Want> + Send + 'static) -> Resolution {
        let events = Events::to(Arc::clone(&self.events) as Arc<dyn Sink>);
        let client = RegistryClient::new(&self.options, &self.limits, Clock::System, events.clone(), self.stop.clone());
        let reader: Arc<dyn PullSecretReader> = Arc::new(self.secrets.clone());
        let resolver = Resolver {
            client: client.unwrap(),
            keychain: Arc::new(Keychain::new(Some(reader), LocalSources::load(&self.env, None).unwrap())),
            cache: self.cache.clone(),
            limits: self.limits.clone(),
            fallback: self.fallback,
            attachments: self.attachments,
            on_looked: self.on_looked.clone(),
            clock: Clock::System,
        };
        resolve(wants, resolver, &events, &self.stop).await
    }

    async fn resolve_all(&self, wants: Vec<Want>) -> Resolution {
        self.resolve(futures::stream::iter(wants)).await
    }

    async fn resolve_one(&self, want: Want) -> Answer {
        let reference = want.reference.clone();
        *self.resolve_all(vec![want]).await.answers.remove(&reference).unwrap()
    }

    /// The references of the events that tell of images, in order.
    fn told(&self) -> Vec<String> {
        let events = self.events.0.lock().unwrap();
        let reference = |event: &Event| match event {
            Event::Image { reference, .. } => Some(reference.clone()),
            _ => None,
        };
        events.iter().filter_map(reference).collect()
    }
}

fn these(platforms: &[&str]) -> WantedPlatforms {
    WantedPlatforms::These(platforms.iter().map(|text| text.parse::<Platform>().unwrap().into()).collect())
}

/// Wants an image for `platforms`; no pods, nothing that runs.
fn want(reference: Reference, platforms: &[&str]) -> Want {
    Want { reference, platforms: these(platforms), running: SortedMap::new(), contexts: SortedSet::new() }
}

/// Digests as a runtime reports them that got them from a repository.
fn from_repository<'a>(digests: impl IntoIterator<Item = &'a Digest>) -> SortedMap<Digest, ReportedAs> {
    digests.into_iter().map(|digest| (digest.clone(), ReportedAs::RepoDigest)).collect()
}

fn context(namespace: &str, secrets: &[&str], failing: bool) -> PullContext {
    let secrets = secrets.iter().map(|&name| name.into()).collect();
    PullContext { namespace: namespace.into(), secrets, service_account: None, failing }
}
