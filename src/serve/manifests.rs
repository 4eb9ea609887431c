//! Manifests: indexes, images and artifacts, kept byte for byte as they were pushed.

use std::collections::BTreeMap;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::blobs::{CONTENT_DIGEST, text};
use super::refusal::{Code, Refusal};
use super::{App, RepositoryName, Store, StoredManifest, Target, blocking};
use crate::image::Digest;

/// What of a manifest matters to a registry.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Outline {
    pub(super) media_type: Option<String>,
    pub(super) artifact_type: Option<String>,
    pub(super) config: Option<Pointer>,
    layers: Option<Vec<Pointer>>,
    manifests: Option<Vec<Pointer>>,
    subject: Option<Pointer>,
    pub(super) annotations: Option<BTreeMap<String, String>>,
}

/// A descriptor.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Pointer {
    #[serde(default)]
    pub(super) media_type: String,
    digest: Digest,
    #[serde(default)]
    urls: Vec<String>,
}

impl Outline {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        let invalid = |why: String| Refusal::new(Code::ManifestInvalid, why);
        // Serde takes an array for a struct, too.
        if !bytes.trim_ascii_start().starts_with(b"{") {
            return Err(invalid("no manifest: it is not a JSON object".to_owned()));
        }
        let outline: Self = serde_json::from_slice(bytes).map_err(|error| invalid(format!("no manifest: {error}")))?;
        if outline.manifests.is_some() && (outline.config.is_some() || outline.layers.is_some()) {
            return Err(invalid("index and manifest at once (CVE-2021-41190)".to_owned()));
        }
        Ok(outline)
    }

    /// The media type of the document: the header's word and its own must agree where there are both.
    fn media_type(&self, headers: &HeaderMap) -> Result<String, Refusal> {
        let invalid = |why: &str| Err(Refusal::new(Code::ManifestInvalid, why));
        let header = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        match (header, self.media_type.as_deref()) {
            (Some(header), Some(own)) if essence(header) != own => invalid("Content-Type and mediaType disagree"),
            (Some(header), _) => Ok(header.to_owned()),
            (None, Some(own)) if own.bytes().all(|b| b.is_ascii_graphic()) => Ok(own.to_owned()),
            (None, _) => invalid("it has neither a Content-Type nor a mediaType"),
        }
    }

    /// Everything that the manifest names must be there before it (distribution-spec, "Pushing Manifests"). Layers
    /// that lie elsewhere (`urls`) are not pushed.
    fn check_complete(&self, store: &Store, name: &RepositoryName) -> Result<(), Refusal> {
        let layers = self.layers.iter().flatten().filter(|layer| layer.urls.is_empty());
        for blob in self.config.iter().chain(layers) {
            if !store.has_blob(name, &blob.digest)? {
                return Err(absent(name, "blob", &blob.digest));
            }
        }
        for manifest in self.manifests.iter().flatten() {
            if !store.has_manifest(name, &manifest.digest)? {
                return Err(absent(name, "manifest", &manifest.digest));
            }
        }
        Ok(())
    }

    fn subject(&self) -> Option<&Digest> {
        self.subject.as_ref().map(|subject| &subject.digest)
    }
}

fn essence(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}

fn absent(name: &RepositoryName, what: &str, digest: &Digest) -> Refusal {
    Refusal::new(Code::ManifestBlobUnknown, format!("the manifest names {digest}, but {name} has no such {what}"))
}

/// `GET` and `HEAD /v2/<name>/manifests/<tag or digest>`; of `HEAD` the server leaves out the body.
pub(super) async fn get(store: &Store, name: RepositoryName, target: Target) -> Result<Response, Refusal> {
    let store = store.clone();
    let manifest = blocking(move || store.manifest(&name, &target)?.ok_or_else(|| unknown(&name, &target))).await?;
    let headers = [(header::CONTENT_TYPE, manifest.media_type), (CONTENT_DIGEST, manifest.digest.to_string())];
    Ok((headers, manifest.bytes).into_response())
}

/// `PUT /v2/<name>/manifests/<tag or digest>`
pub(super) async fn put(
    app: &App,
    name: RepositoryName,
    target: Target,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let limit = app.limits.manifest_bytes;
    let too_large = |_| Refusal::new(Code::SizeExceeded, format!("no manifest of at most {limit} bytes came"));
    let bytes = axum::body::to_bytes(body, limit).await.map_err(too_large)?;
    let outline = Outline::parse(&bytes)?;
    let media_type = outline.media_type(headers)?;
    let store = app.store.clone();
    blocking(move || {
        outline.check_complete(&store, &name)?;
        let digest = store_manifest(&store, &name, &target, media_type, bytes, outline.subject())?;
        let location = text(format!("/v2/{name}/manifests/{digest}"));
        let headers = [(header::LOCATION, location), (CONTENT_DIGEST, text(digest.to_string()))];
        let mut response = (StatusCode::CREATED, headers).into_response();
        if let Some(subject) = outline.subject() {
            // Tells that the referrers API knows it, so that the client need not keep a list itself.
            response.headers_mut().insert(HeaderName::from_static("oci-subject"), text(subject.to_string()));
        }
        Ok(response)
    })
    .await
}

fn store_manifest(
    store: &Store,
    name: &RepositoryName,
    target: &Target,
    media_type: String,
    bytes: Bytes,
    subject: Option<&Digest>,
) -> Result<Digest, Refusal> {
    let digest = match target {
        Target::Tag(_) => Digest::of(&bytes),
        Target::Digest(digest) if digest.matches(&bytes) => digest.clone(),
        Target::Digest(digest) => {
            return Err(Refusal::new(Code::DigestInvalid, format!("the manifest is not what {digest} names")));
        }
    };
    store.put_manifest(name, &StoredManifest { digest: digest.clone(), media_type, bytes }, subject)?;
    if let Target::Tag(tag) = target {
        store.put_tag(name, tag, &digest)?;
    }
    Ok(digest)
}

/// `DELETE /v2/<name>/manifests/<tag or digest>`: a tag alone, or a manifest with its tags.
pub(super) async fn delete(store: &Store, name: RepositoryName, target: Target) -> Result<Response, Refusal> {
    let store = store.clone();
    blocking(move || {
        let removed = match &target {
            Target::Tag(tag) => store.remove_tag(&name, tag)?,
            Target::Digest(digest) => {
                let manifest = store.manifest(&name, &target)?.ok_or_else(|| unknown(&name, &target))?;
                let outline = Outline::parse(&manifest.bytes).unwrap_or_default();
                store.remove_manifest(&name, digest, outline.subject())?
            }
        };
        if removed { Ok(StatusCode::ACCEPTED.into_response()) } else { Err(unknown(&name, &target)) }
    })
    .await
}

fn unknown(name: &RepositoryName, target: &Target) -> Refusal {
    Refusal::new(Code::ManifestUnknown, format!("{name} has no manifest {target}"))
}
