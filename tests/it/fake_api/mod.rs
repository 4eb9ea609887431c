//! A fake API server: it serves what a real one was recorded to answer, in pages, and fails as it is told to.

mod answers;
mod generated;
mod objects;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};

use self::answers::answer;
use self::generated::Generator;
pub(crate) use self::generated::Size;
use self::objects::{cluster_wide, in_namespace, page};

/// The body that a real API server answered.
pub(crate) fn recording(file: &str) -> Bytes {
    let recordings = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/kubernetes-1.36");
    std::fs::read(recordings.join(file)).unwrap().into()
}

/// What the server does in place of answering.
#[derive(Clone)]
pub(crate) enum Fault {
    /// answers this
    Answer { status: u16, headers: Vec<(&'static str, String)>, body: Bytes },
    /// breaks the connection amid the answer's body
    BreakOff,
    /// holds the second half of the answer's body back until there were so many requests for the path
    HoldBack(usize),
    /// never answers
    Silence,
    /// answers as soon as this is so
    Once(Arc<dyn Fn() -> bool + Send + Sync>),
}

impl Fault {
    /// A refusal as it was recorded.
    pub(crate) fn recorded(status: u16, file: &str) -> Self {
        Self::Answer { status, headers: Vec::new(), body: recording(file) }
    }

    /// A status with a header.
    pub(crate) fn with_header(status: u16, name: &'static str, value: &str) -> Self {
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

/// The path of a rule that concerns all.
const EVERY_PATH: &str = "*";

impl Rule {
    fn concerns(&self, asked: &Asked) -> bool {
        (self.path == EVERY_PATH || self.path == asked.path) && asked.query.contains(self.query)
    }
}

/// A request that came.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
}

impl Asked {
    fn parameter(&self, name: &str) -> Option<String> {
        url::form_urlencoded::parse(self.query.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }
}

/// A body, made while it is sent.
type Parts = Box<dyn Iterator<Item = Bytes> + Send>;

struct Shared {
    plan: Plan,
    rules: Mutex<Vec<Rule>>,
    log: Mutex<Vec<Asked>>,
    /// bytes of bodies
    sent: AtomicU64,
}

/// The server. It ends with its runtime.
pub(crate) struct FakeApi {
    address: SocketAddr,
    shared: Arc<Shared>,
    directory: tempfile::TempDir,
}

/// A server in the making.
pub(crate) struct Plan {
    /// all groups with their resources, of a server that tells them at once
    aggregated: Option<Value>,
    /// objects by their collection's cluster-wide path
    lists: BTreeMap<String, Vec<Value>>,
    /// other answers by path
    documents: BTreeMap<String, Value>,
    /// in place of the pods
    generated: Option<Generator>,
    is_gzip_known: bool,
}

impl Plan {
    /// A cluster without anything in it.
    pub(crate) fn empty() -> Self {
        let documents = [
            ("/version".to_owned(), serde_json::from_slice(&recording("version.json")).unwrap()),
            ("/apis".to_owned(), json!({"kind": "APIGroupList", "groups": []})),
        ];
        Self {
            aggregated: None,
            lists: BTreeMap::new(),
            documents: documents.into(),
            generated: None,
            is_gzip_known: true,
        }
    }

    /// The recorded cluster.
    pub(crate) fn recorded() -> Self {
        let mut plan = Self::empty();
        plan.aggregated = serde_json::from_slice(&recording("apis-aggregated.json")).ok();
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
    pub(crate) fn with(mut self, path: &str, object: Value) -> Self {
        self.lists.entry(path.to_owned()).or_default().push(object);
        self
    }

    /// Tells of a custom resource, in `version` of its group.
    pub(crate) fn with_custom(mut self, group: &str, version: &str, plural: &str, kind: &str, scope: &str) -> Self {
        let kind = json!({"group": group, "version": version, "kind": kind});
        let verbs = json!(["get", "list", "watch"]);
        let resource = json!({"resource": plural, "responseKind": kind, "scope": scope, "verbs": verbs});
        let group = json!({"metadata": {"name": group}, "versions": [{"version": version, "resources": [resource]}]});
        let all = self.aggregated.get_or_insert_with(|| json!({"kind": "APIGroupDiscoveryList", "items": []}));
        all["items"].as_array_mut().unwrap().push(group);
        self
    }

    /// Makes the server one from before aggregated discovery.
    pub(crate) fn old(mut self) -> Self {
        self.aggregated = None;
        self
    }

    /// Answers `path` with `document`.
    pub(crate) fn with_document(mut self, path: &str, document: Value) -> Self {
        self.documents.insert(path.to_owned(), document);
        self
    }

    /// In place of the pods made up ones, made when they are asked for.
    pub(crate) fn with_generated_pods(mut self, size: Size) -> Self {
        self.generated = Some(Generator::new(size));
        self
    }

    /// Makes the server one that never compresses.
    pub(crate) fn without_gzip(mut self) -> Self {
        self.is_gzip_known = false;
        self
    }

    /// Starts the server on a free port.
    pub(crate) async fn start(self) -> FakeApi {
        let (rules, log, sent) = (Mutex::default(), Mutex::default(), AtomicU64::new(0));
        let shared = Arc::new(Shared { plan: self, rules, log, sent });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, router).await });
        FakeApi { address, shared, directory: tempfile::tempdir().unwrap() }
    }
}

impl FakeApi {
    /// `fault` for the next `times` requests to `path` whose query contains `query`.
    pub(crate) fn fail(&self, path: &str, query: &'static str, times: usize, fault: Fault) {
        self.shared.rules.lock().unwrap().push(Rule { path: path.to_owned(), query, left: times, fault });
    }

    /// `fault` for every request to `path`.
    pub(crate) fn always_fail(&self, path: &str, fault: Fault) {
        self.fail(path, "", usize::MAX, fault);
    }

    /// Accepts no credential any more, whatever is asked for.
    pub(crate) fn refuse_credentials(&self) {
        self.always_fail(EVERY_PATH, Fault::recorded(401, "unauthorized-401.json"));
    }

    /// What was asked so far.
    pub(crate) fn log(&self) -> Vec<Asked> {
        self.shared.log.lock().unwrap().clone()
    }

    /// The queries of the requests to `path` so far.
    pub(crate) fn queries(&self, path: &str) -> Vec<String> {
        self.log().into_iter().filter(|asked| asked.path == path).map(|asked| asked.query).collect()
    }

    /// How many bytes of bodies were sent so far.
    pub(crate) fn sent(&self) -> u64 {
        self.shared.sent.load(Ordering::Relaxed)
    }

    /// `http://127.0.0.1:port`
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A kubeconfig file whose current context `fake` (namespace `shop`) leads here.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
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

impl Shared {
    fn fault(&self, asked: &Asked) -> Option<Fault> {
        let mut rules = self.rules.lock().unwrap();
        let rule = rules.iter_mut().find(|rule| rule.left > 0 && rule.concerns(asked))?;
        rule.left -= 1;
        Some(rule.fault.clone())
    }

    /// What would be answered without a fault, in two halves.
    fn halves(&self, asked: &Asked) -> (Bytes, Bytes) {
        let body: Vec<u8> = self.look_up(asked).1.flatten().collect();
        let mut half = Bytes::from(body);
        let rest = half.split_off(half.len() / 2);
        (half, rest)
    }

    fn look_up(&self, asked: &Asked) -> (StatusCode, Parts) {
        let is_pods = cluster_wide(&asked.path).0 == "/api/v1/pods";
        if let Some(generator) = self.plan.generated.as_ref().filter(|_| is_pods) {
            return (StatusCode::OK, generator.page(asked));
        }
        let (status, body) = self.plan.look_up(asked);
        (status, Box::new(std::iter::once(body)))
    }
}

impl Plan {
    fn look_up(&self, asked: &Asked) -> (StatusCode, Bytes) {
        let accepts = asked.headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if let Some(aggregated) = self.aggregated.as_ref().filter(|_| asked.path == "/apis")
            && accepts.starts_with("application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList")
        {
            return (StatusCode::OK, aggregated.to_string().into());
        }
        if let Some(document) = self.documents.get(&asked.path) {
            return (StatusCode::OK, document.to_string().into());
        }
        let (collection, namespace) = cluster_wide(&asked.path);
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
}
