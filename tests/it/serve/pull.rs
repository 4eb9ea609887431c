//! What goes out: manifests, blobs and lists, and what is no longer there.

use imagefacts::image::Digest;
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::{Bench, OCI_MANIFEST, assert_refused, header, json_body, manifest};

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
