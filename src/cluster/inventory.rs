//! What a cluster uses: the outcome of discovery, whether from a live API server or from files.
//!
//! It grows with distinct images and workloads, never with pods.

mod wanted;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

pub use wanted::wanted_platforms;

use crate::event::Event;
use crate::image::{Digest, NodePlatform, Reference};
use crate::sorted::{SortedMap, SortedSet};
use crate::vocabulary::{Certainty, ContainerType, GapScope, Role};

/// How many pods are named as examples of a thing.
pub const MAX_EXAMPLES: usize = 5;

/// Everything that discovery learned.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Inventory {
    /// sorted by name; `None` when nodes may not be read (or files hold none)
    pub nodes: Option<Vec<Node>>,
    /// every image that something uses; boxed, so that moving from one map to another takes no room for two
    pub images: BTreeMap<ImageName, Box<ImageUse>>,
    /// images on nodes as the runtimes report them, by the runtime's names
    pub on_nodes: Vec<NodeImage>,
    /// the namespaces that were looked at, sorted
    pub namespaces: BTreeSet<String>,
    /// what could not be looked at
    pub gaps: Vec<Gap>,
    /// objects that hold a pod template
    pub workloads: u64,
    /// pods
    pub pods: u64,
    /// the API server's `/version`, as answered
    pub version: Option<serde_json::Value>,
}

/// What could not be looked at, why, and what would close the gap.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gap {
    /// on which side
    pub scope: GapScope,
    /// `pods`, `deployments.apps`, `secrets`
    pub resource: Option<String>,
    /// where; absent for the whole cluster
    pub namespace: Option<String>,
    /// the registry
    pub host: Option<String>,
    /// one word: `forbidden`, `inconsistent`, `unreadable`, …
    pub reason: String,
    /// in words, with what would close it
    pub message: String,
    /// whether the facts are incomplete for it: a part of the cluster could not be read
    pub incomplete: bool,
}

impl From<&Gap> for Event {
    fn from(gap: &Gap) -> Self {
        Self::Gap {
            scope: gap.scope,
            resource: gap.resource.clone(),
            namespace: gap.namespace.clone(),
            host: gap.host.clone(),
            reason: gap.reason.clone(),
            message: gap.message.clone(),
        }
    }
}

/// A node, with what an image must be to run on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// its name
    pub name: Arc<str>,
    /// os, architecture (`status.nodeInfo`); Windows: the build (`os.version`) from its kernel version
    pub platform: NodePlatform,
    /// `containerd://2.1.4`
    pub runtime: String,
    /// labels that selectors may name
    pub labels: BTreeMap<String, String>,
    /// whether `status.images` was cut at the kubelet's `nodeStatusMaxImages` (50)
    pub images_truncated: bool,
}

/// An image on a node, as its runtime reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeImage {
    /// the node
    pub node: Arc<str>,
    /// names by tag and by digest, without `<none>`; many nodes tell the same ones
    pub names: Vec<Arc<str>>,
    /// bytes on disk, as the runtime reports them
    pub size_bytes: u64,
}

/// An image's name: a normalized reference, or what a spec holds in place of one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ImageName {
    /// normalized
    Valid(Reference),
    /// as written
    Invalid(String),
}

/// Who uses an image, and how it fares.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ImageUse {
    /// the spellings in the specs
    pub written_as: SortedSet<String>,
    /// by top owner and role
    pub used_by: SortedMap<UserKey, User>,
    /// what runs, by digest
    pub running: SortedMap<Digest, Running>,
    /// what the kubelet says of containers that wait for the image, by reason and message
    pub waiting: SortedMap<(String, String), Waiting>,
    /// what events tell about pulls
    pub pulls: Option<Box<Pulls>>,
    /// failures told by events, by message
    pub pull_failures: SortedMap<String, PullFailure>,
    /// with which pull secrets it is pulled
    pub contexts: SortedSet<PullContext>,
    /// the nodes that pods were scheduled to and that run nothing of it yet, sorted
    pub nodes: Vec<Arc<str>>,
    /// where pods that are not scheduled yet, and those of its templates, may run
    pub placements: SortedSet<Placement>,
}

/// Identifies a user of an image. Many images share its words.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UserKey {
    /// `apps/v1`
    pub api_version: Arc<str>,
    /// `Deployment`
    pub kind: Arc<str>,
    /// empty for cluster-scoped objects
    pub namespace: Arc<str>,
    /// `None` for the ownerless pods of a namespace, taken together
    pub name: Option<Arc<str>>,
    /// its part
    pub role: Role,
}

/// A user of an image: a top owner, or the ownerless pods of a namespace.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct User {
    /// how many pods of it use the image
    pub pods: u64,
    /// the containers that name the image; most users share them with others
    pub containers: Arc<SortedSet<Container>>,
    /// names of its pull secrets, in the order in which the kubelet tries them
    pub pull_secrets: Arc<[Arc<str>]>,
    /// of ownerless pods
    pub examples: SortedSet<Example>,
    /// of custom resources: what names the image
    pub field: Option<Field>,
}

