//! Against real tools and a real registry: what we serve they can use, and what they serve we can read.

use std::fs;

use imagefacts::image::{Digest, Document, ImageConfig};
use imagefacts::sample::Sample;
use imagefacts::serve::{Options, Registry, Store};
use reqwest::StatusCode;

use crate::support::http::{client, client_that_trusts};
use crate::support::real::{DebianRegistry, Guard, PASSWORD, USER, UmociImage, copy, manifest_in, skopeo};

/// Runs work that blocks beside the registry that it talks to.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

#[tokio::test]
#[ignore = "needs skopeo and umoci, which tests/run installs"]
async fn skopeo_copies_into_the_embedded_registry_and_out_of_it_unchanged() {
    let directory = tempfile::tempdir().unwrap();
    for store in [Store::memory(), Store::directory(directory.path()).unwrap()] {
        let registry = Registry::start(Options::new(store)).await.unwrap();
        let host = registry.host();
        blocking(move || {
            let (image, out) = (UmociImage::build(), tempfile::tempdir().unwrap());
            let there = format!("docker://{host}/real/umoci:v1");
            copy(&image.source(), &there);
            let raw = skopeo(&["inspect", "--raw", "--tls-verify=false", &there]);
            assert_eq!(Digest::of(&raw), Digest::of(&image.manifest()));
            copy(&there, &format!("oci:{}:v1", out.path().display()));
            assert_eq!(manifest_in(out.path()), image.manifest());
        })
        .await;
        registry.stop().await;
    }
}

#[tokio::test]
#[ignore = "needs skopeo and umoci, which tests/run installs"]
async fn skopeo_copies_dockers_form_too() {
    let registry = Registry::start(Options::new(Store::memory())).await.unwrap();
    let host = registry.host();
    blocking(move || {
        let (image, out) = (UmociImage::build(), tempfile::tempdir().unwrap());
        let there = format!("docker://{host}/real/docker:v1");
        skopeo(&["copy", "--quiet", "--format=v2s2", "--dest-tls-verify=false", &image.source(), &there]);
        let raw = skopeo(&["inspect", "--raw", "--tls-verify=false", &there]);
        let media_type = serde_json::from_slice::<serde_json::Value>(&raw).unwrap()["mediaType"].clone();
        assert_eq!(media_type, "application/vnd.docker.distribution.manifest.v2+json");
        copy(&there, &format!("dir:{}", out.path().display()));
        assert_eq!(fs::read(out.path().join("manifest.json")).unwrap(), raw);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs skopeo and docker-registry, which tests/run installs"]
async fn the_samples_images_are_good_enough_for_another_registry() {
    let store = Store::memory();
    Sample::new().unwrap().fill(&store).unwrap();
    let registry = Registry::start(Options::new(store)).await.unwrap();
    let from = registry.host();
    blocking(move || {
        let other = DebianRegistry::start(Guard::Open);
        // An OCI index with attestations, a Docker list, an image without an index, and Windows among others.
        for name in ["acme/web:v3.2.1", "acme/api:v2.4", "acme/cache:latest", "platform/log-agent:3.0.2"] {
            let (from, to) = (format!("docker://{from}/{name}"), format!("docker://{}/{name}", other.host()));
            copy(&from, &to);
            let raw = |image: &str| skopeo(&["inspect", "--raw", "--tls-verify=false", image]);
            assert_eq!(raw(&to), raw(&from), "{name}");
        }
    })
    .await;
}

#[tokio::test]
#[ignore = "needs skopeo, umoci and docker-registry, which tests/run installs"]
async fn we_read_what_a_real_registry_serves_as_skopeo_does() {
    let (registry, there) = blocking(|| {
        let registry = DebianRegistry::start(Guard::Open);
        let there = format!("{}/real/umoci:v1", registry.host());
        copy(&UmociImage::build().source(), &format!("docker://{there}"));
        (registry, format!("docker://{there}"))
    })
    .await;
    let get = async |path: &str| {
        let url = format!("http://{}/v2/real/umoci/{path}", registry.host());
        client().get(url).header("accept", imagefacts::image::MediaType::ACCEPT).send().await.unwrap()
    };
    let response = get("manifests/v1").await;
    let content_type = response.headers()["content-type"].to_str().unwrap().to_owned();
    let manifest = response.bytes().await.unwrap();
    let config_of = there.clone();
    let (raw, config) = blocking(move || {
        let raw = skopeo(&["inspect", "--raw", "--tls-verify=false", &there]);
        (raw, skopeo(&["inspect", "--config", "--raw", "--tls-verify=false", &config_of]))
    })
    .await;
    assert_eq!(manifest, raw);
    let (Document::Image(image), _) = Document::parse(&manifest, Some(&content_type)).unwrap() else {
        panic!("an image")
    };
    let blob = get(&format!("blobs/{}", image.config.digest)).await.bytes().await.unwrap();
    assert_eq!(blob, config);
    let config = ImageConfig::parse(&blob).unwrap();
    assert_eq!(config.platform.unwrap().to_string(), "linux/amd64");
    assert!(config.env.contains(&"GREETING=hello".to_owned()), "{:?}", config.env);
    assert_eq!((config.entrypoint, config.exposed_ports), (vec!["/bin/hello".into()], vec!["8080/tcp".into()]));
}

#[tokio::test]
#[ignore = "needs docker-registry, which tests/run installs"]
async fn a_real_registry_can_be_guarded() {
    let (password, tls) =
        blocking(|| (DebianRegistry::start(Guard::Password), DebianRegistry::start(Guard::Tls))).await;
    let url = format!("http://{}/v2/", password.host());
    assert_eq!(client().get(&url).send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    let known = client().get(&url).basic_auth(USER, Some(PASSWORD)).send().await.unwrap();
    assert_eq!(known.status(), StatusCode::OK);
    let url = format!("https://{}/v2/", tls.host());
    assert!(client().get(&url).send().await.is_err(), "the authority is not known");
    let trusting = client_that_trusts(&tls.authority());
    assert_eq!(trusting.get(&url).send().await.unwrap().status(), StatusCode::OK);
}
