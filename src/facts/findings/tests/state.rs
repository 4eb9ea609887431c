//! What runs, how it is named, and what it weighs.

use std::sync::Arc;

use super::{codes, find, only};
use crate::cluster::inventory::{Container, Field, Inventory, Placement, Pulls, User};
use crate::facts::fixture::*;
use crate::image::{Document, History, ImageConfig, Index, IndexEntry, LegacyManifest, NodePlatform};
use crate::resolve::{Resolution, RunningDigest};
use crate::vocabulary::{AccessOutcome, Certainty, ContainerType, DigestKind, ErrorClass, FindingCode, Role, Severity};

const WEB: &str = "ghcr.io/acme/web:v1";

fn answered(change: impl FnOnce(&mut crate::resolve::Answer)) -> Resolution {
    let mut resolution = Resolution::default();
    let mut answer = answer(&mut resolution, WEB, &["linux/amd64"]);
    change(&mut answer);
    add(&mut resolution, [answer]);
    resolution
}

fn running(digests: &[(&str, &str)]) -> Inventory {
    let mut usage = usage(WEB);
    for (seed, node) in digests {
        runs(&mut usage, &digest(seed), node);
    }
    with_image(WEB, usage)
}

#[test]
fn an_invalid_name_gets_a_name_to_take() {
    for (name, remedy) in [
        ("Docker.io/UPPER/case:v1", "kubectl -n shop set image deployment/web web=docker.io/upper/case:v1"),
        ("https://ghcr.io/acme/web", "kubectl -n shop set image deployment/web web=ghcr.io/acme/web"),
        ("Docker.io/UPPER/case:bad tag", "kubectl -n shop set image deployment/web web=NAME:TAG"),
    ] {
        let mut usage = usage(name);
        waits(&mut usage, "InvalidImageName", "couldn't parse image name", "node-a");
        let finding = only(FindingCode::InvalidImageName, &with_image(name, usage), None);
        assert_eq!(finding.remedy.as_deref(), Some(remedy));
        assert_eq!(finding.image.as_deref(), Some(name));
    }
}

#[test]
fn a_mutable_tag_is_told_with_what_it_means() {
    for (name, policy, words) in [
        ("nginx", None, "no tag is written, which means latest; with pull policy Always each start of a pod may bring"),
        ("nginx:latest", Some("IfNotPresent"), "the tag is latest; with pull policy IfNotPresent each node keeps what"),
        ("nginx:latest", Some("Never"), "the tag is latest; with pull policy Never each node runs what was once put"),
    ] {
        let mut usage = usage(name);
        let container =
            Container { name: "web".into(), kind: ContainerType::Container, pull_policy: policy.map(Into::into) };
        for user in usage.used_by.values_mut() {
            user.containers = Arc::new([container.clone()].into());
        }
        let finding = only(FindingCode::MutableTag, &with_image(name, usage), None);
        assert!(finding.message.starts_with(words), "{}", finding.message);
        assert_eq!(finding.severity, Severity::Info);
    }
    let pinned = format!("nginx:latest@{}", digest("nginx"));
    for name in ["nginx:1.29", "nginx:latest-alpine", &pinned] {
        assert_eq!(codes(&find(&with_image(name, usage(name)), None)), []);
    }
}

#[test]
fn a_tag_that_moved_on_drifts() {
    let inventory = running(&[("old", "node-a")]);
    let resolution = answered(|answer| {
        answer.running.insert(digest("old"), running_digest(DigestKind::Manifest, false));
    });
    let finding = only(FindingCode::TagDrift, &inventory, Some(&resolution));
    let now = digest("ghcr.io/acme/web:v1 linux/amd64");
    let pin = format!("kubectl -n shop set image deployment/web web=ghcr.io/acme/web@{now}");
    assert_eq!(finding.remedy, Some(pin));
    assert_eq!(finding.evidence["running"][0]["nodes"], serde_json::json!(["node-a"]));
    assert!(finding.message.len() < 200, "{}", finding.message);
    // It runs what the tag names; or nobody knows.
    for known in [Some(true), None] {
        let resolution = answered(|answer| {
            let known = RunningDigest { kind: DigestKind::Manifest, matches_resolved: known, gone: false };
            answer.running.insert(digest("old"), known);
        });
        assert_eq!(codes(&find(&inventory, Some(&resolution))), []);
    }
}

