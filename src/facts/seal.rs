//! The last step before a document is written: masked, validated, and as small as it gets.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use super::assemble::{self, Assembled, Attached, LayerMark, LayerTally};
use super::document::ImageFacts;
use super::redact::{self, Hidden, Redactions, Redactor};
use super::validate::{BadSchema, Validator, Violation};
use super::write::{CLOSE, PackedManifest, PackedManifests};
use crate::image::Digest;
use crate::json::indented;
use crate::packed::{Packed, Spool, Spooled};
use crate::resolve::Looked;
use crate::vocabulary::RedactionMode;

/// How many bytes of manifests are held in memory: those of a thousand images or two.
const ROOM: usize = 4 << 20;
/// How deep a manifest lies in the document: in its object, and the array there.
const DEPTH: usize = 2;
/// How many bytes most manifests have as text.
const ROOM_FOR_ONE: usize = 16 << 10;

/// Seals manifests, each as soon as it was read, so that in the end nobody waits for thousands of them.
#[derive(Debug)]
pub struct Sealer {
    mode: RedactionMode,
    validator: Validator,
    done: Mutex<Done>,
    /// whether what is not sealed by now is of no use any more
    is_over: AtomicBool,
}

/// What was sealed so far.
#[derive(Debug)]
struct Done {
    manifests: BTreeMap<Digest, Sealed>,
    spool: Spool,
}

/// A manifest as it will be written, but for what is attached to it, which is known in the end only.
struct Sealed {
    /// its JSON up to what closes it
    text: Spooled,
    layers: Box<[LayerMark]>,
    /// the secrets in it
    hidden: Vec<Hidden>,
    /// where it is not valid
    violations: Vec<Violation>,
}

impl Sealer {
    /// Masks as `mode` says. It takes a moment: patterns and the schema are compiled.
    ///
    /// # Errors
    /// When the built-in schema is not one: a bug of this program.
    pub fn new(mode: RedactionMode) -> Result<Self, BadSchema> {
        redact::prepare();
        Ok(Self { mode, validator: Validator::new()?, done: Mutex::new(Done::new()), is_over: AtomicBool::new(false) })
    }

    /// Seals a manifest that was read with all that belongs to it, unless it would be too late.
    pub fn seal(&self, looked: Looked) {
        self.seal_unless(looked, || self.is_over.load(Relaxed));
    }

    /// Seals a manifest, or gives up once it `is_late`: a large one takes a while.
    fn seal_unless(&self, looked: Looked, is_late: impl Fn() -> bool) {
        let digest = looked.digest.clone();
        let mut manifest = assemble::manifest(looked);
        let hidden = redact::hide(self.mode, &mut manifest);
        if is_late() {
            return;
        }
        let layers = manifest.layers.iter().flatten().map(LayerTally::mark).collect();
        let mut text = indented(&manifest);
        text.truncate(text.len().saturating_sub(CLOSE.len()));
        let (text, violations) = (Packed::of(&text), self.validator.check_manifest(&manifest));
        if is_late() {
            return;
        }
        let mut done = self.done();
        let text = done.spool.put(text);
        done.manifests.insert(digest, Sealed { text, layers, hidden, violations });
    }

    /// What was sealed of `looked`, which may be now; it is let go. Of what was let go before, no more is told than what it
    /// is, and that only where `is_partial`: else it is a mistake.
    fn take(&self, looked: &mut Looked, is_partial: bool) -> Option<Sealed> {
        let sealed = self.done().manifests.remove(&looked.digest);
        sealed.or_else(|| {
            let whole = looked.whole.take();
            (whole.is_some() || is_partial).then_some(())?;
            self.seal_unless(Looked { whole, ..looked.clone() }, || false);
            self.done().manifests.remove(&looked.digest)
        })
    }

    fn done(&self) -> MutexGuard<'_, Done> {
        // No code that can panic runs under the lock.
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Done {
    fn new() -> Self {
        Self { manifests: BTreeMap::new(), spool: Spool::new(ROOM) }
    }
}

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealed").finish_non_exhaustive()
    }
}

/// Masks the secrets of a document and validates it. Of its manifests that was mostly done by `sealer`.
///
/// # Errors
/// When it is not valid: a bug of this program.
pub fn seal(
    assembled: Assembled,
    sealer: &Sealer,
) -> Result<(ImageFacts<PackedManifests>, Redactions), Vec<Violation>> {
    let Assembled { mut facts, manifests } = assembled;
    // What is being sealed for nobody must not take the place of what is there.
    sealer.is_over.store(true, Relaxed);
    let mut redactor = Redactor::new(sealer.mode);
    redactor.begin(&mut facts);
    let (mut tally, mut packed, mut found) = (LayerTally::of(&facts.images), Vec::new(), Vec::new());
    for (at, (mut looked, attached)) in manifests.enumerate() {
        let place = format!("/manifests/{at}");
        let Some(Sealed { text, layers, mut hidden, mut violations }) = sealer.take(&mut looked, !facts.complete)
        else {
            found.push(Violation { path: place, message: "it was let go before it was described".to_owned() });
            continue;
        };
        let end = attached.map(|mut attached| {
            hidden.extend(redact::hide_attached(sealer.mode, &mut attached.attachments));
            violations.extend(sealer.validator.check_manifest(&attached.clone().to(assemble::blank(&looked))));
            Packed::of(&ending(&attached))
        });
        tally.add(&looked.digest, layers);
        redactor.manifest(at, hidden);
        found.extend(violations.into_iter().map(|violation| violation.below(&place)));
        packed.push(PackedManifest { digest: looked.digest, text, end });
    }
    facts.summary = tally.summary(&facts.findings);
    redactor.end(&mut facts);
    let digests: BTreeSet<&Digest> = packed.iter().map(|manifest| &manifest.digest).collect();
    sealer.validator.check_beside(&mut facts, &digests, found)?;
    let spool = std::mem::replace(&mut *sealer.done(), Done::new()).spool;
    Ok((facts.with_manifests(PackedManifests::of(packed, spool)), redactor.finish()))
}

