//! Many small segments.

use super::*;

/// Runs that each keep a document of their own, and see the same reference.
fn runs(directory: &Path, range: std::ops::Range<u8>) {
    for n in range {
        let cache = cache(directory);
        cache.keep_document(&Digest::of(&[n; 100]), MEDIA_TYPE, &[n; 100]);
        keep_seen(&cache, &reference("a.example/b:1"), &seen_later(n.into()));
    }
}

/// Every document of those runs, and what was seen last.
fn assert_whole(cache: &Cache, runs: u8) {
    for n in 0..runs {
        assert_eq!(cache.document(&Digest::of(&[n; 100])).unwrap().bytes, &[n; 100][..]);
    }
    assert_eq!(cache.seen(&reference("a.example/b:1")), Some(seen_later(i64::from(runs) - 1)));
    assert_eq!(cache.size().unwrap().entries, u64::from(runs) + 1);
}

#[test]
fn however_many_runs_there_are_few_files() {
    let directory = tempfile::tempdir().unwrap();
    for run in 0..100 {
        runs(directory.path(), run..run + 1);
        assert!(files(directory.path()).len() <= 33);
    }
    assert_whole(&cache(directory.path()), 100);
}

#[test]
fn what_is_merged_holds_each_record_once() {
    let directory = tempfile::tempdir().unwrap();
    runs(directory.path(), 0..32);
    cache(directory.path()).open();
    assert_eq!(files(directory.path()).len(), 32, "so many may be");
    runs(directory.path(), 32..33);
    files(directory.path()).iter().enumerate().for_each(|(n, file)| set_used(file, n as u64));
    let before = cache(directory.path()).size().unwrap().bytes;
    let merging = cache(directory.path());
    assert_whole(&merging, 33);
    let [merged] = &files(directory.path())[..] else { panic!("one file") };
    assert!(fs::metadata(merged).unwrap().len() < before / 2);
    assert_whole(&cache(directory.path()), 33);
    // What comes after it counts as later.
    keep_seen(&merging, &reference("a.example/b:1"), &seen_later(99));
    assert_eq!(cache(directory.path()).seen(&reference("a.example/b:1")), Some(seen_later(99)));
}

#[test]
fn what_is_merged_was_used_when_the_last_of_it_was() {
    let directory = tempfile::tempdir().unwrap();
    runs(directory.path(), 0..33);
    files(directory.path()).iter().enumerate().for_each(|(n, file)| set_used(file, n as u64 + 100));
    cache(directory.path()).open();
    let used = fs::metadata(&files(directory.path())[0]).unwrap().modified().unwrap();
    assert_eq!(used, SystemTime::UNIX_EPOCH + Duration::from_secs(132));
}

#[test]
fn what_another_process_is_writing_is_let_be() {
    let directory = tempfile::tempdir().unwrap();
    runs(directory.path(), 0..20);
    let other = cache(directory.path());
    let digest = keep(&other, b"before");
    runs(directory.path(), 20..32);
    assert_eq!(files(directory.path()).len(), 33);
    let merging = cache(directory.path());
    assert!(merging.has_document(&digest));
    assert_eq!(files(directory.path()).len(), 2);
    keep(&other, b"after");
    drop(other);
    let next = cache(directory.path());
    for bytes in [&b"before"[..], b"after"] {
        assert!(next.document(&Digest::of(bytes)).is_some());
    }
}

#[test]
fn full_segments_are_let_be() {
    let directory = tempfile::tempdir().unwrap();
    let limited = || at(directory.path(), 0, 64 * 1000);
    for n in 0..40u8 {
        keep(&limited(), &[n; 500]);
    }
    assert_eq!(files(directory.path()).len(), 40);
    limited().open();
    assert_eq!(files(directory.path()).len(), 40);
}

#[test]
fn garbage_does_not_survive_it() {
    let directory = tempfile::tempdir().unwrap();
    runs(directory.path(), 0..20);
    for n in 40..60 {
        fs::write(directory.path().join(size::SEGMENTS).join(format!("{n:010}-0000-killed")), "sha").unwrap();
    }
    assert_whole(&cache(directory.path()), 20);
    assert_eq!(files(directory.path()).len(), 1);
}

#[test]
fn what_is_no_file_is_let_be() {
    let directory = tempfile::tempdir().unwrap();
    runs(directory.path(), 0..32);
    let place = directory.path().join(size::SEGMENTS).join("0000000002-0000-place");
    fs::create_dir_all(place.join("a/b")).unwrap();
    runs(directory.path(), 32..40);
    assert_whole(&cache(directory.path()), 40);
    assert!(place.join("a/b").exists());
}
