//! Both kinds of store keep the same.

use super::*;

/// A store of each kind; the directory lives as long as its guard.
fn stores() -> (tempfile::TempDir, [Store; 2]) {
    let directory = tempfile::tempdir().unwrap();
    let stores = [Store::memory(), Store::directory(directory.path()).unwrap()];
    (directory, stores)
}

fn name(text: &str) -> RepositoryName {
    RepositoryName::parse(text).unwrap()
}

fn push(store: &Store, repository: &str, tag: &str, bytes: &'static [u8]) -> Digest {
    let digest = Digest::of(bytes);
    let manifest = StoredManifest { digest: digest.clone(), media_type: "m/t".into(), bytes: bytes.into() };
    store.put_manifest(&name(repository), &manifest, None).unwrap();
    store.put_tag(&name(repository), &Tag::parse(tag).unwrap(), &digest).unwrap();
    digest
}

#[test]
fn a_manifest_is_found_by_tag_and_by_digest_in_its_repository_alone() {
    let (_guard, stores) = stores();
    for store in stores {
        let digest = push(&store, "a/b", "v1", b"one");
        for target in ["v1", digest.as_str()] {
            let target = Target::parse(target).unwrap();
            let found = store.manifest(&name("a/b"), &target).unwrap().unwrap();
            assert_eq!((&found.digest, found.media_type.as_str(), &found.bytes[..]), (&digest, "m/t", &b"one"[..]));
            assert_eq!(store.manifest(&name("a"), &target).unwrap(), None);
        }
    }
}

#[test]
fn a_manifest_goes_with_its_tags_and_a_tag_goes_alone() {
    let (_guard, stores) = stores();
    for store in stores {
        let (a, first) = (name("a"), push(&store, "a", "v1", b"one"));
        push(&store, "a", "v1-again", b"one");
        let second = push(&store, "a", "v2", b"two");
        assert!(store.remove_manifest(&a, &first, None).unwrap());
        assert!(!store.remove_manifest(&a, &first, None).unwrap());
        assert_eq!(store.tags(&a).unwrap(), [Tag::parse("v2").unwrap()]);
        assert!(store.remove_tag(&a, &Tag::parse("v2").unwrap()).unwrap());
        assert!(store.has_manifest(&a, &second).unwrap());
    }
}

#[test]
fn repositories_are_listed_whatever_lies_beside_and_below_them() {
    let (_guard, stores) = stores();
    for store in stores {
        for repository in ["b", "a/b/c", "a", "a-b", "a.b", "tags/list"] {
            push(&store, repository, "x", b"one");
        }
        store.put_blob(&name("only/blobs"), "x").unwrap();
        let found: Vec<String> = store.repositories().unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(found, ["a", "a-b", "a.b", "a/b/c", "b", "tags/list"]);
        assert!(store.has_repository(&name("only/blobs")).unwrap());
        assert!(!store.has_repository(&name("a/b")).unwrap());
    }
}

#[test]
fn a_blob_belongs_to_the_repositories_that_it_was_given_to() {
    let (_guard, stores) = stores();
    for store in stores {
        let (a, b) = (name("a"), name("b"));
        let digest = store.put_blob(&a, "content").unwrap();
        assert!(store.open_blob(&b, &digest).unwrap().is_none());
        assert!(!store.mount_blob(&b, &a, &digest).unwrap());
        assert!(store.mount_blob(&a, &b, &digest).unwrap());
        assert!(store.remove_blob(&a, &digest).unwrap());
        assert_eq!(store.open_blob(&b, &digest).unwrap().unwrap().len(), 7);
    }
}

#[test]
fn referrers_are_kept_by_their_subject() {
    let (_guard, stores) = stores();
    for store in stores {
        let (a, subject) = (name("a"), Digest::of(b"subject"));
        let bytes = Bytes::from_static(b"{}");
        let manifest = StoredManifest { digest: Digest::of(&bytes), media_type: "m/t".into(), bytes };
        store.put_manifest(&a, &manifest, Some(&subject)).unwrap();
        assert_eq!(store.referrers(&a, &subject).unwrap(), std::slice::from_ref(&manifest));
        assert_eq!(store.referrers(&name("b"), &subject).unwrap(), []);
        assert!(store.remove_manifest(&a, &manifest.digest, Some(&subject)).unwrap());
        assert_eq!(store.referrers(&a, &subject).unwrap(), []);
    }
}

#[test]
fn a_directory_keeps_what_was_finished_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let digest = push(&Store::directory(directory.path()).unwrap(), "a", "v1", b"one");
    let left_behind = directory.path().join("tmp/left-behind");
    std::fs::write(&left_behind, "half").unwrap();
    let store = Store::directory(directory.path()).unwrap();
    assert!(!left_behind.exists());
    assert!(store.has_manifest(&name("a"), &digest).unwrap());
}

#[tokio::test]
async fn an_upload_that_is_not_what_it_says_leaves_nothing_behind() {
    let (guard, stores) = stores();
    for store in stores {
        let mut spool = store.spool().unwrap();
        spool.write(b"content").await.unwrap();
        let finished = spool.finish().await.unwrap();
        assert!(!store.adopt(&name("a"), &Digest::of(b"other"), finished).unwrap());
        assert!(!store.has_repository(&name("a")).unwrap());
    }
    assert_eq!(std::fs::read_dir(guard.path().join("tmp")).unwrap().count(), 0);
}

#[test]
fn damage_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::directory(directory.path()).unwrap();
    push(&store, "a", "v1", b"one");
    std::fs::write(directory.path().join("repositories/a/_tags/v1"), "sha256:../../x").unwrap();
    let damaged = store.manifest(&name("a"), &Target::parse("v1").unwrap());
    assert!(matches!(damaged, Err(StoreError::Damaged(key)) if key == "repositories/a/_tags/v1"));
    assert!(matches!(Store::directory(directory.path().join("tmp/f/x\0")), Err(StoreError::Directory { .. })));
}
