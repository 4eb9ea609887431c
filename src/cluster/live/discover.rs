//! Discovery: every list that is needed, where it may be read, into one inventory.

use std::sync::{Mutex, MutexGuard, PoisonError};

use futures::{StreamExt as _, stream};
use http::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::OnceCell;

use super::connect::Cluster;
use super::error::DiscoveryError;
use super::list::{Listed, Listing, list};
use super::request::{Ask, RequestError};
use super::{gaps, owners, path};
use crate::cluster::inventory::{Gap, Inventory};
use crate::cluster::objects::{KINDS, Metadata, Resource};
use crate::cluster::uses::{Builder, Scope};
use crate::event::{Event, Events};
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
    let found = Mutex::new(Found { builder: Builder::new(scope.clone()), listed: false, failure: None });
    let mut run = Run { cluster, scope, events, stop, found, named: Vec::new(), fallback: OnceCell::new() };
    run.version().await?;
    run.named = run.named().await?;
    let mut lists = stream::iter(resources())
        .map(|resource| Lane { run: &run, resource, listed: 0 }.walk())
        .buffer_unordered(cluster.limits().lists);
    while let Some(outcome) = lists.next().await {
        outcome?;
    }
    drop(lists);
    run.finish().await
}

/// In the order in which lists begin: the longest first, events last.
fn resources() -> impl Iterator<Item = Resource> {
    let workloads = KINDS.iter().map(Resource::Workload);
    [Resource::Pod, Resource::Node].into_iter().chain(workloads).chain([Resource::Event])
}

/// One discovery.
struct Run<'a> {
    cluster: &'a Cluster,
    scope: &'a Scope,
    events: &'a Events,
    stop: &'a Stop,
    found: Mutex<Found>,
    /// the namespaces that the scope names, without those that do not exist
    named: Vec<String>,
    /// what is looked at where a list of all namespaces is forbidden; asked for once
    fallback: OnceCell<Vec<String>>,
}

/// What was found so far.
struct Found {
    builder: Builder,
    /// whether any list but that of events was read, be it in part
    listed: bool,
    /// the first that went wrong
    failure: Option<RequestError>,
}

/// The lists of one resource.
struct Lane<'a> {
    run: &'a Run<'a>,
    resource: Resource,
    /// objects read so far
    listed: u64,
}

