//! Uploads of blobs: at once, in chunks, or by mounting what another repository has.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;

use super::blobs::{created, text};
use super::refusal::{Code, Refusal};
use super::route::Query;
use super::store::Spool;
use super::{App, RepositoryName, blocking, range};
use crate::image::Digest;

/// The uploads that are open.
pub(super) struct Uploads {
    limit: usize,
    sessions: Mutex<Sessions>,
}

#[derive(Default)]
struct Sessions {
    open: HashMap<String, Session>,
    /// counts the uses of all sessions: the lower a session's number, the longer it was idle
    uses: u64,
    /// keyed by the system's randomness, so that ids cannot be guessed
    ids: RandomState,
}

struct Session {
    repository: RepositoryName,
    last_use: u64,
    /// `None` once it is finished
    spool: Slot,
}

/// One request at a time may write.
type Slot = Arc<tokio::sync::Mutex<Option<Spool>>>;

impl Uploads {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, sessions: Mutex::default() }
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self, repository: RepositoryName, spool: Spool) -> String {
        let mut sessions = self.sessions();
        if sessions.open.len() >= self.limit {
            let idle = sessions.open.iter().min_by_key(|(_, session)| session.last_use).map(|(id, _)| id.clone());
            idle.and_then(|id| sessions.open.remove(&id));
        }
        sessions.uses += 1;
        let last_use = sessions.uses;
        let id = format!("{last_use:x}-{:016x}", sessions.ids.hash_one(last_use));
        let spool = Arc::new(tokio::sync::Mutex::new(Some(spool)));
        sessions.open.insert(id.clone(), Session { repository, last_use, spool });
        id
    }

    fn find(&self, repository: &RepositoryName, id: &str) -> Result<Slot, Refusal> {
        let mut sessions = self.sessions();
        sessions.uses += 1;
        let now = sessions.uses;
        match sessions.open.get_mut(id).filter(|session| session.repository == *repository) {
            Some(session) => {
                session.last_use = now;
                Ok(session.spool.clone())
            }
            None => Err(unknown(repository)),
        }
    }

    fn close(&self, id: &str) {
        self.sessions().open.remove(id);
    }
}

/// `POST /v2/<name>/blobs/uploads/`: begins an upload, is one (`digest`), or makes one needless (`mount`, `from`).
pub(super) async fn open(app: &App, name: RepositoryName, query: Query, body: Body) -> Result<Response, Refusal> {
    if let Some((digest, from)) = query.mount()? {
        let (store, to, mounted) = (app.store.clone(), name.clone(), digest.clone());
        if blocking(move || Ok(store.mount_blob(&from, &to, &mounted)?)).await? {
            return Ok(created(&name, &digest));
        }
    }
    let digest = query.digest()?;
    let store = app.store.clone();
    let mut spool = blocking(move || Ok(store.spool()?)).await?;
    if let Some(digest) = digest {
        fill(app, &mut spool, body).await?;
        return adopt(app, name, digest, spool).await;
    }
    let id = app.uploads.open(name.clone(), spool);
    Ok((StatusCode::ACCEPTED, progress(&name, &id, 0)).into_response())
}

/// `GET /v2/<name>/blobs/uploads/<id>`: how far it is.
pub(super) async fn status(app: &App, name: &RepositoryName, id: &str) -> Result<Response, Refusal> {
    let slot = app.uploads.find(name, id)?;
    let length = slot.lock().await.as_ref().ok_or_else(|| unknown(name))?.len();
    Ok((StatusCode::NO_CONTENT, progress(name, id, length)).into_response())
}

/// `PATCH /v2/<name>/blobs/uploads/<id>`: a chunk, or the whole as a stream.
pub(super) async fn append(
    app: &App,
    name: &RepositoryName,
    id: &str,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let slot = app.uploads.find(name, id)?;
    let mut slot = slot.lock().await;
    let spool = slot.as_mut().ok_or_else(|| unknown(name))?;
    chunk(app, name, id, spool, headers, body).await?;
    Ok((StatusCode::ACCEPTED, progress(name, id, spool.len())).into_response())
}

