//! The kubelet's rules and docker's, row by row.

use proptest::prelude::*;

use super::*;
use crate::image::Reference;

fn repository(name: &str) -> Repository {
    Reference::parse(name).unwrap().repository().clone()
}

/// key, image, whether the kubelet offers the key's credential for the image
const KUBELET: &[(&str, &str, bool)] = &[
    // As kubernetes tests it: keyring_test.go.
    ("*.kubernetes.io", "prefix.kubernetes.io/a", true),
    ("prefix.*.io", "prefix.kubernetes.io/a", true),
    ("prefix.kubernetes.*", "prefix.kubernetes.io/a", true),
    ("*-good.kubernetes.io", "prefix-good.kubernetes.io/a", true),
    ("*.kubernetes.io/blah", "prefix.kubernetes.io/blah", true),
    ("prefix.*.io/foo", "prefix.kubernetes.io/foo/bar", true),
    ("*.kubernetes.io:1111/blah", "prefix.kubernetes.io:1111/blah", true),
    ("prefix.*.io:1111/foo", "prefix.kubernetes.io:1111/foo/bar", true),
    ("*.kubernetes.io", "kubernetes.io/a", false),
    ("*.*.kubernetes.io", "prefix.kubernetes.io/a", false),
    ("*.*.kubernetes.io", "kubernetes.io/a", false),
    ("kubernetes.io", "kubernetes.com/a", false),
    ("k*.io", "quay.io/a", false),
    ("*.kubernetes.io:1234/blah", "prefix.kubernetes.io:1111/blah", false),
    ("prefix.*.io/foo", "prefix.kubernetes.io:1111/foo/bar", false),
    ("https://hello.kubernetes.io", "hello.kubernetes.io/foo/bar", true),
    ("https://*.docker.io", "prefix.docker.io/foo/bar", true),
    ("https://prefix.*.io/path", "prefix.docker.io/path/subpath/foo/bar", true),
    ("https://prefix.docker.*/path", "prefix.docker.io/path/foo/bar", true),
    ("https://*.docker.io:8888", "prefix.docker.io:8888/foo/bar", true),
    ("https://*.docker.io/v1/", "prefix.docker.io/path/foo/bar", true),
    ("https://*.docker.io/v2/", "prefix.docker.io/path/foo/bar", true),
    ("prefix.docker.io:1111", "prefix.docker.io:1111/path/foo/bar", true),
    ("*.docker.io:1111", "prefix.docker.io:1111/path/foo/bar", true),
    ("https://hello.kubernetes.io", "world.mesos.org/foo/bar", false),
    ("https://*.docker.com", "prefix.docker.io/foo/bar", false),
    ("https://suffix.*.io", "prefix.docker.io/foo/bar", false),
    ("https://prefix.docker.c*", "prefix.docker.io/foo/bar", false),
    ("https://prefix.*.io/path:1111", "prefix.docker.io/path/subpath/foo/bar", false),
    ("suffix.*.io", "prefix.docker.io/foo/bar", false),
    ("https://index.docker.io/v1/", "world.mesos.org/foo/bar", false),
    ("https://index.docker.io/v1/", "google/docker-registry", true),
    ("https://index.docker.io/v1/", "jenkins", true),
    ("https://index.docker.io/v1/", "index.docker.io/google/docker-registry", true),
    ("https://index.docker.io/v1/", "docker.io/foo/bar", true),
    ("https://index.docker.io/v1/", "registry.tld/foo/bar", false),
    ("https://index.docker.io/v1/", "registry:5000/foo/bar", false),
    ("https://index.docker.io/v1/", "myhostdocker.io/foo/bar", false),
    // Docker Hub by its other names.
    ("index.docker.io", "nginx", true),
    ("docker.io", "nginx", true),
    ("docker.io/library", "nginx", true),
    ("docker.io/library/nginx", "nginx:1.29", true),
    ("https://docker.io/v2/library/nginx", "nginx", true),
    ("registry-1.docker.io", "nginx", false),
    ("index.docker.io/library", "nginx", false),
    ("https://index.docker.io/v1", "nginx", false),
    ("https://index.docker.io/v1/", "localhost/app", false),
    // Scheme, version, slashes.
    ("http://r.io", "r.io/a", true),
    ("HTTPS://r.io", "r.io/a", false),
    ("ftp://r.io", "r.io/a", false),
    ("r.io/", "r.io/a", true),
    ("r.io/v1/", "r.io/a", true),
    ("r.io/v2/team", "r.io/team/app", true),
    ("r.io/v2", "r.io/team/app", false),
    ("r.io/v2", "r.io/v2/app", true),
    ("r.io/v2/", "r.io/v2/app", true),
    ("r.io/v3/", "r.io/team/app", false),
    ("user:secret@r.io", "r.io/a", true),
    ("r.io?x=y", "r.io/a", true),
    ("r.io#x", "r.io/a", true),
    ("", "r.io/a", false),
    // Ports are strings.
    ("r.io", "r.io:443/a", false),
    ("r.io:443", "r.io/a", false),
    ("r.io:443", "r.io:443/a", true),
    ("r.io:0443", "r.io:443/a", false),
    ("r.io:", "r.io/a", true),
    ("r.io:*", "r.io:443/a", false),
    ("r.io:abc", "r.io/a", false),
    ("localhost:5000", "localhost:5000/a", true),
    ("localhost", "localhost:5000/a", false),
    ("localhost", "localhost/a", true),
    ("10.0.0.1:5000", "10.0.0.1:5000/a", true),
    ("10.0.0.*:5000", "10.0.0.1:5000/a", true),
    ("[::1]:5000", "[::1]:5000/a", true),
    ("[::1]:5001", "[::1]:5000/a", false),
    // Go reads the brackets of an address without port as a class, so that it matches nothing.
    ("[::1]", "[::1]/a", false),
    // Globs, part by part; letters count.
    ("*.io", "a.b.io/x", false),
    ("*.io", "b.io/x", true),
    ("*", "b.io/x", false),
    ("*.*", "b.io/x", true),
    ("*", "localhost/x", true),
    ("r*.io", "r.io/x", true),
    ("*s*e*.io", "registry.io/x", false),
    ("*r*s*.io", "registry.io/x", true),
    ("R.io", "r.io/x", false),
    ("r[0-9].io", "r7.io/x", true),
    ("r[0-9].io", "rx.io/x", false),
    ("r[abc].io", "rb.io/x", true),
    ("r[.io", "rb.io/x", false),
    ("r?.io", "rb.io/x", false),
    ("r\\b.io", "rb.io/x", false),
    ("*r.io", "evil-r.io/x", true),
    ("r.io.evil.com", "r.io/x", false),
    ("r.io", "r.io.evil.com/x", false),
    // The path is a plain prefix.
    ("r.io/team", "r.io/team/app", true),
    ("r.io/team", "r.io/teammate/app", true),
    ("r.io/team/", "r.io/teammate/app", false),
    ("r.io/team/", "r.io/team/app", true),
    ("r.io/team/app", "r.io/team/app:1", true),
    ("r.io/team/app", "r.io/team", false),
    ("r.io/*", "r.io/team", false),
    ("r.io/te%61m", "r.io/team/app", true),
    ("r.io//team", "r.io/team", false),
];

