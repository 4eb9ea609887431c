//! What changed between two documents. `run` is never compared, nor what passes by itself: waiting messages, events.

mod images;
#[cfg(test)]
mod tests;
mod workloads;

use serde::Serialize;
use serde_with::skip_serializing_none;

pub use images::{ConfigChange, ImageChange, Names, PlatformChange};
pub use workloads::{ContainerChange, WorkloadChange};

use super::users;
use crate::facts::document::{Finding, Gap, Image, ImageFacts, Subject};

/// What changed between two documents; all arrays are sorted as the facts are, and empty when nothing changed.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Diff {
    /// images that only the newer document has
    pub new: Vec<Used>,
    /// images that only the older document has
    pub gone: Vec<Used>,
    /// images that both have, and that are not the same any more
    pub changed: Vec<ImageChange>,
    /// workloads whose containers name other images than before
    pub workloads: Vec<WorkloadChange>,
    /// findings that the older document did not have; one whose severity changed came anew
    pub findings_came: Vec<Finding>,
    /// findings that the newer document has no more
    pub findings_went: Vec<Finding>,
    /// what could be looked at before, and now could not: what is gone may only be out of sight
    pub gaps_came: Vec<Gap>,
    /// what could not be looked at before
    pub gaps_went: Vec<Gap>,
}

/// An image and who uses it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Used {
    /// as in `images[].reference`
    pub reference: String,
    /// who uses it, sorted
    pub used_by: Vec<Subject>,
}

/// What was, and what is; absent when there was or is nothing, or when it is not known.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change<T> {
    /// in the older document
    pub old: Option<T>,
    /// in the newer document
    pub new: Option<T>,
}

impl Diff {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl<T: PartialEq + Clone> Change<T> {
    /// `None` when both are the same.
    fn of(old: Option<&T>, new: Option<&T>) -> Option<Self> {
        (old != new).then(|| Self { old: old.cloned(), new: new.cloned() })
    }
}

/// Compares two documents.
pub fn diff(old: &ImageFacts, new: &ImageFacts) -> Diff {
    let finding =
        |finding: &Finding| (finding.code, finding.severity, finding.image.clone(), finding.subjects.first().cloned());
    let gap =
        |gap: &Gap| (gap.scope, gap.resource.clone(), gap.namespace.clone(), gap.host.clone(), gap.reason.clone());
    Diff {
        new: only_in(&new.images, &old.images, |image| image.reference.clone())
            .iter()
            .map(|image| Used::new(image))
            .collect(),
        gone: only_in(&old.images, &new.images, |image| image.reference.clone())
            .iter()
            .map(|image| Used::new(image))
            .collect(),
        changed: images::changed(old, new),
        workloads: workloads::changed(&old.images, &new.images),
        findings_came: only_in(&new.findings, &old.findings, finding),
        findings_went: only_in(&old.findings, &new.findings, finding),
        gaps_came: only_in(&new.gaps, &old.gaps, gap),
        gaps_went: only_in(&old.gaps, &new.gaps, gap),
    }
}

impl Used {
    fn new(image: &Image) -> Self {
        Self { reference: image.reference.clone(), used_by: users(image) }
    }
}

/// The elements of `these` whose key none of `others` has.
fn only_in<T: Clone, K: Ord>(these: &[T], others: &[T], key: impl Fn(&T) -> K) -> Vec<T> {
    let others: std::collections::BTreeSet<K> = others.iter().map(&key).collect();
    these.iter().filter(|element| !others.contains(&key(element))).cloned().collect()
}
