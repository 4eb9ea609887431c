//! The registries of the world, each as a small server that answers as it does (`docs/registries.md` has the sources).

mod acr;
mod check;
mod distribution;
mod docker_hub;
mod ecr;
mod ghcr;
mod gitea;
mod gitlab;
mod google;
mod harbor;
mod internet;
mod quay;
mod zot;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use imagefacts::image::Digest;
use serde_json::{Value, json};

use crate::registry_client::server::{Reply, Seen, reply};
use internet::Internet;

/// The password that every vendor accepts.
const RIGHT: &str = "s3cr3t-canary-right";
/// One that none does.
const WRONG: &str = "s3cr3t-canary-wrong";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// The config of the image that every vendor has.
fn config() -> Vec<u8> {
    json!({"os": "linux", "architecture": "amd64", "config": {"User": "65532"}}).to_string().into_bytes()
}

/// The manifest of the image that every vendor has; `name` tells one from another.
fn manifest(name: &str) -> Vec<u8> {
    let descriptor = json!({
        "mediaType": "application/vnd.oci.image.config.v1+json", "digest": Digest::of(&config()), "size": config().len(),
    });
    let annotations = json!({"name": name});
    json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": descriptor, "layers": [], "annotations": annotations})
        .to_string()
        .into_bytes()
}

/// Part of a repository that a request is about.
struct Place<'a> {
    repository: &'a str,
    /// `manifests` or `blobs`
    kind: &'a str,
    /// tag or digest
    item: &'a str,
}

impl<'a> Place<'a> {
    fn of(seen: &'a Seen) -> Option<Self> {
        let path = seen.path.strip_prefix("/v2/")?;
        let kind = ["manifests", "blobs"].into_iter().find(|kind| path.contains(&format!("/{kind}/")))?;
        let (repository, item) = path.split_once(&format!("/{kind}/"))?;
        Some(Self { repository, kind, item })
    }

    /// The scope of a token to pull.
    fn scope(&self) -> String {
        format!("repository:{}:pull", self.repository)
    }

    /// The image under every tag; its config lies here, or where `blobs` redirects to.
    fn content(&self, blobs: Option<&str>) -> Reply {
        let manifest = manifest(self.repository);
        let digest = Digest::of(&manifest);
        match (self.kind, blobs) {
            ("blobs", Some(elsewhere)) => reply(307, "").with("location", format!("{elsewhere}?sig=canary-signature")),
            ("blobs", None) => blob(),
            _ if self.item.starts_with("sha256:") && self.item != digest.as_str() => {
                refusal(404, "MANIFEST_UNKNOWN", "manifest unknown")
            }
            _ => Reply::Full(200, vec![("content-type", MANIFEST.to_owned())], manifest)
                .with("docker-content-digest", digest.as_str()),
        }
    }
}

fn blob() -> Reply {
    Reply::Full(200, vec![("content-type", "application/octet-stream".to_owned())], config())
}

/// Where blobs lie behind a signed URL: a second login is one too many.
fn storage(seen: &Seen) -> Reply {
    match seen.authorization() {
        None => blob(),
        Some(_) => {
            reply(400, "<Error><Code>InvalidArgument</Code><Message>Only one auth mechanism allowed</Message></Error>")
        }
    }
}

/// An error as the distribution specification has it.
fn refusal(status: u16, code: &str, message: &str) -> Reply {
    reply(status, json!({"errors": [{"code": code, "message": message}]}).to_string())
}

/// A 401 with these challenges.
fn challenge(challenges: &[&str]) -> Reply {
    let refusal = refusal(401, "UNAUTHORIZED", "authentication required");
    challenges.iter().fold(refusal, |reply, challenge| reply.with("www-authenticate", *challenge))
}

/// A user name with its password, as in a `Basic` authorization.
fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// The value of `name` in a request's query.
fn query(seen: &Seen, name: &str) -> Option<String> {
    let url = url::Url::parse(&format!("https://x{}", seen.path)).unwrap();
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// What the program says of an image.
#[derive(Debug)]
struct Outcome {
    status: String,
    /// `class at stage` of each error
    errors: Vec<String>,
    /// `source outcome class` of each access
    access: Vec<String>,
    /// everything that it wrote
    text: String,
}

/// Looks at `reference` with variables that hold credentials. No secret may show anywhere.
async fn inspect(internet: &Internet, reference: &str, variables: &[(&str, &str)]) -> Outcome {
    let program = variables.iter().fold(internet.program(), |program, (name, value)| program.with(name, value));
    let flags = ["-vvv", "inspect", "--platform", "linux/amd64", "--retries", "0", "-o", "json"];
    let ran = program.run(&[&flags[..], &[reference]].concat()).await;
    let text = format!("{}{}", ran.stdout(), ran.stderr);
    for secret in [RIGHT, WRONG, "canary-signature", "canary-token"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    let report: Value = serde_json::from_str(&ran.stdout()).unwrap_or_else(|_| panic!("{text}"));
    let image = &report["images"][0];
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Outcome {
        status: word(&image["status"]),
        errors: list(&image["errors"])
            .iter()
            .map(|error| format!("{} at {}", word(&error["class"]), word(&error["stage"])))
            .collect(),
        access: list(&image["access"])
            .iter()
            .map(|access| {
                let words = [&access["source"], &access["outcome"], &access["class"]].map(word);
                words.join(" ").trim_end().to_owned()
            })
            .collect(),
        text,
    }
}

impl Outcome {
    #[track_caller]
    fn is_resolved(&self, access: &[&str]) {
        assert_eq!((self.status.as_str(), self.errors.len()), ("resolved", 0), "{self:?}");
        assert_eq!(self.access, access);
    }

    #[track_caller]
    fn fails(&self, error: &str, access: &[&str]) {
        assert_eq!((self.status.as_str(), self.errors.as_slice()), ("failed", &[error.to_owned()][..]), "{self:?}");
        assert_eq!(self.access, access);
    }
}
