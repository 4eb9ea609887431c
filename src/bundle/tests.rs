//! Bundles that are written, and read back.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;

use flate2::read::GzDecoder;
use jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

use super::*;
use crate::clock::Clock;
use crate::facts::PackedManifests;
use crate::facts::document::{Generator, ImageFacts, RateLimit, RegistryRun, Time};

const AT: Timestamp = Timestamp::constant(1_767_366_245, 0);
const CLOCK: Clock = Clock::Fixed(AT);
const NAME: &str = "support-bundle-2026-01-02T15_04_05";

fn whole() -> ImageFacts {
    serde_json::from_value(json!({
        "schemaVersion": "1.0", "kind": "ImageFacts", "complete": true,
        "run": {
            "generatedAt": "2026-01-02T15:04:05Z", "generator": {"name": "imagefacts", "version": "0.1.0"},
            "durationMs": 0, "requests": 0, "cacheHits": 0, "bytes": 0, "registries": []
        },
        "source": {"type": "files", "namespaces": []}, "redaction": {"mode": "default"},
        "images": [], "manifests": [], "findings": [], "gaps": [],
        "summary": {
            "references": 0, "resolved": 0, "partial": 0, "failed": 0, "unqueried": 0, "repositories": 0,
            "distinctManifests": 0, "layers": {"distinct": 0, "compressedBytes": 0, "referencedBytes": 0},
            "errorsByClass": {}, "findingsBySeverity": {}
        }
    }))
    .unwrap()
}

fn facts() -> ImageFacts<PackedManifests> {
    whole().with_manifests(PackedManifests::default())
}

fn collection() -> Collection {
    Collection {
        generator: Generator { name: "imagefacts".into(), version: "0.1.0".into() },
        started_at: Time(AT),
        duration_ms: 12_345,
        reason: Some("interrupted".into()),
        phases: vec![
            Phase { name: "discover", start_ms: 0, duration_ms: 345 },
            Phase { name: "resolve", start_ms: 100, duration_ms: 12_000 },
        ],
        registries: vec![RegistryRun {
            host: "docker.io".into(),
            references: 12,
            failed: 1,
            requests: 30,
            rate_limit: Some(RateLimit { limit: 100, remaining: 76 }),
        }],
        settings: BTreeMap::from([("concurrency".into(), json!(64)), ("platform".into(), json!(["linux/amd64"]))]),
    }
}

/// Writes a bundle with `facts` in it as `write` says.
fn with_contents<T>(facts: &ImageFacts<PackedManifests>, write: impl FnOnce(&Contents<'_>) -> T) -> T {
    let version = json!({"major": "1", "minor": "36", "gitVersion": "v1.36.2"});
    write(&Contents {
        facts,
        schema: b"{}\n",
        summary: "no images\n",
        redactions: b"[]\n",
        analysis: b"[]\n",
        cluster_version: Some(&version),
        collection: &collection,
    })
}

fn write_to(output: &str) -> Result<Written, WriteError> {
    let destination = Destination::resolve(Some(Path::new(output)), CLOCK)?;
    with_contents(&facts(), |contents| destination.write(contents))
}

fn path_in(directory: &TempDir, name: &str) -> String {
    directory.path().join(name).to_str().unwrap().to_owned()
}

fn names_in(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The archive's files, in its order.
fn unpack(bytes: &[u8]) -> Vec<(String, String)> {
    let mut archive = tar::Archive::new(GzDecoder::new(bytes));
    let unpack = |entry: io::Result<tar::Entry<'_, _>>| {
        let mut entry = entry.unwrap();
        let header = entry.header();
        assert_eq!((header.mode().unwrap(), header.uid().unwrap(), header.gid().unwrap()), (0o644, 0, 0));
        assert_eq!(header.mtime().unwrap(), 1_767_366_245);
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        (entry.path().unwrap().to_str().unwrap().to_owned(), text)
    };
    archive.entries().unwrap().map(unpack).collect()
}

#[test]
fn the_layout_is_troubleshoots() {
    let directory = tempdir().unwrap();
    let path = path_in(&directory, "foo.tar.gz");
    assert_eq!(write_to(&path).unwrap().to_string(), path);
    let files = unpack(&fs::read(&path).unwrap());
    let names: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "foo/analysis.json",
            "foo/cluster-info/cluster_version.json",
            "foo/image-facts/facts.json",
            "foo/image-facts/facts.schema.json",
            "foo/image-facts/redactions.json",
            "foo/image-facts/summary.txt",
            "foo/version.yaml",
            // Last, as they tell how long the rest took.
            "foo/execution-data/collection.json",
            "foo/execution-data/summary.txt",
        ]
    );
    let files: BTreeMap<_, _> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    assert_eq!(
        serde_json::from_str::<Value>(files["foo/cluster-info/cluster_version.json"]).unwrap(),
        json!({"info": {"major": "1", "minor": "36", "gitVersion": "v1.36.2"}, "string": "v1.36.2"})
    );
    assert_eq!(serde_json::from_str::<ImageFacts>(files["foo/image-facts/facts.json"]).unwrap(), whole());
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        files["foo/version.yaml"],
        format!("apiVersion: troubleshoot.sh/v1beta2\nkind: SupportBundle\nspec:\n  versionNumber: {version}\n")
    );
    insta::assert_snapshot!(files["foo/execution-data/summary.txt"], @r#"
    imagefacts 0.1.0
    started 2026-01-02T15:04:05Z, took 12.3 s
    ended early: interrupted

    PHASE     AFTER   DURATION
    discover  0 ms    345 ms
    resolve   100 ms  12.0 s

    REGISTRY   REFERENCES  FAILED  REQUESTS  LIMIT  LEFT
    docker.io  12          1       30        100    76

    SETTING      VALUE
    concurrency  64
    platform     ["linux/amd64"]
    "#);
    assert_eq!(
        serde_json::from_str::<Value>(files["foo/execution-data/collection.json"]).unwrap(),
        json!({
            "generator": {"name": "imagefacts", "version": "0.1.0"},
            "startedAt": "2026-01-02T15:04:05Z",
            "durationMs": 12345,
            "reason": "interrupted",
            "phases": [
                {"name": "discover", "startMs": 0, "durationMs": 345},
                {"name": "resolve", "startMs": 100, "durationMs": 12000}
            ],
            "registries": [{
                "host": "docker.io", "references": 12, "failed": 1, "requests": 30,
                "rateLimit": {"limit": 100, "remaining": 76}
            }],
            "settings": {"concurrency": 64, "platform": ["linux/amd64"]}
        })
    );
}

