//! Figures worked out by hand.

use serde_json::{Value, json};

use super::*;
use crate::analyze::fixture::{Builder, digest, finding, used_by};

const GIB: u64 = 1 << 30;
const MIB: u64 = 1 << 20;

/// `web` in two versions on one base, the older of them a rollback's no more; a `model` that is large and pulled always;
/// a `tool` on an older base; leftovers on nodes.
fn facts() -> ImageFacts {
    let mut facts = Builder::default();
    // Pulled 3 times in 10 minutes: 3 in the hour that events are kept, 72 a day.
    let web = facts.tagged("web", "v2", &[("os 3.20", 100 * MIB), ("web v2", 30 * MIB)]);
    web["pulls"] = pulls(3, "2026-01-02T09:00:00Z", "2026-01-02T09:10:00Z");
    web["onNodes"] = json!({"nodes": ["node-a", "node-b"], "sizeBytes": {"min": 1, "max": 2}});
    on_base(&mut facts, "docker.io/library/alpine:3.20");
    facts.tagged("web", "v1", &[("os 3.20", 100 * MIB), ("web v1", 20 * MIB)]);
    on_base(&mut facts, "docker.io/library/alpine:3.20");
    facts.tagged("web", "v0", &[("web v0", 900 * MIB)])["usedBy"] = json!([used_by("shop", "web", "history")]);
    // Pulled 4 times in 2 days: 2 a day.
    let model = facts.tagged("model", "latest", &[("weights", 3 * GIB), ("code", GIB)]);
    model["pulls"] = pulls(4, "2026-01-01T00:00:00Z", "2026-01-03T00:00:00Z");
    model["running"] = json!([
        {"digest": digest("m"), "digestKind": "manifest", "pods": 1, "nodes": ["node-b"], "examples": []}
    ]);
    facts.image("tool", &[("os 3.19", 90 * MIB), ("tool", MIB)]);
    on_base(&mut facts, "docker.io/library/alpine:3.19");
    facts.findings = vec![finding("large-image", "info", Some("ghcr.io/acme/model:latest"), "shop", "model")];
    facts.unused = vec![
        json!({"names": ["ghcr.io/acme/old:1"], "nodes": ["node-a", "node-b", "node-c"], "sizeBytes": 500 * MIB}),
        json!({"names": ["registry.k8s.io/pause:3.10"], "nodes": ["node-a"], "sizeBytes": MIB}),
    ];
    facts.finish()
}

fn pulls(succeeded: u64, from: &str, to: &str) -> Value {
    json!({"succeeded": succeeded, "cached": 5, "failed": 7, "from": from, "to": to})
}

fn on_base(facts: &mut Builder, name: &str) {
    facts.manifest()["build"] = json!({"baseName": name});
}

fn spent<'a>(optimization: &'a Optimization, name: &str) -> &'a Spent {
    let reference = format!("ghcr.io/acme/{name}");
    optimization.images.iter().find(|image| image.reference == reference).unwrap()
}

#[test]
fn what_is_spent_follows_from_events() {
    let optimization = optimize(&facts(), Assumed { cost_per_gib: Some(0.5), ..Assumed::default() });
    let web = spent(&optimization, "web:v2");
    assert_eq!(web.nodes, ["node-a", "node-b"]);
    assert_eq!(web.basis, Some(PullBasis { source: PullSource::Events, pulls: 3, seconds: 3600 }));
    assert_eq!((web.compressed_bytes, web.pulls_per_day), (Some(130 * MIB), Some(72.0)));
    // 130 MiB × 72 = 9360 MiB; 9360 ÷ 1024 × 0.5 = 4.5703125
    assert_eq!((web.transferred_bytes_per_day, web.cost_per_day), (Some(9_360 * MIB), Some(4.570_312_5)));
    let model = spent(&optimization, "model:latest");
    assert_eq!(model.nodes, ["node-b"]);
    assert_eq!(model.basis, Some(PullBasis { source: PullSource::Events, pulls: 4, seconds: 172_800 }));
    // 4 GiB × 2 = 8 GiB; 8 × 0.5 = 4
    assert_eq!((model.pulls_per_day, model.transferred_bytes_per_day), (Some(2.0), Some(8 * GIB)));
    assert_eq!(model.cost_per_day, Some(4.0));
    assert_eq!(spent(&optimization, "tool:1").pulls_per_day, None);
    assert_eq!(optimization.total.transferred_bytes_per_day, Some(8 * GIB + 9_360 * MIB));
    assert_eq!(optimization.total.cost_per_day, Some(8.570_312_5));
    assert_eq!(optimization.total.unused_bytes_on_disk, Some(1_501 * MIB));
    // 100 + 30 + 20 + 900 + 90 + 1 MiB of layers, and 4 GiB
    assert_eq!(optimization.total.compressed_bytes, 1_141 * MIB + 4 * GIB);
    let order: Vec<_> =
        optimization.images.iter().map(|image| image.reference.trim_start_matches("ghcr.io/acme/")).collect();
    assert_eq!(order, ["web:v2", "model:latest", "web:v0", "web:v1", "tool:1"]);
}

