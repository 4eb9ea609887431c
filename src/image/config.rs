//! An image's config as parsed from raw bytes: what the image was built to run, and how it came to be.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use super::{Digest, InvalidDocument, Platform, manifest::malformed, shape};

/// An OCI or Docker image config (<https://github.com/opencontainers/image-spec/blob/main/config.md>).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ImageConfig {
    /// absent when the config does not say
    pub platform: Option<Platform>,
    /// Windows: the build
    pub os_version: Option<String>,
    /// Windows: `win32k`
    pub os_features: Vec<String>,
    /// as written, RFC 3339
    pub created: Option<String>,
    /// who built it
    pub author: Option<String>,
    /// user, or user:group
    pub user: Option<String>,
    /// `NAME=value`, in order
    pub env: Vec<String>,
    /// in order
    pub entrypoint: Vec<String>,
    /// in order
    pub cmd: Vec<String>,
    /// the directory that the program starts in
    pub working_dir: Option<String>,
    /// `8080/tcp`, sorted
    pub exposed_ports: Vec<String>,
    /// paths, sorted
    pub volumes: Vec<String>,
    /// by name
    pub labels: BTreeMap<String, String>,
    /// `SIGTERM`, …
    pub stop_signal: Option<String>,
    /// as written (Docker only)
    pub healthcheck: Option<serde_json::Value>,
    /// uncompressed layers, lowest first; those that are no digest are absent
    pub diff_ids: Vec<Option<Digest>>,
    /// oldest first
    pub history: Vec<History>,
}

/// A step of a build.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct History {
    /// as written, RFC 3339
    #[serde(default, deserialize_with = "text")]
    pub created: Option<String>,
    /// the instruction
    #[serde(default, deserialize_with = "text")]
    pub created_by: Option<String>,
    /// a remark of the builder
    #[serde(default, deserialize_with = "text")]
    pub comment: Option<String>,
    /// whether the step made no layer
    #[serde(default, deserialize_with = "lenient_or_default")]
    pub empty_layer: bool,
}

impl ImageConfig {
    /// The steps that made layers, if there are as many as `layers`: else a guess would blame the wrong instruction.
    pub fn steps_of(&self, layers: usize) -> Option<impl Iterator<Item = &History>> {
        let steps = || self.history.iter().filter(|step| !step.empty_layer);
        (steps().count() == layers).then(steps)
    }

    /// Parses a config blob, or the topmost `v1Compatibility` of a schema 1 manifest.
    ///
    /// A field of an unexpected type counts as absent; only what is no JSON object is an error.
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidDocument> {
        shape::check(bytes)?;
        let wire: Wire = serde_json::from_slice(bytes).map_err(malformed)?;
        let run = wire.config.unwrap_or_default();
        let platform = match (&wire.os, &wire.architecture) {
            (Some(os), Some(architecture)) if !os.is_empty() && !architecture.is_empty() => {
                Some(Platform::new(os, architecture, wire.variant.as_deref()))
            }
            _ => None,
        };
        let diff_ids = wire.rootfs.unwrap_or_default().diff_ids;
        Ok(Self {
            platform,
            os_version: wire.os_version,
            os_features: wire.os_features,
            created: wire.created,
            author: some(wire.author),
            user: some(run.user),
            env: run.env,
            entrypoint: run.entrypoint.0,
            cmd: run.cmd.0,
            working_dir: some(run.working_dir),
            exposed_ports: run.exposed_ports.into_keys().collect(),
            volumes: run.volumes.into_keys().collect(),
            labels: run.labels.into_iter().map(|(name, value)| (name, value.unwrap_or_default())).collect(),
            stop_signal: some(run.stop_signal),
            healthcheck: run.healthcheck.filter(serde_json::Value::is_object),
            diff_ids: diff_ids.iter().map(|text| Digest::parse(text).ok()).collect(),
            history: wire.history,
        })
    }
}

/// Builders write an empty string where they mean nothing.
fn some(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn lenient<'de, D: Deserializer<'de>, T: serde::de::DeserializeOwned>(deserializer: D) -> Result<Option<T>, D::Error> {
    // Raw, so that what is not wanted is not built first.
    Ok(serde_json::from_str(<&RawValue>::deserialize(deserializer)?.get()).ok())
}

/// As [`lenient`] does, but a text without escapes, as nearly all are, is not parsed another time.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let raw = <&RawValue>::deserialize(deserializer)?.get();
    let inner = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).filter(|inner| !inner.contains('\\'));
    Ok(inner.map(str::to_owned).or_else(|| serde_json::from_str(raw).ok()))
}

fn lenient_or_default<'de, D: Deserializer<'de>, T: serde::de::DeserializeOwned + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(lenient(deserializer)?.unwrap_or_default())
}

