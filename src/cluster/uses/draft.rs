//! The uses of one image while it is not known yet who is at the top of its users.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::names::{NameId, NameSet, Names};
use super::owners::{ObjectRef, Owners};
use super::pods::{PodUse, Runs};
use super::pulls::Tally;
use crate::cluster::inventory::{
    Container, Example, Field, ImageUse, Placement, PullContext, Running, User, UserKey, Waiting, add_example,
};
use crate::image::Digest;
use crate::sorted::{SortedMap, SortedSet};
use crate::vocabulary::{Certainty, Role};

/// Who stands right above a pod or a template.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Holder {
    /// the owner of a pod, or the object that holds a template
    Object(ObjectRef),
    /// the ownerless pods of a namespace, taken together
    Loose(Arc<str>),
}

/// By what a holder uses an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// its pods
    Pods,
    /// a template that pods are made from now
    Active,
    /// a template that no pods are made from now
    Idle,
    /// an earlier revision's template
    Revision,
}

/// A pod or a template, as far as all of its images have it in common.
#[derive(Debug)]
pub(super) struct Origin {
    pub holder: Holder,
    pub part: Part,
    pub placements: Vec<Placement>,
    pub access: Access,
    /// the pod, without a container
    pub pod: Option<Example>,
    /// the node that the pod was scheduled to
    pub node: Option<NameId>,
}

/// The names of pull secrets, and of the ServiceAccount whose secrets will be used when there are none and the pods
/// were not admitted yet.
pub(super) type Access = (Vec<String>, Option<String>);

/// Who makes pods from the template of another: by the lender, the borrowers, each with its part.
pub(super) type Loans = HashMap<ObjectRef, Vec<(ObjectRef, Part)>>;

/// How one holder uses an image.
#[derive(Debug, Clone, Default)]
struct HolderUse {
    pods: u64,
    containers: SortedSet<Container>,
    examples: SortedSet<Example>,
    /// each with whether a pod of it fails to pull
    access: SortedMap<Access, bool>,
    field: Option<Field>,
}

/// The uses of one image.
#[derive(Debug, Default)]
pub(super) struct Draft {
    written_as: SortedSet<String>,
    /// a sidecar has one for each workload; boxed, as the map has room for eleven even where it holds one
    by_holder: BTreeMap<(Holder, Part), Box<HolderUse>>,
    /// each with the nodes that it runs on, which are not in the rest yet
    running: SortedMap<Digest, (Running, NameSet)>,
    waiting: BTreeMap<(String, String), (Waiting, BTreeSet<Holder>)>,
    /// where its pods were scheduled to
    nodes: NameSet,
    /// where others may run
    placements: SortedSet<Placement>,
    /// what events tell
    pub(super) pulls: Tally,
    /// whether it was told that pods use the image
    pub(super) announced: bool,
}

impl Draft {
    /// Takes in how one pod or template uses the image.
    pub(super) fn add(&mut self, origin: &Origin, usage: PodUse) {
        self.written_as.extend(usage.written_as);
        self.placements.extend(origin.placements.iter().cloned());
        origin.node.into_iter().for_each(|node| self.nodes.insert(node));
        let own = self.by_holder.entry((origin.holder.clone(), origin.part)).or_default();
        own.containers.extend(usage.containers);
        own.field = Field::better(own.field.take(), usage.field);
        *own.access.or_default(origin.access.clone()) |= usage.failing;
        let Some(pod) = &origin.pod else { return };
        own.pods += 1;
        if matches!(origin.holder, Holder::Loose(_)) {
            add_example(&mut own.examples, pod.clone());
        }
        let example = |container| Example { container: Some(container), ..pod.clone() };
        for (digest, Runs { container, started, reported }) in usage.running {
            let (running, nodes) = self.running.or_default(digest);
            running.pods += 1;
            running.started |= started;
            running.reported = running.reported.max(reported);
            origin.node.into_iter().for_each(|node| nodes.insert(node));
            add_example(&mut running.examples, example(container));
        }
        for (words, container) in usage.waiting {
            let (waiting, holders) = self.waiting.entry(words).or_default();
            waiting.pods += 1;
            waiting.nodes.extend(pod.node.clone());
            add_example(&mut waiting.examples, example(container));
            holders.insert(origin.holder.clone());
        }
    }

    /// What pods tell so far of how the image is pulled and where it runs.
    pub(super) fn by_pods(&self, names: &Names) -> ImageUse {
        let of_pods = self.by_holder.iter().filter(|((_, part), _)| *part == Part::Pods);
        let contexts = of_pods.flat_map(|((holder, _), own)| {
            let key = |access: &Access| (holder.namespace().to_owned(), access.clone());
            own.access.iter().map(move |(access, failing)| context((key(access), *failing)))
        });
        let running = self.running.iter().map(|(digest, (running, nodes))| {
            let nodes = names.sorted(nodes);
            (digest.clone(), Running { nodes, ..running.clone() })
        });
        ImageUse {
            contexts: contexts.collect(),
            running: running.collect(),
            nodes: names.sorted(&self.nodes),
            placements: self.placements.clone(),
            ..ImageUse::default()
        }
    }

