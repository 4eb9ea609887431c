//! Digests that are none, and content that is not what its digest says.

use imagefacts::image::Digest;
use serde_json::{Value, json};

use super::image::{INDEX, MANIFEST};
use super::{Attack, Image, Scene, Seen, reply};

const CONFIG: &str = r#"{"os":"linux","architecture":"amd64"}"#;

/// What is no digest; several of them would be a path, a query or a header of their own in a URL.
fn not_digests() -> Vec<String> {
    let good = Digest::of(b"x");
    let mut all: Vec<String> = [
        "sha256:../../../../admin/secret",
        "../../../admin/secret",
        "sha256:%2e%2e%2f%2e%2e%2fadmin",
        "sha256:..\\..\\admin",
        "md5:d41d8cd98f00b204e9800998ecf8427e",
        "sha256:",
        "",
    ]
    .map(str::to_owned)
    .to_vec();
    for end in ["/../../admin", "?admin", "#admin", "\r\nx-admin: 1", "\u{0}", " ", "A"] {
        all.push(format!("{good}{end}"));
    }
    all.push(good.as_str().to_uppercase());
    all.push(format!("sha256+admin:{}", good.hex()));
    all
}

#[tokio::test]
async fn what_is_no_digest_becomes_no_part_of_a_url() {
    let mut attacks = Vec::new();
    for digest in not_digests() {
        let change = |what: fn(&mut Value, &str)| Image::changed(CONFIG, |manifest| what(manifest, &digest)).manifest;
        let entry = json!({"mediaType": MANIFEST, "digest": digest, "size": 7,
            "platform": {"os": "linux", "architecture": "amd64"}});
        let blob =
            json!({"schemaVersion": 1, "fsLayers": [{"blobSum": digest}], "history": [], "architecture": "amd64"});
        for (name, class, document) in [
            ("config", "invalid-content", change(|manifest, digest| manifest["config"]["digest"] = digest.into())),
            ("layer", "invalid-content", change(|manifest, digest| manifest["layers"][0]["digest"] = digest.into())),
            (
                "entry",
                "invalid-content",
                json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}).to_string().into(),
            ),
            ("legacy", "invalid-content", blob.to_string().into()),
            (
                "subject",
                "",
                change(|m, digest| m["subject"] = json!({"mediaType": MANIFEST, "digest": digest, "size": 1})),
            ),
        ] {
            let answer = move |seen: &_| Image { config: CONFIG.into(), manifest: document.clone() }.answer(seen);
            attacks.push(Attack::new(name, class, answer).await);
        }
        let (header, is_header) = (digest.clone(), !digest.contains(['\r', '\0', ' ']));
        if is_header {
            let answer = move |seen: &_| {
                let image = Image::of(CONFIG);
                let (first, second) = (header.clone(), header.clone());
                image.answer(seen).with("docker-content-digest", first).with("etag", second)
            };
            attacks.push(Attack::new("header", "", answer).await);
        }
    }
    Scene::new().await.endure(&attacks, &[]).await;
    let config = Digest::of(CONFIG.as_bytes());
    for attack in &attacks {
        let name = attack.name;
        let known = [format!("GET /v2/{name}/manifests/1"), format!("GET /v2/{name}/blobs/{config}")];
        let lines = attack.server.lines();
        assert!(lines.iter().all(|line| known.contains(line)), "{name}: {lines:?}");
    }
}

#[tokio::test]
async fn content_is_what_its_digest_says_or_it_is_refused() {
    // A blank more or less changes nothing but the digest.
    let other = |bytes: &[u8]| [bytes, b" "].concat();
    // Each image is its own: what one server gives would do for another.
    let image = |name: &str| Image::of(&json!({"os": "linux", "architecture": "amd64", "author": name}).to_string());
    let index = |entry: Value| json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}).to_string();
    type Change<'a> = &'a dyn Fn(&str, Image) -> Option<Vec<u8>>;
    let is_top = |path: &str| path.ends_with("/manifests/1");
    let cases: [(&'static str, Change<'_>); 6] = [
        ("manifest", &|_, _| None),
        ("config", &|path, image| path.contains("/blobs/").then(|| other(&image.config))),
        ("config-size", &|path, image| {
            let manifest = String::from_utf8(image.manifest).unwrap();
            let size = format!("\"size\":{}", image.config.len());
            is_top(path).then(|| manifest.replace(&size, "\"size\":99").into_bytes())
        }),
        ("child", &|path, image| match path.contains("/manifests/") {
            true if is_top(path) => Some(index(image.entry()).into_bytes()),
            child => child.then(|| other(&image.manifest)),
        }),
        ("child-size", &|path, image| {
            let mut entry = image.entry();
            entry["size"] = 1.into();
            is_top(path).then(|| index(entry).into_bytes())
        }),
        // The child that the index names is the index itself.
        ("child-is-parent", &|path, image| path.contains("/manifests/").then(|| index(image.entry()).into_bytes())),
    ];
    let mut attacks = Vec::new();
    for (name, change) in cases {
        let image = image(name);
        let digest = Digest::of(&image.manifest);
        // All that is asked for, as it was spoiled.
        let paths =
            ["manifests/1".to_owned(), format!("manifests/{digest}"), format!("blobs/{}", Digest::of(&image.config))];
        let answers: Vec<_> =
            paths.map(|path| (format!("/v2/{name}/{path}"), change(&format!("/{path}"), image.clone()))).into();
        let header = (name == "manifest").then(|| Digest::of(b"another").to_string());
        let answer = move |seen: &Seen| {
            let spoiled = answers.iter().find(|(path, _)| *path == seen.path).and_then(|(_, answer)| answer.clone());
            let answer = spoiled.map_or_else(|| image.answer(seen), |body| reply(200, body));
            header.iter().fold(answer, |answer, digest| answer.with("docker-content-digest", digest.clone()))
        };
        attacks.push(Attack::new(name, "digest-mismatch", answer).await);
    }
    let facts = Scene::new().await.endure(&attacks, &[]).await;
    let manifests = facts.0["manifests"].as_array().unwrap();
    let child = Digest::of(&other(&image("child").manifest));
    assert!(!manifests.iter().any(|manifest| manifest["digest"] == child.as_str()), "what was refused is not told");
}