/// `PUT /v2/<name>/blobs/uploads/<id>?digest=`: the last chunk, which may be empty, and the digest of the whole.
pub(super) async fn finish(
    app: &App,
    name: RepositoryName,
    id: &str,
    query: Query,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let missing = || Refusal::new(Code::DigestInvalid, "an upload ends with its digest, and there is none");
    let digest = query.digest()?.ok_or_else(missing)?;
    let slot = app.uploads.find(&name, id)?;
    let mut slot = slot.lock().await;
    chunk(app, &name, id, slot.as_mut().ok_or_else(|| unknown(&name))?, headers, body).await?;
    app.uploads.close(id);
    let spool = slot.take().ok_or_else(|| unknown(&name))?;
    adopt(app, name, digest, spool).await
}

/// `DELETE /v2/<name>/blobs/uploads/<id>`
pub(super) fn cancel(app: &App, name: &RepositoryName, id: &str) -> Result<Response, Refusal> {
    app.uploads.find(name, id)?;
    app.uploads.close(id);
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Takes a chunk, when it is the next one and as long as it says.
async fn chunk(
    app: &App,
    name: &RepositoryName,
    id: &str,
    spool: &mut Spool,
    headers: &HeaderMap,
    body: Body,
) -> Result<(), Refusal> {
    let before = spool.len();
    let out_of_order = |message: String| {
        let refusal = Refusal::new(Code::RangeInvalid, message);
        progress(name, id, before).into_iter().fold(refusal, |refusal, (name, value)| refusal.with(name, value))
    };
    let announced = match headers.get(header::CONTENT_RANGE) {
        None => None,
        Some(value) => Some(
            value
                .to_str()
                .ok()
                .and_then(range::announced)
                .ok_or_else(|| out_of_order("Content-Range is not <first>-<last>".to_owned()))?,
        ),
    };
    if let Some(range) = announced.as_ref().filter(|range| range.start != before) {
        return Err(out_of_order(format!("the next byte is {before}, not {}", range.start)));
    }
    let mut outcome = fill(app, spool, body).await;
    if outcome.is_ok() && announced.is_some_and(|range| range.end != spool.len()) {
        outcome = Err(Refusal::new(Code::SizeInvalid, "the chunk is not as long as its Content-Range"));
    }
    // A chunk that broke off can be gone on with: the client asks how much came. One of a wrong size cannot.
    if outcome.as_ref().is_err_and(|refusal| matches!(refusal.code(), Code::SizeInvalid | Code::SizeExceeded)) {
        app.uploads.close(id);
    }
    outcome
}

async fn fill(app: &App, spool: &mut Spool, body: Body) -> Result<(), Refusal> {
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|_| Refusal::new(Code::BlobUploadInvalid, "the body broke off"))?;
        if spool.len() + piece.len() as u64 > app.limits.blob_bytes {
            let limit = app.limits.blob_bytes;
            return Err(Refusal::new(Code::SizeExceeded, format!("the blob is larger than {limit} bytes")));
        }
        spool.write(&piece).await.map_err(|error| Refusal::internal(&error))?;
    }
    Ok(())
}

async fn adopt(app: &App, name: RepositoryName, digest: Digest, spool: Spool) -> Result<Response, Refusal> {
    let upload = spool.finish().await.map_err(|error| Refusal::internal(&error))?;
    let store = app.store.clone();
    blocking(move || match store.adopt(&name, &digest, upload)? {
        true => Ok(created(&name, &digest)),
        false => Err(Refusal::new(Code::DigestInvalid, format!("the content is not what {digest} names"))),
    })
    .await
}

/// Where the upload goes on, and what it has: `Range: 0-<last byte>`, which is `0-0` for nothing too.
fn progress(name: &RepositoryName, id: &str, length: u64) -> [(HeaderName, HeaderValue); 3] {
    [
        (header::LOCATION, text(format!("/v2/{name}/blobs/uploads/{id}"))),
        (header::RANGE, text(format!("0-{}", length.saturating_sub(1)))),
        (HeaderName::from_static("docker-upload-uuid"), text(id.to_owned())),
    ]
}

fn unknown(name: &RepositoryName) -> Refusal {
    Refusal::new(Code::BlobUploadUnknown, format!("{name} has no such upload"))
}