    /// Makes the borrowers of a template that uses the image its users too.
    pub(super) fn lend(&mut self, loans: &Loans) {
        let mut borrowed = Vec::new();
        for ((holder, _), own) in self.by_holder.iter().filter(|((_, part), _)| *part != Part::Pods) {
            let Holder::Object(lender) = holder else { continue };
            for (borrower, part) in loans.get(lender).into_iter().flatten() {
                let field = Field { certainty: Certainty::Certain, path: Some("spec.workloadRef".to_owned()) };
                let own = HolderUse { field: Some(field), ..HolderUse::clone(own) };
                borrowed.push(((Holder::Object(borrower.clone()), *part), Box::new(own)));
            }
        }
        self.by_holder.extend(borrowed);
    }

    /// Whether an object uses the image; events alone do not make an image one of the cluster's.
    pub(super) fn is_used(&self) -> bool {
        !self.by_holder.is_empty()
    }

    /// Marks all owners above what makes pods now.
    pub(super) fn mark_busy<'a>(&'a self, owners: &'a Owners, busy: &mut HashSet<&'a ObjectRef>) {
        for (holder, part) in self.by_holder.keys() {
            if let (Holder::Object(object), Part::Pods | Part::Active) = (holder, part) {
                busy.extend(owners.way(object));
            }
        }
    }

    /// The uses by top owner. `busy` holds the objects that pods were made from, if only indirectly.
    pub(super) fn finish(self, owners: &Owners, busy: &HashSet<ObjectRef>, names: &Names) -> ImageUse {
        let mut used_by: BTreeMap<UserKey, User> = BTreeMap::new();
        let mut contexts: BTreeMap<(String, Access), bool> = BTreeMap::new();
        let (pods, templates): (Vec<_>, Vec<_>) =
            self.by_holder.into_iter().partition(|((_, part), _)| *part == Part::Pods);
        for ((holder, part), own) in pods.into_iter().chain(templates) {
            let own = *own;
            let key = user_key(&holder, role(&holder, part, busy), owners);
            let field = own.field.map(|field| if holder.is(&key) { field } else { Field { path: None, ..field } });
            let user = used_by.entry(key).or_default();
            user.field = Field::better(user.field.take(), field);
            // Pods know better than their template: a ServiceAccount's secrets were added to them.
            let told_by_pods = part != Part::Pods && user.pods > 0;
            user.pods += own.pods;
            user.containers.extend(own.containers);
            user.examples.extend(own.examples);
            for (access, failing) in own.access.into_iter().filter(|_| !told_by_pods) {
                // Where pods of one owner differ, the first list that names any stands for all.
                if user.pull_secrets.is_empty() {
                    user.pull_secrets.clone_from(&access.0);
                }
                *contexts.entry((holder.namespace().to_owned(), access)).or_default() |= failing;
            }
        }
        for user in used_by.values_mut().filter(|user| user.pods > 0) {
            // What runs is an image, whatever names it.
            user.field.iter_mut().for_each(|field| field.certainty = Certainty::Certain);
        }
        let waiting = self.waiting.into_iter().map(|(words, (mut waiting, holders))| {
            waiting.owners = holders.iter().map(|holder| user_key(holder, Role::Current, owners)).collect();
            (words, waiting)
        });
        let mut idle = self.nodes;
        let running = self.running.into_iter().map(|(digest, (running, nodes))| {
            idle.remove(&nodes);
            (digest, Running { nodes: names.sorted(&nodes), ..running })
        });
        let running = running.collect();
        let (pulls, pull_failures) = self.pulls.finish();
        ImageUse {
            written_as: self.written_as,
            used_by: used_by.into_iter().collect(),
            running,
            waiting: waiting.collect(),
            pulls,
            pull_failures,
            contexts: contexts.into_iter().map(context).collect(),
            nodes: names.sorted(&idle),
            placements: self.placements,
        }
    }
}

impl Holder {
    fn namespace(&self) -> &str {
        match self {
            Self::Object(object) => &object.namespace,
            Self::Loose(namespace) => namespace,
        }
    }

    /// Whether the user is the holder itself, and none above it.
    fn is(&self, user: &UserKey) -> bool {
        let Self::Object(object) = self else { return false };
        (&*object.api_version, &*object.kind, Some(&*object.name))
            == (user.api_version.as_str(), user.kind.as_str(), user.name.as_deref())
    }
}

/// An idle template is no mere template once something has been made from it: a CronJob with a pod is current.
fn role(holder: &Holder, part: Part, busy: &HashSet<ObjectRef>) -> Role {
    match (part, holder) {
        (Part::Idle, Holder::Object(object)) if !busy.contains(object) => Role::Template,
        (Part::Revision, _) => Role::History,
        _ => Role::Current,
    }
}

fn user_key(holder: &Holder, role: Role, owners: &Owners) -> UserKey {
    match holder {
        Holder::Object(object) => {
            let top = owners.top(object);
            UserKey {
                api_version: top.api_version.to_string(),
                kind: top.kind.to_string(),
                namespace: top.namespace.to_string(),
                name: Some(top.name.to_string()),
                role,
            }
        }
        Holder::Loose(namespace) => UserKey {
            api_version: "v1".to_owned(),
            kind: "Pod".to_owned(),
            namespace: namespace.to_string(),
            name: None,
            role,
        },
    }
}

fn context(((namespace, (secrets, service_account)), failing): ((String, Access), bool)) -> PullContext {
    PullContext { namespace, secrets, service_account, failing }
}
