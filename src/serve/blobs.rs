//! Blobs: configs and layers.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, response};
use axum::response::{IntoResponse, Response};

use super::refusal::{Code, Refusal};
use super::store::Content;
use super::{RepositoryName, Store, blocking, range};
use crate::image::Digest;

pub(super) const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// `GET /v2/<name>/blobs/<digest>`, of which a `Range` may want a part.
pub(super) async fn get(
    store: &Store,
    name: RepositoryName,
    digest: Digest,
    headers: &HeaderMap,
) -> Result<Response, Refusal> {
    let content = open(store, name, digest.clone()).await?;
    let length = content.len();
    let wanted = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
    let Ok(part) = range::requested(wanted, length) else {
        let refusal = Refusal::new(Code::RangeInvalid, format!("the blob has {length} bytes"));
        return Err(refusal.with(header::CONTENT_RANGE, text(format!("bytes */{length}"))));
    };
    let answer = described(&digest);
    let (answer, part) = match part {
        None => (answer.header(header::CONTENT_LENGTH, length), 0..length),
        Some(part) => {
            let described = format!("bytes {}-{}/{length}", part.start, part.end - 1);
            let answer = answer.status(StatusCode::PARTIAL_CONTENT).header(header::CONTENT_RANGE, described);
            (answer.header(header::CONTENT_LENGTH, part.end - part.start), part)
        }
    };
    let body = content.into_body(part).map_err(|error| Refusal::internal(&error))?;
    answer.body(body).map_err(|error| Refusal::internal(&error))
}

/// `HEAD /v2/<name>/blobs/<digest>`
pub(super) async fn head(store: &Store, name: RepositoryName, digest: Digest) -> Result<Response, Refusal> {
    let length = open(store, name, digest.clone()).await?.len();
    let answer = described(&digest).header(header::CONTENT_LENGTH, length);
    answer.body(Body::empty()).map_err(|error| Refusal::internal(&error))
}

/// `DELETE /v2/<name>/blobs/<digest>`
pub(super) async fn delete(store: &Store, name: RepositoryName, digest: Digest) -> Result<Response, Refusal> {
    let store = store.clone();
    blocking(move || match store.remove_blob(&name, &digest)? {
        true => Ok(StatusCode::ACCEPTED.into_response()),
        false => Err(unknown(&name, &digest)),
    })
    .await
}

async fn open(store: &Store, name: RepositoryName, digest: Digest) -> Result<Content, Refusal> {
    let store = store.clone();
    blocking(move || store.open_blob(&name, &digest)?.ok_or_else(|| unknown(&name, &digest))).await
}

fn described(digest: &Digest) -> response::Builder {
    Response::builder()
        .header(header::CONTENT_TYPE, "application/octet-stream")
        .header(header::ACCEPT_RANGES, "bytes")
        .header(CONTENT_DIGEST, digest.as_str())
}

fn unknown(name: &RepositoryName, digest: &Digest) -> Refusal {
    Refusal::new(Code::BlobUnknown, format!("{name} has no blob {digest}"))
}

/// The answer to a blob that has come to be.
pub(super) fn created(name: &RepositoryName, digest: &Digest) -> Response {
    let location = text(format!("/v2/{name}/blobs/{digest}"));
    (StatusCode::CREATED, [(header::LOCATION, location), (CONTENT_DIGEST, text(digest.to_string()))]).into_response()
}

/// A header's value from text that is made of validated names and numbers only.
pub(super) fn text(text: String) -> HeaderValue {
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}