#[test]
fn a_digest_cannot_drift() {
    let name = format!("ghcr.io/acme/web:v1@{}", digest("old"));
    let mut usage = usage(&name);
    runs(&mut usage, &digest("other"), "node-a");
    let mut resolution = Resolution::default();
    let mut answer = answer(&mut resolution, &name, &["linux/amd64"]);
    answer.running.insert(digest("other"), running_digest(DigestKind::Manifest, false));
    add(&mut resolution, [answer]);
    assert_eq!(codes(&find(&with_image(&name, usage), Some(&resolution))), []);
}

#[test]
fn nodes_of_one_platform_that_run_different_digests_disagree() {
    let mut inventory = running(&[("one", "node-a"), ("two", "node-c")]);
    let mut node = inventory.nodes.as_ref().unwrap()[0].clone();
    node.name = "node-c".into();
    inventory.nodes.as_mut().unwrap().push(node);
    let finding = only(FindingCode::NodeDisagreement, &inventory, None);
    assert_eq!(finding.evidence["running"].as_array().unwrap().len(), 2);
    assert!(finding.message.contains("on node-a") && finding.message.contains("on node-c"));
    // Two indexes always are two images, whatever the nodes are.
    let indexes = answered(|answer| {
        answer
            .running
            .insert(digest("one"), RunningDigest { kind: DigestKind::Index, matches_resolved: None, gone: false });
        answer
            .running
            .insert(digest("two"), RunningDigest { kind: DigestKind::Index, matches_resolved: None, gone: false });
    });
    only(FindingCode::NodeDisagreement, &running(&[("one", "node-a"), ("two", "node-b")]), Some(&indexes));
}

#[test]
fn one_image_under_several_digests_is_no_disagreement() {
    // Other platforms have other manifests.
    assert_eq!(codes(&find(&running(&[("one", "node-a"), ("two", "node-b")]), None)), []);
    // One runtime tells the index, another the manifest, a third the config.
    let mut resolution = Resolution::default();
    let looked = image("manifest", "linux/amd64");
    let entry = IndexEntry {
        descriptor: crate::image::Descriptor { media_type: "m".into(), digest: looked.digest.clone(), size: 1 },
        platform: None,
        os_version: None,
        annotations: Default::default(),
        artifact_type: None,
    };
    let index = Index { entries: vec![entry], annotations: Default::default(), skipped: Vec::new() };
    let index = document_of(digest("index"), "i", Document::Index(index));
    for looked in [looked, index] {
        resolution.documents.insert(looked.digest.clone(), looked);
    }
    add(&mut resolution, [failed(WEB, &[(ErrorClass::Dns, "no such host")])]);
    let same = running(&[("index", "node-a"), ("manifest", "node-a"), ("manifest config", "node-a")]);
    assert_eq!(codes(&find(&same, Some(&resolution))), []);
    let more = running(&[("index", "node-a"), ("manifest", "node-a"), ("other", "node-a")]);
    only(FindingCode::NodeDisagreement, &more, Some(&resolution));
}

#[test]
fn what_the_registry_lost_is_gone() {
    let inventory = running(&[("old", "node-a")]);
    let lost = answered(|answer| {
        let gone = RunningDigest { kind: DigestKind::Unknown, matches_resolved: None, gone: true };
        answer.running.insert(digest("old"), gone);
    });
    let finding = only(FindingCode::GoneFromRegistry, &inventory, Some(&lost));
    assert_eq!(finding.evidence["referenceGone"], false);
    let push = "on node-a, which still has it: ctr -n k8s.io images push ghcr.io/acme/web:v1";
    assert_eq!(finding.remedy.as_deref(), Some(push));
    let not_found = resolution([failed(WEB, &[(ErrorClass::NotFound, "there is no such tag")])]);
    let finding = only(FindingCode::GoneFromRegistry, &inventory, Some(&not_found));
    assert_eq!(finding.evidence["referenceGone"], true);
    // A bare ID that is no manifest may be the config of an older image, which is still there.
    let unclear = answered(|answer| {
        let unclear = RunningDigest { kind: DigestKind::Unknown, matches_resolved: None, gone: false };
        answer.running.insert(digest("old"), unclear);
    });
    assert_eq!(codes(&find(&inventory, Some(&unclear))), []);
    // Refused is not gone; and what does not run cannot be missed.
    let refused = resolution([failed(WEB, &[(ErrorClass::Unauthorized, "refused")])]);
    assert_eq!(codes(&find(&inventory, Some(&refused))), []);
    assert_eq!(codes(&find(&running(&[]), Some(&not_found))), []);
}

