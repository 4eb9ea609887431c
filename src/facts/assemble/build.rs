//! What labels and annotations say of an image's build.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::RegexSet;

use crate::facts::document::{Build, Time};
use crate::image::{ImageConfig, moment};

/// The keys of a fact, most trusted first: OCI (<https://github.com/opencontainers/image-spec/blob/main/annotations.md>),
/// the older label-schema (<http://label-schema.org/rc1/>), OpenShift and Red Hat.
const SOURCE: &[&str] =
    &["org.opencontainers.image.source", "org.label-schema.vcs-url", "io.openshift.build.source-location", "vcs-url"];
const REVISION: &[&str] = &[
    "org.opencontainers.image.revision",
    "org.label-schema.vcs-ref",
    "io.openshift.build.commit.id",
    "vcs-ref",
    "git-commit",
];
const VERSION: &[&str] = &["org.opencontainers.image.version", "org.label-schema.version", "version"];
const CREATED: &[&str] = &["org.opencontainers.image.created", "org.label-schema.build-date", "build-date"];
const BASE_NAME: &[&str] = &["org.opencontainers.image.base.name"];
const BASE_DIGEST: &[&str] = &["org.opencontainers.image.base.digest"];

/// Where buildpacks keep JSON about the source and the base, and where it stands there
/// (<https://github.com/buildpacks/spec/blob/main/platform.md#labels>).
const PROJECT: &str = "io.buildpacks.project.metadata";
const LIFECYCLE: &str = "io.buildpacks.lifecycle.metadata";
const PROJECT_SOURCE: &[&str] = &["/source/metadata/repository"];
const PROJECT_REVISION: &[&str] = &["/source/version/commit", "/source/metadata/revision"];
const LIFECYCLE_BASE: &[&str] = &["/runImage/image", "/stack/runImage/image"];

/// Words in a build step that tell which program made it.
const BUILDERS: &[(&str, &str)] = &[
    ("buildkit.dockerfile", "buildkit"),
    ("ko build", "ko"),
    ("jib-maven-plugin", "jib"),
    ("jib-gradle-plugin", "jib"),
    ("jib-core", "jib"),
    ("bazel build", "bazel"),
    ("apko", "apko"),
    ("kaniko", "kaniko"),
    ("/bin/sh -c #(nop)", "docker"),
];

/// The words of [`BUILDERS`], which a text is looked through for all at once.
static WORDS: LazyLock<Option<RegexSet>> =
    LazyLock::new(|| RegexSet::new(BUILDERS.iter().map(|(word, _)| regex::escape(word))).ok());

/// What is said of the build; `None` when nothing is.
///
/// An annotation goes before a label: labels are inherited from the base image, annotations are the image's own.
pub(super) fn build(annotations: &BTreeMap<String, String>, config: Option<&ImageConfig>) -> Option<Build> {
    let find = |keys: &[&str]| {
        let labels = config.map(|config| &config.labels);
        [Some(annotations), labels].into_iter().flatten().find_map(|texts| {
            keys.iter().filter_map(|key| texts.get(*key)).find(|text| !text.trim().is_empty()).cloned()
        })
    };
    let buildpacks = |label, pointers| config.and_then(|config| in_json(config.labels.get(label)?, pointers));
    let build = Build {
        source: find(SOURCE).or_else(|| buildpacks(PROJECT, PROJECT_SOURCE)),
        revision: find(REVISION).or_else(|| buildpacks(PROJECT, PROJECT_REVISION)),
        version: find(VERSION),
        created: find(CREATED).and_then(|text| moment(&text)).map(Time),
        base_name: find(BASE_NAME).or_else(|| buildpacks(LIFECYCLE, LIFECYCLE_BASE)),
        base_digest: find(BASE_DIGEST),
        builder: config.and_then(builder),
    };
    Some(build).filter(|build| *build != Build::default())
}

/// The first of the texts at `pointers` in a label that holds JSON.
fn in_json(label: &str, pointers: &[&str]) -> Option<String> {
    let json: serde_json::Value = serde_json::from_str(label).ok()?;
    let texts = pointers.iter().filter_map(|pointer| json.pointer(pointer)?.as_str());
    texts.map(str::to_owned).find(|text| !text.trim().is_empty())
}

/// The program that made the image, by its labels, else by the last build step that tells.
fn builder(config: &ImageConfig) -> Option<String> {
    if let Some(version) = config.labels.get("io.buildah.version") {
        return Some(format!("buildah {version}"));
    }
    if config.labels.keys().any(|key| key.starts_with("io.buildpacks.")) {
        return Some("buildpacks".to_owned());
    }
    config.history.iter().rev().find_map(|step| {
        let texts = [step.created_by.as_deref(), step.comment.as_deref()];
        let told = texts.into_iter().flatten().flat_map(|text| WORDS.iter().flat_map(|words| words.matches(text)));
        told.min().and_then(|first| BUILDERS.get(first)).map(|(_, builder)| (*builder).to_owned())
    })
}
