//! Images as registries hold them: manifests and configs of usual sizes, the same in every process.

use bytes::Bytes;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::Shape;
use super::template::Chance;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
/// The images of so many share their lowest layers.
const BASES: usize = 20;
const BASE_LAYERS: usize = 3;

/// A document of a registry.
pub(crate) struct Document {
    pub(crate) media_type: &'static str,
    pub(crate) digest: String,
    pub(crate) bytes: Bytes,
}

impl Document {
    fn new(media_type: &'static str, content: &Value) -> Self {
        let text = content.to_string();
        let digest = Sha256::digest(&text);
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        Self { media_type, digest: format!("sha256:{hex}"), bytes: text.into() }
    }

    fn descriptor(&self) -> Value {
        json!({"mediaType": self.media_type, "digest": self.digest, "size": self.bytes.len()})
    }
}

/// An image, alone in its repository.
pub(crate) struct Image {
    pub(crate) repository: String,
    pub(crate) tag: String,
    /// the index, if it is for several platforms
    pub(crate) index: Option<Document>,
    /// for each platform the manifest and the config
    pub(crate) variants: Vec<(Document, Document)>,
}

impl Image {
    pub(crate) fn new(number: usize, shape: Shape) -> Self {
        let architectures: &[_] = if is_multi_platform(number, shape) { &["amd64", "arm64"] } else { &["amd64"] };
        let variants: Vec<_> = architectures.iter().map(|architecture| variant(number, shape, architecture)).collect();
        let index = (variants.len() > 1).then(|| index(architectures, &variants));
        Self { repository: repository(number), tag: tag(number), index, variants }
    }

    /// What the tag names.
    pub(crate) fn top(&self) -> Option<&Document> {
        self.index.as_ref().or(self.variants.first().map(|(manifest, _)| manifest))
    }

    /// The paths of all that a client reads of it, in order.
    pub(crate) fn paths(&self) -> Vec<String> {
        let at = |place: &str| format!("/v2/{}/{place}", self.repository);
        let manifests = self.variants.iter().filter(|_| self.index.is_some());
        let manifests = manifests.map(|(manifest, _)| at(&format!("manifests/{}", manifest.digest)));
        let configs = self.variants.iter().map(|(_, config)| at(&format!("blobs/{}", config.digest)));
        [self.path()].into_iter().chain(manifests).chain(configs).collect()
    }

    /// The path of its tag.
    pub(crate) fn path(&self) -> String {
        format!("/v2/{}/manifests/{}", self.repository, self.tag)
    }
}

/// How many requests it takes to read `images` images: a manifest and a config for each platform, and an index where
/// there are several.
pub(crate) fn requests(images: usize, shape: Shape) -> u64 {
    let of = |number| if is_multi_platform(number, shape) { 5 } else { 2 };
    (0..images).map(of).sum()
}

pub(crate) fn repository(number: usize) -> String {
    format!("team-{:02}/service-{number:05}", number % 40)
}

pub(crate) fn tag(number: usize) -> String {
    format!("v1.{}.{}", number % 17, number % 29)
}

/// Those of several platforms are spread evenly.
pub(crate) fn is_multi_platform(number: usize, shape: Shape) -> bool {
    (number * 37) % 100 < shape.multi_platform
}

fn index(architectures: &[&str], variants: &[(Document, Document)]) -> Document {
    let entry = |(architecture, (manifest, _)): (&&str, &(Document, Document))| {
        let mut entry = manifest.descriptor();
        entry["platform"] = json!({"architecture": architecture, "os": "linux"});
        entry
    };
    let entries: Vec<Value> = architectures.iter().zip(variants).map(entry).collect();
    Document::new(INDEX, &json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}))
}

/// The manifest and the config for one platform.
fn variant(number: usize, shape: Shape, architecture: &str) -> (Document, Document) {
    let layers = (shape.layers / 2 + number % (shape.layers + 1)).max(1);
    let config = Document::new(CONFIG, &config(number, layers, architecture));
    let layer = |layer: usize| {
        let mut chance = layer_chance("layer", number, layer, architecture);
        let size = 1_000 + chance.number() % 40_000_000;
        json!({"mediaType": LAYER, "digest": format!("sha256:{}", chance.hex()), "size": size})
    };
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "config": config.descriptor(),
        "layers": (0..layers).map(layer).collect::<Vec<_>>(),
        "annotations": {
            "org.opencontainers.image.created": created(number),
            "org.opencontainers.image.revision": Chance::of("revision", number).hex(),
        },
    });
    (Document::new(MANIFEST, &manifest), config)
}

/// The lowest layers are those of one of the bases.
fn layer_chance(kind: &str, image: usize, layer: usize, architecture: &str) -> Chance {
    let of = if layer < BASE_LAYERS { image % BASES } else { BASES + image };
    Chance::of(&format!("{kind}{architecture}"), of * 1000 + layer)
}

fn config(number: usize, layers: usize, architecture: &str) -> Value {
    let diff_id = |layer| format!("sha256:{}", layer_chance("diff", number, layer, architecture).hex());
    let step = |layer: usize| {
        let hex = layer_chance("step", number, layer, architecture).hex();
        json!({
            "created": created(number), "comment": "buildkit.dockerfile.v0",
            "created_by": format!("COPY --chown=app:app /build/out/{hex} /usr/local/lib/service/{layer} # buildkit"),
        })
    };
    let note = |what: &str| json!({"created": created(number), "created_by": what, "empty_layer": true});
    let notes = ["ENV LANG=C.UTF-8", "WORKDIR /srv", "EXPOSE map[8080/tcp:{}]", "USER 10001", "CMD [\"serve\"]"];
    let history: Vec<Value> = (0..layers).map(step).chain(notes.iter().map(|text| note(text))).collect();
    json!({
        "architecture": architecture, "os": "linux", "created": created(number), "author": "build@example.com",
        "config": {
            "User": "10001", "WorkingDir": "/srv", "Entrypoint": ["/usr/local/bin/service"], "Cmd": ["serve"],
            "ExposedPorts": {"8080/tcp": {}, "9090/tcp": {}}, "StopSignal": "SIGTERM",
            "Env": [
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "TZ=Etc/UTC",
                "SERVICE_PORT=8080", format!("SERVICE_NAME=service-{number:05}"), "JAVA_HOME=/opt/java/openjdk",
                "JAVA_TOOL_OPTIONS=-XX:MaxRAMPercentage=75 -XX:+ExitOnOutOfMemoryError", "OTEL_SDK_DISABLED=false",
            ],
            "Labels": {
                "org.opencontainers.image.title": format!("service-{number:05}"),
                "org.opencontainers.image.source": format!("https://git.example.com/team/service-{number:05}"),
                "org.opencontainers.image.revision": Chance::of("revision", number).hex(),
                "org.opencontainers.image.version": tag(number),
                "org.opencontainers.image.vendor": "Example",
                "org.opencontainers.image.licenses": "Apache-2.0",
            },
        },
        "rootfs": {"type": "layers", "diff_ids": (0..layers).map(diff_id).collect::<Vec<_>>()},
        "history": history,
    })
}

fn created(number: usize) -> String {
    format!("2026-{:02}-{:02}T{:02}:00:00Z", number % 10 + 1, number % 28 + 1, number % 24)
}
