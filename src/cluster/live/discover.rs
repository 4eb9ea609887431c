//! Discovery: every list that is needed, where it may be read, into one inventory.

use std::collections::BTreeSet;
use std::iter;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures::future::try_join;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use http::StatusCode;
use serde::Deserialize;
use tokio::sync::OnceCell;

use super::connect::Cluster;
use super::error::DiscoveryError;
use super::lane::Lane;
use super::list::{Listed, Listing, Part, list};
use super::refusal::RequestError;
use super::request::Ask;
use super::split::Item;
use super::{custom, gaps, owners, path};
use crate::cluster::inventory::{Gap, Inventory};
use crate::cluster::objects::{CustomKind, KINDS, Metadata, Resource};
use crate::cluster::uses::{Builder, Scope};
use crate::event::Events;
use crate::stop::Stop;

/// Discovers what the cluster uses, as far as `scope` goes and the API server lets us.
///
/// What stays closed is a gap of the inventory. When `stop` ends it early, what was read so far is returned, with gaps.
///
/// # Errors
/// When the API server cannot be reached, does not accept the credential, or lets nothing be listed at all.
pub async fn discover(
    cluster: &Cluster,
    scope: &Scope,
    events: &Events,
    stop: &Stop,
) -> Result<Inventory, DiscoveryError> {
    let found = Found { builder: Builder::new(scope.clone()), listed: false, failure: None, closed: BTreeSet::new() };
    let found = Mutex::new(found);
    let mut run = Run { cluster, scope, events, stop, found, named: Vec::new(), fallback: OnceCell::new() };
    run.version().await?;
    run.named = run.named().await?;
    // Pods take longest, and everything else is read beside them.
    try_join(Lane::new(&run, Resource::Pod).walk(), run.others()).await?;
    run.finish().await
}

/// One discovery.
pub(super) struct Run<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) scope: &'a Scope,
    pub(super) events: &'a Events,
    pub(super) stop: &'a Stop,
    found: Mutex<Found>,
    /// the namespaces that the scope names, without those that do not exist
    pub(super) named: Vec<String>,
    /// what is looked at where a list of all namespaces is forbidden; asked for once
    fallback: OnceCell<Vec<String>>,
}

/// What was found so far.
pub(super) struct Found {
    pub(super) builder: Builder,
    /// whether any list but that of events was read, be it in part
    pub(super) listed: bool,
    /// the first that went wrong
    pub(super) failure: Option<RequestError>,
    /// custom resources that may not be listed everywhere
    pub(super) closed: BTreeSet<String>,
}

