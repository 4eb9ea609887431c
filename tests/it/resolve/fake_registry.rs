//! A registry over a real socket that holds what a test puts there, and tells what it was asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, Response, StatusCode, header};
use base64::Engine as _;
use imagefacts::image::{Digest, Reference};
use serde_json::{Value, json};

pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// Put together from parts; serves until it is dropped.
pub(crate) struct FakeRegistry {
    address: SocketAddr,
    shelf: Arc<Shelf>,
    server: tokio::task::JoinHandle<()>,
}

#[derive(Default)]
struct Shelf {
    /// by `repository/manifests/target` and `repository/blobs/digest`
    content: Mutex<BTreeMap<String, (String, Bytes)>>,
    /// `Link` headers, by the same
    links: Mutex<BTreeMap<String, String>>,
    /// repositories that are not for everyone: who may read them
    readers: Mutex<BTreeMap<String, BTreeSet<String>>>,
    /// repositories that want a token, which everyone gets but who shows a wrong password
    token_wanted: Mutex<BTreeSet<String>>,
    /// whether it says of no document which digest it has
    says_no_digest: AtomicBool,
    /// paths that are never answered
    silent: Mutex<BTreeSet<String>>,
    log: Mutex<Vec<Asked>>,
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) method: Method,
    /// of Basic authorization
    pub(crate) user: Option<String>,
}

/// An image that was put.
#[derive(Clone)]
pub(crate) struct Put {
    pub(crate) manifest: Digest,
    pub(crate) config: Digest,
    pub(crate) descriptor: Value,
}

impl FakeRegistry {
    pub(crate) async fn start() -> Self {
        let shelf = Arc::new(Shelf::default());
        let router = axum::Router::new().fallback(answer).with_state(Arc::clone(&shelf));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, shelf, server }
    }

    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }

    pub(crate) fn reference(&self, name: &str) -> Reference {
        Reference::parse(&format!("{}/{name}", self.address)).unwrap()
    }

    /// Puts a document under its digest, and under `tag` where there is one.
    pub(crate) fn put(&self, repository: &str, tag: Option<&str>, media_type: &str, document: &Value) -> Digest {
        let bytes = Bytes::from(serde_json::to_vec(document).unwrap());
        let digest = Digest::of(&bytes);
        let mut content = self.shelf.content.lock().unwrap();
        for target in [Some(digest.as_str()), tag].into_iter().flatten() {
            content.insert(format!("{repository}/manifests/{target}"), (media_type.to_owned(), bytes.clone()));
        }
        digest
    }

    /// Puts an image for `platform`, told from others by `name`.
    pub(crate) fn put_image(&self, repository: &str, tag: Option<&str>, platform: &str, name: &str) -> Put {
        let (os, architecture) = platform.split_once('/').unwrap();
        let config = json!({"os": os, "architecture": architecture, "config": {"Labels": {"name": name}}});
        let bytes = Bytes::from(serde_json::to_vec(&config).unwrap());
        let config = Digest::of(&bytes);
        let size = bytes.len();
        let path = format!("{repository}/blobs/{config}");
        self.shelf.content.lock().unwrap().insert(path, ("application/octet-stream".to_owned(), bytes));
        let document = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "layers": [],
            "config": {"mediaType": CONFIG, "digest": config, "size": size},
        });
        let manifest = self.put(repository, tag, MANIFEST, &document);
        let size = serde_json::to_vec(&document).unwrap().len();
        let platform = json!({"os": os, "architecture": architecture});
        let descriptor = json!({"mediaType": MANIFEST, "digest": manifest, "size": size, "platform": platform});
        Put { manifest, config, descriptor }
    }

    /// Puts an index of `entries`.
    pub(crate) fn put_index(&self, repository: &str, tag: Option<&str>, entries: &[Value]) -> (Digest, Value) {
        let document = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries});
        let digest = self.put(repository, tag, INDEX, &document);
        let size = serde_json::to_vec(&document).unwrap().len();
        let descriptor = json!({"mediaType": INDEX, "digest": digest, "size": size});
        (digest, descriptor)
    }

    /// Lets the referrers API list `pages` for a digest.
    pub(crate) fn put_referrers(&self, repository: &str, digest: &Digest, pages: &[Vec<Value>]) {
        let path = |page: usize| match page {
            0 => format!("{repository}/referrers/{digest}"),
            page => format!("{repository}/referrers/{digest}?page={page}"),
        };
        for (page, entries) in pages.iter().enumerate() {
            let document = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries});
            let bytes = Bytes::from(serde_json::to_vec(&document).unwrap());
            self.shelf.content.lock().unwrap().insert(path(page), (INDEX.to_owned(), bytes));
            if page + 1 < pages.len() {
                let link = format!("</v2/{}>; rel=\"next\"", path(page + 1));
                self.shelf.links.lock().unwrap().insert(path(page), link);
            }
        }
    }

    /// Forgets a tag or a digest.
    pub(crate) fn remove(&self, path: &str) {
        self.shelf.content.lock().unwrap().remove(path).unwrap();
    }

    /// Lets nobody but `users` (whose password is `right`) read `repository`.
    pub(crate) fn restrict(&self, repository: &str, users: &[&str]) {
        let users = users.iter().map(|user| (*user).to_owned()).collect();
        self.shelf.readers.lock().unwrap().insert(repository.to_owned(), users);
    }

    /// Wants a token for `repository`. It is given to those who show the password `right`, or none.
    pub(crate) fn want_token(&self, repository: &str) {
        self.shelf.token_wanted.lock().unwrap().insert(repository.to_owned());
    }

    /// Never answers `path`.
    pub(crate) fn silence(&self, path: &str) {
        self.shelf.silent.lock().unwrap().insert(path.to_owned());
    }

    /// Answers everything again.
    pub(crate) fn speak(&self) {
        self.shelf.silent.lock().unwrap().clear();
    }

    /// Says of no document any more which digest it has.
    pub(crate) fn say_no_digest(&self) {
        self.shelf.says_no_digest.store(true, Ordering::SeqCst);
    }

    /// How often anything was asked for by HEAD and by GET since this was asked last.
    pub(crate) fn heads_and_gets(&self) -> (usize, usize) {
        let log = std::mem::take(&mut *self.shelf.log.lock().unwrap());
        let of = |method| log.iter().filter(|asked| asked.method == method).count();
        (of(Method::HEAD), of(Method::GET))
    }

    /// What was asked for, in order.
    pub(crate) fn log(&self) -> Vec<Asked> {
        self.shelf.log.lock().unwrap().clone()
    }

    /// How often each path was asked for.
    pub(crate) fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        self.log().into_iter().for_each(|asked| *counts.entry(asked.path).or_default() += 1);
        counts
    }

    /// How often anything was asked for with a password of `user`.
    pub(crate) fn count_of(&self, user: &str) -> usize {
        self.log().iter().filter(|asked| asked.user.as_deref() == Some(user)).count()
    }
}

