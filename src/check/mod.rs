//! `registry check`: what works of a registry, what does not, and why.
//!
//! Each server that would be asked for an image is looked at: the mirrors in order, then the registry itself. Nothing
//! is fetched: whether a repository may be pulled from is asked by HEAD, which costs nothing of a quota.

mod report;
mod target;

use std::collections::BTreeSet;

use futures::future::join_all;

pub use report::{
    AccessCheck, AuthCheck, CertificateCheck, CheckError, EndpointCheck, RegistryCheck, Report, TlsCheck,
};
pub use target::{InvalidTarget, Target};

use crate::clock::Clock;
use crate::collect::{CollectError, Registries};
use crate::credentials::{Candidate, Credential, Keychain};
use crate::event::Events;
use crate::facts::document::RateLimit;
use crate::image::Failure;
use crate::registry::{Login, RegistryClient, Server};
use crate::settings::{CheckSettings, Environment};
use crate::stop::Stop;
use crate::vocabulary::{ErrorClass, Via};

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
    let registries = Registries::set_up(&settings.registry, &settings.limits, environment, clock, &events, stop)?;
    let (client, keychain) = registries.for_hosts(targets.iter().map(Target::host))?;
    let checks = targets.iter().map(|target| check_registry(&client, &keychain, target));
    Ok(Report::new(join_all(checks).await))
}

async fn check_registry(client: &RegistryClient, keychain: &Keychain, target: &Target) -> RegistryCheck {
    let session = client.session();
    let candidates = keychain.candidates(target.repository(), &BTreeSet::new()).await;
    let servers = session.servers(target.host());
    let endpoints = join_all(servers.iter().map(|server| check_server(server, &candidates.list, target))).await;
    let tally = client.tallies().into_iter().find(|tally| tally.host == target.host());
    RegistryCheck {
        host: target.host().to_owned(),
        repository: target.is_repository().then(|| target.repository().path().to_owned()),
        target: target.is_repository().then(|| target.item().to_owned()),
        pullable: endpoints.iter().any(EndpointCheck::is_open),
        rate_limit: tally.and_then(|tally| tally.rate_limit).map(|(limit, remaining)| RateLimit { limit, remaining }),
        errors: candidates.failures.iter().map(CheckError::of).collect(),
        endpoints,
    }
}

async fn check_server(server: &Server<'_>, candidates: &[Candidate], target: &Target) -> EndpointCheck {
    let look = server.look().await;
    let greeting = look.greeting.as_ref().ok();
    let access = match (greeting.map(|greeting| &greeting.login), target.is_repository(), server.via()) {
        // Who is not reached says nothing of credentials, and whoever has mirrors need not log in to them.
        (None, ..) | (_, false, Via::Mirror) => Vec::new(),
        // The last candidate is nobody.
        (Some(_), true, Via::Mirror) => {
            join_all(candidates.last().map(|nobody| may_read(server, nobody, target))).await
        }
        (Some(login), ..) => log_in(server, candidates, target, login).await,
    };
    EndpointCheck::new(look, server.via(), access)
}

/// Tries one credential after the other until one is accepted, as for an image.
async fn log_in(server: &Server<'_>, candidates: &[Candidate], target: &Target, login: &Login) -> Vec<AccessCheck> {
    let mut tried = Vec::new();
    for candidate in candidates {
        let is_anonymous = matches!(candidate.credential, Credential::Anonymous);
        let access = match target.is_repository() {
            true => may_read(server, candidate, target).await,
            // What a token server gives to everyone depends on the repository.
            false if is_anonymous && matches!(login, Login::Bearer { .. }) => break,
            false => AccessCheck::of(candidate, server.log_in(target.repository(), &candidate.credential).await),
        };
        let is_last = access.accepted;
        tried.push(access);
        if is_last {
            break;
        }
    }
    tried
}

async fn may_read(server: &Server<'_>, candidate: &Candidate, target: &Target) -> AccessCheck {
    let answer = server.may_read(target.repository(), target.item(), &candidate.credential).await;
    match answer {
        // Who may not look is told so; that nobody tagged anything `latest` is no refusal.
        Err(Failure { class: ErrorClass::NotFound, .. }) if !target.is_explicit() && server.via() == Via::Registry => {
            AccessCheck { found: Some(false), ..AccessCheck::of(candidate, Ok(())) }
        }
        answer => AccessCheck { found: answer.is_ok().then_some(true), ..AccessCheck::of(candidate, answer) },
    }
}
