//! Custom resources: what an object of a kind that nobody knows beforehand uses.

use std::collections::BTreeMap;

use super::draft::{Access, Holder, Origin, Part};
use super::pods::{PodUse, image_name};
use super::{Builder, ObjectRef, placement};
use crate::cluster::inventory::{Container, Field, Gap, ImageName, Placement};
use crate::cluster::objects::{
    CustomKind, CustomObject, FieldHolder, ImageField, Metadata, Resource, Workload, WorkloadReference,
};
use crate::vocabulary::{Certainty, GapScope};

impl Builder {
    /// Reads an object of a custom kind and takes it in.
    pub(super) fn read_custom(&mut self, kind: &CustomKind, json: &str) -> Result<(), serde_json::Error> {
        let object = CustomObject::read(json)?;
        let rollout = if kind.is_rollout() { Some(serde_json::from_str(json)?) } else { None };
        self.add_custom(kind, &object, rollout.as_ref());
        Ok(())
    }

    /// Takes in an object of a custom kind.
    ///
    /// What such a kind does with the images that it names is not known. They are a `template`'s, until pods below the
    /// object show that something was made from it. A Rollout is known to do as a Deployment does.
    fn add_custom(&mut self, kind: &CustomKind, object: &CustomObject, rollout: Option<&Workload>) {
        let metadata = &object.metadata;
        let is_namespaced = kind.namespaced.unwrap_or_else(|| is_namespaced(metadata));
        let namespace = if is_namespaced { metadata.namespace_or_default() } else { "" };
        let is_admitted = match is_namespaced {
            true => self.scope.admits_namespace(namespace),
            false => self.scope.namespaces.is_empty(),
        };
        if !is_admitted {
            return;
        }
        let holder = ObjectRef {
            api_version: kind.api_version().into(),
            kind: kind.kind.as_str().into(),
            namespace: namespace.into(),
            name: metadata.name.as_deref().unwrap_or_default().into(),
        };
        let owner = ObjectRef::controller_of(metadata, namespace);
        self.owners.know(holder.clone(), !is_namespaced, owner);
        if !self.scope.selects(metadata) || !self.seen.first(&kind.name(), namespace, metadata) {
            return;
        }
        if is_namespaced {
            self.add_namespace(namespace);
        }
        if object.is_cut {
            self.add_gap(not_searched(kind));
        }
        let part = rollout.map_or(Part::Idle, part);
        if let Some(lender) = rollout.and_then(|rollout| lender(rollout.spec.workload_ref.as_ref()?, namespace)) {
            self.loans.entry(lender).or_default().push((holder.clone(), part));
        } else if object.images.is_empty() {
            return;
        }
        self.workloads += 1;
        self.owners.ask(&holder);
        let spec = rollout.and_then(|rollout| rollout.spec.template.as_ref()).map(|template| &template.spec);
        let origin = Origin {
            holder: Holder::Object(holder),
            part,
            placements: spec.map_or_else(|| vec![Placement::Anywhere], placement::placements),
            access: access(object, is_namespaced),
            pod: None,
            node: None,
        };
        for (name, usage) in asked(&object.images) {
            self.images.entry(name).or_default().add(&origin, usage);
        }
    }
}

/// The API server gives every object of a namespaced kind its namespace; a manifest may leave it out.
fn is_namespaced(metadata: &Metadata) -> bool {
    metadata.namespace.is_some() || metadata.uid.is_none()
}

fn part(rollout: &Workload) -> Part {
    if rollout.spec.replicas == Some(0) { Part::Idle } else { Part::Active }
}

/// The workload whose template a Rollout takes in place of one of its own.
fn lender(reference: &WorkloadReference, namespace: &str) -> Option<ObjectRef> {
    let Resource::Workload(kind) = Resource::of(reference.api_version.as_deref()?, reference.kind.as_deref()?)? else {
        return None;
    };
    Some(ObjectRef {
        api_version: kind.api_version().into(),
        kind: kind.kind.into(),
        namespace: namespace.into(),
        name: reference.name.as_deref()?.into(),
    })
}

/// Every pull secret that the object names counts for each of its images. Of an object without a namespace nobody
/// knows in which one its pods will be.
fn access(object: &CustomObject, is_namespaced: bool) -> Access {
    let secrets = object.pull_secrets.clone();
    match (is_namespaced, secrets.is_empty()) {
        (false, _) => (Vec::new(), None),
        (true, false) => (secrets, None),
        (true, true) => (secrets, Some(object.service_account.clone().unwrap_or_else(|| "default".to_owned()))),
    }
}

fn asked(images: &[ImageField]) -> BTreeMap<ImageName, PodUse> {
    let mut uses: BTreeMap<ImageName, PodUse> = BTreeMap::new();
    for image in images {
        let Some(name) = image_name(&image.text) else { continue };
        let usage = uses.entry(name).or_default();
        usage.written_as.insert(image.text.clone());
        let certainty = match &image.holder {
            FieldHolder::Container { name, kind, pull_policy } => {
                let (name, pull_policy) = (name.clone(), pull_policy.clone());
                usage.containers.insert(Container { name, kind: *kind, pull_policy });
                Certainty::Certain
            }
            FieldHolder::Other => Certainty::Probable,
        };
        let field = Field { certainty, path: Some(image.path.clone()) };
        usage.field = Field::better(usage.field.take(), Some(field));
    }
    uses
}

fn not_searched(kind: &CustomKind) -> Gap {
    let name = kind.name();
    Gap {
        scope: GapScope::Kubernetes,
        message: format!("some of {name} nest too deep, or name too many images, to be searched to their end"),
        resource: Some(name),
        namespace: None,
        host: None,
        reason: "limit".to_owned(),
        incomplete: false,
    }
}
