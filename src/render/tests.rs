//! Reports of documents whose names are long, and whose texts would act on a terminal.

use insta::assert_snapshot;
use serde_json::{Value, json};

use super::*;
use crate::analyze::{self, Assumed, Filter};
use crate::facts::document::ImageFacts;

fn digest(digit: char) -> String {
    format!("sha256:{}", digit.to_string().repeat(64))
}

fn image(name: &str, tag: &str, digit: char) -> Value {
    json!({
        "reference": format!("registry.example/team-with-a-long-name/{name}:{tag}"), "registry": "registry.example",
        "repository": format!("team-with-a-long-name/{name}"), "tag": tag, "writtenAs": [], "status": "resolved",
        "resolved": {"digest": digest(digit), "via": "registry", "endpoint": "https://registry.example"},
        "variants": [{"platform": "linux/amd64", "digest": digest(digit), "compressedBytes": 75_000_000, "layers": 2}],
        "usedBy": [{
            "apiVersion": "apps/v1", "kind": "Deployment", "namespace": "shop-in-production", "name": name, "role": "current",
            "pods": 3, "containers": [{"name": "main", "type": "container", "pullPolicy": "Always"}], "pullSecrets": []
        }],
        "pulls": {
            "succeeded": 2, "cached": 0, "failed": 0, "from": "2026-01-02T09:00:00Z", "to": "2026-01-02T10:00:00Z"
        },
    })
}

fn manifest(digit: char, own: char, user: &str) -> Value {
    let made_by = "RUN \u{1b}[31mapt-get\u{1b}[0m install --yes a-long-list of-packages that-goes-on and-on and-on";
    json!({
        "digest": digest(digit), "mediaType": "application/vnd.oci.image.manifest.v1+json", "kind": "image",
        "platform": "linux/amd64", "compressedBytes": 75_000_000,
        "config": {
            "user": user, "env": [format!("MODE={user}")], "entrypoint": ["/app"], "cmd": [], "exposedPorts": [], "volumes": [],
            "labels": {}
        },
        "layers": [
            {"digest": digest('0'), "size": 70_000_000, "createdBy": made_by}, {"digest": digest(own), "size": 5_000_000}
        ]
    })
}

fn finding(code: &str, severity: &str, name: &str) -> Value {
    json!({
        "code": code, "severity": severity, "image": format!("registry.example/team-with-a-long-name/{name}"),
        "subjects": [
            {"kind": "Deployment", "namespace": "shop-in-production", "name": "a-deployment-with-a-long-name"},
            {"kind": "Pod", "name": "b"}
        ],
        "message": "the \u{202e}kubelet\u{1b}[2J did not find it", "remedy": "kubectl delete pod", "examples": [],
        "evidence": {}
    })
}

fn facts(images: Vec<Value>, manifests: Vec<Value>, findings: Vec<Value>) -> ImageFacts {
    serde_json::from_value(json!({
        "schemaVersion": "1.0", "kind": "ImageFacts", "complete": true,
        "run": {
            "generatedAt": "2026-01-02T10:04:05Z", "generator": {"name": "imagefacts", "version": "0"},
            "durationMs": 0, "requests": 0, "cacheHits": 0, "bytes": 0, "registries": []
        },
        "source": {"type": "cluster", "namespaces": ["shop"]}, "redaction": {"mode": "default"},
        "images": images, "manifests": manifests, "findings": findings,
        "gaps": [{"scope": "kubernetes", "resource": "nodes", "reason": "forbidden", "message": "nodes may not be listed"}],
        "summary": {
            "references": 3, "resolved": 2, "partial": 0, "failed": 1, "unqueried": 0, "repositories": 3,
            "distinctManifests": 2, "layers": {"distinct": 3, "compressedBytes": 80_000_000, "referencedBytes": 150_000_000},
            "errorsByClass": {}, "findingsBySeverity": {"error": 1, "warning": 1, "info": 0}
        },
    }))
    .unwrap()
}

fn old() -> ImageFacts {
    let mut gone = image("gone\u{1b}[31m", "v1", 'c');
    (gone["status"], gone["variants"]) = (json!("failed"), Value::Null);
    facts(
        vec![image("api", "v1.0.0-rc.1", 'a'), gone, image("web", "v3", 'b')],
        vec![manifest('a', '1', "root"), manifest('b', '2', "root")],
        vec![finding("pull-not-found", "error", "gone\u{1b}[31m:v1"), finding("tag-drift", "warning", "web:v3")],
    )
}

fn new() -> ImageFacts {
    let mut facts = facts(
        vec![image("api", "v1.0.0-rc.1", 'd'), image("web", "v4", 'b')],
        vec![manifest('b', '2', "root"), manifest('d', '3', "\u{1b}[31mnobody")],
        vec![finding("gone-from-registry", "warning", "web:v4")],
    );
    facts.gaps.clear();
    facts
}

/// Asserts that nothing acts on a terminal and no line is too long, but for a single long word.
fn assert_fits(text: &str) {
    for line in text.lines() {
        let is_one_word = !line.trim().contains(' ');
        assert!(is_one_word || console::measure_text_width(line) <= 80, "{line}");
        assert_eq!(clean(line), line);
    }
}

