//! What is attached to an image, by what it calls itself.

use std::collections::BTreeMap;

use super::IndexEntry;
use crate::vocabulary::AttachmentKind;

/// Annotations in which a bundle or an attestation tells what it says: sigstore's
/// (<https://github.com/sigstore/cosign/blob/main/specs/BUNDLE_SPEC.md>) and in-toto's.
const PREDICATES: &[&str] = &["dev.sigstore.bundle.predicateType", "in-toto.io/predicate-type", "predicateType"];

/// What an entry of an index is attached as. What a signed statement says goes before how it is wrapped.
pub fn attachment_kind(artifact_type: &str, annotations: &BTreeMap<String, String>) -> AttachmentKind {
    let predicate = PREDICATES.iter().find_map(|key| annotations.get(*key));
    kind(predicate.map_or(artifact_type, String::as_str))
}

impl IndexEntry {
    /// What an entry that is no image calls itself; `None` for an image.
    pub fn artifact_type(&self) -> Option<&str> {
        self.artifact_type.as_ref().or_else(|| self.annotations.get("vnd.docker.reference.type")).map(String::as_str)
    }
}

/// By the words in a media type. BuildKit's attestation manifests may hold several kinds at once, and only their
/// layers tell which: they are `other`.
fn kind(artifact_type: &str) -> AttachmentKind {
    let text = artifact_type.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if has(&["spdx", "cyclonedx", "sbom", "syft"]) {
        AttachmentKind::Sbom
    } else if has(&["sarif", "vuln"]) {
        AttachmentKind::VulnerabilityReport
    } else if has(&["slsa", "provenance"]) {
        AttachmentKind::Provenance
    } else if has(&["signature", "cosign.simplesigning", "sigstore.bundle", "notary"]) {
        AttachmentKind::Signature
    } else {
        AttachmentKind::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_follows_from_the_predicate_else_from_the_media_type() {
        for (artifact_type, predicate, expected) in [
            ("application/vnd.dev.cosign.artifact.sig.v1+json", None, AttachmentKind::Other),
            ("application/vnd.dev.cosign.simplesigning.v1+json", None, AttachmentKind::Signature),
            ("application/vnd.cncf.notary.signature", None, AttachmentKind::Signature),
            ("application/vnd.dev.sigstore.bundle.v0.3+json", None, AttachmentKind::Signature),
            (
                "application/vnd.dev.sigstore.bundle.v0.3+json",
                Some("https://slsa.dev/provenance/v1"),
                AttachmentKind::Provenance,
            ),
            ("application/vnd.in-toto+json", Some("https://spdx.dev/Document"), AttachmentKind::Sbom),
            ("application/spdx+json", None, AttachmentKind::Sbom),
            ("application/vnd.cyclonedx+json", None, AttachmentKind::Sbom),
            ("application/sarif+json", None, AttachmentKind::VulnerabilityReport),
            ("https://cosign.sigstore.dev/attestation/vuln/v1", None, AttachmentKind::VulnerabilityReport),
            ("attestation-manifest", None, AttachmentKind::Other),
        ] {
            let annotations = predicate.map(|text| (PREDICATES[0].to_owned(), text.to_owned()));
            let annotations = annotations.into_iter().collect();
            assert_eq!(attachment_kind(artifact_type, &annotations), expected, "{artifact_type} {predicate:?}");
        }
    }
}
