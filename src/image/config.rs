//! An image's config as parsed from raw bytes: what the image was built to run, and how it came to be.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_with::de::DeserializeAsWrap;
use serde_with::{DefaultOnNull, Same};

use super::{Digest, InvalidDocument, Platform, manifest::malformed, shape};

/// An OCI or Docker image config (<https://github.com/opencontainers/image-spec/blob/main/config.md>).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImageConfig {
    /// absent when the config does not say
    pub platform: Option<Platform>,
    /// Windows: the build
    pub os_version: Option<String>,
    /// Windows: `win32k`
    pub os_features: Vec<String>,
    /// when it was built
    pub created: Option<Timestamp>,
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
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct History {
    /// when
    #[serde(default, deserialize_with = "time")]
    pub created: Option<Timestamp>,
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
            entrypoint: run.entrypoint,
            cmd: run.cmd,
            working_dir: some(run.working_dir),
            exposed_ports: run.exposed_ports.into_keys().collect(),
            volumes: run.volumes.into_keys().collect(),
            labels: run.labels,
            stop_signal: some(run.stop_signal),
            healthcheck: run.healthcheck.filter(serde_json::Value::is_object),
            diff_ids: diff_ids.iter().map(|DiffId(text)| Digest::parse(text).ok()).collect(),
            history: wire.history,
        })
    }
}

/// Builders write an empty string where they mean nothing.
fn some(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// The first moment of the year 0: RFC 3339 knows none before.
const FIRST: Timestamp = Timestamp::constant(-62_167_219_200, 0);

/// A moment as a builder wrote it, RFC 3339; `None` when it is none, or lies before the years that RFC 3339 knows.
pub fn moment(text: &str) -> Option<Timestamp> {
    text.trim().parse().ok().filter(|moment| *moment >= FIRST)
}

fn lenient<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    // Raw, so that what is not wanted is not built first.
    Ok(serde_json::from_str(<&RawValue>::deserialize(deserializer)?.get()).ok())
}

fn lenient_or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(lenient(deserializer)?.unwrap_or_default())
}

/// A text as it stands in JSON; `None` when it is something else. Nearly all are without escapes, and not parsed another time.
fn unescaped(json: &str) -> Option<Cow<'_, str>> {
    match json.strip_prefix('"')?.strip_suffix('"')? {
        inner if inner.contains('\\') => serde_json::from_str(json).ok().map(Cow::Owned),
        inner => Some(Cow::Borrowed(inner)),
    }
}

/// As [`lenient`] does.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(unescaped(<&RawValue>::deserialize(deserializer)?.get()).map(Cow::into_owned))
}

/// As [`lenient`] does.
fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    Ok(unescaped(<&RawValue>::deserialize(deserializer)?.get()).and_then(|text| moment(&text)))
}

/// Texts by name, as [`lenient`] does; null stands for an empty one.
fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    type Texts = DeserializeAsWrap<BTreeMap<String, String>, BTreeMap<Same, DefaultOnNull>>;
    Ok(lenient::<D, Texts>(deserializer)?.map(Texts::into_inner).unwrap_or_default())
}

/// A list of words, or one string (which early builders wrote), as [`lenient`] does.
fn words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let json = <&RawValue>::deserialize(deserializer)?.get();
    let one = || Some(vec![unescaped(json)?.into_owned()]);
    Ok(serde_json::from_str(json).ok().or_else(one).unwrap_or_default())
}

#[derive(Deserialize)]
struct Wire<'a> {
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
    #[serde(default, deserialize_with = "time")]
    created: Option<Timestamp>,
    #[serde(default, deserialize_with = "text")]
    author: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    config: Option<WireRun>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    rootfs: Option<WireRootfs<'a>>,
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
    #[serde(default, deserialize_with = "words")]
    entrypoint: Vec<String>,
    #[serde(default, deserialize_with = "words")]
    cmd: Vec<String>,
    #[serde(default, deserialize_with = "text")]
    working_dir: Option<String>,
    #[serde(default, deserialize_with = "lenient_or_default")]
    exposed_ports: BTreeMap<String, IgnoredAny>,
    #[serde(default, deserialize_with = "lenient_or_default")]
    volumes: BTreeMap<String, IgnoredAny>,
    #[serde(default, deserialize_with = "texts")]
    labels: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "text")]
    stop_signal: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    healthcheck: Option<serde_json::Value>,
}

#[derive(Deserialize, Default)]
struct WireRootfs<'a> {
    #[serde(borrow, default, deserialize_with = "lenient_or_default")]
    diff_ids: Vec<DiffId<'a>>,
}

/// What should be a digest.
#[derive(Deserialize)]
struct DiffId<'a>(#[serde(borrow)] Cow<'a, str>);

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
            let config = format!(r#"{{"os.version":{json},"history":[{{"comment": {json} }}]}}"#);
            let config = ImageConfig::parse(config.as_bytes()).unwrap();
            assert_eq!(
                (config.os_version.as_deref(), config.history[0].comment.as_deref()),
                (expected, expected),
                "{json}"
            );
        }
    }

    #[test]
    fn a_time_is_one_that_rfc_3339_knows() {
        for (text, expected) in [
            ("2026-01-02T05:04:05.5+02:00", Some("2026-01-02T03:04:05.5Z")),
            (" 2026-01-02T05:04:05Z\\n", Some("2026-01-02T05:04:05Z")),
            ("0001-01-01T00:00:00Z", Some("0001-01-01T00:00:00Z")),
            ("0000-01-01T00:00:00Z", Some("0000-01-01T00:00:00Z")),
            ("-000001-12-31T23:59:59.9Z", None),
            ("yesterday", None),
            ("", None),
        ] {
            let config = format!(r#"{{"created":"{text}","history":[{{"created":"{text}"}}]}}"#);
            let config = ImageConfig::parse(config.as_bytes()).unwrap();
            for created in [config.created, config.history[0].created] {
                assert_eq!(created.map(|time| time.to_string()).as_deref(), expected, "{text}");
            }
        }
    }

    #[test]
    fn words_are_a_list_or_one() {
        for (json, expected) in [
            (r#"["a","b \"c\""]"#, &["a", "b \"c\""][..]),
            (r#""a b""#, &["a b"]),
            (r#""a \"b\"""#, &["a \"b\""]),
            ("[]", &[]),
            ("null", &[]),
            (r#"["a",1]"#, &[]),
            (r#"{"a":"b"}"#, &[]),
        ] {
            let config = ImageConfig::parse(format!(r#"{{"config":{{"Cmd":{json}}}}}"#).as_bytes()).unwrap();
            assert_eq!(config.cmd, expected, "{json}");
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