impl Run<'_> {
    fn found(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn gap(&self, gap: Gap) {
        self.found().builder.add_gap(gap);
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
    async fn fallback(&self) -> Result<&[String], DiscoveryError> {
        let names = self.fallback.get_or_try_init(|| async {
            let mut names = Vec::new();
            let listing = Listing { path: path::collection("v1", None, "namespaces"), selectors: Vec::new() };
            let Listed { end, .. } = list(self.cluster, &listing, self.stop, |items| {
                names.extend(items.iter().filter_map(|item| name(item)));
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

    fn end_on_unauthorized(&self, error: &RequestError) -> Result<(), DiscoveryError> {
        let ends = error.status() == Some(StatusCode::UNAUTHORIZED) || matches!(error, RequestError::Credential(_));
        if ends { Err(self.cluster.fatal(error)) } else { Ok(()) }
    }

    async fn finish(self) -> Result<Inventory, DiscoveryError> {
        let Found { mut builder, listed, failure } = self.found.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(failure) = failure.filter(|_| !listed && !self.stop.is_stopped()) {
            return Err(self.cluster.nothing_listed(&failure));
        }
        match owners::resolve(self.cluster, &mut builder, self.stop).await {
            Ok(0) => {}
            Ok(left) => builder.add_gap(gaps::unknown_owners(left)),
            Err(error) if error.status() == Some(StatusCode::UNAUTHORIZED) => return Err(self.cluster.fatal(&error)),
            Err(error) => builder.add_gap(gaps::owners_failed(&error)),
        }
        let inventory = builder.finish();
        for gap in &inventory.gaps {
            self.events.emit(Event::Gap {
                scope: gap.scope,
                resource: gap.resource.clone(),
                namespace: gap.namespace.clone(),
                host: gap.host.clone(),
                reason: gap.reason.clone(),
                message: gap.message.clone(),
            });
        }
        Ok(inventory)
    }
}

impl Lane<'_> {
    /// Lists the resource wherever the scope and the API server let us.
    async fn walk(mut self) -> Result<(), DiscoveryError> {
        if self.resource == Resource::Node {
            if let Some(refusal) = self.list(None).await? {
                self.closed(None, &refusal);
            }
        } else if self.run.scope.namespaces.is_empty() {
            self.everywhere().await?;
        } else {
            for (namespace, refusal) in self.list_each(&self.run.named).await? {
                self.closed(Some(&namespace), &refusal);
            }
        }
        Ok(())
    }

    /// All namespaces at once; one by one when that is forbidden.
    async fn everywhere(&mut self) -> Result<(), DiscoveryError> {
        let Some(refusal) = self.list(None).await? else { return Ok(()) };
        let namespaces = self.run.fallback().await?;
        let closed = self.list_each(namespaces).await?;
        if closed.len() == namespaces.len() {
            self.closed(None, &refusal);
        } else {
            for (namespace, refusal) in closed {
                self.closed(Some(&namespace), &refusal);
            }
        }
        Ok(())
    }

    /// Lists in each of the namespaces, and returns those that are closed.
    async fn list_each(&mut self, namespaces: &[String]) -> Result<Vec<(String, RequestError)>, DiscoveryError> {
        let mut closed = Vec::new();
        for namespace in namespaces {
            if let Some(refusal) = self.list(Some(namespace)).await? {
                closed.push((namespace.clone(), refusal));
            }
        }
        Ok(closed)
    }

    /// Lists in one namespace, or in all. Returns the refusal when it is forbidden; any other failure is a gap.
    async fn list(&mut self, namespace: Option<&str>) -> Result<Option<RequestError>, DiscoveryError> {
        let run = self.run;
        let listing = self.listing(namespace);
        let Listed { inconsistent, end } = list(run.cluster, &listing, run.stop, |items| self.take(items)).await;
        if inconsistent {
            run.gap(gaps::inconsistent(self.resource, namespace));
        }
        let Err(error) = end else {
            self.done(namespace);
            return Ok(None);
        };
        match error.status() {
            Some(StatusCode::FORBIDDEN) => return Ok(Some(error)),
            // A kind that this cluster does not serve: there is nothing of it.
            Some(StatusCode::NOT_FOUND) if matches!(self.resource, Resource::Workload(_)) => return Ok(None),
            _ => run.end_on_unauthorized(&error)?,
        }
        self.closed(namespace, &error);
        Ok(None)
    }

    /// Takes in a page.
    fn take(&mut self, items: &[&RawValue]) {
        let run = self.run;
        let mut found = run.found();
        for item in items {
            found.builder.add(self.resource, item);
        }
        // Events alone tell of no image.
        found.listed |= self.resource != Resource::Event;
        drop(found);
        self.listed += items.len() as u64;
        run.events.emit(Event::Discovering { resource: self.resource.name(), listed: self.listed });
    }

    /// Notes a list that was read to its end.
    fn done(&self, namespace: Option<&str>) {
        let mut found = self.run.found();
        if self.resource == Resource::Node {
            found.builder.nodes_listed();
        }
        if let Some(namespace) = namespace {
            found.builder.add_namespace(namespace);
        }
    }

    /// Notes a list that was not read (to its end).
    fn closed(&self, namespace: Option<&str>, error: &RequestError) {
        let mut found = self.run.found();
        found.builder.add_gap(gaps::unlisted(self.resource, namespace, error));
        found.failure.get_or_insert_with(|| error.clone());
    }

    fn listing(&self, namespace: Option<&str>) -> Listing {
        let (api_version, plural) = match self.resource {
            Resource::Node => ("v1".to_owned(), "nodes"),
            Resource::Pod => ("v1".to_owned(), "pods"),
            Resource::Event => ("v1".to_owned(), "events"),
            Resource::Workload(kind) => (kind.api_version(), kind.plural),
        };
        let labels = self.run.scope.selector.as_ref().map(|selector| ("labelSelector", selector.as_str().to_owned()));
        let selectors = match self.resource {
            Resource::Node => Vec::new(),
            // Most events of a cluster are about other things.
            Resource::Event => vec![("fieldSelector", "involvedObject.kind=Pod".to_owned())],
            Resource::Pod | Resource::Workload(_) => labels.into_iter().collect(),
        };
        Listing { path: path::collection(&api_version, namespace, plural), selectors }
    }
}

/// The name of an object of which nothing else is read.
fn name(item: &RawValue) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        metadata: Metadata,
    }
    serde_json::from_str::<Named>(item.get()).ok()?.metadata.name
}