impl Run<'_> {
    pub(super) fn found(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn gap(&self, gap: Gap) {
        self.found().builder.add_gap(gap);
    }

    /// Everything but pods, a few lists at a time.
    async fn others(&self) -> Result<(), DiscoveryError> {
        let custom = self.custom().await?;
        let workloads = KINDS.iter().map(Resource::Workload).chain(custom.iter().map(Resource::Custom));
        let resources = iter::once(Resource::Node).chain(workloads).chain([Resource::Event]);
        let lanes: Vec<_> = resources.map(|resource| Lane::new(self, resource).walk()).collect();
        let beside_pods = self.cluster.limits().lists.saturating_sub(1).max(1);
        stream::iter(lanes).buffer_unordered(beside_pods).try_collect().await
    }

    /// `/version`, which shows at once whether the API server can be asked at all.
    async fn version(&self) -> Result<(), DiscoveryError> {
        let ask = Ask::json("/version".to_owned(), self.cluster.limits().object_bytes);
        match self.cluster.first_contact(&ask, self.stop).await {
            Ok(body) => {
                if let Ok(version) = serde_json::from_slice(&body) {
                    self.found().builder.set_version(version);
                }
                Ok(())
            }
            // Some clusters refuse it; then the facts are without it.
            Err(RequestError::Refused(refusal)) if refusal.code != StatusCode::UNAUTHORIZED => Ok(()),
            Err(RequestError::Stopped) => Ok(()),
            Err(error) => Err(self.cluster.fatal(&error)),
        }
    }

    /// The namespaces that the scope names. One that does not exist has empty lists, which must not read as "no images".
    async fn named(&self) -> Result<Vec<String>, DiscoveryError> {
        let mut named = Vec::new();
        for name in self.scope.namespaces.difference(&self.scope.excluded) {
            let ask = Ask::json(path::object("v1", None, "namespaces", name), self.cluster.limits().object_bytes);
            match self.cluster.get(&ask, self.stop).await {
                Err(error) if error.status() == Some(StatusCode::NOT_FOUND) => self.gap(gaps::missing_namespace(name)),
                // Who may not read the namespace may well read what is in it.
                Err(error) => {
                    self.end_on_unauthorized(&error)?;
                    named.push(name.clone());
                }
                Ok(_) => named.push(name.clone()),
            }
        }
        Ok(named)
    }

    /// The namespaces to ask one by one: all, or the context's own when not even they may be listed.
    pub(super) async fn fallback(&self) -> Result<&[String], DiscoveryError> {
        let names = self.fallback.get_or_try_init(|| async {
            let mut names = Vec::new();
            let listing = Listing { path: path::collection("v1", None, "namespaces"), selectors: Vec::new() };
            let Listed { end, .. } = list(self.cluster, &listing, self.stop, |part| {
                if let Part::Item(Item::Json(json)) = part {
                    names.extend(name(json));
                }
            })
            .await;
            if let Err(error) = end {
                self.end_on_unauthorized(&error)?;
                names.push(self.cluster.namespace().to_owned());
                self.gap(gaps::unknown_namespaces(&names, &error));
            }
            names.sort();
            names.dedup();
            names.retain(|name| self.scope.admits_namespace(name));
            Ok(names)
        });
        names.await.map(Vec::as_slice)
    }

    /// The custom resources to list. That they cannot be told is a gap.
    async fn custom(&self) -> Result<Vec<CustomKind>, DiscoveryError> {
        if self.scope.without_custom_resources {
            return Ok(Vec::new());
        }
        match custom::kinds(self.cluster, self.stop).await {
            Ok(kinds) => Ok(kinds),
            Err(error) => {
                self.end_on_unauthorized(&error)?;
                self.gap(gaps::unknown_custom_resources(&error));
                Ok(Vec::new())
            }
        }
    }

    pub(super) fn end_on_unauthorized(&self, error: &RequestError) -> Result<(), DiscoveryError> {
        let ends = error.status() == Some(StatusCode::UNAUTHORIZED) || matches!(error, RequestError::Credential(_));
        if ends { Err(self.cluster.fatal(error)) } else { Ok(()) }
    }

    async fn finish(self) -> Result<Inventory, DiscoveryError> {
        let Found { mut builder, listed, failure, closed } =
            self.found.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(failure) = failure.filter(|_| !listed && !self.stop.is_stopped()) {
            return Err(self.cluster.nothing_listed(&failure));
        }
        if !closed.is_empty() {
            builder.add_gap(gaps::closed_custom_resources(&closed));
        }
        match owners::resolve(self.cluster, &mut builder, self.stop).await {
            Ok(0) => {}
            Ok(left) => builder.add_gap(gaps::unknown_owners(left)),
            Err(error) if error.status() == Some(StatusCode::UNAUTHORIZED) => return Err(self.cluster.fatal(&error)),
            Err(error) => builder.add_gap(gaps::owners_failed(&error)),
        }
        let inventory = builder.finish();
        for gap in &inventory.gaps {
            self.events.emit(gap.into());
        }
        Ok(inventory)
    }
}

/// The name of an object of which nothing else is read.
fn name(json: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        metadata: Metadata,
    }
    serde_json::from_str::<Named>(json).ok()?.metadata.name
}