/// A list of words, or one string (which early builders wrote).
#[derive(Default)]
struct Words(Vec<String>);

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Many(Vec<String>),
            One(String),
        }
        Ok(match lenient::<D, Either>(deserializer)? {
            Some(Either::Many(words)) => Self(words),
            Some(Either::One(word)) => Self(vec![word]),
            None => Self::default(),
        })
    }
}

#[derive(Deserialize)]
struct Wire {
    #[serde(default, deserialize_with = "text")]
    os: Option<String>,
    #[serde(default, deserialize_with = "text")]
    architecture: Option<String>,
    #[serde(default, deserialize_with = "text")]
    variant: Option<String>,
    #[serde(default, rename = "os.version", deserialize_with = "text")]
    os_version: Option<String>,
    #[serde(default, rename = "os.features", deserialize_with = "lenient_or_default")]
    os_features: Vec<String>,
    #[serde(default, deserialize_with = "text")]
    created: Option<String>,
    #[serde(default, deserialize_with = "text")]
    author: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    config: Option<WireRun>,
    #[serde(default, deserialize_with = "lenient")]
    rootfs: Option<WireRootfs>,
    #[serde(default, deserialize_with = "lenient_or_default")]
    history: Vec<History>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct WireRun {
    #[serde(default, deserialize_with = "text")]
    user: Option<String>,
    #[serde(default, deserialize_with = "lenient_or_default")]
    env: Vec<String>,
    #[serde(default)]
    entrypoint: Words,
    #[serde(default)]
    cmd: Words,
    #[serde(default, deserialize_with = "text")]
    working_dir: Option<String>,
    #[serde(default, deserialize_with = "lenient_or_default")]
    exposed_ports: BTreeMap<String, serde_json::Value>,
    #[serde(default, deserialize_with = "lenient_or_default")]
    volumes: BTreeMap<String, serde_json::Value>,
    #[serde(default, deserialize_with = "lenient_or_default")]
    labels: BTreeMap<String, Option<String>>,
    #[serde(default, deserialize_with = "text")]
    stop_signal: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    healthcheck: Option<serde_json::Value>,
}

#[derive(Deserialize, Default)]
struct WireRootfs {
    #[serde(default, deserialize_with = "lenient_or_default")]
    diff_ids: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_is_read() {
        let config = ImageConfig::parse(
            br#"{"os":"linux","architecture":"arm64","variant":"v8","created":"2026-01-02T03:04:05Z","author":"",
                "config":{"User":"app","Env":["PATH=/bin"],"Entrypoint":["/app"],"Cmd":null,"WorkingDir":"/srv",
                  "ExposedPorts":{"9090/tcp":{},"8080/tcp":{}},"Labels":{"a":"b","n":null},"Healthcheck":{"Test":["NONE"]}},
                "rootfs":{"type":"layers","diff_ids":["sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","x"]},
                "history":[{"created_by":"ADD x"},{"created_by":"ENV y","empty_layer":true}]}"#,
        )
        .unwrap();
        assert_eq!(config.platform.unwrap().to_string(), "linux/arm64");
        assert_eq!((config.author, config.user.as_deref()), (None, Some("app")));
        assert_eq!(config.exposed_ports, ["8080/tcp", "9090/tcp"]);
        assert_eq!(config.labels["n"], "");
        assert!(config.cmd.is_empty());
        assert_eq!(config.diff_ids.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false]);
        assert!(!config.history[0].empty_layer && config.history[1].empty_layer);
    }

    #[test]
    fn texts_are_unescaped_and_what_is_none_is_absent() {
        for (json, expected) in [
            (r#""plain é""#, Some("plain é")),
            (r#""""#, Some("")),
            (r#""a \"b\" \u00e9 \\""#, Some("a \"b\" é \\")),
            (r#""a\\""#, Some("a\\")),
            (r#""\ud800""#, None),
            ("1e999", None),
            (r#"["a"]"#, None),
            (r#"{"a":"b"}"#, None),
            ("null", None),
        ] {
            let config = format!(r#"{{"created":{json},"history":[{{"comment": {json} }}]}}"#);
            let config = ImageConfig::parse(config.as_bytes()).unwrap();
            assert_eq!(
                (config.created.as_deref(), config.history[0].comment.as_deref()),
                (expected, expected),
                "{json}"
            );
        }
    }

    #[test]
    fn odd_fields_are_absent_and_no_object_is_an_error() {
        let odd =
            ImageConfig::parse(br#"{"os":7,"config":{"Env":"x","Entrypoint":"/bin/sh"},"history":{},"rootfs":[]}"#);
        let odd = odd.unwrap();
        assert_eq!((odd.platform, odd.env.len(), odd.entrypoint), (None, 0, vec!["/bin/sh".to_owned()]));
        for bytes in [&b""[..], b"[]", b"null", b"{", &[0xff, 0xfe], "[".repeat(100_000).as_bytes()] {
            assert!(ImageConfig::parse(bytes).is_err());
        }
    }
}
