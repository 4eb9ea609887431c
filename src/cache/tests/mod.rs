//! Records kept and read back, too many, and shared.

mod merged;
mod spoiled;

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

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

/// Keeps a document, and writes it.
fn keep(cache: &Cache, bytes: &[u8]) -> Digest {
    let digest = Digest::of(bytes);
    cache.keep_document(&digest, MEDIA_TYPE, bytes);
    cache.flush();
    digest
}

/// Keeps what a reference names, and writes it.
fn keep_seen(cache: &Cache, reference: &Reference, seen: &Seen) {
    cache.keep_seen(reference, seen);
    cache.flush();
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

/// What is seen so many seconds later.
fn seen_later(seconds: i64) -> Seen {
    Seen { seen_at: seen().seen_at + jiff::SignedDuration::from_secs(seconds), ..seen() }
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

fn set_used(file: &Path, second: u64) {
    let used = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
    directory::set_used(file, used).unwrap();
}

#[test]
fn what_was_kept_is_there_for_the_next() {
    let directory = tempfile::tempdir().unwrap();
    let digest = keep(&cache(directory.path()), b"line\nline");
    let next = cache(directory.path());
    let document = next.document(&digest).unwrap();
    assert_eq!((document.media_type.as_str(), &document.bytes[..]), (MEDIA_TYPE, &b"line\nline"[..]));
    assert_eq!(next.document(&Digest::of(b"other")), None);
    assert!(next.has_document(&digest) && !next.has_document(&Digest::of(b"other")));

    keep_seen(&next, &reference("ghcr.io/acme/web:1"), &seen());
    for cache in [next, cache(directory.path())] {
        assert_eq!(cache.seen(&reference("ghcr.io/acme/web:1")), Some(seen()));
        for other in ["ghcr.io/acme/web:2", "ghcr.io/acme/we:1", "quay.io/acme/web:1"] {
            assert_eq!(cache.seen(&reference(other)), None, "{other}");
        }
    }
}

#[test]
fn what_is_kept_is_there_before_it_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let (cache, web) = (cache(directory.path()), reference("ghcr.io/acme/web:1"));
    let digest = Digest::of(b"document");
    cache.keep_document(&digest, MEDIA_TYPE, b"document");
    assert_eq!(cache.document(&digest).unwrap().bytes, &b"document"[..]);
    cache.keep_seen(&web, &seen());
    assert_eq!(cache.seen(&web), Some(seen()));
    assert_eq!((cache.size().unwrap(), files(directory.path()).len()), (CacheSize::default(), 0));
    cache.forget_document(&digest);
    assert_eq!(cache.document(&digest), None);
}

#[test]
fn a_reference_is_known_when_the_document_that_it_named_is_there() {
    let directory = tempfile::tempdir().unwrap();
    let (first, web) = (cache(directory.path()), reference("ghcr.io/acme/web:1"));
    assert!(!first.knows(&web));
    keep_seen(&first, &web, &seen());
    assert!(!first.knows(&web));
    keep(&first, b"document");
    for cache in [first, cache(directory.path())] {
        assert!(cache.knows(&web) && !cache.knows(&reference("ghcr.io/acme/web:2")));
        cache.forget_document(&Digest::of(b"document"));
        assert!(!cache.knows(&web));
    }
}

#[test]
fn what_was_kept_last_counts() {
    let directory = tempfile::tempdir().unwrap();
    let web = reference("ghcr.io/acme/web:1");
    for second in 0..20 {
        keep_seen(&cache(directory.path()), &web, &seen_later(second));
        assert_eq!(cache(directory.path()).seen(&web), Some(seen_later(second)));
    }
    // Once by itself, and once as one of several segments of a run.
    let last = at(directory.path(), 0, 0);
    for second in 20..40 {
        last.keep_seen(&web, &seen_later(second));
        last.write();
    }
    assert_eq!(cache(directory.path()).seen(&web), Some(seen_later(39)));
    assert_eq!(last.size().unwrap().entries, 1);
}

#[test]
fn a_document_that_is_there_is_not_written_again() {
    let directory = tempfile::tempdir().unwrap();
    keep(&cache(directory.path()), b"document");
    let size = cache(directory.path()).size().unwrap();
    keep(&cache(directory.path()), b"document");
    assert_eq!(cache(directory.path()).size().unwrap(), size);
}

#[test]
fn what_a_slow_disk_does_not_take_is_not_kept() {
    let directory = tempfile::tempdir().unwrap();
    let cache = cache(directory.path());
    let document = |n: u8| vec![n; 1 << 20];
    let keep_all = |range: std::ops::Range<u8>| {
        for n in range {
            cache.keep_document(&Digest::of(&document(n)), "", &document(n));
        }
    };
    keep_all(0..20);
    assert!(cache.has_document(&Digest::of(&document(14))) && !cache.has_document(&Digest::of(&document(16))));
    cache.flush();
    keep_all(15..20);
    cache.flush();
    assert_eq!(cache.size().unwrap().entries, 20);
}

#[test]
fn what_was_not_used_for_longest_goes_first() {
    let directory = tempfile::tempdir().unwrap();
    let entry = |n: u8| vec![n; 1000];
    for n in 0..10 {
        keep(&cache(directory.path()), &entry(n));
    }
    files(directory.path()).iter().for_each(|file| set_used(file, 50));
    // 0 was used after the rest, 1 before.
    for (n, second) in [(0, 90), (1, 10)] {
        assert!(at(directory.path(), second, u64::MAX).document(&Digest::of(&entry(n))).is_some());
    }
    let limited = at(directory.path(), 100, 11_000);
    limited.sweep();
    let size = limited.size().unwrap();
    assert!(size.bytes <= 9_900 && size.entries == 8, "{size:?}");
    // Of those that were used at the same time the oldest.
    for limited in [&limited, &cache(directory.path())] {
        let there: Vec<u8> = (0..10).filter(|n| limited.has_document(&Digest::of(&entry(*n)))).collect();
        assert_eq!(there, [0, 3, 4, 5, 6, 7, 8, 9]);
    }
    limited.sweep();
    assert_eq!(limited.size().unwrap(), size);
}

#[test]
fn the_size_is_looked_at_with_the_first_write_and_then_each_sixteenth() {
    let directory = tempfile::tempdir().unwrap();
    let cache = at(directory.path(), 0, 160_000);
    assert!(!cache.is_sweep_due());
    let due: Vec<bool> = (0..24u8)
        .map(|n| {
            cache.keep_document(&Digest::of(&[n; 1000]), MEDIA_TYPE, &[n; 1000]);
            cache.write();
            cache.is_sweep_due()
        })
        .collect();
    let at: Vec<usize> = due.iter().enumerate().filter(|(_, due)| **due).map(|(n, _)| n).collect();
    assert_eq!(at, [0, 10, 20]);
}

#[test]
fn a_run_keeps_within_the_limit() {
    let directory = tempfile::tempdir().unwrap();
    let cache = at(directory.path(), 0, 1 << 20);
    for n in 0..40u8 {
        keep(&cache, &[n; 100_000]);
        // And a sixteenth that is written between two looks.
        assert!(cache.size().unwrap().bytes <= (1 << 20) / 16 * 17 + 101_000);
    }
    let there = (0..40u8).filter(|n| cache.document(&Digest::of(&[*n; 100_000])).is_some());
    assert!(there.count() >= 8);
    assert!(files(directory.path()).len() >= 8, "each segment is a small part of the whole");
}

#[test]
fn many_writers_and_sweepers_leave_whole_records() {
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
        let is_there = last.has_document(&digest);
        assert_eq!(last.document(&digest).is_some(), is_there);
    }
    for file in files(directory.path()) {
        let records = segment::Segment::at(file.clone()).records().unwrap();
        let end = records.last().unwrap().1.range().unwrap().end;
        assert_eq!(fs::metadata(file).unwrap().len(), end as u64);
    }
}

