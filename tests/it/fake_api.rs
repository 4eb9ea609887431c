//! A fake API server: it serves what a real one was recorded to answer, in pages, and fails as it is told to.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::{Value, json};

/// The recordings of a real API server.
pub fn recordings() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/kubernetes-1.36")
}

/// A recorded answer's body.
pub fn recording(file: &str) -> Bytes {
    std::fs::read(recordings().join(file)).unwrap().into()
}

/// What the server does in place of answering.
#[derive(Clone)]
pub enum Fault {
    /// answers this
    Answer { status: u16, headers: Vec<(&'static str, String)>, body: Bytes },
    /// breaks the connection amid the answer's body
    BreakOff,
    /// never answers
    Silence,
}

impl Fault {
    /// A refusal as it was recorded.
    pub fn recorded(status: u16, file: &str) -> Self {
        Self::Answer { status, headers: Vec::new(), body: recording(file) }
    }

    /// A status with a header.
    pub fn with_header(status: u16, name: &'static str, value: &str) -> Self {
        Self::Answer { status, headers: vec![(name, value.to_owned())], body: Bytes::new() }
    }
}

/// When a fault strikes.
struct Rule {
    path: String,
    query: &'static str,
    left: usize,
    fault: Fault,
}

/// A request that came.
#[derive(Debug, Clone)]
pub struct Asked {
    pub path: String,
    pub query: String,
    pub headers: HeaderMap,
}

impl Asked {
    fn parameter(&self, name: &str) -> Option<String> {
        url::form_urlencoded::parse(self.query.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }
}

struct Shared {
    /// objects by their collection's cluster-wide path
    lists: BTreeMap<String, Vec<Value>>,
    /// other answers by path
    documents: BTreeMap<String, Value>,
    synthetic_pods: usize,
    rules: Mutex<Vec<Rule>>,
    log: Mutex<Vec<Asked>>,
}

/// The server. It ends with its runtime.
pub struct FakeApi {
    address: SocketAddr,
    shared: Arc<Shared>,
    directory: tempfile::TempDir,
}

/// A server in the making.
pub struct Plan {
    lists: BTreeMap<String, Vec<Value>>,
    documents: BTreeMap<String, Value>,
    synthetic_pods: usize,
}

impl Plan {
    /// A cluster without anything in it.
    pub fn empty() -> Self {
        let documents = [("/version".to_owned(), serde_json::from_slice(&recording("version.json")).unwrap())];
        Self { lists: BTreeMap::new(), documents: documents.into(), synthetic_pods: 0 }
    }

    /// The recorded cluster.
    pub fn recorded() -> Self {
        let mut plan = Self::empty();
        let index: Vec<Value> = serde_json::from_slice(&recording("index.json")).unwrap();
        for entry in &index {
            let (path, file) = (entry["path"].as_str().unwrap(), entry["file"].as_str().unwrap());
            if entry["status"] != 200 || path.contains('?') || file == "apis-aggregated.json" {
                continue;
            }
            let mut answer: Value = serde_json::from_slice(&recording(file)).unwrap();
            match answer["items"].take() {
                Value::Array(items) => drop(plan.lists.insert(cluster_wide(path).0, items)),
                _ => drop(plan.documents.insert(path.to_owned(), serde_json::from_slice(&recording(file)).unwrap())),
            }
        }
        plan
    }

    /// Adds an object to the collection at `path`.
    pub fn with(mut self, path: &str, object: Value) -> Self {
        self.lists.entry(path.to_owned()).or_default().push(object);
        self
    }

    /// Answers `path` with `document`.
    pub fn with_document(mut self, path: &str, document: Value) -> Self {
        self.documents.insert(path.to_owned(), document);
        self
    }

    /// In place of the pods so many made up ones of 8 KB each, made when they are asked for.
    pub fn with_synthetic_pods(mut self, count: usize) -> Self {
        self.synthetic_pods = count;
        self
    }

    /// Starts the server on a free port.
    pub async fn start(self) -> FakeApi {
        let Self { lists, documents, synthetic_pods } = self;
        let (rules, log) = (Mutex::default(), Mutex::default());
        let shared = Arc::new(Shared { lists, documents, synthetic_pods, rules, log });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, router).await });
        FakeApi { address, shared, directory: tempfile::tempdir().unwrap() }
    }
}