#[test]
fn what_is_not_known_is_absent() {
    let facts = facts();
    let mut bytes = Vec::new();
    let contents = Contents {
        facts: &facts,
        schema: b"",
        summary: "",
        redactions: b"",
        analysis: b"",
        cluster_version: None,
        collection: &collection,
    };
    contents.write("x", AT, &mut bytes).unwrap();
    assert!(unpack(&bytes).iter().all(|(name, _)| name != "x/cluster-info/cluster_version.json"));
}

#[test]
fn the_same_contents_give_the_same_bytes() {
    let directories = [tempdir().unwrap(), tempdir().unwrap()];
    let [one, other] = directories.each_ref().map(|directory| {
        write_to(directory.path().to_str().unwrap()).unwrap();
        fs::read(directory.path().join(format!("{NAME}.tar.gz"))).unwrap()
    });
    assert_eq!(one, other);
    assert!(unpack(&one).iter().all(|(name, _)| name.starts_with(&format!("{NAME}/"))));
}

#[test]
fn a_taken_name_gets_a_number_and_a_named_file_is_replaced() {
    let directory = tempdir().unwrap();
    for _ in 0..3 {
        write_to(directory.path().to_str().unwrap()).unwrap();
    }
    let names = [format!("{NAME} (1).tar.gz"), format!("{NAME} (2).tar.gz"), format!("{NAME}.tar.gz")];
    assert_eq!(names_in(directory.path()), names);

    let path = path_in(&directory, "named.tgz");
    fs::write(&path, "old").unwrap();
    write_to(&path).unwrap();
    assert!(unpack(&fs::read(&path).unwrap())[0].0.starts_with("named/"));
}

#[test]
fn a_name_that_cannot_be_a_directory_gives_way() {
    let long = "x".repeat(120);
    let directory = tempdir().unwrap();
    for name in [".tar.gz", "..tgz", &format!("{long}.tar.gz")] {
        let path = path_in(&directory, name);
        write_to(&path).unwrap();
        assert!(unpack(&fs::read(&path).unwrap())[0].0.starts_with(NAME), "{name}");
    }
}

