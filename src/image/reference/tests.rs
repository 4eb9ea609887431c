//! References as people write them, and what is none.

use proptest::prelude::*;

use super::*;

const HEX: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

#[test]
fn references_are_normalized() {
    let digest = format!("sha256:{HEX}");
    for (written, normal) in [
        ("nginx", "docker.io/library/nginx:latest"),
        ("nginx:1.29", "docker.io/library/nginx:1.29"),
        ("docker.io/nginx", "docker.io/library/nginx:latest"),
        ("index.docker.io/library/nginx:1", "docker.io/library/nginx:1"),
        ("acme/web", "docker.io/acme/web:latest"),
        ("foo_bar.com:8080", "docker.io/library/foo_bar.com:8080"),
        ("ghcr.io/acme/web:v3.2.1", "ghcr.io/acme/web:v3.2.1"),
        ("localhost/app", "localhost/app:latest"),
        ("localhost:5000/app", "localhost:5000/app:latest"),
        ("localhost:5000/app:1", "localhost:5000/app:1"),
        ("Registry/app:1", "Registry/app:1"),
        ("10.0.0.1:5000/a/b/c:x", "10.0.0.1:5000/a/b/c:x"),
        ("[::1]:5000/app:1", "[::1]:5000/app:1"),
        ("[fd00::1]/app", "[fd00::1]/app:latest"),
        ("a/b__c/d--e.f:T_1", "docker.io/a/b__c/d--e.f:T_1"),
        (&format!("nginx@{digest}"), &format!("docker.io/library/nginx@{digest}")),
        (&format!("nginx:1@{digest}"), &format!("docker.io/library/nginx:1@{digest}")),
    ] {
        let reference = Reference::parse(written).unwrap();
        assert_eq!(reference.to_string(), normal, "{written}");
        assert_eq!(Reference::parse(normal).unwrap(), reference, "normalizing {written} twice");
    }
}

#[test]
fn a_digest_goes_before_a_tag() {
    let reference = Reference::parse(&format!("nginx:1@sha256:{HEX}")).unwrap();
    assert_eq!(reference.target(), format!("sha256:{HEX}"));
    assert_eq!(Reference::parse("nginx").unwrap().target(), "latest");
}

#[test]
fn what_is_no_reference_is_refused() {
    for text in [
        "",
        " ",
        ":tag",
        "@sha256:00",
        "UPPER",
        "acme/Web:1",
        "nginx:",
        "nginx:-x",
        "nginx: 1",
        "nginx@sha256:abc",
        "nginx@",
        "a//b",
        "/a",
        "a/",
        "a/../b",
        "a/..",
        "a..b",
        "a___b",
        "-a",
        "a-",
        "host.io",
        "host.io:x/a",
        "host.io:99999/a",
        "host..io/a",
        "[::g]/a",
        "[::1/a",
        "https://ghcr.io/acme/web",
        "docker-pullable://nginx@sha256:00",
        "nginx\n",
        "ngin\u{e9}",
        "${IMAGE}",
        "{{ .Values.image }}",
        HEX,
        &format!("sha256:{HEX}"),
    ]
    .into_iter()
    .filter(|text| *text != "host.io")
    {
        assert!(Reference::parse(text).is_err(), "{text:?}");
    }
    assert!(Reference::parse(&format!("nginx:{}", "a".repeat(129))).is_err());
    assert!(Reference::parse(&"a".repeat(256)).is_err());
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,80}") {
        if let Ok(reference) = Reference::parse(&text) {
            prop_assert_eq!(Reference::parse(&reference.to_string()).unwrap(), reference);
        }
    }

    /// The reference parser of oci-client is an independent implementation of the same grammar.
    #[test]
    fn another_parser_reads_the_same(
        text in "([a-z0-9.:-]{1,8}/)?[a-z0-9._/-]{1,12}(:[a-zA-Z0-9._-]{1,5})?(@sha256:[a-f0-9]{64})?",
    ) {
        if let Ok(reference) = Reference::parse(&text) {
            let other: oci_client::Reference = text.parse().unwrap();
            prop_assert_eq!(other.registry(), reference.registry());
            prop_assert_eq!(other.repository(), reference.repository().path());
            prop_assert_eq!(other.tag(), reference.tag());
            prop_assert_eq!(other.digest(), reference.digest().map(Digest::as_str));
        }
    }
}
