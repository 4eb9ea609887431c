//! A small image, of which a test can spoil any part.

use imagefacts::image::Digest;
use serde_json::{Value, json};

use crate::registry_client::server::{Reply, Seen, reply};

pub(super) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(super) const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// An image as its registry has it.
#[derive(Clone)]
pub(super) struct Image {
    pub(super) config: Vec<u8>,
    pub(super) manifest: Vec<u8>,
}

impl Image {
    /// One that is as it should be.
    pub(super) fn good() -> Self {
        Self::of(&json!({"os": "linux", "architecture": "amd64", "config": {}}).to_string())
    }

    /// One with this config.
    pub(super) fn of(config: &str) -> Self {
        Self::changed(config, |_| {})
    }

    /// One with this config, and a manifest that `change` has changed.
    pub(super) fn changed(config: &str, change: impl FnOnce(&mut Value)) -> Self {
        let mut manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, "digest": Digest::of(config.as_bytes()), "size": config.len()},
            "layers": [{"mediaType": LAYER, "digest": Digest::of(b"layer"), "size": 5}],
        });
        change(&mut manifest);
        Self { config: config.as_bytes().to_vec(), manifest: manifest.to_string().into_bytes() }
    }

    /// An index's entry for it.
    pub(super) fn entry(&self) -> Value {
        let digest = Digest::of(&self.manifest);
        let platform = json!({"os": "linux", "architecture": "amd64"});
        json!({"mediaType": MANIFEST, "digest": digest, "size": self.manifest.len(), "platform": platform})
    }

    /// What an honest registry answers that has nothing else.
    pub(super) fn answer(&self, seen: &Seen) -> Reply {
        let digest = seen.path.rsplit('/').next().and_then(|last| Digest::parse(last).ok());
        match digest {
            Some(digest) if digest.matches(&self.config) => reply(200, self.config.clone()),
            Some(digest) if !digest.matches(&self.manifest) => reply(404, ""),
            _ if seen.path.contains("/manifests/") => reply(200, self.manifest.clone()),
            _ => reply(404, ""),
        }
    }
}
