//! Builds images: layers as tar.gz, configs, manifests and indexes, in both OCI's and Docker's form.

use std::io;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Map, Value, json};

use crate::image::Digest;

/// When all of it was built.
const CREATED: &str = "2026-10-14T09:30:00Z";

/// The media types of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Oci,
    Docker,
}

impl Format {
    fn index(self) -> &'static str {
        match self {
            Self::Oci => "application/vnd.oci.image.index.v1+json",
            Self::Docker => "application/vnd.docker.distribution.manifest.list.v2+json",
        }
    }

    fn manifest(self) -> &'static str {
        match self {
            Self::Oci => "application/vnd.oci.image.manifest.v1+json",
            Self::Docker => "application/vnd.docker.distribution.manifest.v2+json",
        }
    }

    fn config(self) -> &'static str {
        match self {
            Self::Oci => "application/vnd.oci.image.config.v1+json",
            Self::Docker => "application/vnd.docker.container.image.v1+json",
        }
    }

    fn layer(self) -> &'static str {
        match self {
            Self::Oci => "application/vnd.oci.image.layer.v1.tar+gzip",
            Self::Docker => "application/vnd.docker.image.rootfs.diff.tar.gzip",
        }
    }
}

/// What an image runs on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Machine {
    os: &'static str,
    architecture: &'static str,
    variant: Option<&'static str>,
    os_version: Option<&'static str>,
}

pub(super) const AMD64: Machine = Machine { os: "linux", architecture: "amd64", variant: None, os_version: None };
pub(super) const ARM64: Machine = Machine { architecture: "arm64", variant: Some("v8"), ..AMD64 };
pub(super) const ARM_V7: Machine = Machine { architecture: "arm", variant: Some("v7"), ..AMD64 };
pub(super) const WINDOWS: Machine = Machine { os: "windows", os_version: Some(WINDOWS_BUILD), ..AMD64 };
/// The build of the sample's Windows, of images and node alike.
pub(super) const WINDOWS_BUILD: &str = "10.0.20348.2582";

impl Machine {
    /// The fields that configs and index entries share.
    fn fields(self) -> Map<String, Value> {
        let mut fields = Map::new();
        for (name, value) in [
            ("architecture", Some(self.architecture)),
            ("os", Some(self.os)),
            ("os.version", self.os_version),
            ("variant", self.variant),
        ] {
            fields.extend(value.map(|value| (name.to_owned(), json!(value))));
        }
        fields
    }
}

/// What an image is made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Recipe {
    pub(super) program: &'static str,
    pub(super) version: &'static str,
    pub(super) env: &'static [&'static str],
    pub(super) ports: &'static [u16],
    /// further instructions of the build, which make no layer
    pub(super) steps: &'static [&'static str],
    /// a layer of so many bytes that is declared, but was never made
    pub(super) declared_bytes: Option<u64>,
}

impl Recipe {
    pub(super) const fn new(program: &'static str, version: &'static str) -> Self {
        Self { program, version, env: &[], ports: &[], steps: &[], declared_bytes: None }
    }
}

/// A manifest or an index, with all that it names.
#[derive(Debug, Clone)]
pub(super) struct Document {
    pub(super) media_type: &'static str,
    pub(super) bytes: Vec<u8>,
    pub(super) digest: Digest,
    /// config first, then the layers
    pub(super) blobs: Vec<Vec<u8>>,
    pub(super) children: Vec<Document>,
    /// its entry in an index, but for media type, digest and size
    entry: Map<String, Value>,
}

impl Document {
    fn new(media_type: &'static str, content: &Value, blobs: Vec<Vec<u8>>, children: Vec<Self>) -> Self {
        let bytes = content.to_string().into_bytes();
        Self { media_type, digest: Digest::of(&bytes), bytes, blobs, children, entry: Map::new() }
    }

    fn descriptor(&self) -> Value {
        let mut descriptor = descriptor(self.media_type, &self.bytes);
        if let Value::Object(fields) = &mut descriptor {
            fields.extend(self.entry.clone());
        }
        descriptor
    }
}

fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": Digest::of(bytes), "size": bytes.len()})
}

