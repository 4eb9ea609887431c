//! Resolves one image. What was learned stays when its time is over half-way.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;

use super::access::{Attempts, Opened};
use super::choose::{Choice, choose};
use super::documents::{Documents, Parsed, Source};
use super::running::Known;
use super::{Answer, Named, Resolver, RunningDigest, Variant, Want, WantedPlatforms};
use crate::image::{Digest, Document, Failure, ImageConfig, Index, Manifest, NodePlatform, Platform};
use crate::registry::Session;
use crate::stop::Stop;
use crate::vocabulary::{DigestKind, ErrorClass, ErrorStage, ImageStatus};

/// How many manifests of one index are fetched: more than any image has platforms, and few enough to be harmless.
const MAX_CHILDREN: usize = 64;

/// What all images of a run share.
pub(super) struct Shared {
    pub(super) resolver: Resolver,
    pub(super) documents: Documents,
    pub(super) stop: Stop,
}

/// What is learned of an image, step by step.
#[derive(Default)]
pub(super) struct Learned {
    attempts: Attempts,
    pub(super) named: Option<Named>,
    variants: BTreeSet<Variant>,
    /// configs of the variants
    pub(super) configs: HashSet<Digest>,
    /// wanted platforms that the image has something for
    offered: BTreeSet<NodePlatform>,
    /// wanted platforms of which only a document that was not read yet can say whether the image has them
    open: BTreeSet<NodePlatform>,
    pub(super) running: Vec<(Digest, RunningDigest)>,
    pub(super) failures: Vec<Failure>,
    /// whether everything that is wanted of what the reference names was read
    pub(super) is_complete: bool,
}

/// An entry of an index that was fetched, with the config of what it points at.
struct Child {
    choice: Choice,
    is_nested: bool,
    manifest: Result<Arc<Parsed>, Failure>,
    config: Option<Result<Arc<ImageConfig>, Failure>>,
}

/// Resolves `want` within its time. A run that ends, or a time that is over, leaves what was learned so far.
pub(super) async fn resolve_image(shared: &Shared, want: Want) -> Answer {
    let session = shared.resolver.client.session();
    let mut learned = Learned::default();
    let work = shared.stop.or(learned.learn(shared, &session, &want));
    let ended = tokio::time::timeout(shared.resolver.limits.image_timeout, work).await;
    let cut_short = match ended {
        Ok(Some(())) => None,
        Ok(None) => Some((ErrorClass::Canceled, "the run ended before this image was done")),
        Err(_) => Some((ErrorClass::Timeout, "its registry did not answer everything in time; see --image-timeout")),
    };
    learned.failures.extend(cut_short.map(|(class, why)| {
        let failure = Failure::unsent(ErrorStage::Manifest, class, format!("{}: {why}", want.reference));
        Failure { attempts: u32::from(session.requests() > 0), ..failure }
    }));
    learned.into_answer(want, session.requests())
}

impl Learned {
    async fn learn(&mut self, shared: &Shared, session: &Session, want: &Want) {
        let repository = want.reference.repository();
        let candidates = shared.resolver.keychain.candidates(repository, &want.contexts).await;
        self.failures.extend(candidates.failures.iter().cloned());
        self.attempts = Attempts::new(candidates);
        match self.attempts.open(session, &want.reference).await {
            Ok(Opened { fetched, credential }) => {
                let source = Source { session, repository, credential: &credential };
                match shared.documents.keep(&fetched) {
                    Ok(parsed) => {
                        let (digest, via, endpoint) = (fetched.digest, fetched.via, fetched.endpoint);
                        self.named = Some(Named { digest, via, endpoint, as_of: None });
                        self.read(shared, source, &parsed, want).await;
                        let known = Known::of(self, &parsed.document);
                        self.ask_for_running(shared, source, want, &known).await;
                    }
                    Err(failure) => self.failures.push(failure),
                }
                let more = self.attempts.try_the_kubelets(session, &want.reference).await;
                self.failures.extend(more);
            }
            Err(failure) => {
                self.failures.push(failure);
                // Somebody may look, and the reference is gone: what runs may still be there, or not.
                if let Some(credential) = self.attempts.knows_of_nothing().cloned() {
                    let source = Source { session, repository, credential: &credential };
                    self.ask_for_running(shared, source, want, &Known::default()).await;
                }
            }
        }
    }