impl FakeApi {
    /// `fault` for the next `times` requests to `path` whose query contains `query`.
    pub fn fail(&self, path: &str, query: &'static str, times: usize, fault: Fault) {
        self.shared.rules.lock().unwrap().push(Rule { path: path.to_owned(), query, left: times, fault });
    }

    /// `fault` for every request to `path`.
    pub fn always_fail(&self, path: &str, fault: Fault) {
        self.fail(path, "", usize::MAX, fault);
    }

    /// What was asked so far.
    pub fn log(&self) -> Vec<Asked> {
        self.shared.log.lock().unwrap().clone()
    }

    /// The queries of the requests to `path` so far.
    pub fn queries(&self, path: &str) -> Vec<String> {
        self.log().into_iter().filter(|asked| asked.path == path).map(|asked| asked.query).collect()
    }

    /// `http://127.0.0.1:port`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A kubeconfig file whose current context `fake` (namespace `shop`) leads here.
    pub fn kubeconfig(&self) -> PathBuf {
        let path = self.directory.path().join("kubeconfig");
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "fake",
            "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "tester", "namespace": "shop"}}],
            "clusters": [{"name": "fake", "cluster": {"server": self.url()}}],
            "users": [{"name": "tester", "user": {"token": "canary-token"}}],
        });
        std::fs::write(&path, config.to_string()).unwrap();
        path
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let asked = Asked {
        path: request.uri().path().to_owned(),
        query: request.uri().query().unwrap_or_default().to_owned(),
        headers: request.headers().clone(),
    };
    shared.log.lock().unwrap().push(asked.clone());
    match shared.fault(&asked) {
        None => {
            let (status, body) = shared.look_up(&asked);
            respond(status, &asked.headers, body)
        }
        Some(Fault::Answer { status, headers, body }) => {
            let mut response = Response::builder().status(status);
            for (name, value) in headers {
                response = response.header(name, value);
            }
            response.body(Body::from(body)).unwrap()
        }
        Some(Fault::BreakOff) => {
            let (_, body) = shared.look_up(&asked);
            let half = body.slice(..body.len() / 2);
            let parts = [Ok(half), Err(std::io::Error::other("broken off"))];
            Response::new(Body::from_stream(futures::stream::iter(parts)))
        }
        Some(Fault::Silence) => std::future::pending().await,
    }
}

/// As a real one, the server compresses when the client can read it.
fn respond(status: StatusCode, headers: &HeaderMap, body: Bytes) -> Response {
    let response = Response::builder().status(status).header(header::CONTENT_TYPE, "application/json");
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !accepted.contains("gzip") {
        return response.body(Body::from(body)).unwrap();
    }
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&body).unwrap();
    response.header(header::CONTENT_ENCODING, "gzip").body(Body::from(encoder.finish().unwrap())).unwrap()
}

impl Shared {
    fn fault(&self, asked: &Asked) -> Option<Fault> {
        let mut rules = self.rules.lock().unwrap();
        let rule = rules
            .iter_mut()
            .find(|rule| rule.left > 0 && rule.path == asked.path && asked.query.contains(rule.query))?;
        rule.left -= 1;
        Some(rule.fault.clone())
    }

    fn look_up(&self, asked: &Asked) -> (StatusCode, Bytes) {
        if let Some(document) = self.documents.get(&asked.path) {
            return (StatusCode::OK, document.to_string().into());
        }
        let (collection, namespace) = cluster_wide(&asked.path);
        if collection == "/api/v1/pods" && self.synthetic_pods > 0 {
            return (StatusCode::OK, self.synthetic_page(asked));
        }
        if let Some(items) = self.lists.get(&collection) {
            return (StatusCode::OK, page(items, namespace.as_deref(), asked));
        }
        let (parent, name) = collection.rsplit_once('/').unwrap_or_default();
        let object = self.lists.get(parent).and_then(|items| {
            items.iter().find(|item| item["metadata"]["name"] == name && in_namespace(item, namespace.as_deref()))
        });
        match object {
            Some(object) => (StatusCode::OK, object.to_string().into()),
            None if self.lists.contains_key(parent) => (StatusCode::NOT_FOUND, recording("notfound-secret-404.json")),
            None => (StatusCode::NOT_FOUND, recording("notfound-kind-404.json")),
        }
    }

