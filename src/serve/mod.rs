//! The embedded OCI registry. It knows nothing of the rest of the program.
//!
//! A request passes the access log and the injected faults, is read by `route`, and is answered by `manifests`,
//! `blobs`, `uploads` or `lists` over a [`Store`]. What it does not fulfil is a `refusal`.
//! The protocol is <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md>.

mod access_log;
mod blobs;
mod fault;
mod lists;
mod manifests;
mod names;
mod range;
mod refusal;
mod route;
mod store;
mod uploads;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use access_log::{Access, AccessLog};
pub use fault::{Fault, Intercept};
pub use names::{InvalidName, RepositoryName, Tag, Target};
pub use store::{Store, StoreError, StoredManifest};

use refusal::{Code, Refusal};
use route::{Query, Route};
use uploads::Uploads;

/// How long open connections may finish their work after the registry was told to stop.
const GRACE: Duration = Duration::from_secs(2);

/// What a registry is to be.
pub struct Options {
    /// where to listen; port 0 is any free port
    pub listen: SocketAddr,
    /// where its content lies
    pub store: Store,
    /// what it takes in
    pub limits: Limits,
    /// decides for each request whether, and how, it goes wrong
    pub intercept: Option<Intercept>,
    /// notes each request
    pub log: Option<AccessLog>,
}

impl Options {
    /// A registry over `store` on a free loopback port.
    pub fn new(store: Store) -> Self {
        Self { listen: (Ipv4Addr::LOCALHOST, 0).into(), store, limits: Limits::default(), intercept: None, log: None }
    }
}

/// How much a registry takes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// the largest manifest, in bytes
    pub manifest_bytes: usize,
    /// the largest blob, in bytes
    pub blob_bytes: u64,
    /// uploads that are open at once; the one that was idle longest gives way to one more
    pub uploads: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { manifest_bytes: 4 << 20, blob_bytes: 16 << 30, uploads: 1000 }
    }
}

/// Why a registry could not be started.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is taken, or not ours.
    #[error("the registry cannot listen on {address}: {source}; choose another address, or port 0 for a free one")]
    Listen {
        /// where it was to listen
        address: SocketAddr,
        /// what the system says
        source: std::io::Error,
    },
}

/// The embedded registry.
pub struct Registry;

impl Registry {
    /// Starts a registry on the current tokio runtime. It runs until the returned value is stopped or dropped.
    pub async fn start(options: Options) -> Result<Running, ServeError> {
        let address = options.listen;
        let failed = |source| ServeError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let stopping = CancellationToken::new();
        let router = router(App::new(options, stopping.clone()));
        // Without this a small answer may wait 40 ms for the client's delayed acknowledgement.
        let listener = listener.tap_io(|connection| {
            if let Err(error) = connection.set_nodelay(true) {
                tracing::debug!(%error, "TCP_NODELAY was refused");
            }
        });
        let server = axum::serve(listener, router).with_graceful_shutdown(stopping.clone().cancelled_owned());
        let task = tokio::spawn(async move {
            if let Err(error) = server.await {
                tracing::warn!(%error, "the embedded registry ended");
            }
        });
        Ok(Running { address, stopping, task })
    }
}

/// A registry at work. Dropping it tells it to stop.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    stopping: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address as references name it: `127.0.0.1:5000`.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// Takes no more requests, and waits a short while for the open ones.
    pub async fn stop(mut self) {
        self.stopping.cancel();
        if tokio::time::timeout(GRACE, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stopping.cancel();
    }
}

/// What every request needs.
struct App {
    store: Store,
    uploads: Uploads,
    limits: Limits,
    intercept: Option<Intercept>,
    log: Option<AccessLog>,
    stopping: CancellationToken,
}

impl App {
    fn new(options: Options, stopping: CancellationToken) -> Arc<Self> {
        let Options { listen: _, store, limits, intercept, log } = options;
        Arc::new(Self { store, uploads: Uploads::new(limits.uploads), limits, intercept, log, stopping })
    }
}

/// The routes live in `route`, not in the router: a repository's name may hold slashes in the middle of a path.
fn router(app: Arc<App>) -> Router {
    Router::new()
        .fallback(dispatch)
        .layer(middleware::from_fn_with_state(app.clone(), intercept))
        .layer(middleware::from_fn_with_state(app.clone(), note))
        .with_state(app)
}

async fn note(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    if let Some(log) = &app.log {
        log.note(&request);
    }
    next.run(request).await
}

async fn intercept(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let Some(intercept) = &app.intercept else { return next.run(request).await };
    let (parts, body) = request.into_parts();
    let fault = intercept(&parts);
    let request = Request::from_parts(parts, body);
    match fault {
        Some(fault) => fault.apply(request, next, &app.stopping).await,
        None => next.run(request).await,
    }
}

async fn dispatch(State(app): State<Arc<App>>, request: Request) -> Response {
    let mut response = answer(&app, request).await.unwrap_or_else(IntoResponse::into_response);
    let version = HeaderValue::from_static("registry/2.0");
    response.headers_mut().insert("docker-distribution-api-version", version);
    response
}

async fn answer(app: &App, request: Request) -> Result<Response, Refusal> {
    let route = Route::parse(request.uri().path())?;
    let query = Query::parse(request.uri().query());
    let (parts, body) = request.into_parts();
    let (store, headers) = (&app.store, &parts.headers);
    match (route, &parts.method) {
        (Route::Root, &Method::GET | &Method::HEAD) => Ok(root()),
        (Route::Catalog, &Method::GET) => lists::catalog(store, query).await,
        (Route::Tags(name), &Method::GET) => lists::tags(store, name, query).await,
        (Route::Referrers(name, digest), &Method::GET) => lists::referrers(store, name, digest, query).await,
        (Route::Manifest(name, target), &Method::GET | &Method::HEAD) => manifests::get(store, name, target).await,
        (Route::Manifest(name, target), &Method::PUT) => manifests::put(app, name, target, headers, body).await,
        (Route::Manifest(name, target), &Method::DELETE) => manifests::delete(store, name, target).await,
        (Route::Blob(name, digest), &Method::GET) => blobs::get(store, name, digest, headers).await,
        (Route::Blob(name, digest), &Method::HEAD) => blobs::head(store, name, digest).await,
        (Route::Blob(name, digest), &Method::DELETE) => blobs::delete(store, name, digest).await,
        (Route::Uploads(name), &Method::POST) => uploads::open(app, name, query, body).await,
        (Route::Upload(name, id), &Method::GET) => uploads::status(app, &name, &id).await,
        (Route::Upload(name, id), &Method::PATCH) => uploads::append(app, &name, &id, headers, body).await,
        (Route::Upload(name, id), &Method::PUT) => uploads::finish(app, name, &id, query, headers, body).await,
        (Route::Upload(name, id), &Method::DELETE) => uploads::cancel(app, &name, &id),
        (_, method) => Err(Refusal::new(Code::Unsupported, format!("{method} is not supported here"))),
    }
}

/// Tells that this is a registry.
fn root() -> Response {
    (StatusCode::OK, [(header::CONTENT_TYPE, "application/json")], "{}").into_response()
}

/// Runs `work`, which reads or writes files, where it may block.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Refusal> + Send + 'static) -> Result<T, Refusal> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(Refusal::internal(&error)))
}
