//! How images are used, whoever does: what a Deployment, its ReplicaSets and their pods have in common.

use std::sync::Arc;

use indexmap::Equivalent;

use super::names::{Set, number};
use crate::cluster::inventory::{Container, Field};
use crate::sorted::SortedSet;
use crate::vocabulary::Certainty;

/// With what a pod, or a template's pods, may pull.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Access {
    /// the names of pull secrets
    pub secrets: Arc<[Arc<str>]>,
    /// whose secrets will be used when there are none and the pods were not admitted yet
    pub service_account: Option<Arc<str>>,
}

/// How a pod or a template uses an image.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Manner {
    pub containers: Arc<SortedSet<Container>>,
    pub access: Access,
    /// whether a pod fails to pull it
    pub failing: bool,
    /// of a custom resource: what names it
    pub field: Option<Field>,
}

/// A manner that is looked up; its hash is that of a [`Manner`] with the same in it.
#[derive(Hash)]
struct Sought<'a> {
    containers: &'a SortedSet<Container>,
    access: &'a Access,
    failing: bool,
    field: &'a Option<Field>,
}

impl Equivalent<Manner> for Sought<'_> {
    fn equivalent(&self, manner: &Manner) -> bool {
        let Self { containers, access, failing, field } = self;
        **containers == *manner.containers
            && **access == manner.access
            && *failing == manner.failing
            && **field == manner.field
    }
}

/// Every manner that was seen so far, once.
#[derive(Debug, Default)]
pub(super) struct Manners(Set<Manner>);

/// The number of a manner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct MannerId(u32);

impl Manners {
    /// The number of a manner; nearly all were told before.
    pub(super) fn told(
        &mut self,
        containers: SortedSet<Container>,
        access: &Access,
        failing: bool,
        field: Option<Field>,
    ) -> MannerId {
        let sought = Sought { containers: &containers, access, failing, field: &field };
        match self.0.get_index_of(&sought) {
            Some(place) => MannerId(number(place)),
            None => self.id(Manner { containers: Arc::new(containers), access: access.clone(), failing, field }),
        }
    }

    /// The manner of a number that was given out here.
    pub(super) fn get(&self, MannerId(id): MannerId) -> &Manner {
        &self.0[id as usize]
    }

    /// How an object uses an image when it takes the template of another, which uses it so.
    pub(super) fn borrowed(&mut self, lent: MannerId) -> MannerId {
        let field = Field { certainty: Certainty::Certain, path: Some("spec.workloadRef".into()) };
        let manner = Manner { field: Some(field), ..self.get(lent).clone() };
        self.id(manner)
    }

    fn id(&mut self, manner: Manner) -> MannerId {
        MannerId(number(self.0.insert_full(manner).0))
    }
}
