//! The last step before a document is written: masked, validated, and as small as it gets.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;

use super::assemble::{Assembled, LayerTally, Manifests};
use super::document::{ImageFacts, Manifest};
use super::redact::{Redactions, Redactor};
use super::validate::{Validator, Violation};
use crate::image::Digest;
use crate::packed::Packed;

/// How deep a manifest lies in the document, as its indented JSON shows it.
const INDENT: &[u8] = b"    ";

/// How many manifests are handed over at once.
const BATCH: usize = 16;
/// How many of these may wait.
const BATCHES_AHEAD: usize = 4;

/// Manifests as they will be written, compressed: of twenty thousand there are never more than a few as they are.
#[derive(Debug, Clone, Default)]
pub struct PackedManifests(Vec<(Digest, Packed)>);

/// Masks the secrets of a document and validates it, one manifest at a time.
///
/// # Errors
/// When it is not valid: a bug of this program.
pub fn seal(
    assembled: Assembled,
    validator: &Validator,
) -> Result<(ImageFacts<PackedManifests>, Redactions), Vec<Violation>> {
    let Assembled { mut facts, manifests } = assembled;
    let mut redactor = Redactor::new(facts.redaction.mode);
    redactor.begin(&mut facts);
    // Two threads, as the cluster's incident waits for this: one masks, in the document's order, the other does the rest.
    let (sender, masked) = mpsc::sync_channel(BATCHES_AHEAD);
    let (packed, tally, found) = thread::scope(|scope| {
        let (images, redactor) = (&facts.images, &mut redactor);
        let masking = scope.spawn(move || mask(manifests, redactor, &sender));
        let packed = pack(&masked, LayerTally::of(images), validator);
        // A panic is a bug of ours, and shall be seen.
        masking.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        packed
    });
    facts.summary = tally.summary(&facts.findings);
    redactor.end(&mut facts);
    let digests: BTreeSet<&Digest> = packed.0.iter().map(|(digest, _)| digest).collect();
    validator.check_beside(&facts, &digests, found)?;
    Ok((facts.with_manifests(packed), redactor.finish()))
}

/// Masks the secrets of one manifest after the other.
fn mask(manifests: Manifests, redactor: &mut Redactor, sender: &SyncSender<Vec<Manifest>>) {
    let mut masked = manifests.enumerate().map(|(at, mut manifest)| {
        redactor.manifest(at, &mut manifest);
        manifest
    });
    loop {
        let batch: Vec<Manifest> = masked.by_ref().take(BATCH).collect();
        // The other end is open as long as anything may come.
        if batch.is_empty() || sender.send(batch).is_err() {
            return;
        }
    }
}

/// Validates, counts and packs what was masked.
fn pack<'a>(
    masked: &Receiver<Vec<Manifest>>,
    mut tally: LayerTally<'a>,
    validator: &Validator,
) -> (PackedManifests, LayerTally<'a>, Vec<Violation>) {
    let (mut packed, mut found) = (PackedManifests::default(), Vec::new());
    for (at, manifest) in masked.iter().flatten().enumerate() {
        validator.check_manifest(at, &manifest, &mut found);
        tally.add(&manifest);
        packed.push(&manifest);
    }
    (packed, tally, found)
}

impl PackedManifests {
    /// The JSON of each, indented as it stands in the document.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Packed> {
        self.0.iter().map(|(_, packed)| packed)
    }

    fn push(&mut self, manifest: &Manifest) {
        let mut text = Indented(Vec::new());
        // Writing to memory does not fail, and the schema was asked whether it is JSON at all.
        if serde_json::to_writer_pretty(&mut text, manifest).is_ok() {
            self.0.push((manifest.digest.clone(), Packed::of(&text.0)));
        }
    }
}

/// Indents each line but the first. No line breaks are in JSON's strings.
struct Indented(Vec<u8>);

impl Write for Indented {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for (at, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            if at > 0 {
                self.0.push(b'\n');
                self.0.extend(INDENT);
            }
            self.0.extend(line);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::fixture;
    use crate::facts::{assemble, redact};
    use crate::image::History;
    use crate::resolve::Resolution;

    #[test]
    fn what_is_sealed_is_written_as_the_whole_would_be() {
        let mut resolution = Resolution::default();
        for name in ["ghcr.io/acme/a:1", "ghcr.io/acme/b:1"] {
            let answer = fixture::answer(&mut resolution, name, &["linux/amd64", "linux/arm64"]);
            resolution.answers.insert(answer.reference.clone(), answer);
        }
        for looked in resolution.documents.values_mut() {
            let looked = std::sync::Arc::make_mut(looked);
            let Some((_, config)) = &mut looked.config else { continue };
            let mut unpacked = config.unpack();
            unpacked.labels.insert("lines".to_owned(), "one\n  two".to_owned());
            unpacked.env.push("DB_PASSWORD=hunter2".to_owned());
            unpacked.history.push(History { created_by: Some("RUN a \\\n  b".to_owned()), ..History::default() });
            *config = std::sync::Arc::new(unpacked.into());
        }
        let inventory = fixture::with_image("ghcr.io/acme/a:1", fixture::usage("ghcr.io/acme/a:1"));
        let assembled = || assemble(inventory.clone(), Some(resolution.clone()), fixture::context());
        let mut whole = assembled().whole();
        let of_whole = redact::redact(&mut whole);
        let (sealed, redactions) = seal(assembled(), &Validator::new().unwrap()).unwrap();
        assert!(whole.manifests.len() >= 2 && of_whole.count >= 2);
        let mut written = Vec::new();
        sealed.write(&mut written).unwrap();
        assert_eq!(String::from_utf8(written).unwrap(), serde_json::to_string_pretty(&whole).unwrap() + "\n");
        assert_eq!(redactions, of_whole);
    }

    #[test]
    fn a_manifest_that_is_not_valid_is_refused() {
        let mut resolution = Resolution::default();
        let answer = fixture::answer(&mut resolution, "ghcr.io/acme/a:1", &["linux/amd64"]);
        resolution.answers.insert(answer.reference.clone(), answer);
        let inventory = fixture::with_image("ghcr.io/acme/a:1", fixture::usage("ghcr.io/acme/a:1"));
        let mut assembled = assemble(inventory, Some(resolution.clone()), fixture::context());
        // A variant whose manifest is missing.
        assembled.manifests = assemble(Default::default(), None, fixture::context()).manifests;
        let violations = seal(assembled, &Validator::new().unwrap()).unwrap_err();
        assert!(violations.iter().all(|violation| violation.path.starts_with("/images/0/variants")), "{violations:?}");
    }
}
