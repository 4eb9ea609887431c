//! Entries kept and read back, spoiled, too many, and shared.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::vocabulary::Via;

const MEDIA_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";

fn cache(directory: &Path) -> Cache {
    at(directory, 0, u64::MAX)
}

/// A cache whose clock stands at `second`.
fn at(directory: &Path, second: i64, cache_bytes: u64) -> Cache {
    let clock = Clock::Fixed(jiff::Timestamp::from_second(second).unwrap());
    Cache::at(directory, &Limits { cache_bytes, document_bytes: 1 << 20, ..Limits::default() }, clock)
}

fn keep(cache: &Cache, bytes: &[u8]) -> Digest {
    let digest = Digest::of(bytes);
    cache.keep_document(&digest, MEDIA_TYPE, bytes);
    digest
}

fn seen() -> Seen {
    Seen {
        digest: Digest::of(b"document"),
        media_type: MEDIA_TYPE.to_owned(),
        via: Via::Mirror,
        endpoint: "https://mirror.example".to_owned(),
        seen_at: jiff::Timestamp::from_second(1_767_366_245).unwrap(),
    }
}

fn reference(text: &str) -> Reference {
    Reference::parse(text).unwrap()
}

/// Every file below `directory`, sorted.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

#[test]
fn what_was_kept_is_there_for_the_next() {
    let directory = tempfile::tempdir().unwrap();
    let digest = keep(&cache(directory.path()), b"line\nline");
    let next = cache(directory.path());
    let document = next.document(&digest).unwrap();
    assert_eq!((document.media_type.as_str(), &document.bytes[..]), (MEDIA_TYPE, &b"line\nline"[..]));
    assert_eq!(next.document(&Digest::of(b"other")), None);

    next.keep_seen(&reference("ghcr.io/acme/web:1"), &seen());
    assert_eq!(next.seen(&reference("ghcr.io/acme/web:1")), Some(seen()));
    for other in ["ghcr.io/acme/web:2", "ghcr.io/acme/we:1", "quay.io/acme/web:1"] {
        assert_eq!(next.seen(&reference(other)), None, "{other}");
    }
}

#[test]
fn what_is_not_what_its_name_says_is_a_miss_and_removed() {
    let directory = tempfile::tempdir().unwrap();
    let cache = cache(directory.path());
    for spoil in [
        |path: &Path| fs::write(path, b"").unwrap(),
        |path: &Path| fs::write(path, b"without an end of line").unwrap(),
        |path: &Path| fs::write(path, format!("{MEDIA_TYPE}\ndocu")).unwrap(),
        |path: &Path| fs::write(path, format!("{MEDIA_TYPE}\nDOCUMENT")).unwrap(),
        |path: &Path| fs::write(path, [b"\xff\xff\n", &b"document"[..]].concat()).unwrap(),
        |path: &Path| fs::write(path, vec![b'x'; 2 << 20]).unwrap(),
        |path: &Path| {
            fs::remove_file(path).unwrap();
            fs::create_dir_all(path.join("a/b")).unwrap();
        },
    ] {
        let digest = keep(&cache, b"document");
        let file = files(directory.path()).pop().unwrap();
        spoil(&file);
        assert_eq!(cache.document(&digest), None);
        assert!(!file.exists());
        keep(&cache, b"document");
        assert!(cache.document(&digest).is_some());
    }
}

#[test]
fn a_record_that_cannot_be_read_is_a_miss_and_removed() {
    let directory = tempfile::tempdir().unwrap();
    let (cache, web) = (cache(directory.path()), reference("ghcr.io/acme/web:1"));
    let whole = name::record(&web, &seen()).unwrap();
    let of_another = name::record(&reference("ghcr.io/acme/other:1"), &seen()).unwrap();
    let path = String::from_utf8(whole.clone()).unwrap().replace("sha256:", "sha256:../").into_bytes();
    for garbage in [&b""[..], b"\0\xff", b"[]", b"{}", &whole[..whole.len() / 2], &of_another, &path] {
        cache.keep_seen(&web, &seen());
        let file = files(directory.path()).pop().unwrap();
        fs::write(&file, garbage).unwrap();
        assert_eq!(cache.seen(&web), None, "{}", String::from_utf8_lossy(garbage));
        assert!(!file.exists());
    }
}

