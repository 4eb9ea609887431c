//! What changed, and that nothing changes by itself.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::analyze::fixture::{self, Builder, finding, used_by};

fn references(images: &[Used]) -> Vec<&str> {
    images.iter().map(|image| image.reference.as_str()).collect()
}

/// The documents of `web:<tag>` and `api:1`, of which the latter has `layers` and, changed by `change`, its manifest.
fn with_web(tag: &str, layers: &[(&str, u64)], change: fn(&mut Value)) -> ImageFacts {
    let mut facts = Builder::default();
    facts.tagged("web", tag, &[("os", 100)]);
    facts.image("api", layers);
    change(facts.manifest());
    facts.finish()
}

#[test]
fn a_rollout_shows_as_images_and_as_a_workload() {
    let (old, new) = (with_web("v3", &[("a", 1)], |_| ()), with_web("v4", &[("a", 1)], |_| ()));
    let diff = diff(&old, &new);
    assert_eq!(references(&diff.new), ["ghcr.io/acme/web:v4"]);
    assert_eq!(references(&diff.gone), ["ghcr.io/acme/web:v3"]);
    assert!(diff.changed.is_empty());
    let expected = json!([{
        "apiVersion": "apps/v1", "kind": "Deployment", "namespace": "shop", "name": "web",
        "containers": [{"name": "web", "old": ["ghcr.io/acme/web:v3"], "new": ["ghcr.io/acme/web:v4"]}]
    }]);
    assert_eq!(serde_json::to_value(&diff.workloads).unwrap(), expected);
}

#[test]
fn another_image_under_the_same_tag_tells_what_is_different_in_it() {
    let old = with_web("v3", &[("os", 100), ("a", 1)], |_| ());
    let new = with_web("v3", &[("os", 100), ("b", 5)], |manifest| {
        let config = &mut manifest["config"];
        config["env"] = json!(["PATH=/bin", "MODE=slow", "TOKEN=***HIDDEN***"]);
        config["entrypoint"] = json!(["/app", "--serve"]);
        config["exposedPorts"] = json!(["8080/tcp"]);
        config["labels"] = json!({});
        config.as_object_mut().unwrap().remove("user");
    });
    let diff = diff(&old, &new);
    let [change] = diff.changed.as_slice() else { panic!("{diff:?}") };
    let digests = |facts: &ImageFacts| facts.images[0].resolved.as_ref().unwrap().digest.clone();
    let expected = json!({
        "reference": "ghcr.io/acme/api:1", "usedBy": [{"kind": "Deployment", "namespace": "shop", "name": "api"}],
        "resolved": {"old": digests(&old), "new": digests(&new)},
        "platforms": [{
            "platform": "linux/amd64", "digest": {"old": digests(&old), "new": digests(&new)},
            "compressedBytes": {"old": 101, "new": 105},
            "config": {
                "user": {"old": "nobody"},
                "entrypoint": {"old": ["/app"], "new": ["/app", "--serve"]},
                "env": {"added": ["TOKEN"], "removed": [], "changed": ["MODE"]},
                "exposedPorts": {"added": ["8080/tcp"], "removed": ["80/tcp"], "changed": []},
                "labels": {"added": [], "removed": ["team"], "changed": []}
            }
        }]
    });
    assert_eq!(serde_json::to_value(change).unwrap(), expected);
    assert!(diff.new.is_empty() && diff.gone.is_empty() && diff.workloads.is_empty());
}

#[test]
fn what_runs_may_change_while_the_tag_stays() {
    let of = |digest: &str| {
        let mut facts = Builder::default();
        facts.image("api", &[("a", 1)])["running"] = json!([{
            "digest": fixture::digest(digest), "digestKind": "manifest", "pods": 1, "nodes": [], "examples": []
        }]);
        facts.finish()
    };
    let diff = diff(&of("x"), &of("y"));
    let running = Change { old: Some(vec![fixture::digest("x")]), new: Some(vec![fixture::digest("y")]) };
    assert_eq!(diff.changed.len(), 1);
    assert_eq!(diff.changed[0].running, Some(running));
    assert!(diff.changed[0].platforms.is_empty() && diff.changed[0].resolved.is_none());
}