#[test]
fn threads_that_keep_and_flush_at_once_lose_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let cache = cache(directory.path());
    let documents = |thread: u8| (0..100u8).map(move |n| [thread, n, 0]);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let cache = &cache;
            scope.spawn(move || {
                for bytes in documents(thread) {
                    let digest = keep(cache, &bytes);
                    assert!(cache.has_document(&digest));
                }
            });
        }
    });
    let next = at(directory.path(), 0, u64::MAX);
    for bytes in (0..4).flat_map(documents) {
        assert_eq!(next.document(&Digest::of(&bytes)).unwrap().bytes, &bytes[..]);
    }
}

#[test]
fn a_place_that_cannot_be_used_is_an_empty_cache() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    let cache = cache(&file);
    assert_eq!(cache.document(&keep(&cache, b"document")), None);
    keep_seen(&cache, &reference("a.example/b:1"), &seen());
    assert_eq!(cache.seen(&reference("a.example/b:1")), None);
    cache.sweep();
    assert_eq!(cache.size().unwrap(), CacheSize::default());
}

#[test]
fn clearing_removes_what_is_ours_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let cache = cache(directory.path());
    keep(&cache, b"document");
    keep_seen(&cache, &reference("a.example/b:1"), &seen());
    let foreign = ["documents-v", "documents-vx", "documents", "names-v1.bak", "segments", "segments-v1x", "photo.jpg"];
    for name in foreign {
        fs::write(directory.path().join(name), "x").unwrap();
    }
    for older in ["documents-v0", "segments-v0"] {
        fs::create_dir_all(directory.path().join(older).join("aa")).unwrap();
        fs::write(directory.path().join(older).join("aa/old"), "old").unwrap();
    }
    let before = cache.size().unwrap();
    assert_eq!(before.entries, 2);
    assert_eq!(clear(directory.path()).unwrap(), CacheSize { entries: 4, bytes: before.bytes + 6 });
    assert_eq!(cache.size().unwrap(), CacheSize::default());
    assert_eq!(files(directory.path()).len(), foreign.len());
    assert!(!directory.path().join("documents-v0").exists());
    assert_eq!(clear(&directory.path().join("nowhere")).unwrap(), CacheSize::default());
}

#[test]
fn what_earlier_versions_left_is_removed_once_something_is_written() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["documents-v1/aa", "names-v1/bb", "documents-v2/cc", "mine"] {
        fs::create_dir_all(directory.path().join(name)).unwrap();
        fs::write(directory.path().join(name).join("file"), "x").unwrap();
    }
    let cache = cache(directory.path());
    cache.open();
    cache.flush();
    assert_eq!(files(directory.path()).len(), 4);
    keep(&cache, b"document");
    let there = |name: &str| directory.path().join(name).exists();
    assert_eq!(["documents-v1", "names-v1", "documents-v2", "mine"].map(there), [false, false, true, true]);
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
