//! Who is asked, for each way of saying so.

use super::*;
use crate::image::Reference;
use crate::registry::{Location, PrefixRule, Upstream};

const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn mirror(text: &str) -> Mirror {
    Mirror::at(Address::parse(text).unwrap())
}

fn told(text: &str, tags: bool) -> Mirror {
    Mirror { serves: Serves { tags, digests: true }, namespaced: true, ..mirror(text) }
}

fn rule(prefix: &str, location: Option<&str>, mirrors: &[(&str, bool, bool)]) -> PrefixRule {
    let mirrors = mirrors.iter().map(|(location, tags, digests)| Location {
        location: (*location).to_owned(),
        serves: Serves { tags: *tags, digests: *digests },
    });
    PrefixRule {
        prefix: prefix.to_owned(),
        blocked: false,
        location: location.map(str::to_owned),
        mirrors: mirrors.collect(),
        file: "registries.conf".into(),
    }
}

/// Who is asked: the URL, and `*` where that is the registry itself.
fn asked(directory: &Directory, repository: &str, what: What<'_>) -> Vec<String> {
    let reference = Reference::parse(repository).unwrap();
    let found = directory.sources(Wanted { repository: reference.repository(), what });
    let sources = found.map(|(mut sources, last)| {
        sources.push(last);
        sources
    });
    let shown = |source: &Source| {
        let url = source.url(&source.endpoint.origins()[0], what, None);
        format!("{url}{}", if source.via == Via::Registry { "*" } else { "" })
    };
    sources.unwrap_or_default().iter().map(shown).collect()
}

#[test]
fn mirrors_come_before_the_registry() {
    let options = RegistryOptions {
        mirrors: [("docker.io".to_owned(), vec![mirror("https://m1.io/proxy"), mirror("localhost:5001")])].into(),
        upstreams: [(
            "docker.io".to_owned(),
            Upstream { mirrors: vec![told("https://m2.io/v2", false)], server: None },
        )]
        .into(),
        ..RegistryOptions::default()
    };
    let directory = Directory::new(&options).unwrap();
    let expected = [
        "https://m1.io/proxy/v2/library/nginx/manifests/1",
        "http://localhost:5001/v2/library/nginx/manifests/1",
        "https://registry-1.docker.io/v2/library/nginx/manifests/1*",
    ];
    assert_eq!(asked(&directory, "nginx", What::Tag("1")), expected);
    let blobs = asked(&directory, "nginx", What::Blob(DIGEST));
    assert_eq!(blobs[2], format!("https://m2.io/v2/library/nginx/blobs/{DIGEST}?ns=docker.io"));
    assert_eq!(asked(&directory, "quay.io/a", What::Tag("1")), ["https://quay.io/v2/a/manifests/1*"]);
}

#[test]
fn a_prefix_has_its_own_mirrors_and_place() {
    let mut blocked = rule("r.io/secret", None, &[]);
    blocked.blocked = true;
    let moved =
        rule("r.io/a", Some("r.io/b"), &[("m.io/cache", true, true), ("d.io", false, true), ("t.io", true, false)]);
    let options = RegistryOptions { prefixes: vec![moved, blocked], ..RegistryOptions::default() };
    let directory = Directory::new(&options).unwrap();
    assert_eq!(
        asked(&directory, "r.io/a/x", What::Tag("1")),
        ["https://m.io/v2/cache/x/manifests/1", "https://t.io/v2/x/manifests/1", "https://r.io/v2/b/x/manifests/1*"]
    );
    let by_digest = asked(&directory, "r.io/a/x", What::Manifest(DIGEST));
    assert_eq!(by_digest[1], format!("https://d.io/v2/x/manifests/{DIGEST}"));
    assert_eq!(by_digest.len(), 3);
    assert_eq!(asked(&directory, "r.io/a/x", What::Blob(DIGEST)).len(), 4);
    assert_eq!(asked(&directory, "r.io/other", What::Tag("1")), ["https://r.io/v2/other/manifests/1*"]);
    let secret = Reference::parse("r.io/secret/x").unwrap();
    let refused = directory.sources(Wanted { repository: secret.repository(), what: What::Tag("1") }).err();
    assert_eq!(refused.unwrap().to_string(), "r.io/secret is blocked in registries.conf");
}

#[test]
fn a_server_may_stand_in_for_the_registry() {
    let everywhere = Upstream { mirrors: vec![told("https://m.io", true)], server: Some(told("https://s.io", true)) };
    let nobody = Upstream { mirrors: Vec::new(), server: Some(told("https://r.io", false)) };
    let options = RegistryOptions {
        default_upstream: Some(everywhere),
        upstreams: [("r.io".to_owned(), nobody)].into(),
        ..RegistryOptions::default()
    };
    let directory = Directory::new(&options).unwrap();
    assert_eq!(
        asked(&directory, "x.io:5000/a", What::Tag("1")),
        ["https://m.io/v2/a/manifests/1?ns=x.io%3A5000", "https://s.io/v2/a/manifests/1?ns=x.io%3A5000"]
    );
    assert_eq!(asked(&directory, "s.io/a", What::Tag("1"))[1], "https://s.io/v2/a/manifests/1*");
    assert_eq!(asked(&directory, "r.io/a", What::Tag("1")), [""; 0]);
    assert_eq!(asked(&directory, "r.io/a", What::Manifest(DIGEST)).len(), 1);
}

#[test]
fn the_registry_is_known_by_where_it_answers() {
    let mirrors = ["https://r.io:443/v2", "https://r.io:8443", "http://r.io:8080"].map(mirror).to_vec();
    let options = RegistryOptions {
        mirrors: [("r.io".to_owned(), mirrors)].into(),
        insecure: ["r.io:8080".to_owned()].into(),
        ..RegistryOptions::default()
    };
    let expected = [
        "https://r.io/v2/a/manifests/1*",
        "https://r.io:8443/v2/a/manifests/1",
        "http://r.io:8080/v2/a/manifests/1",
        "https://r.io/v2/a/manifests/1*",
    ];
    assert_eq!(asked(&Directory::new(&options).unwrap(), "r.io/a", What::Tag("1")), expected);
    let options = RegistryOptions { insecure: BTreeSet::new(), ..options };
    let refused = Directory::new(&options).err().unwrap().to_string();
    assert!(refused.contains("--insecure-registry r.io:8080"), "{refused}");
}

#[test]
fn no_path_leads_to_another_server() {
    for (text, expected) in [
        ("https://m.io//evil.io", "https://m.io//evil.io/v2/"),
        ("https://m.io/%2e%2e/x", "https://m.io/x/v2/"),
        ("https://m.io/a%3Fb", "https://m.io/a%3Fb/v2/"),
    ] {
        let options =
            RegistryOptions { mirrors: [("r.io".to_owned(), vec![mirror(text)])].into(), ..RegistryOptions::default() };
        let directory = Directory::new(&options).unwrap();
        assert_eq!(asked(&directory, "r.io/a", What::Api)[0], expected);
        assert_eq!(asked(&directory, "r.io/a", What::Tag("1"))[0], format!("{expected}a/manifests/1"));
    }
}