#[test]
fn bad_destinations_are_refused_before_the_work() {
    let directory = tempdir().unwrap();
    fs::write(directory.path().join("file"), "").unwrap();
    for missing in ["missing/", "missing/bundle.tar.gz", "file/bundle.tar.gz"] {
        let error = Destination::resolve(Some(Path::new(&path_in(&directory, missing))), CLOCK).unwrap_err();
        assert!(matches!(error, WriteError::NoDirectory(_)), "{missing}: {error}");
    }
    assert_eq!(names_in(directory.path()), ["file"]);
    #[cfg(unix)]
    assert!(matches!(Destination::resolve(Some(Path::new("/dev/null")), CLOCK), Err(WriteError::NotAFile(_))));
}

#[cfg(unix)]
#[test]
fn a_link_stays_and_what_it_points_to_is_replaced() {
    let directory = tempdir().unwrap();
    let (target, link) = (path_in(&directory, "target"), path_in(&directory, "link"));
    fs::write(&target, "old").unwrap();
    std::os::unix::fs::symlink(&target, &link).unwrap();
    assert_eq!(write_to(&link).unwrap().to_string(), link);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(fs::read(&target).unwrap().starts_with(&[0x1f, 0x8b]));
}

#[test]
fn nothing_is_left_of_a_bundle_that_was_not_written() {
    let directory = tempdir().unwrap();
    let path = path_in(&directory, "bundle.tar.gz");
    let unused = Destination::resolve(Some(Path::new(&path)), CLOCK).unwrap();
    assert_eq!(names_in(directory.path()).len(), 1, "it was tried whether a file can be made");
    drop(unused);
    assert!(names_in(directory.path()).is_empty());

    let destination = Destination::resolve(Some(Path::new(&path)), CLOCK).unwrap();
    fs::create_dir(&path).unwrap();
    let error = with_contents(&facts(), |contents| destination.write(contents)).unwrap_err();
    assert!(matches!(error, WriteError::Failed { .. }), "{error}");
    assert_eq!(names_in(directory.path()), ["bundle.tar.gz"]);
}

/// A disk that fills up after some bytes.
struct Disk(usize);

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_told_wherever_it_fills_up() {
    let facts = facts();
    let mut whole = Vec::new();
    with_contents(&facts, |contents| contents.write("x", AT, &mut whole)).unwrap();
    for space in 0..whole.len() {
        let cause = with_contents(&facts, |contents| contents.write("x", AT, Disk(space))).unwrap_err();
        let error = WriteError::new("bundle.tar.gz", cause);
        assert!(matches!(error, WriteError::NoSpace { .. }), "{space}: {error}");
    }
}

#[test]
fn facts_are_read_from_a_bundle_or_alone() {
    let directory = tempdir().unwrap();
    let bundle = path_in(&directory, "bundle.tar.gz");
    write_to(&bundle).unwrap();
    let found = read(Path::new(&bundle)).unwrap();
    assert_eq!(found.name, format!("{bundle}:bundle/image-facts/facts.json"));
    assert_eq!(found.parse::<ImageFacts>().unwrap(), whole());

    let alone = path_in(&directory, "facts.json");
    fs::write(&alone, &found.bytes).unwrap();
    assert_eq!(read(Path::new(&alone)).unwrap(), FactsFile { name: alone, bytes: found.bytes });
}

#[test]
fn a_damaged_bundle_is_refused() {
    let directory = tempdir().unwrap();
    let path = path_in(&directory, "bundle.tar.gz");
    write_to(&path).unwrap();
    let whole = fs::read(&path).unwrap();
    let cut = |length: usize| whole[..length].to_vec();
    let mut checksum = whole.clone();
    checksum[whole.len() - 8] ^= 1;
    for damaged in [cut(whole.len() - 1), cut(whole.len() / 2), cut(20), cut(2), checksum] {
        fs::write(&path, &damaged).unwrap();
        let error = read(Path::new(&path)).unwrap_err();
        assert!(matches!(error, ReadError::Broken { .. }), "{} bytes: {error}", damaged.len());
    }
}

#[test]
fn what_holds_no_facts_is_refused() {
    let directory = tempdir().unwrap();
    assert!(matches!(read(directory.path()), Err(ReadError::Directory(_))));
    assert!(matches!(read(&directory.path().join("missing")), Err(ReadError::Unreadable { .. })));

    let path = directory.path().join("x");
    let mut empty = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    empty.write_all(&[0; 1024]).unwrap();
    fs::write(&path, empty.finish().unwrap()).unwrap();
    assert!(matches!(read(&path), Err(ReadError::NoFacts(_))));

    fs::write(&path, "{\n  \"schemaVersion\": oops\n}").unwrap();
    let error = read(&path).unwrap().parse::<Value>().unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{} is not what it should be: expected value at line 2 column 20", path.display())
    );
}
