//! Images as `inspect` shows them.

use insta::assert_snapshot;
use serde_json::{Value, json};

use super::*;

fn digest(digit: char) -> String {
    format!("sha256:{}", digit.to_string().repeat(64))
}

fn manifests() -> Vec<Manifest> {
    serde_json::from_value(json!([
        {
            "digest": digest('a'), "mediaType": "application/vnd.oci.image.index.v1+json", "kind": "index",
            "entries": [
                {"digest": digest('b'), "mediaType": "application/vnd.oci.image.manifest.v1+json", "size": 7,
                 "platform": "linux/amd64"},
                {"digest": digest('c'), "mediaType": "application/vnd.oci.image.manifest.v1+json", "size": 7,
                 "platform": "linux/arm64"},
            ]
        },
        {
            "digest": digest('b'), "mediaType": "application/vnd.oci.image.manifest.v1+json", "kind": "image",
            "platform": "linux/amd64", "created": "2026-01-02T03:04:05Z", "compressedBytes": 75_811_430,
            "config": {
                "user": "nginx", "env": ["PATH=/usr/bin", "COLOUR=\u{1b}[31mred"],
                "entrypoint": ["/docker-entrypoint.sh"],
                "cmd": ["nginx", "-g", "daemon off;"], "exposedPorts": ["80/tcp"], "volumes": [],
                "labels": {"maintainer": "NGINX\nforged: line"}
            },
            "layers": [
                {"digest": digest('1'), "size": 75_000_000},
                {"digest": digest('2'), "size": 811_430},
            ],
            "build": {"source": "https://example.com/nginx", "revision": "abc123"}
        }
    ]))
    .unwrap()
}

fn images(images: Value) -> crate::facts::document::Many<Image> {
    serde_json::from_value(images).unwrap()
}

fn nginx() -> Value {
    json!({
        "reference": "docker.io/library/nginx:1.29", "writtenAs": ["nginx:1.29"], "status": "resolved",
        "resolved": {"digest": digest('a'), "via": "registry", "endpoint": "https://registry-1.docker.io"},
        "variants": [
            {"platform": "linux/amd64", "digest": digest('b'), "compressedBytes": 75_811_430, "layers": 2},
            {"platform": "linux/arm64", "digest": digest('c'), "compressedBytes": 70_000_000, "layers": 1}
        ],
        "usedBy": [],
        "access": [{"source": "anonymous", "namespaces": [], "kubelet": true, "outcome": "accepted"}]
    })
}

fn gone() -> Value {
    json!({
        "reference": "registry.example/a/rather/long/path/to/gone:1", "writtenAs": [], "status": "failed", "usedBy": [],
        "errors": [{
            "stage": "manifest", "class": "not-found", "message": "manifest unknown\u{1b}[2J", "attempts": 1
        }]
    })
}

#[test]
fn one_image_is_shown_in_detail() {
    assert_snapshot!(inspect(&images(json!([nginx()])), &manifests(), 80), @r#"
    Reference:   docker.io/library/nginx:1.29
    Status:      resolved
    Digest:      sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
    From:        https://registry-1.docker.io (registry)
    Media type:  application/vnd.oci.image.index.v1+json
    Platforms:   linux/amd64, linux/arm64
    Access:      anonymous: accepted

    linux/amd64
      Digest:      sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
      Size:        72.3 MiB in 2 layers, compressed
      Created:     2026-01-02T03:04:05Z
      User:        nginx
      Entrypoint:  ["/docker-entrypoint.sh"]
      Cmd:         ["nginx", "-g", "daemon off;"]
      Ports:       80/tcp
      Env:         PATH=/usr/bin
                   COLOUR=\u{1b}[31mred
      Labels:      maintainer=NGINX\nforged: line
      Source:      https://example.com/nginx
      Revision:    abc123
      Layers:      sha256:1111111111111111111111111111111111111111111111111111111111111111  71.5 MiB
                   sha256:2222222222222222222222222222222222222222222222222222222222222222  792.4 KiB

    linux/arm64
      Digest:  sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc
      Size:    66.8 MiB in 1 layer, compressed
    "#);
}

#[test]
fn one_failed_image_says_why() {
    assert_snapshot!(inspect(&images(json!([gone()])), &[], 80), @r#"
    Reference:  registry.example/a/rather/long/path/to/gone:1
    Status:     failed

    Errors:
      manifest: not-found: manifest unknown\u{1b}[2J
    "#);
}

#[test]
fn several_images_are_a_table() {
    let images = images(json!([nginx(), gone()]));
    assert_snapshot!(inspect(&images, &manifests(), 120), @r#"
    REFERENCE                                      STATUS    DIGEST        PLATFORMS       SIZE      LAYERS  CREATED
    registry.example/a/rather/long/path/to/gone:1  failed    -             -               -         -       -
    docker.io/library/nginx:1.29                   resolved  aaaaaaaaaaaa  linux/amd64 +1  72.3 MiB  2       2026-01-02

    registry.example/a/rather/long/path/to/gone:1: manifest: not-found: manifest unknown\u{1b}[2J
    "#);
    let narrow = inspect(&images, &manifests(), 80);
    assert_snapshot!(narrow, @r#"
    REFERENCE                       STATUS    DIGEST        PLATFORMS       SIZE
    …/a/rather/long/path/to/gone:1  failed    -             -               -
    docker.io/library/nginx:1.29    resolved  aaaaaaaaaaaa  linux/amd64 +1  72.3 MiB

    registry.example/a/rather/long/path/to/gone:1: manifest: not-found: manifest unknown\u{1b}[2J
    "#);
    let mut rows = narrow.lines().take_while(|line| !line.is_empty());
    assert!(rows.all(|row| console::measure_text_width(row) <= 80));
}
