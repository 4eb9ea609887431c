//! `registry check`: what works of a registry, what does not, and why.
//!
//! Each server that would be asked for an image is looked at: the mirrors in order, then the registry itself. Nothing
//! is fetched: whether a repository may be pulled from is asked by HEAD, which costs nothing of a quota.

mod access;
mod report;
mod target;

use futures::future::join_all;

pub use report::{
    AccessCheck, AuthCheck, CertificateCheck, CheckError, EndpointCheck, RegistryCheck, Report, TlsCheck,
};
pub use target::{InvalidTarget, Target};

use access::Trial;

use crate::clock::Clock;
use crate::collect::{CollectError, Registries};
use crate::credentials::{Candidate, Keychain};
use crate::event::Events;
use crate::facts::document::RateLimit;
use crate::registry::{RegistryClient, Server};
use crate::settings::{CheckSettings, Environment};
use crate::sorted::SortedSet;
use crate::stop::Stop;

/// Checks every target, side by side.
///
/// # Errors
/// When our own settings or credentials cannot be used. What is wrong with a registry is none.
pub async fn check(
    targets: &[Target],
    settings: &CheckSettings,
    environment: &Environment,
    clock: Clock,
    stop: &Stop,
) -> Result<Report, CollectError> {
    let events = Events::none();
    let registries =
        Registries::set_up(&settings.registry, &settings.limits, environment, clock, &events, stop).await?;
    let registries = registries.ok_or_else(|| CollectError::ended(stop))?;
    let (client, keychain) = registries.for_hosts(targets.iter().map(Target::host))?;
    let checks = targets.iter().map(|target| check_registry(&client, &keychain, target));
    Ok(Report::new(join_all(checks).await))
}

async fn check_registry(client: &RegistryClient, keychain: &Keychain, target: &Target) -> RegistryCheck {
    let session = client.session();
    let candidates = keychain.candidates(target.repository(), &SortedSet::new()).await;
    let (servers, refusal) = match session.servers(target.repository(), target.item()) {
        Ok(servers) => (servers, None),
        Err(failure) => (Vec::new(), Some(failure)),
    };
    let endpoints = join_all(servers.iter().map(|server| check_server(server, &candidates.list, target))).await;
    let tally = client.tallies().into_iter().find(|tally| tally.host == target.host());
    RegistryCheck {
        host: target.host().to_owned(),
        repository: target.is_repository().then(|| target.repository().path().to_owned()),
        target: target.is_repository().then(|| target.item().to_owned()),
        pullable: endpoints.iter().any(EndpointCheck::is_open),
        rate_limit: tally.and_then(|tally| tally.rate_limit).map(|(limit, remaining)| RateLimit { limit, remaining }),
        errors: candidates.failures.iter().chain(&refusal).map(CheckError::of).collect(),
        endpoints,
    }
}

async fn check_server(server: &Server<'_>, candidates: &[Candidate], target: &Target) -> EndpointCheck {
    let look = server.look().await;
    // Who is not reached says nothing of credentials.
    let access = match &look.greeting {
        Ok(greeting) => Trial { server, target, greeting }.run(candidates).await,
        Err(_) => Vec::new(),
    };
    EndpointCheck::new(look, server.via(), access)
}