struct Layer {
    descriptor: Value,
    diff_id: Digest,
    created_by: String,
    /// absent when the layer is only declared
    bytes: Option<Vec<u8>>,
}

/// A layer of one file. It is stored, not deflated: the bytes must not depend on the compressor's version.
fn layer(format: Format, path: &str, content: &str, created_by: String) -> io::Result<Layer> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_mode(0o755);
    header.set_mtime(0);
    header.set_size(content.len() as u64);
    tar.append_data(&mut header, path, content.as_bytes())?;
    let tar = tar.into_inner()?;
    let mut gzip = GzEncoder::new(Vec::new(), Compression::none());
    io::Write::write_all(&mut gzip, &tar)?;
    let bytes = gzip.finish()?;
    Ok(Layer {
        descriptor: descriptor(format.layer(), &bytes),
        diff_id: Digest::of(&tar),
        created_by,
        bytes: Some(bytes),
    })
}

fn declared_layer(format: Format, recipe: &Recipe, size: u64) -> Layer {
    let digest = Digest::of(format!("{} {} weights", recipe.program, recipe.version).as_bytes());
    Layer {
        descriptor: json!({"mediaType": format.layer(), "digest": digest, "size": size}),
        diff_id: Digest::of(digest.as_str().as_bytes()),
        created_by: "COPY weights /var/lib/weights # buildkit".to_owned(),
        bytes: None,
    }
}

/// The lowest layer is the same in all images of a machine.
fn layers(format: Format, machine: Machine, recipe: &Recipe) -> io::Result<Vec<Layer>> {
    let Recipe { program, version, .. } = recipe;
    let base = format!("ID=acme\nVERSION_ID=13\nARCHITECTURE={}\n", machine.architecture);
    let body = format!("{program} {version} for {}/{}\n", machine.os, machine.architecture);
    let mut layers = vec![
        layer(format, "etc/os-release", &base, "ADD rootfs.tar.gz / # buildkit".to_owned())?,
        layer(format, &format!("usr/bin/{program}"), &body, format!("COPY {program} /usr/bin/ # buildkit"))?,
    ];
    layers.extend(recipe.declared_bytes.map(|size| declared_layer(format, recipe, size)));
    Ok(layers)
}

fn config(machine: Machine, recipe: &Recipe, layers: &[Layer]) -> Value {
    let Recipe { program, version, .. } = recipe;
    let step = |text: &str| json!({"created": CREATED, "created_by": text, "empty_layer": true});
    let entrypoint = format!("ENTRYPOINT [\"/usr/bin/{program}\"]");
    let steps = recipe.steps.iter().copied().chain([entrypoint.as_str()]).map(step);
    let history: Vec<Value> =
        layers.iter().map(|layer| json!({"created": CREATED, "created_by": layer.created_by})).chain(steps).collect();
    let ports: Map<String, Value> = recipe.ports.iter().map(|port| (format!("{port}/tcp"), json!({}))).collect();
    let env: Vec<&str> = ["PATH=/usr/bin"].iter().chain(recipe.env).copied().collect();
    let revision = Digest::of(format!("{program} {version}").as_bytes());
    let mut config = Map::from_iter([("created".to_owned(), json!(CREATED))]);
    config.extend(machine.fields());
    config.extend([
        (
            "config".to_owned(),
            json!({
                "User": "65532",
                "ExposedPorts": ports,
                "Env": env,
                "Entrypoint": [format!("/usr/bin/{program}")],
                "WorkingDir": "/",
                "Labels": {
                    "org.opencontainers.image.source": format!("https://git.example.com/acme/{program}"),
                    "org.opencontainers.image.revision": revision.hex().get(..40),
                    "org.opencontainers.image.version": version,
                },
            }),
        ),
        (
            "rootfs".to_owned(),
            json!({"type": "layers", "diff_ids": layers.iter().map(|layer| &layer.diff_id).collect::<Vec<_>>()}),
        ),
        ("history".to_owned(), json!(history)),
    ]);
    Value::Object(config)
}

