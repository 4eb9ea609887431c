//! The last step before a document is written: masked, validated, and as small as it gets.

use std::collections::BTreeSet;
use std::io::{self, Write};

use serde::ser::{Error as _, Serialize, SerializeSeq as _, Serializer};
use serde_json::value::RawValue;

use super::assemble::{Assembled, LayerTally};
use super::document::{ImageFacts, Manifest};
use super::redact::{Redactions, Redactor};
use super::validate::{Validator, Violation};
use crate::image::Digest;
use crate::packed::Packed;

/// How deep a manifest lies in the document, as its indented JSON shows it.
const INDENT: &[u8] = b"    ";

/// Manifests as they will be written, compressed: of twenty thousand there is never more than one as it is.
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
    let (mut packed, mut tally, mut found) = (PackedManifests::default(), LayerTally::of(&facts.images), Vec::new());
    for (at, mut manifest) in manifests.enumerate() {
        redactor.manifest(at, &mut manifest);
        validator.check_manifest(at, &manifest, &mut found);
        tally.add(&manifest);
        packed.push(&manifest);
    }
    facts.summary = tally.summary(&facts.findings);
    redactor.end(&mut facts);
    let digests: BTreeSet<&Digest> = packed.0.iter().map(|(digest, _)| digest).collect();
    validator.check_beside(&facts, &digests, found)?;
    Ok((facts.with_manifests(packed), redactor.finish()))
}

impl PackedManifests {
    fn push(&mut self, manifest: &Manifest) {
        let mut text = Indented(Vec::new());
        // Writing to memory does not fail, and the schema was asked whether it is JSON at all.
        if serde_json::to_writer_pretty(&mut text, manifest).is_ok() {
            self.0.push((manifest.digest.clone(), Packed::of(&text.0)));
        }
    }
}

impl Serialize for PackedManifests {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut elements = serializer.serialize_seq(Some(self.0.len()))?;
        for (_, packed) in &self.0 {
            let text = String::from_utf8(packed.bytes()).map_err(S::Error::custom)?;
            elements.serialize_element(&RawValue::from_string(text).map_err(S::Error::custom)?)?;
        }
        elements.end()
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
        assert_eq!(serde_json::to_string_pretty(&sealed).unwrap(), serde_json::to_string_pretty(&whole).unwrap());
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
