//! Platforms: what an image offers, what a node is, and which of the former a node runs.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::text::cut;

/// An operating system, an architecture and its variant, normalized as containerd does.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Platform {
    os: Cow<'static, str>,
    architecture: Cow<'static, str>,
    variant: Option<Cow<'static, str>>,
}

/// What nearly all platforms are made of.
const WORDS: &[&str] = &["linux", "amd64", "arm64", "arm", "v7", "v6", "386", "ppc64le", "riscv64", "s390x", "windows"];

/// A string that is not `os/arch[/variant]`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a platform: expected os/arch[/variant], such as linux/amd64 or linux/arm/v7")]
pub struct InvalidPlatform(pub String);

/// The platform of a node, with the Windows build that its containers must match.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodePlatform {
    /// os, architecture and variant
    pub platform: Platform,
    /// Windows only, such as `10.0.20348.2582`
    pub os_version: Option<String>,
}

impl Platform {
    /// Builds a platform from what a document says; aliases (`x86_64`, `aarch64`) and the variants that are an
    /// architecture's default (`arm64/v8`, `amd64/v1`, `arm` for `arm/v7`) are normalized
    /// (containerd `platforms/database.go`).
    pub fn new(os: &str, architecture: &str, variant: Option<&str>) -> Self {
        let os = match word(os) {
            os if os == "macos" => "darwin".into(),
            os => os,
        };
        let (architecture, variant) = (word(architecture), variant.map(word).filter(|v| !v.is_empty()));
        let (architecture, variant) = match (&*architecture, variant.as_deref()) {
            ("i386" | "i486" | "i586" | "i686" | "x86", _) => ("386".into(), None),
            ("x86_64" | "x86-64" | "amd64", None | Some("v1")) => ("amd64".into(), None),
            ("x86_64" | "x86-64" | "amd64", _) => ("amd64".into(), variant),
            ("aarch64" | "arm64", None | Some("8" | "v8")) => ("arm64".into(), None),
            ("aarch64" | "arm64", _) => ("arm64".into(), variant),
            ("armhf", _) => ("arm".into(), Some("v7".into())),
            ("armel", _) => ("arm".into(), Some("v6".into())),
            ("arm", None | Some("7")) => ("arm".into(), Some("v7".into())),
            ("arm", Some(digit @ ("5" | "6" | "8"))) => ("arm".into(), Some(format!("v{digit}").into())),
            _ => (architecture, variant),
        };
        Self { os, architecture, variant }
    }

    /// `linux`, `windows`, …
    pub fn os(&self) -> &str {
        &self.os
    }

    /// `amd64`, `arm64`, …
    pub fn architecture(&self) -> &str {
        &self.architecture
    }

    /// `v7`, …
    pub fn variant(&self) -> Option<&str> {
        self.variant.as_deref()
    }

    /// How well an image of platform `offered` runs here: `None` not at all, else less is better.
    ///
    /// The same platform fits best. On arm and amd64 an image for an older variant runs too, and an image without a
    /// variant is the architecture's default; on arm64 with a variant, so does plain arm64. A 64-bit node is never
    /// given a 32-bit image (the kubelet's runtimes would not choose it by default either).
    pub fn distance_to(&self, offered: &Platform) -> Option<u32> {
        if self.os != offered.os || self.architecture != offered.architecture {
            return None;
        }
        if self.variant == offered.variant {
            return Some(0);
        }
        let level = |platform: &Platform| match (platform.architecture(), platform.variant()) {
            ("amd64", None) => Some(1),
            ("arm64", None) => Some(8),
            (_, Some(variant)) => variant.strip_prefix('v').and_then(|n| n.split('.').next()?.parse::<u32>().ok()),
            _ => None,
        };
        level(self)?.checked_sub(level(offered)?).map(|steps| steps + 1)
    }
}

impl NodePlatform {
    /// How well an offered platform runs on this node: `None` not at all, else less is better.
    ///
    /// Windows containers need the build of their host: the first three numbers of `os.version` must be equal when
    /// both are known (<https://learn.microsoft.com/virtualization/windowscontainers/deploy-containers/version-compatibility>);
    /// an equal revision is better still.
    pub fn distance_to(&self, offered: &Platform, offered_os_version: Option<&str>) -> Option<u32> {
        let steps = self.platform.distance_to(offered)?;
        match (self.platform.os(), self.os_version.as_deref(), offered_os_version) {
            ("windows", Some(node), Some(image)) if node == image => Some(steps),
            ("windows", Some(node), Some(image)) if build(node) == build(image) => Some(steps + 1),
            ("windows", Some(_), Some(_)) => None,
            _ => Some(steps),
        }
    }
}

