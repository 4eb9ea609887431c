//! What is done once for every pod or image, measured alone: `cargo bench --bench functions`.
//!
//! The objects and documents are those of the whole runs.

#[expect(dead_code, reason = "whole runs need more of it")]
mod made_up;

use std::error::Error;
use std::hint::black_box;
use std::io::{self, Write};
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput};
use imagefacts::cache::Cache;
use imagefacts::clock::Clock;
use imagefacts::cluster::inventory::{ImageName, Inventory};
use imagefacts::cluster::objects::{KINDS, List, Resource};
use imagefacts::cluster::uses::{Builder, Scope};
use imagefacts::credentials::Keyring;
use imagefacts::facts::{Origin, RunContext, Sealer, assemble, seal};
use imagefacts::image::{Digest, Document, ImageConfig, Reference, Repository};
use imagefacts::limits::Limits;
use imagefacts::packed::{Packed, Splice};
use imagefacts::resolve::{Answer, Looked, Named, Resolution, Variant, Whole};
use imagefacts::vocabulary::{ImageStatus, RedactionMode, Via};
use tempfile::TempDir;

use crate::made_up::cluster::{PAGE, collections};
use crate::made_up::images::{self, Image};
use crate::made_up::{Cluster, Shape};

const SHAPE: Shape = Shape { layers: 10, multi_platform: 20 };

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let mut criterion = Criterion::default().configure_from_args();
    decode_a_page(&mut criterion)?;
    parse_references(&mut criterion);
    parse_documents(&mut criterion)?;
    match_credentials(&mut criterion)?;
    keep_and_read(&mut criterion)?;
    // Without `--bench` each function is run once, to see that it works.
    let is_measured = std::env::args().any(|argument| argument == "--bench");
    assemble_facts(&mut criterion, if is_measured { 20_000 } else { 200 })?;
    criterion.final_summary();
    Ok(())
}

/// A cluster of as many pods as images.
fn cluster_of(images: usize) -> Cluster {
    Cluster { pods: images, pod_bytes: 8192, images, registry: "registry.example".to_owned(), shape: SHAPE }
}

/// What is read of the objects at this path.
fn resource_at(path: &str) -> Resource<'static> {
    match path.rsplit('/').next() {
        Some("pods") => Resource::Pod,
        Some("nodes") => Resource::Node,
        Some(plural) => KINDS.iter().find(|kind| kind.plural == plural).map_or(Resource::Event, Resource::Workload),
        None => Resource::Event,
    }
}

fn add_page(builder: &mut Builder, resource: Resource<'_>, page: &[u8]) -> Outcome<()> {
    let list: List<'_> = serde_json::from_slice(page)?;
    list.items.iter().for_each(|item| builder.add(resource, item.get()));
    Ok(())
}

fn decode_a_page(criterion: &mut Criterion) -> Outcome<()> {
    let collections = collections(&cluster_of(PAGE));
    let pods = collections.first().ok_or("no pods")?.page(0);
    let mut group = criterion.benchmark_group("cluster");
    group.throughput(Throughput::Bytes(pods.len() as u64));
    group.bench_function("page of 500 pods", |bencher| {
        bencher.iter_batched_ref(
            || Builder::new(Scope::default()),
            |builder| add_page(builder, Resource::Pod, black_box(pods.as_bytes())).is_ok(),
            BatchSize::LargeInput,
        );
    });
    group.finish();
    Ok(())
}

fn parse_references(criterion: &mut Criterion) {
    const WRITTEN: [&str; 5] = [
        "nginx",
        "ghcr.io/acme/web:v3.2.1",
        "localhost:5000/app",
        "registry.example.com:5000/team/deep/path/app@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "Not/A Reference",
    ];
    let mut group = criterion.benchmark_group("references");
    group.throughput(Throughput::Elements(WRITTEN.len() as u64));
    group.bench_function("parse five", |bencher| {
        bencher.iter(|| black_box(WRITTEN).map(|written| Reference::parse(written).is_ok()));
    });
    group.finish();
}

