//! Segments that are cut, changed, or none at all.

use std::fs::OpenOptions;

use proptest::prelude::*;

use super::segment::{BATCH, Segment};
use super::*;

/// A directory with the only segment of a cache, and the path that this has.
fn scene(fill: impl Fn(&Cache)) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    fill(&cache(directory.path()));
    let [segment] = &files(directory.path())[..] else { panic!("one segment") };
    let segment = segment.clone();
    (directory, segment)
}

/// Another file in the place of a segment, as it is for whoever looks at it from then on.
fn replace(segment: &Path, content: &[u8]) {
    fs::remove_file(segment).unwrap();
    fs::write(segment, content).unwrap();
}

/// The last occurrence of `from` made `to`.
fn with(whole: &[u8], from: &str, to: &[u8]) -> Vec<u8> {
    let at = whole.windows(from.len()).rposition(|window| window == from.as_bytes()).unwrap();
    [&whole[..at], to, &whole[at + from.len()..]].concat()
}

/// Something done to a segment with this path and content.
type Spoil<'a> = &'a dyn Fn(&Path, &[u8]);

#[test]
fn what_is_not_what_its_name_says_is_a_miss_and_kept_again() {
    let spoils: [Spoil<'_>; 8] = [
        &|path, _| replace(path, b""),
        &|path, _| replace(path, b"without an end of line"),
        &|path, whole| replace(path, &whole[..whole.len() - 4]),
        &|path, whole| replace(path, &with(whole, "document", b"DOCUMENT")),
        &|path, whole| replace(path, &with(whole, MEDIA_TYPE, &[0xff; MEDIA_TYPE.len()])),
        &|path, whole| replace(path, &with(whole, "\n", b" ")),
        &|path, _| replace(path, &vec![b'x'; 2 << 20]),
        &|path, _| {
            fs::remove_file(path).unwrap();
            fs::create_dir_all(path.join("a/b")).unwrap();
        },
    ];
    for (n, spoil) in spoils.iter().enumerate() {
        let (directory, segment) = scene(|cache| drop(keep(cache, b"document")));
        let digest = Digest::of(b"document");
        // Who looked before, and who looks after.
        let before = cache(directory.path());
        assert!(before.has_document(&digest));
        spoil(&segment, &fs::read(&segment).unwrap());
        let after = cache(directory.path());
        for cache in [&before, &after] {
            assert_eq!(cache.document(&digest), None, "{n}");
            assert!(!cache.has_document(&digest), "{n}");
        }
        keep(&after, b"document");
        for cache in [after, cache(directory.path())] {
            assert!(cache.document(&digest).is_some(), "{n}");
        }
    }
}

#[test]
fn a_record_that_cannot_be_read_is_a_miss_and_kept_again() {
    let directory = tempfile::tempdir().unwrap();
    let web = reference("ghcr.io/acme/web:1");
    let whole = name::record(&web, &seen()).unwrap();
    let of_another = name::record(&reference("ghcr.io/acme/other:1"), &seen()).unwrap();
    let path = String::from_utf8(whole.clone()).unwrap().replace("sha256:", "sha256:../").into_bytes();
    for garbage in [&b""[..], b"\0\xff", b"[]", b"{}", &whole[..whole.len() / 2], &of_another, &path] {
        let spoiled = cache(directory.path());
        keep(&spoiled, b"document");
        let record = Record { names: Key::of(&seen().digest), content: Bytes::copy_from_slice(garbage) };
        spoiled.keep(name::key(&web), record);
        spoiled.flush();
        for cache in [spoiled, cache(directory.path())] {
            assert!(cache.knows(&web));
            assert_eq!(cache.seen(&web), None, "{}", String::from_utf8_lossy(garbage));
            assert!(!cache.knows(&web));
        }
        keep_seen(&cache(directory.path()), &web, &seen());
        assert_eq!(cache(directory.path()).seen(&web), Some(seen()));
    }
}

#[test]
fn of_a_segment_that_is_cut_all_counts_that_lies_before_the_cut() {
    let (directory, segment) = scene(|cache| {
        for batch in 0..3u8 {
            (0..2u8).for_each(|n| cache.keep_document(&Digest::of(&[batch, n]), "", &[batch, n]));
            cache.flush();
        }
    });
    let whole = fs::read(&segment).unwrap();
    let ends: Vec<usize> = records(&segment).iter().map(|(_, found)| found.range().unwrap().end).collect();
    assert_eq!(ends.last(), Some(&whole.len()));
    for cut in 0..=whole.len() {
        fs::write(&segment, &whole[..cut]).unwrap();
        let cut_cache = cache(directory.path());
        let documents = (0..3u8).flat_map(|batch| (0..2u8).map(move |n| [batch, n]));
        let served = documents.filter_map(|bytes| cut_cache.document(&Digest::of(&bytes)));
        assert_eq!(served.count(), ends.iter().filter(|end| **end <= cut).count(), "{cut}");
    }
}

fn records(segment: &Path) -> Vec<(Key, segment::Found)> {
    Segment::at(segment.to_owned()).records().unwrap()
}

