//! Custom resources: what an object of a kind that nobody knows beforehand uses.

use super::draft::{Origin, Part};
use super::images::Images;
use super::manners::Access;
use super::names::Names;
use super::owners::Named;
use super::placement::Said;
use super::pods::PodUses;
use super::{Builder, placement};
use crate::cluster::inventory::{Container, Field, Gap};
use crate::cluster::objects::{
    CustomKind, CustomObject, FieldHolder, ImageField, Kind, Metadata, Resource, Workload, WorkloadReference,
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
    fn add_custom(&mut self, kind: &CustomKind, object: &CustomObject<'_>, rollout: Option<&Workload<'_>>) {
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
        let name = metadata.name.as_deref().unwrap_or_default();
        let named = Named { api_version: &kind.api_version(), kind: &kind.kind, namespace, name: Some(name) };
        let holder = self.common.owners.id(named);
        self.common.owners.know(holder, !is_namespaced, Named::controller_of(metadata, namespace));
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
        if let Some(reference) = rollout.and_then(|rollout| rollout.spec.workload_ref.as_ref())
            && let Some((kind, name)) = lender(reference)
        {
            let named = Named { api_version: kind.api_version, kind: kind.kind, namespace, name: Some(name) };
            let lender = self.common.owners.id(named);
            self.loans.entry(lender).or_default().push((holder, part));
        } else if object.images.is_empty() {
            return;
        }
        self.workloads += 1;
        self.common.owners.ask(holder);
        let spec = rollout.and_then(|rollout| rollout.spec.template.as_ref()).map(|template| &template.spec);
        let placements = self.shared(spec.map_or_else(|| vec![Said::Anywhere], placement::placements));
        let access = access(object, is_namespaced, &mut self.words);
        let uses = asked(&object.images, &mut self.words, &mut self.images);
        self.add_uses(uses, &Origin { holder, part, placements, access, pod: None });
    }
}

/// The API server gives every object of a namespaced kind its namespace; a manifest may leave it out.
fn is_namespaced(metadata: &Metadata<'_>) -> bool {
    metadata.namespace.is_some() || metadata.uid.is_none()
}

fn part(rollout: &Workload<'_>) -> Part {
    if rollout.spec.replicas == Some(0) { Part::Idle } else { Part::Active }
}

/// The workload whose template a Rollout takes in place of one of its own: its kind and its name.
fn lender<'a>(reference: &'a WorkloadReference<'_>) -> Option<(&'static Kind, &'a str)> {
    let Resource::Workload(kind) = Resource::of(reference.api_version.as_deref()?, reference.kind.as_deref()?)? else {
        return None;
    };
    Some((kind, reference.name.as_deref()?))
}

/// Every pull secret that the object names counts for each of its images. Of an object without a namespace nobody
/// knows in which one its pods will be.
fn access(object: &CustomObject<'_>, is_namespaced: bool, words: &mut Names) -> Access {
    if !is_namespaced {
        return Access::default();
    }
    let secrets = words.list(object.pull_secrets.iter().map(String::as_str));
    let account = object.service_account.as_deref().unwrap_or("default");
    let service_account = secrets.is_empty().then(|| words.shared(account));
    Access { secrets, service_account }
}

fn asked(fields: &[ImageField], words: &mut Names, images: &mut Images) -> PodUses {
    let mut uses = PodUses::new();
    for image in fields {
        let Some(name) = images.spelt(&image.text) else { continue };
        let usage = uses.entry(name).or_default();
        let certainty = match &image.holder {
            FieldHolder::Container { name, kind, pull_policy } => {
                let pull_policy = pull_policy.as_ref().map(|policy| words.shared(policy));
                usage.containers.insert(Container { name: words.shared(name), kind: *kind, pull_policy });
                Certainty::Certain
            }
            FieldHolder::Other => Certainty::Probable,
        };
        let field = Field { certainty, path: Some(image.path.as_str().into()) };
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