#[test]
fn what_was_not_used_for_longest_goes_first() {
    let directory = tempfile::tempdir().unwrap();
    let entry = |n: u8| vec![n; 1000];
    let now = std::time::SystemTime::UNIX_EPOCH;
    for n in 0..10 {
        keep(&cache(directory.path()), &entry(n));
    }
    for file in files(directory.path()) {
        fs::File::options().write(true).open(file).unwrap().set_modified(now + Duration::from_secs(50)).unwrap();
    }
    // 0 was used after the rest, 1 before.
    for (n, second) in [(0, 90), (1, 10)] {
        assert!(at(directory.path(), second, u64::MAX).document(&Digest::of(&entry(n))).is_some());
    }
    let limited = at(directory.path(), 100, 10_000);
    limited.sweep();
    let size = limited.size().unwrap();
    assert!(size.bytes <= 9_000 && size.entries == 8, "{size:?}");
    assert!(limited.has_document(&Digest::of(&entry(0))) && !limited.has_document(&Digest::of(&entry(1))));
    limited.sweep();
    assert_eq!(limited.size().unwrap(), size);
}

#[test]
fn the_size_is_looked_at_with_the_first_write_and_then_each_sixteenth() {
    let directory = tempfile::tempdir().unwrap();
    let cache = at(directory.path(), 0, 160_000);
    let due: Vec<bool> = (0..24u8)
        .map(|n| {
            keep(&cache, &[n; 1000]);
            cache.is_sweep_due()
        })
        .collect();
    let at: Vec<usize> = due.iter().enumerate().filter(|(_, due)| **due).map(|(n, _)| n).collect();
    assert_eq!(at, [0, 10, 20]);
}

#[test]
fn many_writers_and_sweepers_leave_whole_entries() {
    let directory = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for second in 0..4 {
            let cache = at(directory.path(), second, 20_000);
            scope.spawn(move || {
                for n in 0..50u8 {
                    let bytes = [n; 1000];
                    let digest = keep(&cache, &bytes);
                    if let Some(document) = cache.document(&digest) {
                        assert_eq!(document.bytes, &bytes[..]);
                    }
                    if n % 10 == 0 {
                        cache.sweep();
                    }
                }
            });
        }
    });
    let last = cache(directory.path());
    for n in 0..50u8 {
        let digest = Digest::of(&[n; 1000]);
        assert_eq!(last.document(&digest).is_some(), last.has_document(&digest));
    }
    last.sweep();
    assert!(files(directory.path()).iter().all(|file| fs::metadata(file).unwrap().len() == 1043));
}

#[test]
fn a_place_that_cannot_be_used_is_an_empty_cache() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    let cache = cache(&file);
    assert_eq!(cache.document(&keep(&cache, b"document")), None);
    cache.keep_seen(&reference("a.example/b:1"), &seen());
    assert_eq!(cache.seen(&reference("a.example/b:1")), None);
    cache.sweep();
    assert_eq!(cache.size().unwrap(), CacheSize::default());
}

#[test]
fn clearing_removes_what_is_ours_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let cache = cache(directory.path());
    keep(&cache, b"document");
    cache.keep_seen(&reference("a.example/b:1"), &seen());
    let foreign = ["documents-v", "documents-vx", "documents", "names-v1.bak", "photo.jpg"];
    for name in foreign {
        fs::write(directory.path().join(name), "x").unwrap();
    }
    fs::create_dir_all(directory.path().join("documents-v0/aa")).unwrap();
    fs::write(directory.path().join("documents-v0/aa/old"), "old").unwrap();
    let before = cache.size().unwrap();
    assert_eq!(before.entries, 2);
    assert_eq!(clear(directory.path()).unwrap(), CacheSize { entries: 3, bytes: before.bytes + 3 });
    assert_eq!(cache.size().unwrap(), CacheSize::default());
    assert_eq!(files(directory.path()).len(), foreign.len());
    assert!(!directory.path().join("documents-v0").exists());
    assert_eq!(clear(&directory.path().join("nowhere")).unwrap(), CacheSize::default());
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_look_into_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("cache");
    keep(&cache(&root), b"document");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let file = files(&root).pop().unwrap();
    assert_eq!(mode(&file), 0o600);
    for directory in file.ancestors().skip(1).take_while(|path| path.starts_with(&root)) {
        assert_eq!(mode(directory), 0o700, "{}", directory.display());
    }
}
