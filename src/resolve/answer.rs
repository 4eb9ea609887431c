//! What is asked of a resolver, and what it answers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::Attachments;
use crate::cluster::inventory::{PullContext, ReportedAs};
use crate::image::{ConfigOutline, Digest, Document, Failure, ImageConfig, NodePlatform, Outline, Platform, Reference};
use crate::sorted::{SortedMap, SortedSet};
use crate::vocabulary::{
    AccessOutcome, AccessSource, AttachmentKind, AttachmentVia, DigestKind, ErrorClass, ImageStatus, Via,
};

/// An image to resolve.
#[derive(Debug, Clone, PartialEq)]
pub struct Want {
    /// the image
    pub reference: Reference,
    /// for which platforms
    pub platforms: WantedPlatforms,
    /// digests that run, to be classified, and how runtimes report them
    pub running: SortedMap<Digest, ReportedAs>,
    /// the pull secrets of the pods that use it
    pub contexts: SortedSet<PullContext>,
}

impl Want {
    /// Whether a pod fails to pull it: such images are resolved first.
    pub fn is_urgent(&self) -> bool {
        self.contexts.iter().any(|context| context.failing)
    }
}

/// For which platforms an image is described.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WantedPlatforms {
    /// for each that it offers
    All,
    /// for these; of each the best that the image offers
    These(Arc<[NodePlatform]>),
}

/// What was learned about a wanted image.
#[derive(Debug, Clone)]
pub struct Answer {
    /// the image
    pub reference: Reference,
    /// how far it was resolved
    pub status: ImageStatus,
    /// what the reference names now
    pub named: Option<Named>,
    /// the wanted platforms' manifests, each once
    pub variants: Vec<Variant>,
    /// wanted platforms for which the image has nothing; empty unless `named`
    pub missing: Vec<NodePlatform>,
    /// what each running digest is, and whether it belongs to what the reference names now
    pub running: SortedMap<Digest, RunningDigest>,
    /// the credentials that were tried, in order
    pub access: Vec<Access>,
    /// what went wrong
    pub failures: Vec<Failure>,
    /// requests made for this image
    pub requests: u64,
}

impl Answer {
    /// What a registry says in this run that the reference names: an earlier answer is no word of today.
    pub fn named_now(&self) -> Option<&Named> {
        self.named.as_ref().filter(|named| named.via != Via::Cache)
    }
}

/// What a reference names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// of the index or manifest
    pub digest: Digest,
    /// who answered
    pub via: Via,
    /// scheme, host and port of who answered
    pub endpoint: String,
    /// of a cached answer: when it was given
    pub as_of: Option<Timestamp>,
}

/// The manifest for a wanted platform.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Variant {
    /// what the image offers
    pub platform: Platform,
    /// of the manifest
    pub digest: Digest,
}

/// What a running digest is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunningDigest {
    /// as the registry says
    pub kind: DigestKind,
    /// whether it belongs to what the reference names now; `None` when that is not known
    pub matches_resolved: Option<bool>,
    /// whether the registry does not have it any more: it said so of a digest that once came from a repository
    pub gone: bool,
}

/// A credential that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// where it comes from
    pub source: AccessSource,
    /// the name of the secret, variable, file or helper
    pub name: Option<String>,
    /// of pull secrets: the namespaces whose pods use it
    pub namespaces: SortedSet<String>,
    /// whether the kubelet would use it
    pub kubelet: bool,
    /// what the registry answered
    pub outcome: AccessOutcome,
    /// why it was refused
    pub class: Option<ErrorClass>,
}

/// A document that was fetched and verified.
#[derive(Debug, Clone)]
pub struct Looked {
    /// over the raw bytes
    pub digest: Digest,
    /// as the document, else the registry, says
    pub media_type: String,
    /// what is asked of it more than once
    pub outline: Arc<Outline>,
    /// the same of its config, where that was read
    pub config: Option<ConfigOutline>,
    /// all of it, unless it was shown and let go
    pub whole: Option<Whole>,
}

/// All of a document.
#[derive(Debug, Clone)]
pub struct Whole {
    /// as parsed
    pub document: Arc<Document>,
    /// what its config says, where that was read; a schema 1 manifest holds it in itself
    pub config: Option<Arc<ImageConfig>>,
}

impl Looked {
    /// A document with all that was read of it.
    pub fn new(digest: Digest, media_type: String, whole: Whole) -> Self {
        let outline = Outline::of(&whole.document);
        let config = whole.config.as_ref().map(|config| ConfigOutline::of(config, outline.layers()));
        Self { digest, media_type, outline: Arc::new(outline), config, whole: Some(whole) }
    }

    /// The digest of an image's config, where that was read.
    pub fn config_digest(&self) -> Option<&Digest> {
        self.config.as_ref()?;
        self.outline.config().map(|config| &config.digest)
    }
}

/// How a registry fared.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RegistryTally {
    /// as references name it
    pub host: String,
    /// requests to it, its mirrors and its token server
    pub requests: u64,
    /// bytes of the answers' bodies
    pub bytes: u64,
    /// `RateLimit-Limit`, `RateLimit-Remaining`
    pub rate_limit: Option<(u64, u64)>,
    /// whether manifests were not asked for, to leave the last pulls of its quota to the cluster
    pub is_held: bool,
}

/// Something that is attached to a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// what it is
    pub kind: AttachmentKind,
    /// as the registry calls it
    pub artifact_type: Option<String>,
    /// of the attached manifest
    pub digest: Digest,
    /// of the attached manifest, bytes
    pub size: Option<u64>,
    /// where it was found
    pub via: AttachmentVia,
}

/// What is attached to a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attached {
    /// in no order; one may be found in several ways
    pub attachments: Vec<Attachment>,
    /// where was looked
    pub checked: BTreeSet<AttachmentVia>,
}

/// Everything that was learned at registries.
#[derive(Debug, Clone, Default)]
pub struct Resolution {
    /// by reference; boxed, as a map has room for more than is in it
    pub answers: BTreeMap<Reference, Box<Answer>>,
    /// each document that was looked at, once
    pub documents: BTreeMap<Digest, Looked>,
    /// where attachments were looked for
    pub attachments: Attachments,
    /// what was looked up of attachments, by what they are attached to
    pub attached: BTreeMap<Digest, Attached>,
    /// sorted by host
    pub registries: Vec<RegistryTally>,
    /// documents that the disk cache had
    pub cache_hits: u64,
    /// what registries could not be asked for (a quota that is nearly spent)
    pub gaps: Vec<crate::cluster::inventory::Gap>,
    /// pull secrets that pods name and that do not exist: namespace and name, sorted
    pub missing_secrets: Vec<(String, String)>,
}