    fn synthetic_page(&self, asked: &Asked) -> Bytes {
        let limit = limit(asked);
        let first = start(asked).map_or(0, |start| number(&start) + 1);
        let last = (first + limit).min(self.synthetic_pods);
        let items: Vec<Value> = (first..last).map(synthetic_pod).collect();
        list(&items, last < self.synthetic_pods)
    }
}

/// `/apis/apps/v1/namespaces/shop/deployments` is `/apis/apps/v1/deployments` in `shop`.
fn cluster_wide(path: &str) -> (String, Option<String>) {
    if let Some((root, rest)) = path.split_once("/namespaces/")
        && let Some((namespace, rest)) = rest.split_once('/')
    {
        return (format!("{root}/{rest}"), Some(namespace.to_owned()));
    }
    (path.to_owned(), None)
}

fn page(items: &[Value], namespace: Option<&str>, asked: &Asked) -> Bytes {
    let start = start(asked);
    let about_pods = asked.parameter("fieldSelector").is_some_and(|selector| selector == "involvedObject.kind=Pod");
    let mut rest: Vec<&Value> = items
        .iter()
        .filter(|item| in_namespace(item, namespace))
        .filter(|item| !about_pods || item["involvedObject"]["kind"] == "Pod")
        .filter(|item| labelled(item, asked.parameter("labelSelector").as_deref()))
        .collect();
    // etcd's order, which a continue token relies on.
    rest.sort_by_key(|item| key(item));
    rest.retain(|item| start.as_ref().is_none_or(|start| key(item) > *start));
    let limit = limit(asked);
    let items: Vec<Value> = rest.iter().take(limit).copied().cloned().collect();
    list(&items, rest.len() > limit)
}

fn list(items: &[Value], more: bool) -> Bytes {
    let mut metadata = json!({"resourceVersion": "301"});
    if let Some(last) = items.last().filter(|_| more) {
        let token = json!({"v": "meta.k8s.io/v1", "rv": 301, "start": format!("{}\0", key(last))});
        metadata["continue"] = STANDARD_NO_PAD.encode(token.to_string()).into();
    }
    json!({"kind": "List", "apiVersion": "v1", "metadata": metadata, "items": items}).to_string().into()
}

fn key(item: &Value) -> String {
    let part = |name| item["metadata"][name].as_str();
    let name = part("name").unwrap_or_default();
    part("namespace").map_or_else(|| name.to_owned(), |namespace| format!("{namespace}/{name}"))
}

/// The key after which a page begins, from a token in the form that real API servers use.
fn start(asked: &Asked) -> Option<String> {
    let token = STANDARD_NO_PAD.decode(asked.parameter("continue")?).unwrap();
    let token: Value = serde_json::from_slice(&token).unwrap();
    Some(token["start"].as_str().unwrap().trim_end_matches('\0').to_owned())
}

fn limit(asked: &Asked) -> usize {
    asked.parameter("limit").map_or(usize::MAX, |limit| limit.parse().unwrap())
}

fn in_namespace(item: &Value, namespace: Option<&str>) -> bool {
    namespace.is_none_or(|namespace| item["metadata"]["namespace"] == namespace)
}

/// Only `key=value`.
fn labelled(item: &Value, selector: Option<&str>) -> bool {
    selector
        .and_then(|selector| selector.split_once('='))
        .is_none_or(|(key, value)| item["metadata"]["labels"][key] == value)
}

fn number(key: &str) -> usize {
    key.rsplit('-').next().unwrap().parse().unwrap()
}

fn synthetic_pod(number: usize) -> Value {
    json!({
        "metadata": {
            "name": format!("pod-{number:07}"), "namespace": "load",
            "uid": format!("00000000-0000-4000-8000-{number:012x}"),
            "annotations": {"padding": "x".repeat(7600)},
        },
        "spec": {"nodeName": "node-a", "containers": [{"name": "c", "image": format!("ghcr.io/acme/app-{}:v1", number % 500)}]},
        "status": {"phase": "Running"},
    })
}
