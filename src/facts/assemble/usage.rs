//! Turns what the cluster knows of an image into the document's types.

use crate::cluster::inventory::{self, ImageUse, UserKey};
use crate::facts::document::{ContainerUse, Example, Many, Pulls, Running, Time, UsedBy, Waiting};
use crate::image::Digest;
use crate::resolve::Answer;
use crate::sorted::{SortedMap, SortedSet};
use crate::vocabulary::DigestKind;

/// Who uses it, sorted: what runs before what once ran.
pub(super) fn used_by(usage: &ImageUse) -> Many<UsedBy> {
    let mut users: Vec<(&UserKey, &inventory::User)> = usage.used_by.iter().collect();
    users.sort_by_key(|(key, _)| (key.role, *key));
    users.into_iter().map(|(key, user)| Box::new(user_entry(key, user))).collect()
}

fn user_entry(key: &UserKey, user: &inventory::User) -> UsedBy {
    UsedBy {
        api_version: key.api_version.clone(),
        kind: key.kind.clone(),
        namespace: Some(key.namespace.clone()).filter(|namespace| !namespace.is_empty()),
        name: key.name.clone(),
        role: key.role,
        pods: user.pods,
        containers: user.containers.iter().map(container).collect(),
        pull_secrets: user.pull_secrets.clone(),
        certainty: user.field.as_ref().map(|field| field.certainty),
        path: user.field.as_ref().and_then(|field| field.path.clone()),
        examples: key.name.is_none().then(|| examples(&user.examples)),
    }
}

fn container(container: &inventory::Container) -> ContainerUse {
    ContainerUse {
        name: container.name.clone(),
        container_type: container.kind,
        pull_policy: container.pull_policy.clone(),
    }
}

/// What pods run, with what the registry says of each digest.
pub(super) fn running(running: &SortedMap<Digest, inventory::Running>, answer: Option<&Answer>) -> Vec<Running> {
    running
        .iter()
        .map(|(digest, pods)| {
            let known = answer.and_then(|answer| answer.running.get(digest));
            Running {
                digest: digest.clone(),
                digest_kind: known.map_or(DigestKind::Unknown, |known| known.kind),
                matches_resolved: known.and_then(|known| known.matches_resolved),
                pods: pods.pods,
                nodes: pods.nodes.clone(),
                examples: examples(&pods.examples),
            }
        })
        .collect()
}

/// What the kubelet says, sorted by reason and message.
pub(super) fn waiting(waiting: &SortedMap<(String, String), inventory::Waiting>) -> Vec<Waiting> {
    waiting
        .iter()
        .map(|((reason, message), pods)| Waiting {
            reason: reason.clone(),
            message: message.clone(),
            pods: pods.pods,
            examples: examples(&pods.examples),
        })
        .collect()
}

pub(super) fn pulls(pulls: &inventory::Pulls) -> Pulls {
    Pulls {
        succeeded: pulls.succeeded,
        cached: pulls.cached,
        failed: pulls.failed,
        from: Time(pulls.from),
        to: Time(pulls.to),
        last_duration_seconds: pulls.last_duration_seconds.filter(|seconds| seconds.is_finite()),
        last_size_bytes: pulls.last_size_bytes,
    }
}

/// The first by name.
pub(in crate::facts) fn examples(examples: &SortedSet<inventory::Example>) -> Vec<Example> {
    examples
        .iter()
        .take(inventory::MAX_EXAMPLES)
        .map(|example| Example {
            namespace: example.namespace.clone(),
            pod: example.pod.clone(),
            container: example.container.clone(),
            node: example.node.clone(),
        })
        .collect()
}
