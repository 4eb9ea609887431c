//! Objects that could not be read, told as gaps.

use std::collections::BTreeMap;
use std::fmt::Display;

use serde::Deserialize;

use crate::cluster::inventory::Gap;
use crate::cluster::objects::{Metadata, Text};
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

/// As much of an object as tells which it is; nothing when not even that can be read.
pub(super) fn metadata(json: &str) -> Metadata<'_> {
    #[derive(Default, Deserialize)]
    struct Named<'a> {
        #[serde(borrow)]
        metadata: Name<'a>,
    }
    #[derive(Default, Deserialize)]
    struct Name<'a> {
        #[serde(borrow)]
        name: Option<Text<'a>>,
        namespace: Option<Text<'a>>,
    }
    let Named { metadata: Name { name, namespace } } = serde_json::from_str(json).unwrap_or_default();
    Metadata { name, namespace, ..Metadata::default() }
}

impl Unreadable {
    /// Notes an object of `resource`, and why it could not be read.
    pub(super) fn add(&mut self, resource: String, metadata: &Metadata<'_>, why: &dyn Display) {
        let name = metadata.name.as_deref().unwrap_or("one without a name").to_owned();
        let this = (name, why.to_string());
        let key = (resource, metadata.namespace.clone().map(String::from));
        let broken = self.0.entry(key).or_insert_with(|| Broken { count: 0, first: this.clone() });
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
