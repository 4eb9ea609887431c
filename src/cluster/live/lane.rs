//! The lists of one resource: all namespaces at once, or one by one where that is forbidden.

use http::StatusCode;

use super::discover::Run;
use super::error::DiscoveryError;
use super::list::{Listed, Listing, Part, list};
use super::refusal::RequestError;
use super::split::Item;
use super::{gaps, path};
use crate::cluster::objects::Resource;
use crate::event::Event;

/// After how many pods of a page their images are told of: a page takes a while to come, and each is another request that
/// could be on its way.
const PODS_AT_ONCE: u64 = 50;

/// The lists of one resource.
pub(super) struct Lane<'a> {
    run: &'a Run<'a>,
    resource: Resource<'a>,
    /// objects read so far, in whole pages
    listed: u64,
    /// pods read since their images were told of
    untold: u64,
}

impl<'a> Lane<'a> {
    /// Nothing is listed yet.
    pub(super) fn new(run: &'a Run<'a>, resource: Resource<'a>) -> Self {
        Self { run, resource, listed: 0, untold: 0 }
    }

    /// Lists the resource wherever the scope and the API server let us.
    pub(super) async fn walk(mut self) -> Result<(), DiscoveryError> {
        if self.is_custom() && self.is_cluster_scoped() && !self.run.scope.namespaces.is_empty() {
            // It is of no namespace, so that it is of none of those that were named.
            return Ok(());
        }
        if self.is_cluster_scoped() {
            if let Some(refusal) = self.list(None).await? {
                self.closed(None, &refusal);
            }
        } else if self.run.scope.namespaces.is_empty() {
            self.everywhere().await?;
        } else {
            for (namespace, refusal) in self.list_each(self.run.named().await?).await? {
                self.closed(Some(&namespace), &refusal);
            }
        }
        if self.resource == Resource::Node {
            self.run.found().nodes_are_known = true;
            self.run.tell_of_images();
        }
        Ok(())
    }

    /// All namespaces at once; one by one when that is forbidden.
    async fn everywhere(&mut self) -> Result<(), DiscoveryError> {
        let Some(refusal) = self.list(None).await? else { return Ok(()) };
        let namespaces = self.run.fallback().await?;
        // There are far more custom kinds than others, and in most clusters few people may list any of them.
        if self.is_custom() && namespaces.len() > self.run.cluster.limits().custom_namespaces {
            self.closed(None, &refusal);
            return Ok(());
        }
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
        let Listed { inconsistent, end } = list(run.cluster, &listing, run.stop, |part| self.take(part)).await;
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
            Some(StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED) if self.is_custom() => return Ok(None),
            _ => run.end_without_credential(&error)?,
        }
        self.closed(namespace, &error);
        Ok(None)
    }

    /// Takes in what comes of a list.
    fn take(&mut self, part: Part<'_>) {
        let run = self.run;
        let mut found = run.found();
        // Events alone tell of no image.
        found.listed |= self.resource != Resource::Event;
        match part {
            Part::Item(Item::Json(json)) => {
                found.builder.add(self.resource, json);
                drop(found);
                self.taken();
            }
            Part::Item(Item::TooLarge) => found.builder.add_too_large(self.resource, run.cluster.limits().object_bytes),
            Part::PageEnd(items) => {
                drop(found);
                self.page_ended(items);
            }
        }
    }

    /// Tells of the images of pods now and then.
    fn taken(&mut self) {
        self.untold += u64::from(self.resource == Resource::Pod);
        if self.untold >= PODS_AT_ONCE {
            self.tell_of_images();
        }
    }

    fn tell_of_images(&mut self) {
        self.untold = 0;
        self.run.tell_of_images();
    }

    /// Tells of what a page of so many items brought.
    fn page_ended(&mut self, items: u64) {
        if self.untold > 0 {
            self.tell_of_images();
        }
        self.listed += items;
        self.run.events.emit(Event::Discovering { resource: self.resource.name(), listed: self.listed });
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
        if self.is_custom() && error.status() == Some(StatusCode::FORBIDDEN) {
            found.closed.insert(self.resource.name());
            return;
        }
        found.builder.add_gap(gaps::unlisted(self.resource, namespace, error));
        found.failure.get_or_insert_with(|| error.clone());
    }

    fn listing(&self, namespace: Option<&str>) -> Listing {
        let (api_version, plural) = match self.resource {
            Resource::Node => ("v1".to_owned(), "nodes"),
            Resource::Pod => ("v1".to_owned(), "pods"),
            Resource::Event => ("v1".to_owned(), "events"),
            Resource::Workload(kind) => (kind.api_version.to_owned(), kind.plural),
            Resource::Custom(kind) => (kind.api_version(), kind.resource.as_str()),
        };
        let labels = self.run.scope.selector.as_ref().map(|selector| ("labelSelector", selector.as_str().to_owned()));
        let selectors = match self.resource {
            Resource::Node => Vec::new(),
            // Most events of a cluster are about other things.
            Resource::Event => vec![("fieldSelector", "involvedObject.kind=Pod".to_owned())],
            Resource::Pod | Resource::Workload(_) | Resource::Custom(_) => labels.into_iter().collect(),
        };
        Listing { path: path::collection(&api_version, namespace, plural), selectors }
    }

    fn is_custom(&self) -> bool {
        matches!(self.resource, Resource::Custom(_))
    }

    fn is_cluster_scoped(&self) -> bool {
        match self.resource {
            Resource::Node => true,
            Resource::Custom(kind) => kind.namespaced == Some(false),
            Resource::Pod | Resource::Event | Resource::Workload(_) => false,
        }
    }
}
