//! The embedded registry, as clients see it.

mod pull;
mod push;
mod running;

use imagefacts::image::Digest;
use imagefacts::serve::{Options, Registry, Running, Store};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

use crate::support::http::client;

const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A registry with a client that talks to it.
struct Bench {
    registry: Running,
    client: Client,
    /// removed when the test ends
    directory: Option<tempfile::TempDir>,
}

impl Bench {
    async fn start(options: Options) -> Self {
        Self { registry: Registry::start(options).await.unwrap(), client: client(), directory: None }
    }

    async fn in_memory() -> Self {
        Self::start(Options::new(Store::memory())).await
    }

    /// A registry in memory and one in a directory.
    async fn both() -> [Self; 2] {
        let directory = tempfile::tempdir().unwrap();
        let mut on_disk = Self::start(Options::new(Store::directory(directory.path()).unwrap())).await;
        on_disk.directory = Some(directory);
        [Self::in_memory().await, on_disk]
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.registry.host()))
    }

    async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    async fn send(&self, method: Method, path: &str, body: impl Into<reqwest::Body>) -> Response {
        self.request(method, path).body(body).send().await.unwrap()
    }

    async fn push_blob(&self, repository: &str, bytes: &'static [u8]) -> Digest {
        let digest = Digest::of(bytes);
        let path = format!("/v2/{repository}/blobs/uploads/?digest={digest}");
        assert_eq!(self.send(Method::POST, &path, bytes).await.status(), StatusCode::CREATED);
        digest
    }

    async fn push_manifest(&self, repository: &str, target: &str, media_type: &str, manifest: &Value) -> Response {
        let request = self.request(Method::PUT, &format!("/v2/{repository}/manifests/{target}"));
        request.header("content-type", media_type).body(manifest.to_string()).send().await.unwrap()
    }

    /// Pushes an image of one layer.
    async fn push_image(&self, repository: &str, tag: &str) -> Digest {
        let config = self.push_blob(repository, b"{}").await;
        let layer = self.push_blob(repository, b"layer").await;
        let response = self.push_manifest(repository, tag, OCI_MANIFEST, &manifest(&config, &layer)).await;
        assert_eq!(response.status(), StatusCode::CREATED);
        header(&response, "docker-content-digest").parse().unwrap()
    }
}

fn manifest(config: &Digest, layer: &Digest) -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": 2},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": layer, "size": 5}],
    })
}

fn header(response: &Response, name: &str) -> String {
    response.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}

async fn json_body(response: Response) -> Value {
    serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
}

async fn assert_refused(response: Response, status: u16, code: &str) {
    assert_eq!(response.status(), status, "{code}");
    assert_eq!(header(&response, "docker-distribution-api-version"), "registry/2.0");
    assert_eq!(json_body(response).await["errors"][0]["code"], code);
}