#[test]
fn a_platform_is_missing_where_a_pod_is_bound_or_a_daemon_set_puts_one() {
    let missing = answered(|answer| answer.missing = vec![NodePlatform::from(platform("linux/arm64"))]);
    let placed = |placement: Placement, kind: &str| {
        let mut usage = usage(WEB);
        usage.placements.insert(placement);
        let users = std::mem::take(&mut usage.used_by);
        usage.used_by = users.into_values().map(|user| (owner(kind, "web", Role::Current), user)).collect();
        with_image(WEB, usage)
    };
    for inventory in [
        placed(Placement::On("node-b".into()), "Deployment"),
        placed(Placement::Anywhere, "DaemonSet"),
        placed(Placement::Selected([("kubernetes.io/os".into(), vec!["linux".into()])].into()), "DaemonSet"),
    ] {
        let finding = only(FindingCode::PlatformMissing, &inventory, Some(&missing));
        assert_eq!(finding.evidence["nodes"], serde_json::json!(["node-b"]));
        assert_eq!(finding.evidence["missing"], serde_json::json!(["linux/arm64"]));
        assert!(finding.remedy.unwrap().ends_with("set nodeSelector: {kubernetes.io/arch: amd64}"));
    }
    for inventory in [
        placed(Placement::On("node-a".into()), "Deployment"),
        placed(Placement::Anywhere, "Deployment"),
        placed(Placement::Selected([("gpu".into(), vec!["yes".into()])].into()), "DaemonSet"),
    ] {
        assert_eq!(codes(&find(&inventory, Some(&missing))), []);
    }
}

#[test]
fn a_guess_raises_info_at_most() {
    let field = |certainty| Some(Field { certainty, path: Some("spec.image".into()) });
    for (certainty, severity) in [(Certainty::Probable, Severity::Info), (Certainty::Certain, Severity::Warning)] {
        let mut inventory = running(&[("old", "node-a")]);
        let lost = answered(|answer| {
            let gone = RunningDigest { kind: DigestKind::Unknown, matches_resolved: None, gone: true };
            answer.running.insert(digest("old"), gone);
        });
        let user = User { field: field(certainty), ..User::default() };
        let usage = inventory.images.values_mut().next().unwrap();
        usage.used_by = [(owner("Kafka", "events", Role::Template), user)].into();
        assert_eq!(only(FindingCode::GoneFromRegistry, &inventory, Some(&lost)).severity, severity);
    }
}

#[test]
fn history_raises_info_at_most() {
    let mut inventory = running(&[("old", "node-a")]);
    let lost = answered(|answer| {
        answer
            .running
            .insert(digest("old"), RunningDigest { kind: DigestKind::Unknown, matches_resolved: None, gone: true });
    });
    for usage in inventory.images.values_mut() {
        let users = std::mem::take(&mut usage.used_by);
        usage.used_by = users.into_values().map(|user| (owner("ReplicaSet", "web-1", Role::History), user)).collect();
    }
    assert_eq!(only(FindingCode::GoneFromRegistry, &inventory, Some(&lost)).severity, Severity::Info);
    for usage in inventory.images.values_mut() {
        usage.used_by.insert(owner("Deployment", "web", Role::Current), User::default());
    }
    assert_eq!(only(FindingCode::GoneFromRegistry, &inventory, Some(&lost)).severity, Severity::Warning);
}

