//! Discovery: every list that is needed, where it may be read, into one inventory.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::{try_join, try_join_all};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use http::StatusCode;
use serde::Deserialize;
use tokio::sync::{OnceCell, Semaphore};
use tokio::time::timeout;

use super::connect::Cluster;
use super::error::DiscoveryError;
use super::lane::Lane;
use super::list::{Listed, Listing, Part, list};
use super::refusal::RequestError;
use super::request::Ask;
use super::split::Item;
use super::{custom, gaps, owners, path};
use crate::cluster::inventory::{Gap, ImageUse, Inventory, Node};
use crate::cluster::objects::{CustomKind, KINDS, Metadata, Resource};
use crate::cluster::uses::{Builder, Scope};
use crate::event::Events;
use crate::image::Reference;
use crate::stop::Stop;

/// How long a run that has listed everything waits for the version.
const VERSION_WAIT: Duration = Duration::from_secs(1);

/// Discovers what the cluster uses, as far as `scope` goes and the API server lets us. `sighted` is told of images of
/// pods while lists are still being read, as soon as it is known which nodes there are.
///
/// What stays closed is a gap of the inventory. When `stop` ends it early, what was read so far is returned, with gaps.
///
/// # Errors
/// When the API server cannot be reached, does not accept the credential, or lets nothing be listed at all.
pub async fn discover(
    cluster: &Cluster,
    scope: &Scope,
    sighted: &(dyn Fn(Sighting<'_>) + Sync),
    events: &Events,
    stop: &Stop,
) -> Result<Inventory, DiscoveryError> {
    let found = Found {
        builder: Builder::new(scope.clone()),
        nodes_are_known: false,
        listed: false,
        failure: None,
        closed: BTreeSet::new(),
    };
    let found = Mutex::new(found);
    let (named, fallback, slots) = (OnceCell::new(), OnceCell::new(), Semaphore::new(cluster.limits().lists));
    let run = Run { cluster, scope, sighted, events, stop, found, named, fallback, slots };
    run.read().await?;
    run.finish().await
}

/// Images that pods use and that were not told of before, with what is known of them so far.
pub struct Sighting<'a> {
    /// sorted by name; `None` when nodes may not be read
    pub nodes: Option<&'a [Node]>,
    /// how each is pulled, what runs and where
    pub images: Vec<(Reference, ImageUse)>,
}

/// One discovery.
pub(super) struct Run<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) scope: &'a Scope,
    sighted: &'a (dyn Fn(Sighting<'_>) + Sync),
    pub(super) events: &'a Events,
    pub(super) stop: &'a Stop,
    found: Mutex<Found>,
    /// the namespaces that the scope names, without those that do not exist; asked for once
    named: OnceCell<Vec<String>>,
    /// what is looked at where a list of all namespaces is forbidden; asked for once
    fallback: OnceCell<Vec<String>>,
    /// one for each list that may be read beside others
    slots: Semaphore,
}

/// What was found so far.
pub(super) struct Found {
    pub(super) builder: Builder,
    /// whether nodes were listed, as far as they may be
    pub(super) nodes_are_known: bool,
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

    /// Tells of the images of pods that are new, unless it is not known yet for which platforms they are wanted.
    pub(super) fn tell_of_images(&self) {
        let mut found = self.found();
        if !found.nodes_are_known {
            return;
        }
        let images = found.builder.take_new();
        if !images.is_empty() {
            (self.sighted)(Sighting { nodes: found.builder.nodes(), images });
        }
    }

    pub(super) fn gap(&self, gap: Gap) {
        self.found().builder.add_gap(gap);
    }

    /// Everything beside everything: nothing waits for what it does not need, as to a remote cluster it is a long way for
    /// each request.
    async fn read(&self) -> Result<(), DiscoveryError> {
        let mut version = pin!(self.version());
        let mut lists = pin!(try_join(self.built_in(), self.custom()));
        tokio::select! {
            version = &mut version => {
                version?;
                lists.await?;
            }
            lists = &mut lists => {
                lists?;
                let is_needed = !self.found().listed;
                // Where nothing was listed it says best why.
                match timeout(VERSION_WAIT, &mut version).await {
                    Ok(version) => version?,
                    Err(_) if is_needed => version.await?,
                    Err(_) => {}
                }
            }
        }
        Ok(())
    }