#[test]
fn the_kubelet_offers_what_matches() {
    assert!(KUBELET.len() >= 60);
    for (key, image, offered) in KUBELET {
        let keyring = Keyring::new([(*key, ())]);
        assert_eq!(keyring.lookup(&repository(image)).len(), usize::from(*offered), "{key:?} for {image}");
    }
}

#[test]
fn keys_go_last_first_and_secrets_of_one_key_in_order() {
    let keyring = Keyring::new([
        ("quay.io", "a"),
        ("https://quay.io/coreos", "b"),
        ("*.io", "c"),
        ("http://quay.io/", "d"),
        ("quay.io/coreos/etcd", "e"),
        ("quay.io/other", "f"),
    ]);
    assert_eq!(keyring.lookup(&repository("quay.io/coreos/etcd")), [&"e", &"b", &"a", &"d", &"c"]);
}

#[test]
fn the_index_of_docker_hub_is_used_only_if_nothing_matches() {
    let keyring = Keyring::new([("index.docker.io", "index"), ("docker.io/team", "team")]);
    assert_eq!(keyring.lookup(&repository("team/app")), [&"team"]);
    assert_eq!(keyring.lookup(&repository("other/app")), [&"index"]);
}

#[test]
fn docker_and_podman_take_the_most_specific_key() {
    for (keys, image, expected) in [
        (&["r.io"][..], "r.io/a", Some("r.io")),
        (&["https://r.io"], "r.io/a", Some("https://r.io")),
        (&["https://r.io/v2/"], "r.io/a", Some("https://r.io/v2/")),
        (&["https://index.docker.io/v1/"], "nginx", Some("https://index.docker.io/v1/")),
        (&["docker.io"], "nginx", Some("docker.io")),
        (&["registry-1.docker.io"], "nginx", Some("registry-1.docker.io")),
        (&["r.io", "r.io/team", "r.io/team/app"], "r.io/team/app", Some("r.io/team/app")),
        (&["r.io/team", "r.io"], "r.io/other", Some("r.io")),
        (&["r.io/team"], "r.io/teammate", None),
        (&["r.io/team"], "r.io/team/app", Some("r.io/team")),
        (&["r.io", "https://r.io"], "r.io/a", Some("r.io")),
        (&["*.io"], "r.io/a", None),
        (&["r.io:443"], "r.io/a", None),
        (&["r.io"], "r.io:443/a", None),
        (&["localhost:5000"], "localhost:5000/a", Some("localhost:5000")),
        (&["https://index.docker.io/v1/"], "localhost/a", None),
        (&[""], "r.io/a", None),
    ] {
        let found = most_specific(keys.iter().map(|key| (*key, *key)), &repository(image));
        assert_eq!(found, expected, "{keys:?} for {image}");
    }
}

fn host() -> impl Strategy<Value = String> {
    "[a-c]{1,2}(\\.[a-c]{1,2}){1,3}(:[1-3]{1,2})?"
}

proptest! {
    #[test]
    fn a_credential_for_one_host_is_never_offered_to_another(
        given in host(),
        asked in host(),
        path in "(/[a-b]{1,2}){0,2}/?",
        scheme in "(https?://)?",
    ) {
        let target = repository(&format!("{asked}/a/b"));
        let key = format!("{scheme}{given}{path}");
        if given != asked {
            prop_assert!(Keyring::new([(key.as_str(), ())]).lookup(&target).is_empty());
            prop_assert_eq!(LocalKey::parse(&key).specificity(&target), None);
        } else if path.is_empty() {
            prop_assert_eq!(Keyring::new([(key.as_str(), ())]).lookup(&target).len(), 1);
            prop_assert!(LocalKey::parse(&key).specificity(&target).is_some());
        }
    }

    #[test]
    fn no_key_makes_it_panic(key in ".{0,60}", pattern in "[a*\\[\\]-]{0,12}", text in "[a-]{0,8}") {
        let target = repository("r.io/a/b");
        let _ = Keyring::new([(key.as_str(), ())]).lookup(&target);
        let _ = LocalKey::parse(&key).specificity(&target);
        let _ = glob(pattern.as_bytes(), text.as_bytes());
    }
}
