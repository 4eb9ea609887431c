//! Manifests as registries send them, and as hostile ones might.

use super::*;

const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

fn digest(n: u8) -> String {
    Digest::of(&[n]).to_string()
}

fn manifest_json(config_type: &str, size: &str) -> String {
    format!(
        r#"{{"schemaVersion":2,"mediaType":"{OCI_MANIFEST}",
            "config":{{"mediaType":"{config_type}","digest":"{}","size":2}},
            "layers":[{{"mediaType":"l","digest":"{}","size":{size},"urls":["http://x"]}}]}}"#,
        digest(1),
        digest(2)
    )
}

#[test]
fn the_kind_follows_from_the_config() {
    for (config_type, kind) in [
        ("application/vnd.oci.image.config.v1+json", ManifestKind::Image),
        ("application/vnd.docker.container.image.v1+json", ManifestKind::Image),
        ("application/vnd.oci.empty.v1+json", ManifestKind::Artifact),
        ("application/vnd.cncf.helm.config.v1+json", ManifestKind::Artifact),
    ] {
        let json = manifest_json(config_type, "7");
        let (document, media_type) = Document::parse(json.as_bytes(), Some(OCI_MANIFEST)).unwrap();
        assert_eq!((document.kind(), media_type.as_str()), (kind, OCI_MANIFEST), "{config_type}");
    }
}

#[test]
fn an_index_keeps_its_good_entries() {
    let json = format!(
        r#"{{"schemaVersion":2,"manifests":[
            {{"mediaType":"m","digest":"{}","size":7,"platform":{{"os":"linux","architecture":"amd64"}}}},
            {{"mediaType":"m","digest":"{}","size":7,"platform":{{"os":"unknown","architecture":"unknown"}},
              "annotations":{{"vnd.docker.reference.type":"attestation-manifest"}}}},
            {{"mediaType":"m","digest":"sha256:../../etc","size":7}},
            {{"mediaType":"m","digest":"{}","size":-7}}]}}"#,
        digest(1),
        digest(2),
        digest(3)
    );
    let (document, media_type) = Document::parse(json.as_bytes(), Some("application/json; charset=utf-8")).unwrap();
    let Document::Index(index) = document else { panic!("an index") };
    assert_eq!(media_type, OCI_INDEX);
    assert_eq!(index.entries.len(), 2);
    assert_eq!(index.entries[0].platform.as_ref().unwrap().to_string(), "linux/amd64");
    assert!(index.entries[1].platform.is_none() && index.entries[1].is_attestation());
    assert_eq!(index.skipped.len(), 2);
}

#[test]
fn what_can_be_read_two_ways_is_refused() {
    let both = format!(
        r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[],
            "config":{{"mediaType":"c","digest":"{}","size":2}},"layers":[]}}"#,
        digest(1)
    );
    assert_eq!(Document::parse(both.as_bytes(), None), Err(InvalidDocument::Ambiguous));
    let json = manifest_json("application/vnd.oci.image.config.v1+json", "7");
    let contradiction = Document::parse(json.as_bytes(), Some(OCI_INDEX));
    assert!(matches!(contradiction, Err(InvalidDocument::Contradiction { .. })));
}

#[test]
fn hostile_documents_are_errors() {
    let deep = "[".repeat(100_000);
    let nested = format!(r#"{{"manifests":[{deep}"#);
    let config_type = "application/vnd.oci.image.config.v1+json";
    for json in [
        "",
        "null",
        "[]",
        "{}",
        "<html>",
        &deep,
        &nested,
        &manifest_json(config_type, "-1"),
        &manifest_json(config_type, "1e400"),
        &manifest_json(config_type, "99999999999999999999999"),
        r#"{"schemaVersion":2,"config":{"mediaType":"c","digest":"sha256:../x","size":1},"layers":[]}"#,
        r#"{"schemaVersion":1,"fsLayers":[{"blobSum":"x"}]}"#,
    ] {
        assert!(Document::parse(json.as_bytes(), None).is_err(), "{}", &json[..json.len().min(80)]);
    }
    let huge = manifest_json(config_type, &u64::MAX.to_string());
    let (Document::Image(manifest), _) = Document::parse(huge.as_bytes(), None).unwrap() else { panic!("an image") };
    assert_eq!(manifest.compressed_bytes(), u64::MAX);
}

#[test]
fn schema_1_gives_what_it_has() {
    let json = format!(
        r#"{{"schemaVersion":1,"name":"a","tag":"1","architecture":"amd64",
            "fsLayers":[{{"blobSum":"{}"}},{{"blobSum":"{}"}}],
            "history":[{{"v1Compatibility":"{{\"os\":\"linux\"}}"}},{{"v1Compatibility":"{{}}"}}],
            "signatures":[]}}"#,
        digest(2),
        digest(1)
    );
    let prettyjws = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    let (Document::Legacy(manifest), _) = Document::parse(json.as_bytes(), Some(prettyjws)).unwrap() else {
        panic!("schema 1")
    };
    assert_eq!(manifest.layers[0].to_string(), digest(1));
    assert_eq!(manifest.config.as_deref(), Some(r#"{"os":"linux"}"#));
}