    /// Reads what is wanted of the document that the reference names.
    async fn read(&mut self, shared: &Shared, source: Source<'_>, parsed: &Parsed, want: &Want) {
        let Some(named) = self.named.as_ref().map(|named| named.digest.clone()) else { return };
        self.is_complete = match &parsed.document {
            Document::Index(index) => self.read_index(shared, source, &named, index, &want.platforms).await,
            Document::Image(manifest) => self.read_image(shared, source, &named, manifest, &want.platforms).await,
            Document::Artifact(_) => {
                self.offer_to_all(&want.platforms);
                true
            }
            Document::Legacy(manifest) => {
                self.offer(&named, manifest.platform.as_ref(), None, &want.platforms);
                true
            }
        };
    }

    /// An image without an index: its config says for which platform it is.
    async fn read_image(
        &mut self,
        shared: &Shared,
        source: Source<'_>,
        digest: &Digest,
        manifest: &Manifest,
        wanted: &WantedPlatforms,
    ) -> bool {
        self.open.extend(nodes(wanted).iter().cloned());
        match shared.documents.config(source, &manifest.config).await {
            Ok(config) => {
                self.configs.insert(manifest.config.digest.clone());
                self.offer(digest, config.platform.as_ref(), config.os_version.as_deref(), wanted);
                true
            }
            Err(failure) => {
                self.failures.push(failure);
                false
            }
        }
    }

    /// Fetches the wanted entries of an index, at once, and those of an index within it; deeper ones are not followed.
    async fn read_index(
        &mut self,
        shared: &Shared,
        source: Source<'_>,
        digest: &Digest,
        index: &Index,
        wanted: &WantedPlatforms,
    ) -> bool {
        let mut is_whole = true;
        let mut seen = HashSet::from([digest.clone()]);
        let mut pending = FuturesUnordered::new();
        let mut indexes = vec![(index.clone(), wanted.clone(), false)];
        loop {
            for (index, wanted, is_nested) in indexes.drain(..) {
                self.failures.extend(passed_over(digest, &index));
                for choice in choose(&index, &wanted) {
                    if !seen.insert(choice.entry.descriptor.digest.clone()) {
                        continue;
                    }
                    if seen.len() > MAX_CHILDREN + 1 {
                        is_whole = false;
                        continue;
                    }
                    self.promise(&choice);
                    pending.push(fetch(shared, source, choice, is_nested));
                }
            }
            let Some(child) = pending.next().await else { break };
            match self.take(child) {
                Ok(nested) => indexes.extend(nested),
                Err(failure) => {
                    is_whole = false;
                    self.failures.push(failure);
                }
            }
        }
        if seen.len() > MAX_CHILDREN + 1 {
            let message = format!("{digest} names more than {MAX_CHILDREN} wanted manifests; the rest was not fetched");
            self.failures.push(Failure::unsent(ErrorStage::Manifest, ErrorClass::TooLarge, message));
        }
        is_whole
    }

    /// Notes which wanted platforms an entry is for, before it is fetched.
    fn promise(&mut self, choice: &Choice) {
        let platforms = if choice.entry.platform.is_some() { &mut self.offered } else { &mut self.open };
        platforms.extend(nodes(&choice.wanted).iter().cloned());
    }

