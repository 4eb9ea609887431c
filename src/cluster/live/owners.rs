//! Owners of kinds that are not listed: only their metadata is asked for, one by one.

use std::collections::HashMap;

use bytes::Bytes;
use futures::{StreamExt as _, stream};
use serde::Deserialize;

use super::connect::Cluster;
use super::path;
use super::refusal::RequestError;
use super::request::Ask;
use crate::cluster::objects::Metadata;
use crate::cluster::uses::{Builder, ObjectRef};
use crate::stop::Stop;

/// The media type of an object of which only the metadata matter.
const METADATA_ONLY: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";

/// The resources of a group's version.
#[derive(Debug, Default, Deserialize)]
struct Resources {
    #[serde(default)]
    resources: Vec<ApiResource>,
}

#[derive(Debug, Deserialize)]
struct ApiResource {
    name: String,
    kind: String,
    #[serde(default)]
    namespaced: bool,
}

#[derive(Debug, Deserialize)]
struct OnlyMetadata<'a> {
    #[serde(borrow)]
    metadata: Metadata<'a>,
}

/// Walks up from the owners that `builder` does not know, as far as they may be read and the limit allows. Returns how
/// many were left out for the limit.
///
/// # Errors
/// When the API server can no longer be asked.
pub(super) async fn resolve(cluster: &Cluster, builder: &mut Builder, stop: &Stop) -> Result<usize, RequestError> {
    let mut known = HashMap::new();
    let mut left = cluster.limits().owners;
    loop {
        let mut owners = builder.unresolved_owners();
        if owners.is_empty() {
            return Ok(0);
        }
        if left == 0 {
            return Ok(owners.len());
        }
        owners.truncate(left);
        left -= owners.len();
        for owner in &owners {
            if !known.contains_key(&owner.api_version) {
                known.insert(owner.api_version.clone(), resources(cluster, &owner.api_version, stop).await?);
            }
        }
        let known = &known;
        let mut answers = stream::iter(owners)
            .map(|owner| async move {
                let answer = ask(cluster, &owner, known.get(&owner.api_version), stop).await;
                (owner, answer)
            })
            .buffer_unordered(cluster.limits().lists);
        while let Some((owner, answer)) = answers.next().await {
            let answer = answer?;
            let read = answer.as_deref().and_then(|body| serde_json::from_slice::<OnlyMetadata<'_>>(body).ok());
            builder.add_owner(&owner, read.as_ref().map(|owner| &owner.metadata));
        }
    }
}

/// The resources of `api_version`; none when the API server does not (want to) know it.
async fn resources(cluster: &Cluster, api_version: &str, stop: &Stop) -> Result<Resources, RequestError> {
    let ask = Ask::json(path::group_version(api_version), cluster.limits().object_bytes);
    let answer = unless_refused(cluster.get(&ask, stop).await)?;
    Ok(answer.and_then(|body| serde_json::from_slice(&body).ok()).unwrap_or_default())
}

/// Asks for the owner's metadata; none when it is gone, may not be read, or is of a kind that nobody knows.
async fn ask(
    cluster: &Cluster,
    owner: &ObjectRef,
    known: Option<&Resources>,
    stop: &Stop,
) -> Result<Option<Bytes>, RequestError> {
    // Subresources (`deployments/status`) name the same kind.
    let resource =
        known.and_then(|known| known.resources.iter().find(|row| *row.kind == *owner.kind && !row.name.contains('/')));
    let Some(resource) = resource else { return Ok(None) };
    let namespace = resource.namespaced.then_some(&*owner.namespace);
    let path = path::object(&owner.api_version, namespace, &resource.name, &owner.name);
    let ask = Ask { accept: METADATA_ONLY, ..Ask::json(path, cluster.limits().object_bytes) };
    unless_refused(cluster.get(&ask, stop).await)
}

/// A refusal concerns one owner only; anything else, and a 401, concerns all.
fn unless_refused<T>(answer: Result<T, RequestError>) -> Result<Option<T>, RequestError> {
    match answer {
        Ok(body) => Ok(Some(body)),
        Err(error) if error.status().is_some_and(|code| code != http::StatusCode::UNAUTHORIZED) => Ok(None),
        Err(error) => Err(error),
    }
}