fn parse_documents(criterion: &mut Criterion) -> Outcome<()> {
    let image = (0..100).map(|number| Image::new(number, SHAPE)).find(|image| image.index.is_some());
    let image = image.ok_or("no image for two platforms")?;
    let index = image.index.as_ref().ok_or("no index")?;
    let (manifest, config) = image.variants.first().ok_or("no manifest")?;
    let mut group = criterion.benchmark_group("documents");
    for (name, document) in [("index", index), ("manifest", manifest)] {
        group.throughput(Throughput::Bytes(document.bytes.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| Document::parse(black_box(&document.bytes), Some(document.media_type)));
        });
    }
    group.throughput(Throughput::Bytes(config.bytes.len() as u64));
    group.bench_function("config", |bencher| bencher.iter(|| ImageConfig::parse(black_box(&config.bytes))));
    group.finish();
    Ok(())
}

fn match_credentials(criterion: &mut Criterion) -> Outcome<()> {
    let keys: Vec<String> = (0..50).map(|number| format!("https://registry-{number:02}.example.com/team")).collect();
    let keyring =
        Keyring::new(keys.iter().map(String::as_str).chain(["*.example.com", "docker.io"]).map(|key| (key, ())));
    let mut group = criterion.benchmark_group("credentials");
    for (name, written) in [("of one key in 52", "registry-17.example.com/team/app"), ("of none", "quay.io/team/app")] {
        let reference = Reference::parse(written)?;
        let repository: &Repository = reference.repository();
        group.bench_function(name, |bencher| bencher.iter(|| keyring.lookup(black_box(repository)).len()));
    }
    group.finish();
    Ok(())
}

/// What the disk cache takes for a thousand documents.
fn keep_and_read(criterion: &mut Criterion) -> Outcome<()> {
    const DOCUMENTS: usize = 1000;
    let images: Vec<Image> = (0..DOCUMENTS).map(|number| Image::new(number, SHAPE)).collect();
    let documents = images.iter().flat_map(|image| &image.variants).flat_map(|(manifest, config)| [manifest, config]);
    let documents: Vec<(Digest, &images::Document)> = documents
        .take(DOCUMENTS)
        .map(|document| Ok((Digest::parse(&document.digest)?, document)))
        .collect::<Outcome<_>>()?;
    let cache_in = |directory: &TempDir| Cache::at(directory.path(), &Limits::default(), Clock::System);
    let keep = |directory: TempDir| {
        let cache = cache_in(&directory);
        documents
            .iter()
            .for_each(|(digest, document)| cache.keep_document(digest, document.media_type, &document.bytes));
        cache.flush();
        directory
    };
    let filled = keep(TempDir::new()?);
    let read = || {
        let cache = cache_in(&filled);
        documents.iter().filter(|(digest, _)| cache.document(digest).is_some()).count()
    };
    if read() != DOCUMENTS {
        return Err("not every document was kept".into());
    }
    let mut group = criterion.benchmark_group("disk cache");
    group.throughput(Throughput::Elements(DOCUMENTS as u64));
    group.bench_function("keep 1,000 documents", |bencher| {
        bencher.iter_batched(TempDir::new, |directory| directory.map(keep), BatchSize::PerIteration);
    });
    group.bench_function("read 1,000 documents", |bencher| bencher.iter(read));
    group.finish();
    Ok(())
}

