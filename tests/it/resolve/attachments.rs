//! What is attached to images: where is looked, what is found, and what each way costs.

use imagefacts::image::Digest;
use imagefacts::resolve::{Attached, Attachments, Resolution};
use imagefacts::vocabulary::{AttachmentKind, AttachmentVia, ErrorStage, ImageStatus};
use serde_json::{Value, json};

use super::fake_registry::{FakeRegistry, INDEX, MANIFEST};
use super::{Bench, want};

const SPDX: &str = "application/spdx+json";
const SIGSTORE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// An entry of a list of referrers.
fn referrer(seed: &str, artifact_type: &str) -> Value {
    json!({"mediaType": MANIFEST, "digest": Digest::of(seed.as_bytes()), "size": 7, "artifactType": artifact_type})
}

async fn looked_up(registry: &FakeRegistry, attachments: Attachments) -> Resolution {
    let bench = Bench { attachments, ..Bench::new() };
    bench.resolve_all(vec![want(registry.reference("app:1"), &["linux/amd64"])]).await
}

/// Kind and way of each, sorted.
fn found(attached: &Attached) -> Vec<(AttachmentKind, AttachmentVia)> {
    let mut found: Vec<_> = attached.attachments.iter().map(|found| (found.kind, found.via)).collect();
    found.sort();
    found
}

fn tag(digest: &Digest) -> String {
    digest.to_string().replace(':', "-")
}

#[tokio::test]
async fn only_all_costs_requests() {
    let registry = FakeRegistry::start().await;
    let put = registry.put_image("app", Some("1"), "linux/amd64", "app");
    registry.put_referrers("app", &put.manifest, &[vec![]]);
    // The manifest and its config; then the referrers, and a look at each of cosign's three tags.
    for (attachments, requests) in [(Attachments::None, 2), (Attachments::Index, 2), (Attachments::All, 2 + 1 + 3)] {
        let before = registry.log().len();
        let resolution = looked_up(&registry, attachments).await;
        assert_eq!(registry.log().len() - before, requests, "{attachments:?}");
        assert_eq!(resolution.attached.contains_key(&put.manifest), attachments == Attachments::All);
    }
}

#[tokio::test]
async fn the_index_and_each_wanted_manifest_are_asked_for_once() {
    let registry = FakeRegistry::start().await;
    let entries = ["linux/amd64", "linux/arm64"].map(|platform| registry.put_image("app", None, platform, "app"));
    let (index, _) = registry.put_index("app", Some("1"), &entries.clone().map(|put| put.descriptor));
    for digest in [&index, &entries[0].manifest] {
        registry.put_referrers("app", digest, &[vec![]]);
    }
    registry.put_index("app", Some("2"), &entries.clone().map(|put| put.descriptor));
    let bench = Bench { attachments: Attachments::All, ..Bench::new() };
    let wants = ["app:1", "app:2"].map(|name| want(registry.reference(name), &["linux/amd64"]));
    let resolution = bench.resolve_all(wants.into()).await;
    assert_eq!(
        resolution.attached.keys().collect::<std::collections::BTreeSet<_>>(),
        [&index, &entries[0].manifest].into()
    );
    // Two tags of one index, its manifest, its config; and four for each of two digests.
    assert_eq!(registry.log().len(), 2 + 1 + 1 + 2 * 4, "{:?}", registry.counts());
}

#[tokio::test]
async fn every_page_of_the_referrers_is_read() {
    let registry = FakeRegistry::start().await;
    let put = registry.put_image("app", Some("1"), "linux/amd64", "app");
    let mut provenance = referrer("c", SIGSTORE);
    provenance["annotations"] = json!({"dev.sigstore.bundle.predicateType": "https://slsa.dev/provenance/v1"});
    let pages = [vec![referrer("a", SPDX)], vec![referrer("b", SIGSTORE), provenance], vec![referrer("d", "x/y")]];
    registry.put_referrers("app", &put.manifest, &pages);
    let resolution = looked_up(&registry, Attachments::All).await;
    let attached = &resolution.attached[&put.manifest];
    let via = AttachmentVia::Referrers;
    let kinds = [AttachmentKind::Signature, AttachmentKind::Sbom, AttachmentKind::Provenance, AttachmentKind::Other];
    assert_eq!(found(attached), kinds.map(|kind| (kind, via)));
    assert_eq!(attached.checked, [AttachmentVia::Referrers, AttachmentVia::Tag].into());
    assert_eq!(registry.log().len(), 2 + 3 + 3);
}

#[tokio::test]
async fn where_the_api_is_not_known_a_tag_stands_in_for_it() {
    let registry = FakeRegistry::start().await;
    let put = registry.put_image("app", Some("1"), "linux/amd64", "app");
    for (entries, expected) in [(None, &[][..]), (Some([referrer("a", SPDX)]), &[AttachmentKind::Sbom])] {
        if let Some(entries) = entries {
            let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries});
            registry.put("app", Some(&tag(&put.manifest)), INDEX, &index);
        }
        let before = registry.log().len();
        let resolution = looked_up(&registry, Attachments::All).await;
        let attached = &resolution.attached[&put.manifest];
        assert_eq!(attached.attachments.iter().map(|found| found.kind).collect::<Vec<_>>(), expected);
        assert_eq!(registry.log().len() - before, 2 + 2 + 3);
    }
}

#[tokio::test]
async fn cosigns_tags_tell_by_their_names() {
    let registry = FakeRegistry::start().await;
    let put = registry.put_image("app", Some("1"), "linux/amd64", "app");
    registry.put_referrers("app", &put.manifest, &[vec![]]);
    let artifact =
        |name: &str| json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [], "annotations": {"x": name}});
    let signature = registry.put("app", Some(&format!("{}.sig", tag(&put.manifest))), INDEX, &artifact("sig"));
    registry.put("app", Some(&format!("{}.att", tag(&put.manifest))), INDEX, &artifact("att"));
    let resolution = looked_up(&registry, Attachments::All).await;
    let attached = &resolution.attached[&put.manifest];
    let via = AttachmentVia::Tag;
    assert_eq!(found(attached), [(AttachmentKind::Signature, via), (AttachmentKind::Other, via)]);
    assert!(attached.attachments.iter().any(|found| found.digest == signature));
}

#[tokio::test]
async fn a_failure_to_look_leaves_the_image_resolved() {
    let registry = FakeRegistry::start().await;
    let put = registry.put_image("app", Some("1"), "linux/amd64", "app");
    registry.silence(&format!("app/referrers/{}", put.manifest));
    let mut bench = Bench { attachments: Attachments::All, ..Bench::new() };
    bench.limits.request_timeout = std::time::Duration::from_millis(300);
    let wanted = want(registry.reference("app:1"), &["linux/amd64"]);
    let resolution = bench.resolve_all(vec![wanted]).await;
    let answer = resolution.answers.values().next().unwrap();
    assert_eq!(answer.status, ImageStatus::Resolved);
    assert_eq!(answer.failures.iter().map(|failure| failure.stage).collect::<Vec<_>>(), [ErrorStage::Attachments]);
    assert_eq!(resolution.attached[&put.manifest].checked, [AttachmentVia::Tag].into());
}
