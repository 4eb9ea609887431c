//! Facts about images that real tools made and a real registry serves, against what skopeo says of the same images.

use base64::Engine as _;
use imagefacts::image::Digest;
use serde_json::{Value, json};

use super::Program;
use super::bundle::{classes, text};
use crate::support::http::client;
use crate::support::real::{DebianRegistry, Guard, PASSWORD, USER, UmociImage, copy, skopeo};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// What a manifest is that does not say it, as umoci's do not.
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// What `inspect` reports.
async fn inspect(program: &Program, arguments: &[&str]) -> Value {
    let ran = program.run(&[&["inspect", "-o", "json", "--redact", "off"], arguments].concat()).await.exits(0);
    serde_json::from_slice(&ran.stdout).unwrap()
}

/// What skopeo reports: the manifest's bytes, and the config.
fn by_skopeo(image: &str) -> (Vec<u8>, Value) {
    let raw = skopeo(&["inspect", "--raw", "--tls-verify=false", image]);
    let config = skopeo(&["inspect", "--config", "--raw", "--tls-verify=false", image]);
    (raw, serde_json::from_slice(&config).unwrap())
}

fn manifest<'a>(report: &'a Value, digest: &str) -> &'a Value {
    report["manifests"].as_array().unwrap().iter().find(|manifest| manifest["digest"] == digest).unwrap()
}

