//! The built-in sample: a registry's images and a cluster's objects, for `demo` and the tests.
//!
//! Both are made by code and are the same, byte for byte, on each run: the digests that the cluster runs are those of
//! the images. The cluster has a problem of each kind that the facts can name; the table in `cluster.rs` tells where.

mod cluster;
mod image;
mod images;
mod objects;

use crate::serve::{InvalidName, RepositoryName, Store, StoreError, StoredManifest, Tag};
use image::Document;
use images::Images;

/// The port that `demo` tries first, so that the names of the sample's images are the same on each run.
pub const PORT: u16 = 5005;

/// What is in the sample and must show in no output: passwords, baked into an image or kept in a pull secret.
pub const CANARIES: [&str; 3] = [images::BAKED_PASSWORD, images::BUILD_TOKEN, cluster::PULL_PASSWORD];

/// The sample.
pub struct Sample {
    images: Images,
}

/// Why the sample could not be made. None of it can happen but for a registry that fails.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// An image could not be built.
    #[error("the sample's images could not be built: {0}")]
    Build(#[from] std::io::Error),
    /// The registry did not take it.
    #[error("the sample could not be stored: {0}")]
    Store(#[from] StoreError),
    /// An image has a name that the registry does not take.
    #[error("the sample could not be stored: {0}")]
    Name(#[from] InvalidName),
}

impl Sample {
    /// Builds all images.
    pub fn new() -> Result<Self, SampleError> {
        Ok(Self { images: Images::build()? })
    }

    /// Puts into a registry what is still there to be pulled. May block.
    ///
    /// Layers that are only declared (of an image that is too large to be carried along) are not there.
    pub fn fill(&self, store: &Store) -> Result<(), SampleError> {
        for image in self.images.in_registry() {
            let repository = RepositoryName::parse(image.repository)?;
            put(store, &repository, &image.document)?;
            if image.is_tagged {
                store.put_tag(&repository, &Tag::parse(image.tag)?, &image.document.digest)?;
            }
        }
        Ok(())
    }

    /// The cluster's objects as `kubectl get -o json` gives them: names of files and their texts.
    ///
    /// `registry` is the host, with its port, that the images' names shall have.
    pub fn objects(&self, registry: &str) -> Vec<(String, String)> {
        let list = |(name, items): (&str, Vec<serde_json::Value>)| {
            let list = serde_json::json!({"apiVersion": "v1", "kind": "List", "metadata": {}, "items": items});
            (format!("{name}.json"), format!("{list:#}\n"))
        };
        cluster::objects(&self.images, registry).into_iter().map(list).collect()
    }
}

fn put(store: &Store, repository: &RepositoryName, document: &Document) -> Result<(), StoreError> {
    for child in &document.children {
        put(store, repository, child)?;
    }
    for blob in &document.blobs {
        store.put_blob(repository, blob.clone())?;
    }
    let manifest = StoredManifest {
        digest: document.digest.clone(),
        media_type: document.media_type.to_owned(),
        bytes: document.bytes.clone().into(),
    };
    store.put_manifest(repository, &manifest, None)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use base64::Engine;

    use super::*;
    use crate::image::{Digest, Document, ImageConfig, Reference};
    use crate::serve::Target;

    fn filled() -> (Sample, Store) {
        let (sample, store) = (Sample::new().unwrap(), Store::memory());
        sample.fill(&store).unwrap();
        (sample, store)
    }

    #[test]
    fn each_run_gives_the_same() {
        let (first, second) = (Sample::new().unwrap(), Sample::new().unwrap());
        assert_eq!(first.objects("r.io"), second.objects("r.io"));
        // Stored, not compressed: neither another version of the compressor nor another machine changes a digest.
        assert_eq!(first.images.web.document.digest.as_str(), WEB);
    }

    const WEB: &str = "sha256:6e5520cf52cee57296a9425e609ee07d9b8207b251f2e6cd1b7e05e0141856b7";

    #[test]
    fn every_document_is_valid_and_complete() {
        let (sample, store) = filled();
        let mut pushed = 0;
        for repository in store.repositories().unwrap() {
            for tag in store.tags(&repository).unwrap() {
                pushed += 1;
                check(&store, &repository, &Target::Tag(tag));
            }
        }
        assert_eq!(pushed, 21);
        assert_eq!(sample.images.in_registry().len(), 23);
    }

    fn check(store: &Store, repository: &RepositoryName, target: &Target) {
        let manifest = store.manifest(repository, target).unwrap().unwrap();
        let (document, _) = Document::parse(&manifest.bytes, Some(&manifest.media_type)).unwrap();
        match document {
            Document::Index(index) => {
                assert!(index.skipped.is_empty());
                for entry in index.entries {
                    check(store, repository, &Target::Digest(entry.descriptor.digest));
                }
            }
            Document::Image(image) => {
                assert!(store.has_blob(repository, &image.config.digest).unwrap());
                for layer in image.layers {
                    let stored = store.has_blob(repository, &layer.digest).unwrap();
                    assert!(stored || layer.size > 1 << 30, "{repository} {target}: only a huge layer may be absent");
                }
            }
            Document::Legacy(legacy) => {
                let config = ImageConfig::parse(legacy.config.unwrap().as_bytes()).unwrap();
                assert_eq!(config.platform.unwrap().to_string(), "linux/amd64");
            }
            Document::Artifact(_) => panic!("{repository} has an artifact"),
        }
    }

    #[test]
    fn pods_run_what_the_images_are() {
        let (sample, store) = filled();
        let known: BTreeSet<&Digest> = sample.images.all().iter().map(|image| &image.document.digest).collect();
        let mut running = 0;
        for (_, text) in sample.objects("r.io:1") {
            let list: serde_json::Value = serde_json::from_str(&text).unwrap();
            for object in list["items"].as_array().unwrap() {
                assert!(object["kind"].is_string() && object["metadata"]["name"].is_string(), "{object}");
                for status in object["status"]["containerStatuses"].as_array().into_iter().flatten() {
                    let Some(id) = status["imageID"].as_str().filter(|id| !id.is_empty()) else { continue };
                    let reference = Reference::parse(id).unwrap();
                    assert_eq!(reference.registry(), "r.io:1");
                    assert!(known.contains(reference.digest().unwrap()), "{id}");
                    running += 1;
                }
            }
        }
        assert!(running > 20);
        let gone = Target::Digest(sample.images.checkout.document.digest.clone());
        assert_eq!(store.manifest(&RepositoryName::parse("acme/checkout").unwrap(), &gone).unwrap(), None);
    }

    #[test]
    fn canaries_are_where_they_should_be() {
        let (sample, _) = filled();
        let config = String::from_utf8(sample.images.billing.document.children[0].blobs[0].clone()).unwrap();
        let (_, secrets) = sample.objects("r.io").pop().unwrap();
        let secrets: serde_json::Value = serde_json::from_str(&secrets).unwrap();
        let login = secrets["items"][0]["data"][".dockerconfigjson"].as_str().unwrap();
        let login = String::from_utf8(base64::engine::general_purpose::STANDARD.decode(login).unwrap()).unwrap();
        for canary in CANARIES {
            assert!(config.contains(canary) || login.contains(canary), "{canary}");
        }
    }
}
