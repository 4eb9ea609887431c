//! Lists: repositories, tags, and the manifests that are attached to another.

use std::collections::BTreeMap;

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::blobs::text;
use super::manifests::Outline;
use super::refusal::{Code, Refusal};
use super::route::Query;
use super::{RepositoryName, Store, StoredManifest, blocking};
use crate::image::Digest;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// `GET /v2/_catalog`
pub(super) async fn catalog(store: &Store, query: Query) -> Result<Response, Refusal> {
    let store = store.clone();
    blocking(move || {
        let names = store.repositories()?.iter().map(ToString::to_string).collect();
        let page = Page::of(names, &query)?;
        let body = serde_json::json!({"repositories": page.entries});
        Ok(page.answer("/v2/_catalog", &body))
    })
    .await
}

/// `GET /v2/<name>/tags/list`
pub(super) async fn tags(store: &Store, name: RepositoryName, query: Query) -> Result<Response, Refusal> {
    let store = store.clone();
    blocking(move || {
        if !store.has_repository(&name)? {
            return Err(Refusal::new(Code::NameUnknown, format!("there is no repository {name}")));
        }
        let tags = store.tags(&name)?.iter().map(ToString::to_string).collect();
        let page = Page::of(tags, &query)?;
        let body = serde_json::json!({"name": name.as_str(), "tags": page.entries});
        Ok(page.answer(&format!("/v2/{name}/tags/list"), &body))
    })
    .await
}

/// A part of a sorted list, as `n` and `last` want it.
struct Page {
    entries: Vec<String>,
    /// the size of the next page, when there is one
    next: Option<usize>,
}

impl Page {
    fn of(mut entries: Vec<String>, query: &Query) -> Result<Self, Refusal> {
        let size = query.page_size()?;
        if let Some(last) = &query.last {
            entries.retain(|entry| entry > last);
        }
        let next = size.filter(|size| (1..entries.len()).contains(size));
        entries.truncate(size.unwrap_or(usize::MAX));
        Ok(Self { entries, next })
    }

    fn answer(&self, path: &str, body: &serde_json::Value) -> Response {
        let mut response = json("application/json", body);
        if let (Some(size), Some(last)) = (self.next, self.entries.last()) {
            let link = text(format!("<{path}?n={size}&last={last}>; rel=\"next\""));
            response.headers_mut().insert(header::LINK, link);
        }
        response
    }
}

/// An entry of a referrers list (distribution-spec, "Listing Referrers").
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Referrer {
    media_type: String,
    digest: Digest,
    size: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<BTreeMap<String, String>>,
}

impl Referrer {
    fn of(manifest: StoredManifest) -> Self {
        let outline = Outline::parse(&manifest.bytes).unwrap_or_default();
        // Before OCI 1.1 an artifact told its type by its config's.
        let config_type = outline.config.map(|config| config.media_type);
        Self {
            media_type: manifest.media_type,
            digest: manifest.digest,
            size: manifest.bytes.len(),
            artifact_type: outline.artifact_type.or(config_type),
            annotations: outline.annotations,
        }
    }
}

/// `GET /v2/<name>/referrers/<digest>`: an index, empty when nothing is known.
pub(super) async fn referrers(
    store: &Store,
    name: RepositoryName,
    subject: Digest,
    query: Query,
) -> Result<Response, Refusal> {
    let store = store.clone();
    blocking(move || {
        let mut referrers: Vec<Referrer> = store.referrers(&name, &subject)?.into_iter().map(Referrer::of).collect();
        if let Some(wanted) = &query.artifact_type {
            referrers.retain(|referrer| referrer.artifact_type.as_ref() == Some(wanted));
        }
        let body = serde_json::json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": referrers});
        let mut response = json(INDEX, &body);
        if query.artifact_type.is_some() {
            let applied = HeaderName::from_static("oci-filters-applied");
            response.headers_mut().insert(applied, HeaderValue::from_static("artifactType"));
        }
        Ok(response)
    })
    .await
}

fn json(media_type: &'static str, body: &serde_json::Value) -> Response {
    ([(header::CONTENT_TYPE, media_type)], body.to_string()).into_response()
}
