//! Everything that is needed to ask registries, set up before anything is asked.

use std::sync::Arc;

use super::CollectError;
use crate::cache::Cache;
use crate::clock::Clock;
use crate::credentials::{CredentialProviders, CredentialsError, Keychain, LocalSources, PullSecretReader};
use crate::event::Events;
use crate::limits::Limits;
use crate::registry::RegistryClient;
use crate::resolve::{Attachments, Fallback, Resolver};
use crate::settings::{Environment, RegistrySettings, cache_directory};
use crate::stop::Stop;
use crate::task;

/// A client and our own credentials, ready to be used.
pub(crate) struct Registries {
    client: RegistryClient,
    local: LocalSources,
    cache: Option<Cache>,
    limits: Limits,
    attachments: Attachments,
    clock: Clock,
}

impl Registries {
    /// Reads the files that the settings name, and sets up the client. `None` when `stop` ends the run before.
    ///
    /// A thread of its own reads them: one may be a pipe into which nobody writes.
    pub(crate) async fn set_up(
        settings: &RegistrySettings,
        limits: &Limits,
        environment: &Environment,
        clock: Clock,
        events: &Events,
        stop: &Stop,
    ) -> Result<Option<Self>, CollectError> {
        let (settings, limits, environment) = (settings.clone(), limits.clone(), environment.clone());
        let (events, ended) = (events.clone(), stop.clone());
        let read = task::aside(move || {
            let local = local_sources(&settings, &environment)?;
            let client = RegistryClient::new(&settings.client_options()?, &limits, clock, events, ended)?;
            let cache = cache(&settings, &limits, &environment, clock);
            Ok(Self { client, local, cache, limits, attachments: settings.attachments, clock })
        });
        stop.or(read).await.flatten().transpose()
    }

    /// The parts, to ask `hosts` and nobody else.
    pub(crate) fn for_hosts<'a>(
        self,
        hosts: impl Iterator<Item = &'a str>,
    ) -> Result<(RegistryClient, Keychain), CollectError> {
        self.local.check_hosts(hosts)?;
        Ok((self.client, Keychain::new(None, self.local)))
    }

    /// Everything to resolve images with; `secrets` reads the pull secrets that they name.
    pub(super) fn resolver(self, secrets: Option<Arc<dyn PullSecretReader>>, fallback: Fallback) -> Resolver {
        Resolver {
            client: self.client,
            keychain: Arc::new(Keychain::new(secrets, self.local)),
            cache: self.cache,
            limits: self.limits,
            fallback,
            attachments: self.attachments,
            on_looked: None,
            clock: self.clock,
        }
    }
}

/// What earlier runs fetched, if that is to be used.
fn cache(settings: &RegistrySettings, limits: &Limits, environment: &Environment, clock: Clock) -> Option<Cache> {
    if !settings.use_cache {
        return None;
    }
    let directory = cache_directory(settings.cache_dir.clone(), environment);
    if directory.is_none() {
        tracing::info!("no cache is used, as HOME is not set; --cache-dir names a place for it");
    }
    directory.map(|directory| Cache::at(&directory, limits, clock))
}

/// Our own credentials, from everywhere that the settings and the environment name.
fn local_sources(settings: &RegistrySettings, environment: &Environment) -> Result<LocalSources, CredentialsError> {
    let mut local = LocalSources::load(environment, settings.authfile.as_deref())?.with_config(settings.credentials());
    if let Some((config, directory)) = &settings.credential_providers {
        local = local.with_providers(CredentialProviders::load(config, directory)?);
    }
    if !settings.pull_secrets_dirs.is_empty() {
        local = local.with_mounted(&settings.pull_secrets_dirs)?;
    }
    Ok(local)
}