/// What ends a manifest that something may be attached to.
fn ending(attached: &Attached) -> Vec<u8> {
    let mut text = indented(attached);
    // The brace that opens it stands where the manifest goes on.
    text.iter_mut().take(1).for_each(|brace| *brace = b',');
    text
}

/// JSON as it stands in the array of manifests, indented as deep as it lies there.
fn indented(value: &impl Serialize) -> Vec<u8> {
    let mut text = Vec::with_capacity(ROOM_FOR_ONE);
    // Writing to memory does not fail, and what is no JSON is not valid.
    let _ = indented::write_at(DEPTH, &mut text, value);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::fixture;
    use crate::facts::{assemble, redact};
    use crate::image::{History, ImageConfig};
    use crate::resolve::{self, Resolution};
    use crate::vocabulary::{AttachmentKind, AttachmentVia};

    #[test]
    fn what_is_sealed_is_written_as_the_whole_would_be() {
        let mut resolution = Resolution::default();
        for name in ["ghcr.io/acme/a:1", "ghcr.io/acme/b:1"] {
            let answer = fixture::answer(&mut resolution, name, &["linux/amd64", "linux/arm64"]);
            resolution.answers.insert(answer.reference.clone(), Box::new(answer));
        }
        for looked in resolution.documents.values_mut() {
            let mut config = ImageConfig::clone(looked.whole.as_ref().unwrap().config.as_ref().unwrap());
            config.labels.insert("lines".to_owned(), "one\n  two".to_owned());
            config.env.push("DB_PASSWORD=hunter2".to_owned());
            config.history.push(History { created_by: Some("RUN a \\\n  b".to_owned()), ..History::default() });
            *looked = fixture::with_config(looked.clone(), config);
        }
        let attachment = resolve::Attachment {
            kind: AttachmentKind::Sbom,
            artifact_type: Some("application/x; token=hunter2".to_owned()),
            digest: Digest::of(b"sbom"),
            size: None,
            via: AttachmentVia::Referrers,
        };
        let attached = resolve::Attached { attachments: vec![attachment], checked: [AttachmentVia::Referrers].into() };
        resolution.attached =
            resolution.documents.keys().take(1).map(|digest| (digest.clone(), attached.clone())).collect();
        let inventory = fixture::with_image("ghcr.io/acme/a:1", fixture::usage("ghcr.io/acme/a:1"));
        let assembled = || assemble(inventory.clone(), Some(resolution.clone()), fixture::context());
        let mut whole = assembled().whole();
        let of_whole = redact::redact(&mut whole);
        let sealer = Sealer::new(RedactionMode::Default).unwrap();
        // One of them is known early, and twice.
        resolution
            .documents
            .values()
            .take(1)
            .chain(resolution.documents.values().take(1))
            .for_each(|looked| sealer.seal(looked.clone()));
        let (sealed, redactions) = seal(assembled(), &sealer).unwrap();
        assert!(whole.manifests.len() >= 2 && of_whole.count >= 3);
        assert!(of_whole.redactions.iter().any(|redaction| redaction.place.ends_with("/attachments/0/artifactType")));
        let mut written = Vec::new();
        let text = sealed.text().unwrap();
        text.write(&mut written).unwrap();
        assert_eq!(text.len(), written.len() as u64);
        assert_eq!(String::from_utf8(written).unwrap(), serde_json::to_string_pretty(&whole).unwrap() + "\n");
        assert_eq!(redactions, of_whole);
    }

    #[test]
    fn a_manifest_that_is_not_valid_is_refused() {
        let mut resolution = Resolution::default();
        let answer = fixture::answer(&mut resolution, "ghcr.io/acme/a:1", &["linux/amd64"]);
        resolution.answers.insert(answer.reference.clone(), Box::new(answer));
        let inventory = fixture::with_image("ghcr.io/acme/a:1", fixture::usage("ghcr.io/acme/a:1"));
        let mut assembled = assemble(inventory, Some(resolution.clone()), fixture::context());
        // A variant whose manifest is missing.
        assembled.manifests = assemble(Default::default(), None, fixture::context()).manifests;
        let violations = seal(assembled, &Sealer::new(RedactionMode::Default).unwrap()).unwrap_err();
        assert!(violations.iter().all(|violation| violation.path.starts_with("/images/0/variants")), "{violations:?}");
    }
}