#[test]
fn more_than_a_batch_is_several() {
    let (directory, segment) = scene(|cache| {
        let documents = (0..BATCH + 1).map(usize::to_be_bytes);
        documents.for_each(|bytes| cache.keep_document(&Digest::of(&bytes), "", &bytes));
        cache.flush();
    });
    assert_eq!(records(&segment).len(), BATCH + 1);
    let next = cache(directory.path());
    assert!((0..BATCH + 1).all(|n| next.document(&Digest::of(&n.to_be_bytes())).is_some()));
}

#[test]
fn a_list_that_claims_much_takes_no_memory() {
    for length in ["ffffffff", "00100000", "+0000000", "-0000001", "zzzzzzzz"] {
        let (directory, segment) = scene(|cache| drop(keep(cache, b"document")));
        let whole = fs::read(&segment).unwrap();
        replace(&segment, &[&whole[..72], length.as_bytes(), &whole[80..]].concat());
        // It could be as long as it says.
        OpenOptions::new().write(true).open(&segment).unwrap().set_len(1 << 33).unwrap();
        assert!(!cache(directory.path()).has_document(&Digest::of(b"document")), "{length}");
    }
}

#[test]
fn a_content_that_is_longer_than_any_document_is_not_read() {
    let digest = Digest::of(b"document");
    let (directory, segment) = scene(|cache| drop(keep(cache, b"document")));
    let list = [&Key::of(&digest).to_bytes()[..], &[0; 16], &u32::MAX.to_be_bytes()].concat();
    replace(&segment, &[format!("{} {:08x}\n", Digest::of(&list), list.len()).as_bytes(), &list].concat());
    OpenOptions::new().write(true).open(&segment).unwrap().set_len(1 << 33).unwrap();
    let cache = cache(directory.path());
    assert!(cache.has_document(&digest));
    assert_eq!(cache.document(&digest), None);
    assert!(!cache.has_document(&digest));
}

#[cfg(unix)]
#[test]
fn a_link_is_no_segment() {
    let (elsewhere, segment) = scene(|cache| drop(keep(cache, b"document")));
    let directory = tempfile::tempdir().unwrap();
    keep(&cache(directory.path()), b"own");
    let link = directory.path().join(size::SEGMENTS).join("0000000007-0000-linked");
    std::os::unix::fs::symlink(&segment, &link).unwrap();
    let linked = at(directory.path(), 0, 1);
    assert!(linked.has_document(&Digest::of(b"own")) && !linked.has_document(&Digest::of(b"document")));
    linked.sweep();
    assert_eq!(linked.size().unwrap(), CacheSize::default());
    assert!(cache(elsewhere.path()).document(&Digest::of(b"document")).is_some());
    // One that took the place of a segment since it was looked at.
    keep(&cache(directory.path()), b"own");
    let late = cache(directory.path());
    assert!(late.has_document(&Digest::of(b"own")));
    let own = files(directory.path()).into_iter().find(|file| file != &link).unwrap();
    fs::remove_file(&own).unwrap();
    std::os::unix::fs::symlink(&segment, &own).unwrap();
    assert_eq!(late.document(&Digest::of(b"own")), None);
}

/// The documents of a segment that is spoiled at random, of several sizes.
fn documents() -> impl Iterator<Item = Vec<u8>> {
    (0..12u8).map(|n| vec![n; usize::from(n) * 20])
}

/// All that can be asked of a cache; each document is what its digest says, or none.
fn assert_right_or_missing(directory: &Path) {
    let cache = cache(directory);
    for bytes in documents() {
        let digest = Digest::of(&bytes);
        assert!(cache.document(&digest).is_none_or(|document| document.bytes == bytes));
        assert!(cache.document(&digest).is_none() || cache.has_document(&digest));
    }
    cache.seen(&reference("a.example/b:1"));
    cache.size().unwrap();
    cache.sweep();
    keep(&cache, b"document");
    assert!(cache.document(&Digest::of(b"document")).is_some());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_read_without_harm(bytes: Vec<u8>, list: Vec<u8>, is_listed: bool) {
        let (directory, segment) = scene(|cache| drop(keep(cache, b"document")));
        let line = format!("{} {:08x}\n", Digest::of(&list), list.len());
        let content = if is_listed { [line.as_bytes(), &list, &bytes].concat() } else { bytes };
        replace(&segment, &content);
        assert_right_or_missing(directory.path());
    }

    #[test]
    fn what_is_changed_is_served_as_it_was_or_not_at_all(
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        cut: Option<prop::sample::Index>,
    ) {
        let (directory, segment) = scene(|cache| {
            for bytes in documents() {
                keep(cache, &bytes);
            }
            keep_seen(cache, &reference("a.example/b:1"), &seen());
        });
        let mut content = fs::read(&segment).unwrap();
        for (at, byte) in flips {
            let at = at.index(content.len());
            content[at] = byte;
        }
        content.truncate(cut.map_or(content.len(), |cut| cut.index(content.len())));
        replace(&segment, &content);
        assert_right_or_missing(directory.path());
    }
}