fn media_type(manifest: &Value) -> &str {
    manifest["mediaType"].as_str().unwrap_or(MANIFEST)
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Compares one image, digest by digest.
fn assert_same(report: &Value, raw: &[u8], config: &Value) {
    let (digest, said) = (Digest::of(raw).to_string(), serde_json::from_slice::<Value>(raw).unwrap());
    let found = manifest(report, &digest);
    assert_eq!((&found["kind"], &found["mediaType"]), (&json!("image"), &json!(media_type(&said))));
    let layers: Vec<Value> = array(&found["layers"])
        .iter()
        .map(|layer| json!({"mediaType": layer["mediaType"], "digest": layer["digest"], "size": layer["size"]}))
        .collect();
    let expected: Vec<Value> = array(&said["layers"])
        .iter()
        .map(|layer| json!({"mediaType": layer["mediaType"], "digest": layer["digest"], "size": layer["size"]}))
        .collect();
    assert_eq!(layers, expected);
    let bytes: u64 = array(&said["layers"]).iter().map(|layer| layer["size"].as_u64().unwrap()).sum();
    assert_eq!(found["compressedBytes"], bytes);
    let contents: Vec<&Value> = array(&found["layers"]).iter().map(|layer| &layer["diffId"]).collect();
    assert_eq!(contents, array(&config["rootfs"]["diff_ids"]).iter().collect::<Vec<_>>());

    let (of_image, said_config) = (&found["config"], &config["config"]);
    assert_eq!(of_image["digest"], said["config"]["digest"]);
    assert_eq!((&of_image["env"], &of_image["entrypoint"]), (&said_config["Env"], &said_config["Entrypoint"]));
    assert_eq!((&of_image["labels"], &of_image["user"]), (&said_config["Labels"], &said_config["User"]));
    let ports: Vec<&str> = said_config["ExposedPorts"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(of_image["exposedPorts"], json!(ports));
    assert_eq!(found["platform"], format!("{}/{}", text(&config["os"]), text(&config["architecture"])));
    let times = [&found["created"], &config["created"]].map(|time| text(time).parse::<jiff::Timestamp>().unwrap());
    assert_eq!(times[0], times[1]);
    let steps = |history: &Value, name: &str| -> Vec<String> {
        array(history).iter().map(|step| text(&step[name]).to_owned()).collect()
    };
    assert_eq!(steps(&found["history"], "createdBy"), steps(&config["history"], "created_by"));
}

#[tokio::test]
#[ignore = "needs docker-registry, skopeo and umoci, which tests/run installs"]
async fn both_formats_are_told_as_skopeo_tells_them() {
    let (registry, image, program) = (DebianRegistry::start(Guard::Open), UmociImage::build(), Program::new());
    let oci = format!("{}/real/oci:v1", registry.host());
    copy(&image.source(), &format!("docker://{oci}"));
    let docker = format!("{}/real/docker:v1", registry.host());
    let there = format!("docker://{docker}");
    skopeo(&["copy", "--quiet", "--format=v2s2", "--dest-tls-verify=false", &image.source(), &there]);
    for reference in [oci, docker] {
        let (raw, config) = by_skopeo(&format!("docker://{reference}"));
        let report = inspect(&program, &[&reference]).await;
        let found = &report["images"][0];
        assert_eq!((&found["reference"], &found["status"]), (&json!(reference), &json!("resolved")), "{found}");
        assert_eq!(found["resolved"]["digest"], Digest::of(&raw).as_str());
        assert_eq!(found["resolved"]["endpoint"], format!("http://{}", registry.host()));
        assert_same(&report, &raw, &config);
    }
}

#[tokio::test]
#[ignore = "needs docker-registry, skopeo and umoci, which tests/run installs"]
async fn an_index_is_told_entry_by_entry() {
    let (registry, program) = (DebianRegistry::start(Guard::Open), Program::new());
    let mut entries = Vec::new();
    let mut images = Vec::new();
    for architecture in ["amd64", "arm64"] {
        let there = format!("docker://{}/real/multi:{architecture}", registry.host());
        copy(&UmociImage::build_for(architecture).source(), &there);
        let (raw, config) = by_skopeo(&there);
        let platform = json!({"os": "linux", "architecture": architecture});
        entries
            .push(json!({"mediaType": MANIFEST, "digest": Digest::of(&raw), "size": raw.len(), "platform": platform}));
        images.push((raw, config));
    }
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).to_string();
    let url = format!("http://{}/v2/real/multi/manifests/v1", registry.host());
    let put = client().put(url).header("content-type", INDEX).body(index.clone()).send().await.unwrap();
    assert_eq!(put.status(), 201);

    let reference = format!("{}/real/multi:v1", registry.host());
    assert_eq!(skopeo(&["inspect", "--raw", "--tls-verify=false", &format!("docker://{reference}")]), index.as_bytes());
    let report = inspect(&program, &[&reference]).await;
    let digest = Digest::of(index.as_bytes()).to_string();
    assert_eq!(report["images"][0]["resolved"]["digest"], digest.as_str());
    let found = manifest(&report, &digest);
    assert_eq!((&found["kind"], &found["mediaType"]), (&json!("index"), &json!(INDEX)));
    for ((entry, expected), (raw, config)) in array(&found["entries"]).iter().zip(&entries).zip(&images) {
        assert_eq!((&entry["digest"], &entry["size"]), (&expected["digest"], &expected["size"]));
        assert_eq!(entry["platform"], format!("linux/{}", text(&expected["platform"]["architecture"])));
        assert_same(&report, raw, config);
    }
    assert_eq!(array(&found["entries"]).len(), 2);
    let one = inspect(&program, &["--platform", "linux/arm64", &reference]).await;
    let variants = array(&one["images"][0]["variants"]);
    assert_eq!((variants.len(), &variants[0]["digest"]), (1, &entries[1]["digest"]));
}

#[tokio::test]
#[ignore = "needs docker-registry, skopeo and umoci, which tests/run installs"]
async fn a_password_opens_what_is_closed() {
    let (registry, image, program) = (DebianRegistry::start(Guard::Password), UmociImage::build(), Program::new());
    let reference = format!("{}/real/closed:v1", registry.host());
    let (there, login) = (format!("docker://{reference}"), format!("{USER}:{PASSWORD}"));
    skopeo(&[
        "copy",
        "--quiet",
        "--preserve-digests",
        "--dest-tls-verify=false",
        "--dest-creds",
        &login,
        &image.source(),
        &there,
    ]);
    let closed = program.run(&["inspect", "-o", "json", &reference]).await.exits(3);
    let report: Value = serde_json::from_slice(&closed.stdout).unwrap();
    assert_eq!(classes(&report["images"][0]), ["unauthorized"]);

    let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let auths = json!({"auths": {registry.host(): {"auth": encode(&login)}}}).to_string();
    program.write("auth.json", &auths);
    let (raw, config) = by_skopeo(&image.source());
    assert_same(&inspect(&program, &["--authfile", "auth.json", &reference]).await, &raw, &config);

    // The same by a pull secret among the files, and its password nowhere.
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "shop"}, "spec":
        {"containers": [{"name": "c", "image": reference}], "imagePullSecrets": [{"name": "login"}]}});
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login", "namespace": "shop"},
        "type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": encode(&auths)}});
    program.write("objects.yaml", format!("{pod}\n---\n{secret}\n"));
    let ran = program.run(&["collect", "--include-images", "--from", "objects.yaml", "-vv"]).await.exits(0);
    let facts = ran.bundle().facts();
    let found = facts.image(&reference);
    assert_eq!((&found["status"], &found["access"][0]["name"]), (&json!("resolved"), &json!("login")), "{found}");
    assert_same(&facts.0, &raw, &config);
    ran.bundle().has_none_of(&[PASSWORD, &login]);
    super::bundle::assert_none_of("stderr", &ran.stderr, &[PASSWORD, &login]);
}

#[tokio::test]
#[ignore = "needs docker-registry, skopeo and umoci, which tests/run installs"]
async fn a_certificate_must_be_trusted_or_the_host_named() {
    let (registry, image, program) = (DebianRegistry::start(Guard::Tls), UmociImage::build(), Program::new());
    let reference = format!("{}/real/tls:v1", registry.host());
    copy(&image.source(), &format!("docker://{reference}"));
    let ran = program.run(&["inspect", "-o", "json", "--retries", "0", &reference]).await.exits(3);
    let report: Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!(classes(&report["images"][0]), ["tls"], "{report}");

    let (raw, config) = by_skopeo(&image.source());
    let authority = registry.authority().display().to_string();
    for flags in [["--ca-file", &authority], ["--insecure-registry", &registry.host()]] {
        let report = inspect(&program, &[&flags[..], &[&reference]].concat()).await;
        assert_eq!(report["images"][0]["resolved"]["endpoint"], format!("https://{}", registry.host()));
        assert_same(&report, &raw, &config);
    }
    // It allows what it does for that host alone.
    let other = ["inspect", "--retries", "0", "--insecure-registry", "other.test:5000", &reference];
    program.run(&other).await.exits(3);
}