#[test]
fn pulls_may_be_told_for_what_is_in_use() {
    let optimization = optimize(&facts(), Assumed { pulls_per_day: Some(10), cost_per_gib: None });
    assert_eq!(spent(&optimization, "tool:1").transferred_bytes_per_day, Some(910 * MIB));
    assert_eq!(spent(&optimization, "web:v2").transferred_bytes_per_day, Some(1_300 * MIB));
    assert_eq!(spent(&optimization, "web:v0").transferred_bytes_per_day, None);
    assert_eq!((optimization.total.cost_per_day, spent(&optimization, "tool:1").cost_per_day), (None, None));
}

#[test]
fn what_could_be_saved_is_ranked() {
    let savings = optimize(&facts(), Assumed::default()).savings;
    let figures: Vec<_> = savings.iter().map(|saving| (saving.subject.as_str(), saving.most())).collect();
    let expected = [
        ("ghcr.io/acme/model:latest", Some(8 * GIB)), // 4 GiB twice a day
        ("ghcr.io/acme/model:latest", Some(3 * GIB)), // its largest layer
        ("ghcr.io/acme/old:1", Some(1_500 * MIB)),    // 500 MiB on three nodes
        ("docker.io/library/alpine", Some(90 * MIB)), // 100 + 90 held, where 100 would do
        ("ghcr.io/acme/web", Some(20 * MIB)),         // 100 + 30 + 20 held, where 130 would do
    ];
    assert_eq!(figures, expected);
}

#[test]
fn a_saving_tells_its_basis_and_how() {
    let savings = optimize(&facts(), Assumed::default()).savings;
    let of = |kind: &str| {
        let found: Vec<Value> =
            savings.iter().map(|s| serde_json::to_value(s).unwrap()).filter(|s| s["kind"] == kind).collect();
        let [saving] = found.as_slice() else { panic!("{kind}: {found:?}") };
        saving.clone()
    };
    let versions = of("several-versions");
    let expected = json!({"together": 150 * MIB, "versions": [
        {"name": "ghcr.io/acme/web:v1", "compressedBytes": 120 * MIB},
        {"name": "ghcr.io/acme/web:v2", "compressedBytes": 130 * MIB},
    ]});
    assert_eq!((&versions["basis"], &versions["compressedBytes"]), (&expected, &json!(20 * MIB)));
    let bases = of("different-bases");
    let expected = json!({"platform": "linux/amd64", "together": 190 * MIB, "bases": [
        {"name": "docker.io/library/alpine:3.19", "compressedBytes": 90 * MIB},
        {"name": "docker.io/library/alpine:3.20", "compressedBytes": 100 * MIB},
    ]});
    assert_eq!(bases["basis"], expected);
    assert_eq!(bases["how"], "build all of them FROM docker.io/library/alpine:3.20");
    let always = of("pulled-always");
    assert_eq!(always["basis"], json!({"containers": ["shop/model/model"]}));
    assert_eq!((&always["transferredBytesPerDay"], &always["compressedBytes"]), (&json!(8 * GIB), &Value::Null));
    let unused = of("unused-on-nodes");
    assert_eq!(unused["basis"], json!({"bytesOnNode": 500 * MIB, "nodes": 3}));
    assert_eq!((&unused["bytesOnDisk"], &unused["compressedBytes"]), (&json!(1_500 * MIB), &Value::Null));
    assert_eq!(of("large-layer")["basis"]["layer"], json!(digest("weights")));
}

#[test]
fn nothing_is_saved_where_nothing_can_be() {
    let mut facts = Builder::default();
    // One version of each, on one base, pinned or pulled once; the older version is only a rollback's.
    facts.image("web", &[("os", 100), ("web", 1)]);
    on_base(&mut facts, "alpine:3.20");
    facts.image("api", &[("os", 100), ("api", 2)]);
    on_base(&mut facts, "alpine:3.20");
    facts.tagged("api", "0", &[("os", 100), ("older api", 2)])["usedBy"] = json!([used_by("shop", "api", "history")]);
    let pinned = facts.tagged("tool", "latest", &[("tool", 1)]);
    pinned["digest"] = json!(digest("tool"));
    assert_eq!(optimize(&facts.finish(), Assumed::default()).savings, []);
}

#[test]
fn absurd_sizes_do_no_harm() {
    let mut facts = Builder::default();
    facts.image("web", &[("huge", u64::MAX)])["pulls"] =
        pulls(u64::MAX, "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z");
    facts.unused = vec![json!({"names": ["x"], "nodes": ["a", "b"], "sizeBytes": u64::MAX})];
    let optimization = optimize(&facts.finish(), Assumed { pulls_per_day: None, cost_per_gib: Some(1.0) });
    assert_eq!(optimization.total.transferred_bytes_per_day, Some(u64::MAX));
    assert_eq!(optimization.total.unused_bytes_on_disk, Some(u64::MAX));
}
