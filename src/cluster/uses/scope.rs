//! Which objects a run is about.

use std::collections::BTreeSet;

use super::Selector;
use crate::cluster::objects::Metadata;

/// The namespaces and labels that a run is limited to; by default it is about everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// only these namespaces; empty for all
    pub namespaces: BTreeSet<String>,
    /// not these namespaces
    pub excluded: BTreeSet<String>,
    /// on the own labels of pods and workloads
    pub selector: Option<Selector>,
    /// whether custom resources are left out
    pub without_custom_resources: bool,
}

impl Scope {
    /// Whether the run is about `namespace`.
    pub fn admits_namespace(&self, namespace: &str) -> bool {
        (self.namespaces.is_empty() || self.namespaces.contains(namespace)) && !self.excluded.contains(namespace)
    }

    /// Whether the run is about a pod or workload with these labels.
    pub(super) fn selects(&self, metadata: &Metadata<'_>) -> bool {
        self.selector.as_ref().is_none_or(|selector| selector.matches(&metadata.labels))
    }
}