    /// What every cluster has. Pods come first, as they take longest, and nodes, as without them nothing is told of
    /// images.
    async fn built_in(&self) -> Result<(), DiscoveryError> {
        let workloads = KINDS.iter().map(Resource::Workload);
        let resources = [Resource::Pod, Resource::Node].into_iter().chain(workloads).chain([Resource::Event]);
        try_join_all(resources.map(|resource| self.list(resource))).await.map(drop)
    }

    /// What this cluster has besides.
    async fn custom(&self) -> Result<(), DiscoveryError> {
        let kinds = self.custom_kinds().await?;
        try_join_all(kinds.iter().map(|kind| self.list(Resource::Custom(kind)))).await.map(drop)
    }

    /// Lists a resource when its turn comes.
    async fn list(&self, resource: Resource<'_>) -> Result<(), DiscoveryError> {
        let _slot = self.slots.acquire().await;
        Lane::new(self, resource).walk().await
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
            // Some clusters refuse it; then the facts are without it. Whether we are let in is told by the lists.
            Err(RequestError::Refused(_) | RequestError::Stopped) => Ok(()),
            // Who lists something has been let in.
            Err(_) if self.found().listed => Ok(()),
            Err(error) => Err(self.cluster.fatal(&error)),
        }
    }

    /// The namespaces that the scope names. One that does not exist has empty lists, which must not read as "no images".
    pub(super) async fn named(&self) -> Result<&[String], DiscoveryError> {
        let names = self.named.get_or_try_init(|| async {
            let names = self.scope.namespaces.difference(&self.scope.excluded);
            let checks: Vec<_> = names.map(|name| self.existing(name)).collect();
            let checked = stream::iter(checks).buffered(self.cluster.limits().lists).try_collect::<Vec<_>>().await?;
            Ok(checked.into_iter().flatten().collect())
        });
        names.await.map(Vec::as_slice)
    }

    /// The namespace `name`, unless it is known not to exist.
    async fn existing(&self, name: &str) -> Result<Option<String>, DiscoveryError> {
        let ask = Ask::json(path::object("v1", None, "namespaces", name), self.cluster.limits().object_bytes);
        match self.cluster.get(&ask, self.stop).await {
            Err(error) if error.status() == Some(StatusCode::NOT_FOUND) => {
                self.gap(gaps::missing_namespace(name));
                return Ok(None);
            }
            // Who may not read the namespace may well read what is in it.
            Err(error) => self.end_without_credential(&error)?,
            Ok(_) => {}
        }
        Ok(Some(name.to_owned()))
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
                self.end_without_credential(&error)?;
                names.push(self.cluster.namespace().to_owned());
                self.gap(gaps::unknown_namespaces(&names, &error));
            }
            names.sort_unstable();
            names.dedup();
            names.retain(|name| self.scope.admits_namespace(name));
            Ok(names)
        });
        names.await.map(Vec::as_slice)
    }

    /// The custom resources to list. That they cannot be told is a gap.
    async fn custom_kinds(&self) -> Result<Vec<CustomKind>, DiscoveryError> {
        if self.scope.without_custom_resources {
            return Ok(Vec::new());
        }
        match custom::kinds(self.cluster, self.stop).await {
            Ok(kinds) => Ok(kinds),
            Err(error) => {
                self.end_without_credential(&error)?;
                self.gap(gaps::unknown_custom_resources(&error));
                Ok(Vec::new())
            }
        }
    }

    /// A credential that cannot be had ends the run, unless it could before: what was read until it expired is kept. Each
    /// further request would ask for it again, and a plugin may ask its user.
    pub(super) fn end_without_credential(&self, error: &RequestError) -> Result<(), DiscoveryError> {
        match error {
            RequestError::Credential(_) if !self.found().listed => Err(self.cluster.fatal(error)),
            _ => Ok(()),
        }
    }

    async fn finish(self) -> Result<Inventory, DiscoveryError> {
        let Found { mut builder, listed, failure, closed, .. } =
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
    struct Named<'a> {
        #[serde(borrow)]
        metadata: Metadata<'a>,
    }
    serde_json::from_str::<Named<'_>>(json).ok()?.metadata.name.map(String::from)
}