fn assemble_facts(criterion: &mut Criterion, images: usize) -> Outcome<()> {
    let inventory = inventory(images)?;
    let resolution = resolution(&inventory)?;
    let sealer = Sealer::new(RedactionMode::Default)?;
    let learned = || (inventory.clone(), Some(resolution.clone()));
    let put_together = |(inventory, resolution)| assemble(inventory, resolution, context());
    let mut group = criterion.benchmark_group("all images");
    group.sample_size(10).throughput(Throughput::Elements(images as u64));
    group.bench_function("assemble but for manifests", |bencher| {
        bencher.iter_batched(learned, put_together, BatchSize::PerIteration);
    });
    group.bench_function("make, mask and validate manifests", |bencher| {
        let assembled = || put_together(learned());
        bencher.iter_batched(assembled, |assembled| seal(assembled, &sealer).is_ok(), BatchSize::PerIteration);
    });
    let (facts, _) = seal(put_together(learned()), &sealer).map_err(|_| "not valid")?;
    group.bench_function("serialize", |bencher| {
        bencher.iter(|| facts.text().and_then(|text| text.write(&mut Nowhere)).is_ok());
    });
    group.finish();
    Ok(())
}

/// Lets what is written to it go.
struct Nowhere;

impl Write for Nowhere {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(black_box(bytes).len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Splice for Nowhere {
    fn splice(&mut self, packed: &Packed) -> io::Result<()> {
        black_box(packed.deflated());
        Ok(())
    }
}

/// What is discovered of a cluster of as many pods as images.
fn inventory(images: usize) -> Outcome<Inventory> {
    let mut builder = Builder::new(Scope::default());
    for collection in collections(&cluster_of(images)) {
        for page in 0..collection.pages() {
            add_page(&mut builder, resource_at(collection.path), collection.page(page).as_bytes())?;
        }
    }
    builder.nodes_listed();
    Ok(builder.finish())
}

/// What the registry says of all images of the inventory.
fn resolution(inventory: &Inventory) -> Outcome<Resolution> {
    let mut resolution = Resolution::default();
    for number in 0..inventory.images.len() {
        let image = Image::new(number, SHAPE);
        let reference = Reference::parse(&format!("registry.example/{}:{}", image.repository, image.tag))?;
        if !inventory.images.contains_key(&ImageName::Valid(reference.clone())) {
            return Err(format!("{reference} is not in the inventory").into());
        }
        let answer = answer(&mut resolution, reference.clone(), &image)?;
        resolution.answers.insert(reference, Box::new(answer));
    }
    Ok(resolution)
}

fn answer(resolution: &mut Resolution, reference: Reference, image: &Image) -> Outcome<Answer> {
    let mut variants = Vec::new();
    for (manifest, config) in &image.variants {
        let config = ImageConfig::parse(&config.bytes)?;
        let platform = config.platform.clone().ok_or("no platform")?;
        let digest = keep(resolution, manifest, Some(config))?;
        variants.push(Variant { platform, digest });
    }
    let digest = match &image.index {
        Some(index) => keep(resolution, index, None)?,
        None => variants.first().ok_or("no variant")?.digest.clone(),
    };
    let endpoint = "https://registry.example".to_owned();
    Ok(Answer {
        reference,
        status: ImageStatus::Resolved,
        named: Some(Named { digest, via: Via::Registry, endpoint, as_of: None }),
        variants,
        missing: Vec::new(),
        running: Default::default(),
        access: Vec::new(),
        failures: Vec::new(),
        requests: 2,
    })
}

/// Puts a document with its config among those that were looked at.
fn keep(resolution: &mut Resolution, document: &images::Document, config: Option<ImageConfig>) -> Outcome<Digest> {
    let (parsed, media_type) = Document::parse(&document.bytes, Some(document.media_type))?;
    let digest = Digest::parse(&document.digest)?;
    let whole = Whole { document: Arc::new(parsed), config: config.map(Arc::new) };
    resolution.documents.insert(digest.clone(), Looked::new(digest.clone(), media_type, whole));
    Ok(digest)
}

fn context() -> RunContext {
    RunContext {
        generated_at: jiff::Timestamp::UNIX_EPOCH,
        duration_ms: 0,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        origin: Origin::Cluster { context: None },
        redaction: RedactionMode::Default,
        cluster_fallback: true,
        stopped: None,
    }
}
