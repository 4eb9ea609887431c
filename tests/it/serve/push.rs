//! What comes in: uploads and manifests, good ones and others.

use std::sync::Arc;

use imagefacts::image::Digest;
use imagefacts::serve::{Limits, Options, Store};
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::{Bench, OCI_INDEX, OCI_MANIFEST, assert_refused, header, json_body, manifest};

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
        assert_refused(short.send().await.unwrap(), 400, "SIZE_INVALID").await;
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