#[test]
fn images_worst_first() {
    let text = images(&old(), 80);
    assert_fits(&text);
    assert_snapshot!(text, @r#"
    REFERENCE                               STATUS    SIZE      PODS  FINDINGS
    …am-with-a-long-name/gone\u{1b}[31m:v1  failed    -         3     pull-not-found
    ….example/team-with-a-long-name/web:v3  resolved  71.5 MiB  3     tag-drift
    …team-with-a-long-name/api:v1.0.0-rc.1  resolved  71.5 MiB  3     -

    3 images: 2 resolved, 0 partial, 1 failed, 0 not asked for
    "#);
}

#[test]
fn findings_with_whom_they_are_about() {
    let text = findings(&old(), 80);
    assert_fits(&text);
    assert_snapshot!(text, @r#"
    SEVERITY  CODE            IMAGE                 SUBJECT
    error     pull-not-found  …e/gone\u{1b}[31m:v1  …-deployment-with-a-long-name +1
    warning   tag-drift       …-a-long-name/web:v3  …-deployment-with-a-long-name +1

    2 findings: 1 error, 1 warning, 0 info
    "#);
}

#[test]
fn layers_and_the_base_below() {
    let text = layers(&analyze::layers(&old()), 80);
    assert_fits(&text);
    assert_snapshot!(text, @r#"
    3 layers, 76.3 MiB compressed; 143.1 MiB if none were shared

    Shared bases, those that save most first

    000000000000 (linux/amd64): 1 layer, 66.8 MiB
      below 2 images, which saves 66.8 MiB:
        registry.example/team-with-a-long-name/api:v1.0.0-rc.1
        registry.example/team-with-a-long-name/web:v3

    Shared layers

    LAYER         SIZE      IMAGES  SAVED     MADE BY
    000000000000  66.8 MiB  2       66.8 MiB  RUN \u{1b}[31mapt-get\u{1b}[0m instal…

    2 layers of one image only, 9.5 MiB
    "#);
}

#[test]
fn a_difference() {
    let text = diff(&analyze::diff(&old(), &new()), 80);
    assert_fits(&text);
    assert_snapshot!(text, @r#"
    Findings that came
      warning  gone-from-registry  …-a-long-name/web:v4  …oyment-with-a-long-name +1

    Workloads with other images
      Deployment shop-in-production/gone\u{1b}[31m
        main  registry.example/team-with-a-long-name/gone\u{1b}[31m:v1 → none
      Deployment shop-in-production/web
        main  registry.example/team-with-a-long-name/web:v3 → v4

    Changed images
      registry.example/team-with-a-long-name/api:v1.0.0-rc.1 (Deployment
      shop-in-production/api)
        digest    aaaaaaaaaaaa → dddddddddddd
        linux/amd64  aaaaaaaaaaaa → dddddddddddd
          user        root → \u{1b}[31mnobody
          env         ~MODE

    New images
      …istry.example/team-with-a-long-name/web:v4  Deployment shop-in-production/web

    Gone images
      …h-a-long-name/gone\u{1b}[31m:v1  Deployment shop-in-production/gone\u{1b}[31m
      …le/team-with-a-long-name/web:v3  Deployment shop-in-production/web

    Findings that went
      error    pull-not-found  …e/gone\u{1b}[31m:v1  …deployment-with-a-long-name +1
      warning  tag-drift       …-a-long-name/web:v3  …deployment-with-a-long-name +1

    Could not be looked at before
      nodes (forbidden): nodes may not be listed
    "#);
    assert_eq!(diff(&analyze::diff(&old(), &old()), 80), "no difference\n");
}

#[test]
fn where_bytes_are_spent() {
    let text = optimize(&analyze::optimize(&old(), Assumed { cost_per_gib: Some(0.09), pulls_per_day: None }), 80);
    assert_fits(&text);
    assert_snapshot!(text, @r#"
    IMAGE                            SIZE      NODES  PULLS/DAY  BYTES/DAY  COST/DAY
    …th-a-long-name/api:v1.0.0-rc.1  71.5 MiB  0      48.0       3.4 GiB    0.30
    …e/team-with-a-long-name/web:v3  71.5 MiB  0      48.0       3.4 GiB    0.30
    …-a-long-name/gone\u{1b}[31m:v1  -         0      48.0       -          -
    total                            76.3 MiB                    6.7 GiB    0.60

    SIZE is compressed, of the largest platform; the total has each layer once.
    BYTES/DAY is the most: as if nodes had none of an image's layers before.

    What could be saved, most first

    3.4 GiB a day       registry.example/team-with-a-long-name/api:v1.0.0-rc.1
        a tag that may change, pulled at each start of shop-in-production/api/main
        -> write image:
        registry.example/team-with-a-long-name/api@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
        and imagePullPolicy: IfNotPresent
    3.4 GiB a day       registry.example/team-with-a-long-name/web:v3
        a tag that may change, pulled at each start of shop-in-production/web/main
        -> write image:
        registry.example/team-with-a-long-name/web@sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
        and imagePullPolicy: IfNotPresent
    not known           registry.example/team-with-a-long-name/gone\u{1b}[31m:v1
        a tag that may change, pulled at each start of
        shop-in-production/gone\u{1b}[31m/main
        -> write image:
        registry.example/team-with-a-long-name/gone\u{1b}[31m@sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc
        and imagePullPolicy: IfNotPresent
    "#);
    let without_costs = optimize(&analyze::optimize(&old(), Assumed::default()), 80);
    assert!(!without_costs.contains("COST"), "{without_costs}");
}

#[test]
fn a_page_tells_what_was_left_out() {
    let filter = Filter { namespaces: vec!["shop-in-production".to_owned()], ..Filter::default() };
    let text = page(&old(), &filter);
    assert_fits(&text);
    assert!(text.starts_with("Only namespace shop-in-production:\n\nContainer image facts\n"), "{text}");
    assert!(page(&old(), &Filter::default()).starts_with("Container image facts\n"));
}

#[test]
fn of_a_digest_only_the_beginning_is_shown() {
    let name = format!("registry.example/app:1@{}", digest('a'));
    assert_eq!(reference(&name), "registry.example/app:1@sha256:aaaaaaaaaaaa");
    assert_eq!(reference("me@home\u{1b}"), "me@home\\u{1b}");
}