/// An image for one machine.
pub(super) fn image(format: Format, machine: Machine, recipe: &Recipe) -> io::Result<Document> {
    let layers = layers(format, machine, recipe)?;
    let config = config(machine, recipe, &layers).to_string().into_bytes();
    let content = json!({
        "schemaVersion": 2,
        "mediaType": format.manifest(),
        "config": descriptor(format.config(), &config),
        "layers": layers.iter().map(|layer| &layer.descriptor).collect::<Vec<_>>(),
    });
    let blobs = std::iter::once(config).chain(layers.into_iter().filter_map(|layer| layer.bytes)).collect();
    let mut image = Document::new(format.manifest(), &content, blobs, Vec::new());
    image.entry.insert("platform".to_owned(), Value::Object(machine.fields()));
    Ok(image)
}

/// An image for each of several machines, behind one index. OCI ones carry what BuildKit attests of each image.
pub(super) fn index(format: Format, machines: &[Machine], recipe: &Recipe) -> io::Result<Document> {
    let images = machines.iter().map(|machine| image(format, *machine, recipe));
    let mut children = images.collect::<io::Result<Vec<_>>>()?;
    if format == Format::Oci {
        children.extend(children.iter().map(attestation).collect::<Vec<_>>());
    }
    let content = json!({
        "schemaVersion": 2,
        "mediaType": format.index(),
        "manifests": children.iter().map(Document::descriptor).collect::<Vec<_>>(),
    });
    Ok(Document::new(format.index(), &content, Vec::new(), children))
}

/// Provenance in the form of <https://docs.docker.com/build/metadata/attestations/attestation-storage/>.
fn attestation(image: &Document) -> Document {
    let predicate = "https://slsa.dev/provenance/v1";
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "image", "digest": {"sha256": image.digest.hex()}}],
        "predicateType": predicate,
        "predicate": {"buildDefinition": {"buildType": "https://git.example.com/acme/build"}},
    });
    let statement = statement.to_string().into_bytes();
    let config = json!({
        "architecture": "unknown",
        "os": "unknown",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [Digest::of(&statement)]},
    });
    let config = config.to_string().into_bytes();
    let mut layer = descriptor("application/vnd.in-toto+json", &statement);
    layer["annotations"] = json!({"in-toto.io/predicate-type": predicate});
    let content = json!({
        "schemaVersion": 2,
        "mediaType": Format::Oci.manifest(),
        "config": descriptor(Format::Oci.config(), &config),
        "layers": [layer],
    });
    let mut attestation = Document::new(Format::Oci.manifest(), &content, vec![config, statement], Vec::new());
    let annotations = json!({
        "vnd.docker.reference.type": "attestation-manifest",
        "vnd.docker.reference.digest": image.digest,
    });
    attestation.entry.insert("annotations".to_owned(), annotations);
    attestation.entry.insert("platform".to_owned(), json!({"architecture": "unknown", "os": "unknown"}));
    attestation
}

/// An image as Docker 1.9 and earlier pushed it: schema 1, unsigned.
pub(super) fn legacy(repository: &str, tag: &str, recipe: &Recipe) -> io::Result<Document> {
    let layers = layers(Format::Docker, AMD64, recipe)?;
    let mut history: Vec<Value> = layers
        .iter()
        .map(|layer| json!({"created": CREATED, "container_config": {"Cmd": [layer.created_by]}}))
        .collect();
    if let Some(top) = history.last_mut() {
        *top = config(AMD64, recipe, &layers);
    }
    // Schema 1 lists the uppermost layer first.
    let content = json!({
        "schemaVersion": 1,
        "name": repository,
        "tag": tag,
        "architecture": "amd64",
        "fsLayers": layers.iter().rev().map(|layer| json!({"blobSum": layer.descriptor["digest"]})).collect::<Vec<_>>(),
        "history": history.iter().rev().map(|v1| json!({"v1Compatibility": v1.to_string()})).collect::<Vec<_>>(),
    });
    let blobs = layers.into_iter().filter_map(|layer| layer.bytes).collect();
    let media_type = "application/vnd.docker.distribution.manifest.v1+json";
    Ok(Document::new(media_type, &content, blobs, Vec::new()))
}