/// The field of a custom resource that names an image.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Field {
    /// whether it surely does
    pub certainty: Certainty,
    /// `spec.containers[0].image`; absent when it is a field of an object below the user
    pub path: Option<Arc<str>>,
}

/// A container of a pod spec.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Container {
    /// its name; of an image volume the volume's
    pub name: Arc<str>,
    /// by the list that holds it
    pub kind: ContainerType,
    /// `Always`, `IfNotPresent`, `Never`
    pub pull_policy: Option<Arc<str>>,
}

/// A pod, as an example.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Example {
    /// its namespace
    pub namespace: Arc<str>,
    /// its name
    pub pod: Arc<str>,
    /// the container
    pub container: Option<Arc<str>>,
    /// the node
    pub node: Option<Arc<str>>,
}

/// How runtimes report a running digest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReportedAs {
    /// bare, as an image's ID: it may be a config's digest, which registries do not know as a manifest
    #[default]
    ImageId,
    /// with a repository (`repo@digest`), which gave it: it names a manifest or an index
    RepoDigest,
}

/// Pods that run one digest.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Running {
    /// how many pods
    pub pods: u64,
    /// on which nodes, sorted
    pub nodes: Vec<Arc<str>>,
    /// the first by name
    pub examples: SortedSet<Example>,
    /// whether a container of them runs now or has run (its image was pulled)
    pub started: bool,
    /// how their runtimes report it; of several ways the one that tells more
    pub reported: ReportedAs,
}

/// Containers that wait for an image.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Waiting {
    /// how many pods
    pub pods: u64,
    /// the first by name
    pub examples: SortedSet<Example>,
    /// the nodes of the waiting pods
    pub nodes: SortedSet<Arc<str>>,
    /// the top owners of the waiting pods
    pub owners: SortedSet<UserKey>,
}

/// What pull events tell.
#[derive(Debug, Clone, PartialEq)]
pub struct Pulls {
    /// pulls that ended well
    pub succeeded: u64,
    /// starts that found the image on the node
    pub cached: u64,
    /// pulls that failed
    pub failed: u64,
    /// the first event
    pub from: Timestamp,
    /// the last event
    pub to: Timestamp,
    /// of the last pull that tells it
    pub last_duration_seconds: Option<f64>,
    /// of the last pull that tells it
    pub last_size_bytes: Option<u64>,
    /// the longest pull, with its pod
    pub slowest: Option<(f64, Example)>,
}

/// A failed pull, as an event tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullFailure {
    /// how often
    pub count: u64,
    /// first
    pub first_seen: Option<Timestamp>,
    /// last
    pub last_seen: Option<Timestamp>,
    /// the pods
    pub examples: SortedSet<Example>,
}

/// The pull secrets that pods of one namespace use for an image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PullContext {
    /// the namespace of the pods
    pub namespace: Arc<str>,
    /// names, in the order in which the kubelet tries them
    pub secrets: Arc<[Arc<str>]>,
    /// of a template that names no secrets and was not admitted yet: whose secrets its pods will get
    pub service_account: Option<Arc<str>>,
    /// whether a pod of these fails to pull the image
    pub failing: bool,
}

/// Where pods run, or may run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Placement {
    /// on this node
    On(Arc<str>),
    /// on nodes whose labels fulfil one of the selectors' terms: key, allowed values
    Selected(Arc<[(String, Vec<String>)]>),
    /// on any node
    Anywhere,
}

impl Field {
    /// The one that tells more: a certain one before a probable one, one of the user's own before that of another.
    pub fn better(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        one.into_iter()
            .chain(other)
            .min_by(|a, b| (a.certainty, a.path.is_none(), &a.path).cmp(&(b.certainty, b.path.is_none(), &b.path)))
    }
}

impl ImageUse {
    /// The nodes that pods were scheduled to which use the image; some may come twice.
    pub fn scheduled_to(&self) -> impl Iterator<Item = &Arc<str>> {
        self.running.values().flat_map(|running| &running.nodes).chain(&self.nodes)
    }

    /// Whether a pod that uses the image was scheduled to `node`.
    pub fn is_on(&self, node: &Node) -> bool {
        let mut nodes = self.running.values().map(|running| &running.nodes).chain([&self.nodes]);
        nodes.any(|nodes| nodes.binary_search(&node.name).is_ok())
    }
}

impl User {
    /// Whether nothing shows that what it names is an image at all.
    pub fn is_guess(&self) -> bool {
        self.field.as_ref().is_some_and(|field| field.certainty == Certainty::Probable)
    }
}

impl std::fmt::Display for ImageName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Valid(reference) => reference.fmt(f),
            Self::Invalid(text) => f.write_str(text),
        }
    }
}

/// Adds `example` to the first few by name.
pub fn add_example(examples: &mut SortedSet<Example>, example: Example) {
    examples.insert(example);
    if examples.len() > MAX_EXAMPLES {
        examples.pop_last();
    }
}
