//! The embedded registry, as clients see it.

use std::sync::Arc;
use std::time::Duration;

use imagefacts::image::Digest;
use imagefacts::serve::{AccessLog, Fault, Limits, Options, Registry, Running, Store};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

use crate::support::http::client;

const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A registry with a client that talks to it.
struct Bench {
    registry: Running,
    client: Client,
    _directory: Option<tempfile::TempDir>,
}

impl Bench {
    async fn start(options: Options) -> Self {
        Self { registry: Registry::start(options).await.unwrap(), client: client(), _directory: None }
    }

    async fn in_memory() -> Self {
        Self::start(Options::new(Store::memory())).await
    }

    /// A registry in memory and one in a directory.
    async fn both() -> [Self; 2] {
        let directory = tempfile::tempdir().unwrap();
        let mut on_disk = Self::start(Options::new(Store::directory(directory.path()).unwrap())).await;
        on_disk._directory = Some(directory);
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

#[tokio::test]
async fn a_real_client_pushes_and_pulls() {
    use oci_client::client::{ClientConfig, ClientProtocol, Config, ImageLayer};
    use oci_client::secrets::RegistryAuth;
    for bench in Bench::both().await {
        let protocol = ClientProtocol::Http;
        let client = oci_client::Client::try_from(ClientConfig { protocol, ..ClientConfig::default() }).unwrap();
        let reference: oci_client::Reference = format!("{}/acme/web:v1", bench.registry.host()).parse().unwrap();
        // More than one chunk of this client.
        let content: Vec<u8> = (0..9_000_000_u32).map(|n| n.to_le_bytes()[1]).collect();
        let layers = [ImageLayer::oci_v1(content, None)];
        let config = Config::oci_v1(&br#"{"os":"linux","architecture":"amd64"}"#[..], None);
        client.push(&reference, &layers, config, &RegistryAuth::Anonymous, None).await.unwrap();
        let types = vec![layers[0].media_type.as_str()];
        let pulled = client.pull(&reference, &RegistryAuth::Anonymous, types).await.unwrap();
        assert!(pulled.layers[0].data == layers[0].data, "the layer is what was pushed");
        let tags = client.list_tags(&reference, &RegistryAuth::Anonymous, None, None).await.unwrap();
        assert_eq!(tags.tags, ["v1"]);
    }
}

#[tokio::test]
async fn a_manifest_keeps_its_bytes_and_its_type() {
    for bench in Bench::both().await {
        let config = bench.push_blob("acme/web", b"{}").await;
        let layer = bench.push_blob("acme/web", b"layer").await;
        // Spaces, order and a trailing newline are part of the content.
        let bytes = format!("{:#}\n", manifest(&config, &layer));
        let (digest, content_type) = (Digest::of(bytes.as_bytes()), OCI_MANIFEST);
        let put = bench.request(Method::PUT, "/v2/acme/web/manifests/v1").header("content-type", content_type);
        let put = put.body(bytes.clone()).send().await.unwrap();
        assert_eq!(put.status(), StatusCode::CREATED);
        assert_eq!(header(&put, "location"), format!("/v2/acme/web/manifests/{digest}"));
        for target in ["v1", digest.as_str()] {
            let path = format!("/v2/acme/web/manifests/{target}");
            let head = bench.send(Method::HEAD, &path, "").await;
            let get = bench.get(&path).await;
            for response in [&head, &get] {
                assert_eq!(response.status(), StatusCode::OK);
                assert_eq!(header(response, "content-type"), content_type);
                assert_eq!(header(response, "docker-content-digest"), digest.as_str());
                assert_eq!(header(response, "content-length"), bytes.len().to_string());
            }
            assert_eq!(get.bytes().await.unwrap(), bytes);
        }
    }
}

#[tokio::test]
async fn a_manifest_that_cannot_be_trusted_is_refused() {
    let bench = Bench::in_memory().await;
    let (config, layer) = (bench.push_blob("a", b"{}").await, bench.push_blob("a", b"layer").await);
    let good = manifest(&config, &layer);
    let other = Digest::of(b"other").to_string();
    let lacking = manifest(&config, &Digest::of(b"never pushed"));
    let mut both = good.clone();
    both["manifests"] = json!([]);
    let sparse = json!({"schemaVersion": 2, "manifests": [{"mediaType": "m", "digest": other, "size": 1}]});
    for (target, media_type, body, code) in [
        (other.as_str(), OCI_MANIFEST, &good, "DIGEST_INVALID"),
        ("v1", OCI_INDEX, &good, "MANIFEST_INVALID"),
        ("v1", OCI_MANIFEST, &both, "MANIFEST_INVALID"),
        ("v1", OCI_MANIFEST, &json!([]), "MANIFEST_INVALID"),
        ("v1", OCI_MANIFEST, &json!({"config": {"digest": "sha256:../x", "size": 1}}), "MANIFEST_INVALID"),
        ("v1", OCI_MANIFEST, &lacking, "MANIFEST_BLOB_UNKNOWN"),
        ("v1", OCI_INDEX, &sparse, "MANIFEST_BLOB_UNKNOWN"),
        ("v 1", OCI_MANIFEST, &good, "TAG_INVALID"),
    ] {
        assert_refused(bench.push_manifest("a", target, media_type, body).await, 400, code).await;
    }
    let large = json!({"annotations": {"x": "y".repeat(4 << 20)}});
    assert_refused(bench.push_manifest("a", "v1", OCI_MANIFEST, &large).await, 413, "SIZE_INVALID").await;
    assert_refused(bench.get("/v2/a/manifests/v1").await, 404, "MANIFEST_UNKNOWN").await;
}

#[tokio::test]
async fn a_blob_is_pushed_in_chunks() {
    for bench in Bench::both().await {
        let start = bench.send(Method::POST, "/v2/a/blobs/uploads/", "").await;
        assert_eq!(start.status(), StatusCode::ACCEPTED);
        let upload = header(&start, "location");
        let chunk = |range: &str, body: &'static str| {
            bench.request(Method::PATCH, &upload).header("content-range", range).body(body).send()
        };
        let first = chunk("0-4", "hello").await.unwrap();
        assert_eq!((first.status(), header(&first, "range")), (StatusCode::ACCEPTED, "0-4".to_owned()));
        for out_of_order in ["0-4", "6-10", "4-8", "x"] {
            let refused = chunk(out_of_order, "again").await.unwrap();
            assert_eq!(header(&refused, "range"), "0-4", "tells where to go on");
            assert_refused(refused, 416, "RANGE_INVALID").await;
        }
        let status = bench.get(&upload).await;
        assert_eq!((status.status(), header(&status, "range")), (StatusCode::NO_CONTENT, "0-4".to_owned()));
        let digest = Digest::of(b"hello, world");
        let put = bench.send(Method::PUT, &format!("{upload}?digest={digest}"), ", world").await;
        assert_eq!(put.status(), StatusCode::CREATED);
        assert_eq!(bench.get(&header(&put, "location")).await.text().await.unwrap(), "hello, world");
        assert_refused(bench.get(&upload).await, 404, "BLOB_UPLOAD_UNKNOWN").await;
    }
}

#[tokio::test]
async fn an_upload_ends_without_a_blob_when_it_goes_wrong() {
    let other = Digest::of(b"other");
    for bench in Bench::both().await {
        let path = format!("/v2/a/blobs/uploads/?digest={other}");
        assert_refused(bench.send(Method::POST, &path, "content").await, 400, "DIGEST_INVALID").await;
        for (suffix, method, status) in [
            (format!("?digest={other}"), Method::PUT, 400),
            ("?digest=sha256:00".to_owned(), Method::PUT, 400),
            (String::new(), Method::PUT, 400),
            (String::new(), Method::DELETE, 204),
        ] {
            let upload = header(&bench.send(Method::POST, "/v2/a/blobs/uploads/", "").await, "location");
            let elsewhere = upload.replace("/v2/a/", "/v2/b/");
            assert_refused(bench.send(Method::PATCH, &elsewhere, "x").await, 404, "BLOB_UPLOAD_UNKNOWN").await;
            assert_eq!(bench.send(method, &format!("{upload}{suffix}"), "content").await.status(), status);
        }
        let upload = header(&bench.send(Method::POST, "/v2/a/blobs/uploads/", "").await, "location");
        let short = bench.request(Method::PATCH, &upload).header("content-range", "0-9").body("short");
        assert_refused(short.send().await.unwrap(), 400, "BLOB_UPLOAD_INVALID").await;
        assert_refused(bench.get(&format!("/v2/a/blobs/{other}")).await, 404, "BLOB_UNKNOWN").await;
    }
}

#[tokio::test]
async fn uploads_are_bounded() {
    let limits = Limits { blob_bytes: 10, uploads: 2, ..Limits::default() };
    let bench = Bench::start(Options { limits, ..Options::new(Store::memory()) }).await;
    let large = format!("/v2/a/blobs/uploads/?digest={}", Digest::of(b"01234567890"));
    assert_refused(bench.send(Method::POST, &large, "01234567890").await, 413, "SIZE_INVALID").await;
    let mut uploads = Vec::new();
    for _ in 0..2 {
        uploads.push(header(&bench.send(Method::POST, "/v2/a/blobs/uploads/", "").await, "location"));
    }
    assert_eq!(bench.get(&uploads[0]).await.status(), StatusCode::NO_CONTENT);
    bench.send(Method::POST, "/v2/a/blobs/uploads/", "").await;
    assert_eq!(bench.get(&uploads[0]).await.status(), StatusCode::NO_CONTENT);
    assert_refused(bench.get(&uploads[1]).await, 404, "BLOB_UPLOAD_UNKNOWN").await;
}

#[tokio::test]
async fn a_blob_is_mounted_from_where_it_is() {
    let bench = Bench::in_memory().await;
    let digest = bench.push_blob("a", b"shared").await;
    assert_refused(bench.get(&format!("/v2/b/blobs/{digest}")).await, 404, "BLOB_UNKNOWN").await;
    let mount = async |from: &str| {
        bench.send(Method::POST, &format!("/v2/b/blobs/uploads/?mount={digest}&from={from}"), "").await
    };
    assert_eq!(mount("c").await.status(), StatusCode::ACCEPTED, "an upload begins when there is nothing to mount");
    assert_refused(mount("../a").await, 400, "NAME_INVALID").await;
    let mounted = mount("a").await;
    assert_eq!(mounted.status(), StatusCode::CREATED);
    assert_eq!(bench.get(&header(&mounted, "location")).await.text().await.unwrap(), "shared");
}

#[tokio::test]
async fn a_part_of_a_blob_is_given() {
    for bench in Bench::both().await {
        let path = format!("/v2/a/blobs/{}", bench.push_blob("a", b"0123456789").await);
        let head = bench.send(Method::HEAD, &path, "").await;
        assert_eq!((head.status(), header(&head, "content-length")), (StatusCode::OK, "10".to_owned()));
        for (range, status, content_range, body) in [
            ("bytes=2-4", 206, "bytes 2-4/10", "234"),
            ("bytes=7-", 206, "bytes 7-9/10", "789"),
            ("bytes=-2", 206, "bytes 8-9/10", "89"),
            ("lines=1-2", 200, "", "0123456789"),
        ] {
            let part = bench.request(Method::GET, &path).header("range", range).send().await.unwrap();
            assert_eq!((part.status().as_u16(), header(&part, "content-range").as_str()), (status, content_range));
            assert_eq!(part.text().await.unwrap(), body, "{range}");
        }
        let beyond = bench.request(Method::GET, &path).header("range", "bytes=10-").send().await.unwrap();
        assert_eq!(header(&beyond, "content-range"), "bytes */10");
        assert_refused(beyond, 416, "RANGE_INVALID").await;
    }
}

#[tokio::test]
async fn lists_come_in_pages() {
    for bench in Bench::both().await {
        for tag in ["v2", "v1", "v3"] {
            bench.push_image("a/b", tag).await;
        }
        bench.push_image("c", "v1").await;
        assert_eq!(json_body(bench.get("/v2/a/b/tags/list").await).await["tags"], json!(["v1", "v2", "v3"]));
        let page = bench.get("/v2/a/b/tags/list?n=2").await;
        assert_eq!(header(&page, "link"), r#"</v2/a/b/tags/list?n=2&last=v2>; rel="next""#);
        assert_eq!(json_body(page).await["tags"], json!(["v1", "v2"]));
        let rest = bench.get("/v2/a/b/tags/list?n=2&last=v2").await;
        assert_eq!(header(&rest, "link"), "");
        assert_eq!(json_body(rest).await["tags"], json!(["v3"]));
        assert_eq!(json_body(bench.get("/v2/a/b/tags/list?n=0").await).await["tags"], json!([]));
        assert_eq!(json_body(bench.get("/v2/_catalog").await).await["repositories"], json!(["a/b", "c"]));
        assert_refused(bench.get("/v2/a/b/tags/list?n=x").await, 400, "PAGINATION_NUMBER_INVALID").await;
        assert_refused(bench.get("/v2/none/tags/list").await, 404, "NAME_UNKNOWN").await;
    }
}

#[tokio::test]
async fn what_is_attached_is_listed_with_its_subject() {
    for bench in Bench::both().await {
        let subject = bench.push_image("a", "v1").await;
        let (config, layer) = (Digest::of(b"{}"), Digest::of(b"layer"));
        let mut signature = manifest(&config, &layer);
        signature["artifactType"] = json!("application/vnd.example.signature");
        signature["subject"] = json!({"mediaType": OCI_MANIFEST, "digest": subject, "size": 1});
        signature["annotations"] = json!({"a": "b"});
        let digest = Digest::of(signature.to_string().as_bytes());
        let put = bench.push_manifest("a", digest.as_str(), OCI_MANIFEST, &signature).await;
        assert_eq!(header(&put, "oci-subject"), subject.as_str());
        let path = format!("/v2/a/referrers/{subject}");
        let list = json_body(bench.get(&path).await).await;
        assert_eq!(list["manifests"][0]["digest"], json!(digest));
        assert_eq!(list["manifests"][0]["artifactType"], "application/vnd.example.signature");
        assert_eq!(list["manifests"][0]["annotations"], json!({"a": "b"}));
        let filtered = bench.get(&format!("{path}?artifactType=other")).await;
        assert_eq!(header(&filtered, "oci-filters-applied"), "artifactType");
        assert_eq!(json_body(filtered).await["manifests"], json!([]));
        let gone = bench.send(Method::DELETE, &format!("/v2/a/manifests/{digest}"), "").await;
        assert_eq!(gone.status(), StatusCode::ACCEPTED);
        assert_eq!(json_body(bench.get(&path).await).await["manifests"], json!([]));
    }
}

#[tokio::test]
async fn what_is_deleted_is_gone() {
    for bench in Bench::both().await {
        let digest = bench.push_image("a", "v1").await;
        bench.push_image("a", "v2").await;
        let delete = async |path: String| bench.send(Method::DELETE, &path, "").await.status();
        assert_eq!(delete("/v2/a/manifests/v1".into()).await, StatusCode::ACCEPTED);
        assert_eq!(bench.get(&format!("/v2/a/manifests/{digest}")).await.status(), StatusCode::OK);
        assert_eq!(delete(format!("/v2/a/manifests/{digest}")).await, StatusCode::ACCEPTED);
        assert_eq!(delete(format!("/v2/a/manifests/{digest}")).await, StatusCode::NOT_FOUND);
        assert_refused(bench.get("/v2/a/manifests/v2").await, 404, "MANIFEST_UNKNOWN").await;
        let blob = format!("/v2/a/blobs/{}", Digest::of(b"layer"));
        assert_eq!(delete(blob.clone()).await, StatusCode::ACCEPTED);
        assert_refused(bench.get(&blob).await, 404, "BLOB_UNKNOWN").await;
    }
}

#[tokio::test]
async fn odd_requests_are_refused_in_the_words_of_the_specification() {
    let bench = Bench::in_memory().await;
    assert_eq!(bench.get("/v2/").await.status(), StatusCode::OK);
    for (path, status, code) in [
        ("/v2/A/tags/list", 400, "NAME_INVALID"),
        ("/v2/a/..%2f..%2fb/tags/list", 400, "NAME_INVALID"),
        ("/v2/a/manifests/-x", 400, "TAG_INVALID"),
        ("/v2/a/blobs/sha256:..%2f..%2fetc%2fpasswd", 404, "NAME_UNKNOWN"),
        ("/v2/a/manifests/sha256:00", 400, "DIGEST_INVALID"),
        ("/etc/passwd", 404, "NAME_UNKNOWN"),
    ] {
        assert_refused(bench.get(path).await, status, code).await;
    }
    assert_refused(bench.send(Method::POST, "/v2/_catalog", "").await, 405, "UNSUPPORTED").await;
}

#[tokio::test]
async fn many_clients_push_at_once() {
    for bench in Bench::both().await {
        let bench = Arc::new(bench);
        let mut pushes = tokio::task::JoinSet::new();
        for n in 0..24 {
            let bench = bench.clone();
            // Three clients push each tag; all push the same blobs.
            pushes.spawn(async move { bench.push_image("a", &format!("v{}", n % 8)).await });
        }
        let digests = pushes.join_all().await;
        assert!(digests.windows(2).all(|pair| pair[0] == pair[1]));
        let tags = json_body(bench.get("/v2/a/tags/list").await).await;
        assert_eq!(tags["tags"].as_array().unwrap().len(), 8);
        let layer = bench.get(&format!("/v2/a/blobs/{}", Digest::of(b"layer"))).await;
        assert_eq!(layer.text().await.unwrap(), "layer");
    }
}

#[tokio::test]
async fn faults_are_what_they_say() {
    let body = "0123456789";
    let intercept = Arc::new(|parts: &http::request::Parts| match parts.uri.query()? {
        "answer" => Some(Fault::status(StatusCode::TOO_MANY_REQUESTS, "{}")),
        "cut" => Some(Fault::Cut(4)),
        "stall" => Some(Fault::Stall(4)),
        "corrupt" => Some(Fault::Corrupt),
        "delay" => Some(Fault::Delay(Duration::from_millis(1))),
        "hang" => Some(Fault::Hang),
        _ => None,
    });
    let bench = Bench::start(Options { intercept: Some(intercept), ..Options::new(Store::memory()) }).await;
    let path = format!("/v2/a/blobs/{}", bench.push_blob("a", body.as_bytes()).await);
    let get = async |fault: &str| bench.get(&format!("{path}?{fault}")).await;
    assert_eq!(get("answer").await.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(get("delay").await.text().await.unwrap(), body);
    assert_eq!(get("corrupt").await.text().await.unwrap(), "0123456788");
    let (mut cut, mut stalled) = (get("cut").await, get("stall").await);
    for response in [&mut cut, &mut stalled] {
        assert_eq!(header(response, "content-length"), "10");
        assert_eq!(response.chunk().await.unwrap().unwrap(), "0123");
    }
    assert!(cut.chunk().await.is_err());
    let a_while = Duration::from_millis(50);
    assert!(tokio::time::timeout(a_while, stalled.chunk()).await.is_err());
    assert!(tokio::time::timeout(a_while, get("hang")).await.is_err());
    // Nothing that waits on purpose keeps the registry from stopping.
    let Bench { registry, .. } = bench;
    registry.stop().await;
}

#[tokio::test]
async fn the_log_knows_requests_but_no_secrets() {
    let log = AccessLog::default();
    let bench = Bench::start(Options { log: Some(log.clone()), ..Options::new(Store::memory()) }).await;
    let request = |value: &str| bench.request(Method::GET, "/v2/a/tags/list?n=1").header("authorization", value);
    for value in ["Basic czNjcjN0LWNhbmFyeQ==", "Bearer s3cr3t-canary", "s3cr3t-canary"] {
        request(value).send().await.unwrap();
    }
    bench.send(Method::HEAD, "/v2/b/manifests/v1", "").await;
    let schemes: Vec<_> = log.entries().into_iter().map(|access| access.authorization).collect();
    assert_eq!(schemes, [Some("Basic".into()), Some("Bearer".into()), Some("unknown".into()), None]);
    assert_eq!((log.count(&Method::GET, "/a/"), log.count(&Method::HEAD, "manifests")), (3, 1));
    let all = format!("{log:?}");
    assert!(!all.contains("s3cr3t") && !all.contains("czNjcjN0"), "{all}");
}

#[tokio::test]
async fn a_taken_address_is_told_and_a_stopped_registry_frees_its_own() {
    let first = Registry::start(Options::new(Store::memory())).await.unwrap();
    let listen = first.address();
    let options = || Options { listen, ..Options::new(Store::memory()) };
    let taken = Registry::start(options()).await.unwrap_err().to_string();
    assert!(taken.contains(&listen.to_string()), "{taken}");
    first.stop().await;
    Registry::start(options()).await.unwrap();
}
