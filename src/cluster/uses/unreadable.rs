//! Objects that could not be read, told as gaps.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Scope;
use crate::cluster::inventory::Gap;
use crate::vocabulary::GapScope;

/// Objects that could not be read, by resource and namespace: a thousand broken ones are one gap.
#[derive(Debug, Default)]
pub(super) struct Unreadable(BTreeMap<(String, Option<String>), Broken>);

/// How many there are, and the first of them by name with what is wrong with it.
#[derive(Debug)]
struct Broken {
    count: u64,
    first: (String, String),
}

/// As much of an object as tells which it is.
#[derive(Deserialize)]
struct Named {
    metadata: Name,
}

#[derive(Deserialize)]
struct Name {
    name: Option<String>,
    namespace: Option<String>,
}

impl Unreadable {
    /// Notes an object of `resource` that is `json`, unless it tells that it lies outside of `scope`.
    pub(super) fn add(&mut self, scope: &Scope, resource: &str, json: &str, error: &serde_json::Error) {
        let known = serde_json::from_str::<Named>(json).ok().map(|named| named.metadata);
        let (name, namespace) = known.map_or((None, None), |metadata| (metadata.name, metadata.namespace));
        if namespace.as_deref().is_some_and(|namespace| !scope.admits_namespace(namespace)) {
            return;
        }
        let this = (name.unwrap_or_else(|| "one without a name".to_owned()), error.to_string());
        let broken =
            self.0.entry((resource.to_owned(), namespace)).or_insert_with(|| Broken { count: 0, first: this.clone() });
        broken.count += 1;
        if this < broken.first {
            broken.first = this;
        }
    }

    pub(super) fn into_gaps(self) -> impl Iterator<Item = Gap> {
        self.0.into_iter().map(|((resource, namespace), Broken { count, first: (name, error) })| Gap {
            scope: GapScope::Kubernetes,
            message: format!("{count} of {resource} could not be read and were left out; the first is {name}: {error}"),
            resource: Some(resource),
            namespace,
            host: None,
            reason: "unreadable".to_owned(),
            incomplete: true,
        })
    }
}