#[test]
fn a_missing_secret_is_told_once_for_all_its_images() {
    let mut inventory = inventory();
    for name in ["ghcr.io/acme/a:1", "ghcr.io/acme/b:1"] {
        let mut usage = usage(name);
        pull_secrets(&mut usage, &["ghcr-pull-typo", "there"]);
        inventory.images.extend(with_image(name, usage).images);
    }
    let missing = |secret: &str| Resolution {
        missing_secrets: vec![("shop".to_owned(), secret.to_owned()), ("other".to_owned(), "there".to_owned())],
        ..Resolution::default()
    };
    let finding = only(FindingCode::PullSecretMissing, &inventory, Some(&missing("ghcr-pull-typo")));
    assert_eq!(finding.evidence["images"], serde_json::json!(["ghcr.io/acme/a:1", "ghcr.io/acme/b:1"]));
    assert_eq!((finding.subjects[0].kind.as_str(), finding.image), ("Secret", None));
    assert!(finding.remedy.unwrap().starts_with("kubectl -n shop create secret docker-registry ghcr-pull-typo "));
    assert_eq!(codes(&find(&inventory, Some(&missing("nobody-names-it")))), []);
}

#[test]
fn a_refused_secret_is_stale_only_where_anonymous_would_do() {
    let inventory = running(&[]);
    let with = |access: Vec<crate::resolve::Access>| answered(|answer| answer.access = access);
    let refused = pull_secret("ghcr-pull", AccessOutcome::Refused);
    let stale = with(vec![refused.clone(), anonymous(false, AccessOutcome::Accepted)]);
    let finding = only(FindingCode::PullSecretStale, &inventory, Some(&stale));
    assert_eq!(finding.evidence["class"], "unauthorized");
    let mut unreachable = refused.clone();
    unreachable.class = Some(ErrorClass::Timeout);
    let open = anonymous(false, AccessOutcome::Accepted);
    for access in [
        vec![refused, anonymous(false, AccessOutcome::Refused)],
        vec![pull_secret("ghcr-pull", AccessOutcome::Accepted), open.clone()],
        vec![unreachable, open],
    ] {
        assert_eq!(codes(&find(&inventory, Some(&with(access)))), []);
    }
}

#[test]
fn a_pull_is_slow_above_a_minute() {
    for (seconds, slow) in [(72.5, true), (60.0, false)] {
        let mut usage = usage(WEB);
        let at: jiff::Timestamp = "2026-11-20T09:00:00Z".parse().unwrap();
        let pulls = Pulls {
            succeeded: 1,
            cached: 0,
            failed: 0,
            from: at,
            to: at,
            last_duration_seconds: Some(seconds),
            last_size_bytes: None,
            slowest: Some((seconds, example("web-1", "node-a"))),
        };
        usage.pulls = Some(Box::new(pulls));
        let findings = find(&with_image(WEB, usage), None);
        assert_eq!(codes(&findings), if slow { vec![FindingCode::SlowPull] } else { vec![] });
    }
}

#[test]
fn a_schema_1_manifest_is_legacy() {
    let legacy = LegacyManifest { platform: None, layers: vec![digest("layer")], config: None };
    let mut resolution = answered(|answer| answer.variants.clear());
    let named = resolution.answers.values().next().unwrap().named.clone().unwrap().digest;
    let media_type = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    let looked = document_of(named.clone(), media_type, Document::Legacy(legacy));
    assert_eq!(codes(&find(&running(&[]), Some(&resolution))), []);
    resolution.documents.insert(named, looked);
    let finding = only(FindingCode::LegacyManifest, &running(&[]), Some(&resolution));
    assert_eq!(finding.remedy.unwrap(), format!("skopeo copy --format v2s2 docker://{WEB} docker://{WEB}"));
}

#[test]
fn an_image_is_large_above_2_gib() {
    for (bytes, large) in [((2_u64 << 30) + 1, true), (2 << 30, false)] {
        let mut resolution = answered(|_| ());
        for looked in resolution.documents.values_mut() {
            let document = &mut looked.whole.as_mut().unwrap().document;
            if let Document::Image(manifest) = Arc::make_mut(document) {
                manifest.layers[0].size = bytes;
            }
            let step = History { created_by: Some("COPY models /models".to_owned()), ..History::default() };
            let config = ImageConfig { history: vec![step], ..ImageConfig::default() };
            *looked = with_config(looked.clone(), config);
        }
        let findings = find(&running(&[]), Some(&resolution));
        assert_eq!(codes(&findings), if large { vec![FindingCode::LargeImage] } else { vec![] });
        let remedy = findings.first().and_then(|finding| finding.remedy.as_deref());
        let expected = "take out of the image what its largest layer (2.0 GiB) adds: COPY models /models";
        assert_eq!(remedy, large.then_some(expected));
    }
}
