//! The uses of one image while it is not known yet who is at the top of its users.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::counts::Counts;
use super::manners::{Access, MannerId, Manners};
use super::names::{NameId, NameSet, Names};
use super::owners::{ObjectId, Owners};
use super::pods::{PodUse, Runs};
use super::pulls::Tally;
use super::users;
use crate::cluster::inventory::{Example, ImageUse, Placement, PullContext, Running, Waiting, add_example};
use crate::image::Digest;
use crate::sorted::{SortedMap, SortedSet};
use crate::vocabulary::Role;

/// By what a holder uses an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
    /// who stands right above it: the owner of a pod, the ownerless pods of its namespace, or the object that holds a
    /// template
    pub holder: ObjectId,
    pub part: Part,
    pub placements: Vec<Placement>,
    pub access: Access,
    /// the pod, if it is one
    pub pod: Option<OfPod>,
}

/// What is only known of a pod.
#[derive(Debug)]
pub(super) struct OfPod {
    /// without a container
    pub example: Example,
    pub is_ownerless: bool,
    /// the node that it was scheduled to
    pub node: Option<NameId>,
}

/// Who makes pods from the template of another: by the lender, the borrowers, each with its part.
pub(super) type Loans = HashMap<ObjectId, Vec<(ObjectId, Part)>>;

/// What the uses of all images have in common.
#[derive(Debug, Default)]
pub(super) struct Common {
    pub owners: Owners,
    pub manners: Manners,
    /// of nodes
    pub nodes: Names,
}

/// Who uses an image, by what and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Use {
    pub holder: ObjectId,
    pub part: Part,
    pub manner: MannerId,
}

/// The uses of one image.
#[derive(Debug, Default)]
pub(super) struct Draft {
    /// the spellings in the specs, once all are known
    pub(super) written_as: SortedSet<String>,
    /// with how many pods each; a sidecar has some for each workload
    uses: Counts<Use>,
    /// of pods without an owner
    examples: SortedMap<ObjectId, SortedSet<Example>>,
    /// each with the nodes that it runs on, which are not in the rest yet
    running: SortedMap<Digest, (Running, NameSet)>,
    waiting: BTreeMap<(String, String), (Waiting, BTreeSet<ObjectId>)>,
    /// where its pods were scheduled to
    nodes: NameSet,
    /// where others may run
    placements: SortedSet<Placement>,
    /// what events tell
    pub(super) pulls: Option<Box<Tally>>,
    /// whether it was told that pods use the image
    pub(super) announced: bool,
}

impl Draft {
    /// Takes in how one pod or template uses the image.
    pub(super) fn add(&mut self, origin: &Origin, usage: PodUse, manners: &mut Manners) {
        let PodUse { containers, running, waiting, failing, field } = usage;
        for placement in &origin.placements {
            if !self.placements.contains(placement) {
                self.placements.insert(placement.clone());
            }
        }
        let manner = manners.told(containers, &origin.access, failing, field);
        let this = Use { holder: origin.holder, part: origin.part, manner };
        self.uses.add(this, u64::from(origin.pod.is_some()));
        if let Some(pod) = &origin.pod {
            self.add_pod(pod, origin.holder, running, waiting);
        }
    }

    fn add_pod(
        &mut self,
        pod: &OfPod,
        holder: ObjectId,
        runs: SortedMap<Digest, Runs>,
        waits: SortedMap<(String, String), Arc<str>>,
    ) {
        pod.node.into_iter().for_each(|node| self.nodes.insert(node));
        if pod.is_ownerless {
            add_example(self.examples.or_default(holder), pod.example.clone());
        }
        let example = |container| Example { container: Some(container), ..pod.example.clone() };
        for (digest, Runs { container, started, reported }) in runs {
            let (running, nodes) = self.running.or_default(digest);
            running.pods += 1;
            running.started |= started;
            running.reported = running.reported.max(reported);
            pod.node.into_iter().for_each(|node| nodes.insert(node));
            add_example(&mut running.examples, example(container));
        }
        for (words, container) in waits {
            let (waiting, holders) = self.waiting.entry(words).or_default();
            waiting.pods += 1;
            waiting.nodes.extend(pod.example.node.clone());
            add_example(&mut waiting.examples, example(container));
            holders.insert(holder);
        }
    }