/// `text` in lower case.
fn word(text: &str) -> Cow<'static, str> {
    match WORDS.iter().find(|word| word.eq_ignore_ascii_case(text)) {
        Some(word) => Cow::Borrowed(word),
        None => Cow::Owned(text.to_ascii_lowercase()),
    }
}

/// `10.0.20348` of `10.0.20348.2582`.
fn build(os_version: &str) -> Vec<&str> {
    os_version.split('.').take(3).collect()
}

impl From<Platform> for NodePlatform {
    fn from(platform: Platform) -> Self {
        Self { platform, os_version: None }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let variant = self.variant().into_iter().flat_map(|variant| ["/", variant]);
        let mut parts = [self.os(), "/", self.architecture()].into_iter().chain(variant);
        if f.width().is_some() {
            return f.pad(&parts.collect::<String>());
        }
        parts.try_for_each(|part| f.write_str(part))
    }
}

impl FromStr for Platform {
    type Err = InvalidPlatform;

    fn from_str(text: &str) -> Result<Self, InvalidPlatform> {
        let is_word =
            |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
        match text.split('/').collect::<Vec<_>>().as_slice() {
            [os, architecture] if [os, architecture].into_iter().all(is_word) => Ok(Self::new(os, architecture, None)),
            [os, architecture, variant] if [os, architecture, variant].into_iter().all(is_word) => {
                Ok(Self::new(os, architecture, Some(variant)))
            }
            _ => Err(InvalidPlatform(cut(text, 80).into_owned())),
        }
    }
}

impl Serialize for Platform {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Platform {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Platform {
    fn schema_name() -> Cow<'static, str> {
        "Platform".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "os/arch[/variant]",
            "pattern": "^[^/]+/[^/]+(/[^/]+)?$",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(text: &str) -> Platform {
        text.parse().unwrap()
    }

    #[test]
    fn aliases_and_default_variants_are_normalized() {
        for (written, normal) in [
            ("linux/amd64", "linux/amd64"),
            ("Linux/x86_64", "linux/amd64"),
            ("linux/amd64/v1", "linux/amd64"),
            ("linux/amd64/v3", "linux/amd64/v3"),
            ("linux/aarch64", "linux/arm64"),
            ("linux/arm64/v8", "linux/arm64"),
            ("linux/arm64/v9", "linux/arm64/v9"),
            ("linux/arm", "linux/arm/v7"),
            ("linux/arm/6", "linux/arm/v6"),
            ("linux/armhf", "linux/arm/v7"),
            ("linux/i686", "linux/386"),
            ("linux/s390x", "linux/s390x"),
            ("windows/amd64", "windows/amd64"),
        ] {
            assert_eq!(platform(written).to_string(), normal, "{written}");
            assert_eq!(format!("{:<16}.", platform(written)), format!("{normal:<16}."), "{written}");
        }
    }

    #[test]
    fn what_is_no_platform_is_refused() {
        for text in ["", "linux", "linux/", "/amd64", "linux/amd64/", "a/b/c/d", "linux/am d64", "linux/\u{1b}[1m"] {
            assert!(text.parse::<Platform>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_node_runs_its_own_and_older_variants() {
        for (node, image, runs) in [
            ("linux/amd64", "linux/amd64", true),
            ("linux/amd64", "linux/arm64", false),
            ("linux/amd64", "linux/386", false),
            ("linux/amd64", "windows/amd64", false),
            ("linux/amd64/v3", "linux/amd64", true),
            ("linux/amd64", "linux/amd64/v3", false),
            ("linux/arm/v7", "linux/arm/v6", true),
            ("linux/arm/v6", "linux/arm/v7", false),
            ("linux/arm64/v9", "linux/arm64", true),
        ] {
            assert_eq!(platform(node).distance_to(&platform(image)).is_some(), runs, "{image} on {node}");
        }
        let node = platform("linux/arm/v7");
        assert!(node.distance_to(&platform("linux/arm/v7")) < node.distance_to(&platform("linux/arm/v6")));
        assert!(node.distance_to(&platform("linux/arm/v6")) < node.distance_to(&platform("linux/arm/v5")));
    }

    #[test]
    fn a_windows_node_wants_its_build() {
        let node = NodePlatform { platform: platform("windows/amd64"), os_version: Some("10.0.20348.2582".into()) };
        let image = platform("windows/amd64");
        assert_eq!(node.distance_to(&image, Some("10.0.20348.2582")), Some(0));
        assert_eq!(node.distance_to(&image, Some("10.0.20348.1")), Some(1));
        assert_eq!(node.distance_to(&image, Some("10.0.17763.1")), None);
        assert_eq!(node.distance_to(&image, None), Some(0));
    }
}
