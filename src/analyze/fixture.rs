//! Documents as tests write them down.

use serde_json::{Value, json};

use crate::facts::document::ImageFacts;
use crate::facts::summarize;
use crate::image::Digest;

/// A digest that is easily told from others.
pub(super) fn digest(seed: &str) -> Digest {
    Digest::of(seed.as_bytes())
}

/// Builds a document image by image.
#[derive(Default)]
pub(super) struct Builder {
    pub(super) images: Vec<Value>,
    pub(super) manifests: Vec<Value>,
    pub(super) unused: Vec<Value>,
    pub(super) findings: Vec<Value>,
    pub(super) gaps: Vec<Value>,
}

impl Builder {
    /// `ghcr.io/acme/<name>:1`, which Deployment `shop/<name>` uses, for linux/amd64, with layers of so many bytes.
    pub(super) fn image(&mut self, name: &str, layers: &[(&str, u64)]) -> &mut Value {
        self.tagged(name, "1", layers)
    }

    /// The same with a tag of one's choice.
    pub(super) fn tagged(&mut self, name: &str, tag: &str, layers: &[(&str, u64)]) -> &mut Value {
        let manifest = digest(&format!("{name} {tag} {layers:?}"));
        let bytes: u64 = layers.iter().map(|(_, bytes)| bytes).sum();
        self.manifests.push(json!({
            "digest": manifest, "mediaType": "application/vnd.oci.image.manifest.v1+json", "kind": "image",
            "platform": "linux/amd64", "compressedBytes": bytes,
            "config": config(),
            "layers": layers.iter().map(|(seed, size)| json!({"digest": digest(seed), "size": size})).collect::<Vec<_>>(),
        }));
        let resolved = json!({"digest": manifest, "via": "registry", "endpoint": "https://ghcr.io"});
        let variant =
            json!({"platform": "linux/amd64", "digest": manifest, "compressedBytes": bytes, "layers": layers.len()});
        self.images.push(json!({
            "reference": format!("ghcr.io/acme/{name}:{tag}"), "registry": "ghcr.io",
            "repository": format!("acme/{name}"), "tag": tag, "writtenAs": [], "status": "resolved",
            "resolved": resolved, "variants": [variant], "usedBy": [used_by("shop", name, "current")],
        }));
        self.images.last_mut().unwrap()
    }

    /// The manifest of the image that came last.
    pub(super) fn manifest(&mut self) -> &mut Value {
        self.manifests.last_mut().unwrap()
    }

    pub(super) fn finish(&self) -> ImageFacts {
        let mut facts: ImageFacts = serde_json::from_value(json!({
            "schemaVersion": "1.0", "kind": "ImageFacts", "complete": true,
            "run": {
                "generatedAt": "2026-01-02T03:04:05Z", "generator": {"name": "imagefacts", "version": "0"},
                "durationMs": 0, "requests": 0, "cacheHits": 0, "bytes": 0, "registries": []
            },
            "source": {"type": "cluster", "namespaces": ["shop"]}, "redaction": {"mode": "default"},
            "images": self.images, "manifests": self.manifests, "unusedOnNodes": self.unused,
            "findings": self.findings, "gaps": self.gaps,
            "summary": {
                "references": 0, "resolved": 0, "partial": 0, "failed": 0, "unqueried": 0, "repositories": 0,
                "distinctManifests": 0, "layers": {"distinct": 0, "compressedBytes": 0, "referencedBytes": 0},
                "errorsByClass": {}, "findingsBySeverity": {}
            },
        }))
        .unwrap();
        facts.images.sort_by(|a, b| a.reference.cmp(&b.reference));
        facts.manifests.sort_by(|a, b| a.digest.cmp(&b.digest));
        facts.manifests.dedup();
        facts.summary = summarize(&facts.images, &facts.manifests, &facts.findings);
        facts
    }
}

/// What a container runs when nobody says otherwise.
pub(super) fn config() -> Value {
    json!({
        "user": "nobody", "env": ["PATH=/bin", "MODE=fast"], "entrypoint": ["/app"], "cmd": [], "exposedPorts": ["80/tcp"],
        "volumes": [], "labels": {"team": "a"}
    })
}

/// A Deployment whose one container has its name.
pub(super) fn used_by(namespace: &str, name: &str, role: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "namespace": namespace, "name": name, "role": role, "pods": 1,
        "containers": [{"name": name, "type": "container"}], "pullSecrets": [],
    })
}

/// A finding about a Deployment or a Secret.
pub(super) fn finding(code: &str, severity: &str, image: Option<&str>, namespace: &str, name: &str) -> Value {
    let mut finding = json!({
        "code": code, "severity": severity, "subjects": [{"kind": "Deployment", "namespace": namespace, "name": name}],
        "message": format!("{name} has {code}"), "remedy": "kubectl apply -f fixed.yaml", "examples": [], "evidence": {}
    });
    if let Some(image) = image {
        finding["image"] = json!(image);
    }
    finding
}

/// Three namespaces, two registries, an image that is gone, and three findings.
pub(super) fn shop() -> ImageFacts {
    let mut facts = Builder::default();
    facts.tagged("web", "v3", &[("os", 100), ("web v3", 20)]);
    facts.tagged("api", "v1", &[("os", 100), ("api v1", 30)])["usedBy"] =
        json!([used_by("pay", "api", "current"), used_by("shop", "api", "current")]);
    let tool = facts.tagged("tool", "1", &[]);
    tool["reference"] = json!("r.example/tool:1");
    (tool["registry"], tool["repository"]) = (json!("r.example"), json!("tool"));
    tool["usedBy"] = json!([used_by("ops", "tool", "current")]);
    tool["resolved"]["digest"] = json!(digest("tool"));
    tool["variants"][0]["digest"] = json!(digest("tool"));
    facts.manifest()["digest"] = json!(digest("tool"));
    facts.images.push(json!({
        "reference": "ghcr.io/acme/gone:v1", "registry": "ghcr.io", "repository": "acme/gone", "tag": "v1",
        "writtenAs": [], "status": "failed", "usedBy": [used_by("shop", "gone", "current")],
        "errors": [{"stage": "manifest", "class": "not-found", "message": "no such\u{1b}[31m tag", "attempts": 1}],
    }));
    facts.findings = vec![
        finding("pull-not-found", "error", Some("ghcr.io/acme/gone:v1"), "shop", "gone"),
        finding("pull-secret-missing", "warning", None, "pay", "api"),
        finding("mutable-tag", "info", Some("r.example/tool:1"), "ops", "tool"),
    ];
    facts.gaps =
        vec![json!({"scope": "registry", "host": "ghcr.io", "reason": "quota", "message": "the quota is used up"})];
    facts.finish()
}
