//! A bundle as a reader finds it.

use std::collections::BTreeMap;
use std::io::Read as _;

use base64::Engine as _;
use flate2::read::GzDecoder;
use serde_json::Value;

/// Where the facts are.
pub(crate) const FACTS: &str = "image-facts/facts.json";

/// The passwords in the recorded cluster's pull secrets.
pub(crate) const RECORDED_CANARIES: [&str; 2] = ["s3cr3t-pull-token", "legacy-s3cr3t"];

/// A bundle, unpacked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Bundle {
    /// the one directory at its top
    pub(crate) top: String,
    /// by their paths below it
    pub(crate) files: BTreeMap<String, Vec<u8>>,
}

impl Bundle {
    /// Unpacks a `.tar.gz`, which must have one directory at its top.
    #[track_caller]
    pub(crate) fn read(archive: &[u8]) -> Self {
        let mut tar = tar::Archive::new(GzDecoder::new(archive));
        let (mut top, mut files) = (None, BTreeMap::new());
        for entry in tar.entries().unwrap() {
            let mut entry = entry.unwrap();
            let path = entry.path().unwrap().to_str().unwrap().to_owned();
            let (first, rest) = path.split_once('/').expect("a directory at the top");
            assert_eq!(top.get_or_insert_with(|| first.to_owned()), first);
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            if !rest.is_empty() && entry.header().entry_type().is_file() {
                files.insert(rest.to_owned(), content);
            }
        }
        Self { top: top.expect("an empty bundle"), files }
    }

    /// A file in it.
    #[track_caller]
    pub(crate) fn text(&self, path: &str) -> &str {
        let file = self.files.get(path).unwrap_or_else(|| panic!("no {path} in {:?}", self.files.keys()));
        std::str::from_utf8(file).unwrap()
    }

    /// Its facts.
    #[track_caller]
    pub(crate) fn facts(&self) -> Facts {
        Facts(serde_json::from_str(self.text(FACTS)).unwrap())
    }

    /// Asserts that none of `secrets` is in any file.
    #[track_caller]
    pub(crate) fn has_none_of(&self, secrets: &[&str]) {
        for (path, content) in &self.files {
            assert_none_of(path, &String::from_utf8_lossy(content), secrets);
        }
    }
}

/// The facts, with what tests ask them.
pub(crate) struct Facts(pub(crate) Value);

impl Facts {
    /// The references of all images, in order.
    pub(crate) fn references(&self) -> Vec<&str> {
        self.images().iter().map(|image| image["reference"].as_str().unwrap()).collect()
    }

    pub(crate) fn images(&self) -> &[Value] {
        self.0["images"].as_array().unwrap()
    }

    /// The image of this reference.
    #[track_caller]
    pub(crate) fn image(&self, reference: &str) -> &Value {
        let mut found = self.images().iter().filter(|image| image["reference"] == reference);
        let image = found.next().unwrap_or_else(|| panic!("no {reference} among {:?}", self.references()));
        assert!(found.next().is_none(), "{reference} is there twice");
        image
    }

    /// `code reference` of each finding, in order.
    pub(crate) fn findings(&self) -> Vec<String> {
        let findings = self.0["findings"].as_array().unwrap().iter();
        findings.map(|f| format!("{} {}", text(&f["code"]), text(&f["image"]))).collect()
    }

    /// `reason resource namespace` of each gap, in order.
    pub(crate) fn gaps(&self) -> Vec<String> {
        let gaps = self.0["gaps"].as_array().unwrap().iter();
        let part = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        gaps.map(|gap| [&gap["reason"], &gap["resource"], &gap["namespace"]].map(part).join(" ")).collect()
    }

    /// All but what differs between two runs.
    pub(crate) fn without_run(mut self) -> Value {
        self.0.as_object_mut().unwrap().remove("run").expect("run");
        self.0
    }
}

/// The classes of an image's errors.
pub(crate) fn classes(image: &Value) -> Vec<&str> {
    let errors = image["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    errors.iter().map(|error| text(&error["class"])).collect()
}

/// A string, or nothing.
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Asserts that `content` has none of `secrets`, neither as it is nor in base64 at any place of a longer text.
#[track_caller]
pub(crate) fn assert_none_of(name: &str, content: &str, secrets: &[&str]) {
    for secret in secrets {
        assert!(!content.contains(secret), "{name} shows {secret}");
        for skipped in 0..3 {
            // What of its base64 does not depend on the bytes before and after it.
            let whole = &secret.as_bytes()[skipped..];
            let encoded = base64::engine::general_purpose::STANDARD.encode(&whole[..whole.len() / 3 * 3]);
            assert!(!content.contains(&encoded), "{name} shows {secret} in base64");
        }
    }
}
