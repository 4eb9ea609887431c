//! The custom resources that an API server offers.

use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde::Deserialize;

use super::connect::Cluster;
use super::path;
use super::refusal::RequestError;
use super::request::Ask;
use crate::cluster::objects::CustomKind;
use crate::stop::Stop;

/// All groups with their resources in one answer
/// (<https://kubernetes.io/docs/concepts/overview/kubernetes-api/#aggregated-discovery>); servers before 1.26 give the
/// names of the groups only.
const DISCOVERY: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
                         application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";

/// Either form of the answer.
#[derive(Deserialize)]
struct Groups {
    /// aggregated
    #[serde(default)]
    items: Vec<Group>,
    /// names only
    #[serde(default)]
    groups: Vec<NamedGroup>,
}

#[derive(Deserialize)]
struct Group {
    metadata: Name,
    /// the preferred one first
    #[serde(default)]
    versions: Vec<Version>,
}

#[derive(Deserialize)]
struct Name {
    name: String,
}

#[derive(Deserialize)]
struct Version {
    version: String,
    #[serde(default)]
    resources: Vec<DiscoveredResource>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DiscoveredResource {
    resource: String,
    response_kind: Option<Kind>,
    scope: String,
    #[serde(default)]
    verbs: Vec<String>,
}

#[derive(Deserialize)]
struct Kind {
    kind: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NamedGroup {
    name: String,
    preferred_version: Option<NamedVersion>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NamedVersion {
    group_version: String,
}

/// The resources of one version of a group.
#[derive(Deserialize)]
struct Resources {
    #[serde(default)]
    resources: Vec<ListedResource>,
}

#[derive(Deserialize)]
struct ListedResource {
    name: String,
    kind: String,
    #[serde(default)]
    namespaced: bool,
    #[serde(default)]
    verbs: Vec<String>,
}

/// Every custom kind that may be listed and may hold images, each in the version that its group prefers.
///
/// # Errors
/// When the API server does not tell its groups. What it does not tell of one group is left out.
pub(super) async fn kinds(cluster: &Cluster, stop: &Stop) -> Result<Vec<CustomKind>, RequestError> {
    let ask = Ask { accept: DISCOVERY, ..Ask::json("/apis".to_owned(), cluster.limits().page_bytes) };
    let body = cluster.get(&ask, stop).await?;
    let unreadable = |error: serde_json::Error| RequestError::Unreadable(error.to_string());
    let Groups { items, groups } = serde_json::from_slice(&body).map_err(unreadable)?;
    let mut kinds: Vec<CustomKind> = items.into_iter().flat_map(Group::into_kinds).collect();
    let named = groups.into_iter().filter(|group| CustomKind::may_hold_images(&group.name));
    let asked = stream::iter(named.filter_map(|group| group.preferred_version))
        .map(|version| ask_group(cluster, version.group_version, stop))
        .buffer_unordered(cluster.limits().lists);
    kinds.extend(asked.try_collect::<Vec<_>>().await?.into_iter().flatten());
    kinds.sort_by_key(CustomKind::name);
    kinds.dedup_by_key(|kind| kind.name());
    Ok(kinds)
}

/// The kinds of a group's version, of a server that does not tell all at once.
async fn ask_group(cluster: &Cluster, api_version: String, stop: &Stop) -> Result<Vec<CustomKind>, RequestError> {
    let ask = Ask::json(path::group_version(&api_version), cluster.limits().object_bytes);
    let body = match cluster.get(&ask, stop).await {
        Ok(body) => body,
        // One group is not there, or its own server is down.
        Err(RequestError::Refused(refusal)) if refusal.code != http::StatusCode::UNAUTHORIZED => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let Ok(Resources { resources }) = serde_json::from_slice(&body) else { return Ok(Vec::new()) };
    let Some((group, version)) = api_version.split_once('/') else { return Ok(Vec::new()) };
    // Subresources are listed beside what they are of.
    let listable =
        resources.into_iter().filter(|resource| may_be_listed(&resource.verbs) && !resource.name.contains('/'));
    let kind = |resource: ListedResource| CustomKind {
        group: group.to_owned(),
        version: version.to_owned(),
        kind: resource.kind,
        resource: resource.name,
        namespaced: Some(resource.namespaced),
    };
    Ok(listable.map(kind).collect())
}

impl Group {
    /// Each kind once, in the first version that has it.
    fn into_kinds(self) -> Vec<CustomKind> {
        let group = self.metadata.name;
        let mut kinds: Vec<CustomKind> = Vec::new();
        if !CustomKind::may_hold_images(&group) {
            return kinds;
        }
        for Version { version, resources } in self.versions {
            for resource in resources.into_iter().filter(|resource| may_be_listed(&resource.verbs)) {
                let is_known = kinds.iter().any(|kind| kind.resource == resource.resource);
                let Some(Kind { kind }) = resource.response_kind.filter(|_| !is_known) else { continue };
                let (group, version) = (group.clone(), version.clone());
                let namespaced = Some(resource.scope == "Namespaced");
                kinds.push(CustomKind { group, version, kind, resource: resource.resource, namespaced });
            }
        }
        kinds
    }
}

fn may_be_listed(verbs: &[String]) -> bool {
    verbs.iter().any(|verb| verb == "list")
}
