//! What is computed from finished documents. Pure: facts in, reports out; they serialize to what `-o json` prints.

mod diff;
#[cfg(test)]
mod fixture;
mod layers;
mod manifests;
mod optimize;
mod select;

pub use diff::{
    Change, ConfigChange, ContainerChange, Diff, ImageChange, Names, PlatformChange, Used, WorkloadChange, diff,
};
pub use layers::{Base, Layers, SharedLayer, layers};
pub use optimize::{Assumed, Optimization, PullBasis, PullSource, Reason, Saving, Spent, Total, Weight, optimize};
pub use select::{Filter, select};

use std::sync::Arc;

use crate::facts::document::{Image, Subject};

/// The workloads that use an image, each once, sorted. Ownerless pods are named by their examples.
fn users(image: &Image) -> Vec<Subject> {
    let subjects = image.used_by.iter().flat_map(|user| {
        let namespace = user.namespace.as_ref().map(ToString::to_string);
        let named = |name: &Arc<str>| Subject {
            kind: user.kind.to_string(),
            namespace: namespace.clone(),
            name: name.to_string(),
        };
        let pods = user.examples.iter().flatten().map(|example| &example.pod);
        user.name.iter().chain(pods.filter(|_| user.name.is_none())).map(named).collect::<Vec<_>>()
    });
    let distinct: std::collections::BTreeSet<_> = subjects.collect();
    distinct.into_iter().collect()
}