    /// What pods tell so far of how the image is pulled and where it runs.
    pub(super) fn by_pods(&self, common: &Common) -> ImageUse {
        let mut contexts = BTreeMap::new();
        for (Use { holder, manner, .. }, _) in self.uses.iter().filter(|(of, _)| of.part == Part::Pods) {
            let (namespace, manner) = (common.owners.namespace(holder), common.manners.get(manner));
            *contexts.entry((namespace, &manner.access)).or_default() |= manner.failing;
        }
        let running = self.running.iter().map(|(digest, (running, nodes))| {
            let nodes = common.nodes.sorted(nodes.iter());
            let Running { pods, started, reported, .. } = *running;
            (digest.clone(), Running { pods, nodes, examples: SortedSet::new(), started, reported })
        });
        ImageUse {
            contexts: contexts.into_iter().map(context).collect(),
            running: running.collect(),
            nodes: common.nodes.sorted(self.nodes.iter()),
            placements: self.placements.clone(),
            ..ImageUse::default()
        }
    }

    /// Makes the borrowers of a template that uses the image its users too.
    pub(super) fn lend(&mut self, loans: &Loans, manners: &mut Manners) {
        let mut borrowed: BTreeMap<(ObjectId, Part), Vec<MannerId>> = BTreeMap::new();
        for (lent, _) in self.uses.iter().filter(|(lent, _)| lent.part != Part::Pods) {
            for borrower in loans.get(&lent.holder).into_iter().flatten() {
                borrowed.entry(*borrower).or_default().push(manners.borrowed(lent.manner));
            }
        }
        self.uses.retain(|own| !borrowed.contains_key(&(own.holder, own.part)));
        for ((holder, part), manners) in borrowed {
            manners.into_iter().for_each(|manner| self.uses.add(Use { holder, part, manner }, 0));
        }
    }

    /// Whether an object uses the image; events alone do not make an image one of the cluster's.
    pub(super) fn is_used(&self) -> bool {
        !self.uses.is_empty()
    }

    /// Marks all owners above what makes pods now.
    pub(super) fn mark_busy(&self, owners: &mut Owners) {
        let makers = self.uses.iter().filter(|(of, _)| matches!(of.part, Part::Pods | Part::Active));
        makers.for_each(|(of, _)| owners.mark_busy(of.holder));
    }

    /// The uses by top owner, once it is known from which objects pods are made.
    pub(super) fn finish(self, common: &Common) -> ImageUse {
        let Common { owners, nodes: names, .. } = common;
        let (used_by, contexts) = users::users(&self.uses, &self.examples, common);
        let waiting = self.waiting.into_iter().map(|(words, (mut waiting, holders))| {
            let keys = holders.iter().map(|holder| owners.user_key(owners.top(*holder), Role::Current));
            waiting.owners = keys.collect();
            (words, waiting)
        });
        let is_idle = |node: &NameId| !self.running.values().any(|(_, nodes)| nodes.contains(*node));
        let nodes = names.sorted(self.nodes.iter().filter(is_idle));
        let running = self.running.into_iter();
        let running = running
            .map(|(digest, (running, nodes))| (digest, Running { nodes: names.sorted(nodes.iter()), ..running }));
        let (pulls, pull_failures) = self.pulls.map(|pulls| pulls.finish()).unwrap_or_default();
        ImageUse {
            written_as: self.written_as,
            used_by,
            running: running.collect(),
            waiting: waiting.collect(),
            pulls: pulls.map(Box::new),
            pull_failures,
            contexts,
            nodes,
            placements: self.placements,
        }
    }
}

/// What pods of a namespace pull with, and whether one of them fails.
pub(super) fn context(((namespace, access), failing): ((&Arc<str>, &Access), bool)) -> PullContext {
    let Access { secrets, service_account } = access.clone();
    PullContext { namespace: Arc::clone(namespace), secrets, service_account, failing }
}