    /// Takes what an entry pointed at; a nested index is returned, to be read in its turn.
    fn take(&mut self, child: Child) -> Result<Option<(Index, WantedPlatforms, bool)>, Failure> {
        let Choice { entry, wanted } = child.choice;
        let about = |failure| Failure { platform: entry.platform.clone(), ..failure };
        let parsed = child.manifest.map_err(about)?;
        let digest = &entry.descriptor.digest;
        match &parsed.document {
            Document::Index(index) if !child.is_nested => return Ok(Some((index.clone(), wanted, true))),
            Document::Index(_) => {
                let message = format!("{digest} is an index within an index within an index, which is not followed");
                return Err(about(Failure::unsent(ErrorStage::Manifest, ErrorClass::Unsupported, message)));
            }
            Document::Image(manifest) => {
                if let Some(platform) = &entry.platform {
                    self.variants.insert(Variant { platform: platform.clone(), digest: digest.clone() });
                }
                if let Some(config) = child.config {
                    let config = config.map_err(about)?;
                    self.configs.insert(manifest.config.digest.clone());
                    if entry.platform.is_none() {
                        self.offer(digest, config.platform.as_ref(), config.os_version.as_deref(), &wanted);
                    }
                }
            }
            Document::Artifact(_) | Document::Legacy(_) => match &entry.platform {
                Some(platform) => {
                    self.variants.insert(Variant { platform: platform.clone(), digest: digest.clone() });
                }
                None => self.offer_to_all(&wanted),
            },
        }
        Ok(None)
    }

    /// Notes that the manifest `digest` is for `platform`, as far as that is wanted. One that says no platform counts
    /// as right for all, since nothing shows that it is wrong.
    fn offer(
        &mut self,
        digest: &Digest,
        platform: Option<&Platform>,
        os_version: Option<&str>,
        wanted: &WantedPlatforms,
    ) {
        let Some(platform) = platform else { return self.offer_to_all(wanted) };
        let runs = |node: &&NodePlatform| node.distance_to(platform, os_version).is_some();
        let served: Vec<NodePlatform> = nodes(wanted).iter().filter(runs).cloned().collect();
        if *wanted == WantedPlatforms::All || !served.is_empty() {
            self.variants.insert(Variant { platform: platform.clone(), digest: digest.clone() });
        }
        self.offered.extend(served);
    }

    fn offer_to_all(&mut self, wanted: &WantedPlatforms) {
        self.offered.extend(nodes(wanted).iter().cloned());
    }

    fn status(&self) -> ImageStatus {
        match (&self.named, self.is_complete) {
            (None, _) => ImageStatus::Failed,
            (Some(_), true) => ImageStatus::Resolved,
            (Some(_), false) => ImageStatus::Partial,
        }
    }

    fn into_answer(self, want: Want, requests: u64) -> Answer {
        let is_missing = |node: &&NodePlatform| {
            self.named.is_some() && !self.offered.contains(*node) && (self.is_complete || !self.open.contains(*node))
        };
        let missing = nodes(&want.platforms).iter().filter(is_missing).cloned().collect();
        let not_asked = RunningDigest { kind: DigestKind::Unknown, matches_resolved: None, gone: false };
        let unknown = want.running.iter().map(|digest| (digest.clone(), not_asked));
        Answer {
            status: self.status(),
            missing,
            running: unknown.chain(self.running).collect(),
            access: self.attempts.access(),
            reference: want.reference,
            named: self.named,
            variants: self.variants.into_iter().collect(),
            failures: self.failures,
            requests,
        }
    }
}

/// Fetches what an entry points at, and its config.
async fn fetch(shared: &Shared, source: Source<'_>, choice: Choice, is_nested: bool) -> Child {
    let manifest = shared.documents.child(source, &choice.entry.descriptor).await;
    let config = match manifest.as_ref().map(|parsed| &parsed.document) {
        Ok(Document::Image(manifest)) => Some(shared.documents.config(source, &manifest.config).await),
        _ => None,
    };
    Child { choice, is_nested, manifest, config }
}

/// Tells of entries that are no descriptors, in one failure however many they are.
fn passed_over(digest: &Digest, index: &Index) -> Option<Failure> {
    let first = index.skipped.first()?;
    let message = match index.skipped.len() {
        1 => format!("{digest}: {first}"),
        count => format!("{digest}: {count} entries are no descriptors; {first}"),
    };
    Some(Failure::unsent(ErrorStage::Manifest, ErrorClass::InvalidContent, message))
}

fn nodes(wanted: &WantedPlatforms) -> &[NodePlatform] {
    match wanted {
        WantedPlatforms::All => &[],
        WantedPlatforms::These(nodes) => nodes,
    }
}