#[test]
fn what_one_side_does_not_know_is_no_change() {
    let mut old = with_web("v3", &[("a", 1)], |_| ());
    let new = with_web("v3", &[("b", 2)], |_| ());
    (old.images[0].resolved, old.images[0].variants) = (None, None);
    assert!(diff(&old, &new).is_empty());
}

#[test]
fn earlier_revisions_and_the_run_are_not_compared() {
    let old = with_web("v3", &[("a", 1)], |_| ());
    let mut new = old.clone();
    new.run.duration_ms = 7;
    new.run.generated_at = "2027-01-01T00:00:00Z".parse().map(crate::clock::Time).unwrap();
    let history = serde_json::from_value(used_by("shop", "web", "history")).unwrap();
    new.images[0].used_by.push(history);
    assert!(diff(&old, &new).is_empty());
}

#[test]
fn findings_and_gaps_come_and_go() {
    let (old, mut new) = (fixture::shop(), fixture::shop());
    new.gaps.clear();
    new.findings = vec![
        serde_json::from_value(finding("mutable-tag", "info", Some("r.example/tool:1"), "ops", "tool")).unwrap(),
        serde_json::from_value(finding("pull-not-found", "info", Some("ghcr.io/acme/gone:v1"), "shop", "gone"))
            .unwrap(),
    ];
    new.findings[0].message = "in other words".to_owned();
    let diff = diff(&old, &new);
    let told = |findings: &[Finding]| findings.iter().map(|f| format!("{} {}", f.severity, f.code)).collect::<Vec<_>>();
    assert_eq!(told(&diff.findings_came), ["info pull-not-found"]);
    assert_eq!(told(&diff.findings_went), ["error pull-not-found", "warning pull-secret-missing"]);
    assert_eq!((diff.gaps_came.len(), diff.gaps_went.len()), (0, 1));
}

/// Documents that often share something with each other.
fn documents() -> impl Strategy<Value = ImageFacts> {
    let image = (0..4_usize, 0..3_usize, vec((0..4_usize, 1..4_u64), 0..3), 0..3_usize, any::<bool>());
    (vec(image, 0..5), vec(0..4_usize, 0..3)).prop_map(|(images, findings)| {
        let mut facts = Builder::default();
        for (name, tag, layers, workload, runs) in images {
            let layers: Vec<_> = layers.iter().map(|(seed, size)| (["a", "b", "c", "d"][*seed], *size)).collect();
            let image = facts.tagged(["w", "x", "y", "z"][name], ["1", "2", "3"][tag], &layers);
            image["usedBy"][0]["name"] = json!(["web", "api", "job"][workload]);
            if runs {
                let (digest, nodes) = (image["resolved"]["digest"].clone(), ["n"]);
                image["running"] = json!([
                    {"digest": digest, "digestKind": "manifest", "pods": 1, "nodes": nodes, "examples": []}
                ]);
            }
        }
        facts.images.sort_by_key(|image| image["reference"].to_string());
        facts.images.dedup_by_key(|image| image["reference"].clone());
        let codes = ["mutable-tag", "tag-drift", "large-image", "slow-pull"];
        facts.findings = findings.iter().map(|at| finding(codes[*at], "info", None, "shop", "web")).collect();
        facts.finish()
    })
}

proptest! {
    #[test]
    fn a_document_does_not_differ_from_itself(facts in documents()) {
        prop_assert!(diff(&facts, &facts).is_empty());
    }

    #[test]
    fn what_comes_one_way_goes_the_other(a in documents(), b in documents()) {
        let (there, back) = (diff(&a, &b), diff(&b, &a));
        prop_assert_eq!(&there.new, &back.gone);
        prop_assert_eq!(&there.gone, &back.new);
        prop_assert_eq!(&there.findings_came, &back.findings_went);
        prop_assert_eq!(there.changed.len(), back.changed.len());
        prop_assert_eq!(there.workloads.len(), back.workloads.len());
        prop_assert_eq!(there.is_empty(), back.is_empty());
    }

    #[test]
    fn other_references_are_never_no_difference(a in documents(), b in documents()) {
        let references = |facts: &ImageFacts| facts.images.iter().map(|i| i.reference.clone()).collect::<Vec<_>>();
        prop_assert!(references(&a) == references(&b) || !diff(&a, &b).is_empty());
    }
}