impl Drop for FakeRegistry {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn answer(State(shelf): State<Arc<Shelf>>, request: Request) -> Response<Body> {
    let path = request.uri().path();
    let path = path.strip_prefix("/v2/").unwrap_or(path).to_owned();
    let login = basic(request.headers());
    let user = login.as_ref().map(|(user, _)| user.clone());
    shelf.log.lock().unwrap().push(Asked { path: path.clone(), method: request.method().clone(), user });
    if shelf.silent.lock().unwrap().contains(&path) {
        std::future::pending::<()>().await;
    }
    if path == "/token" {
        let is_right = login.is_none_or(|(_, password)| password == "right");
        let status = if is_right { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
        return Response::builder().status(status).body(Body::from(r#"{"token":"shown"}"#)).unwrap();
    }
    let kinds = ["/manifests/", "/blobs/", "/referrers/"];
    let repository = kinds.iter().find_map(|kind| path.split_once(kind)).map_or(path.as_str(), |(name, _)| name);
    if let Some(readers) = shelf.readers.lock().unwrap().get(repository)
        && !login.is_some_and(|(user, password)| readers.contains(&user) && password == "right")
    {
        let response = Response::builder().status(StatusCode::UNAUTHORIZED);
        return response.header(header::WWW_AUTHENTICATE, "Basic realm=\"test\"").body(Body::empty()).unwrap();
    }
    let has_token = request.headers().get(header::AUTHORIZATION).is_some_and(|value| value == "Bearer shown");
    if shelf.token_wanted.lock().unwrap().contains(repository) && !has_token {
        let host = request.headers().get(header::HOST).unwrap().to_str().unwrap();
        let challenge =
            format!(r#"Bearer realm="http://{host}/token",service="test",scope="repository:{repository}:pull""#);
        let response = Response::builder().status(StatusCode::UNAUTHORIZED);
        return response.header(header::WWW_AUTHENTICATE, challenge).body(Body::empty()).unwrap();
    }
    let path = request.uri().query().map_or(path.clone(), |query| format!("{path}?{query}"));
    match shelf.content.lock().unwrap().get(&path) {
        Some((media_type, bytes)) => {
            let mut response = Response::builder().header(header::CONTENT_TYPE, media_type);
            if !shelf.says_no_digest.load(Ordering::SeqCst) {
                response = response.header("docker-content-digest", Digest::of(bytes).as_str());
            }
            if let Some(link) = shelf.links.lock().unwrap().get(&path) {
                response = response.header(header::LINK, link);
            }
            response.body(Body::from(bytes.clone())).unwrap()
        }
        None => Response::builder().status(StatusCode::NOT_FOUND).body(Body::empty()).unwrap(),
    }
}

fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let encoded = headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Basic ")?.to_owned();
    let decoded = base64::engine::general_purpose::STANDARD.decode(encoded).ok()?;
    let (user, password) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}
