//! Image uses in, resolved images out.
//!
//! Each wanted image goes one way: its top document is asked for with one credential after the other
//! (`access`), then the manifests of the wanted platforms and their configs (`manifests`, `choose`), then the
//! digests that run and that the reference does not name (`running`). What is fetched by digest is fetched once in
//! a run (`documents`), and not again where the disk cache has it (`stored`) and the registry confirms what the
//! reference names (`head`).

mod access;
mod answer;
mod attachments;
mod choose;
mod documents;
mod head;
mod image;
mod manifests;
mod queue;
mod reads;
mod run;
mod running;
mod shows;
mod stored;

use std::sync::Arc;

use futures::Stream;
use tokio_util::task::AbortOnDropHandle;

pub use answer::*;

use crate::cache::Cache;
use crate::clock::Clock;
use crate::credentials::Keychain;
use crate::event::Events;
use crate::limits::Limits;
use crate::registry::RegistryClient;
use crate::stop::Stop;
use crate::task;

/// What becomes of an image that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fallback {
    /// it ends the run with [`StopReason::ImageFailed`](crate::stop::StopReason::ImageFailed)
    None,
    /// it keeps what was learned at registries before it failed
    Partial,
    /// as well, the facts are given what the cluster knows of it; for resolving it is the same as `Partial`
    #[default]
    BestEffort,
    /// as well, when its registry cannot be asked: what it named when it could be, from the disk cache
    Cached,
}

impl Fallback {
    /// As it is typed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Partial => "partial",
            Self::BestEffort => "best-effort",
            Self::Cached => "cached",
        }
    }
}

/// Where attachments are looked for: signatures, SBOMs, provenance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Attachments {
    /// nowhere
    None,
    /// in an image's own index, which costs no request
    #[default]
    Index,
    /// as well by the referrers API and cosign's tags
    All,
}

impl Attachments {
    /// As it is typed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Index => "index",
            Self::All => "all",
        }
    }
}

/// With what images are resolved.
pub struct Resolver {
    /// asks registries
    pub client: RegistryClient,
    /// has the credentials
    pub keychain: Arc<Keychain>,
    /// what earlier runs fetched; `None` to do without
    pub cache: Option<Cache>,
    /// how many images at once, and how long each may take
    pub limits: Limits,
    /// what becomes of an image that fails
    pub fallback: Fallback,
    /// where attachments are looked for
    pub attachments: Attachments,
    /// is shown each document; `None` to keep them all whole
    pub on_looked: Option<OnLooked>,
    /// measures for events
    pub clock: Clock,
}

/// Is shown each document once all of it was read, while others are still fetched. It is let go then; those of which a
/// part could not be read are not shown. A large one may be shown on a thread of its own, which goes on when the run ends.
pub type OnLooked = Arc<dyn Fn(Looked) + Send + Sync>;

/// Resolves every image that `wants` yields, those of failing pods first, and tells `events` of each.
///
/// `wants` may go on yielding while images are resolved. A reference may come again when more is wanted of it than before
/// (other platforms, digests, pull secrets): then what is missing is asked for, and nothing twice. Every image that was
/// yielded has an answer in the end, also when `stop` ended the run before; `wants` must end then.
///
/// It runs as a task of its own: who waits for it reads the cluster meanwhile, and keeps a thread busy while a page is decoded.
pub async fn resolve(
    wants: impl Stream<Item = Want> + Send + 'static,
    resolver: Resolver,
    events: &Events,
    stop: &Stop,
) -> Resolution {
    let run = run::Run::new(resolver, events.clone(), stop.clone());
    let task = AbortOnDropHandle::new(tokio::spawn(run.drive(wants)));
    match task::outcome(task.await) {
        Some(resolution) => resolution,
        // The runtime shuts down: nobody waits for an answer.
        None => std::future::pending().await,
    }
}
