//! The media types that we know.

use std::borrow::Cow;

/// What a media type announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaType {
    /// `application/vnd.oci.image.index.v1+json`
    OciIndex,
    /// `application/vnd.docker.distribution.manifest.list.v2+json`
    DockerList,
    /// `application/vnd.oci.image.manifest.v1+json`
    OciManifest,
    /// `application/vnd.docker.distribution.manifest.v2+json`
    DockerManifest,
    /// `application/vnd.docker.distribution.manifest.v1+json`, `…+prettyjws`
    DockerSchema1,
    /// Anything else.
    Other,
}

const KNOWN: [(&str, MediaType); 6] = [
    ("application/vnd.oci.image.index.v1+json", MediaType::OciIndex),
    ("application/vnd.docker.distribution.manifest.list.v2+json", MediaType::DockerList),
    ("application/vnd.oci.image.manifest.v1+json", MediaType::OciManifest),
    ("application/vnd.docker.distribution.manifest.v2+json", MediaType::DockerManifest),
    ("application/vnd.docker.distribution.manifest.v1+json", MediaType::DockerSchema1),
    ("application/vnd.docker.distribution.manifest.v1+prettyjws", MediaType::DockerSchema1),
];

/// What nearly all other descriptors announce
/// (<https://github.com/opencontainers/image-spec/blob/main/media-types.md>, <https://distribution.github.io/distribution/spec/manifest-v2-2/>).
const OTHERS: [&str; 11] = [
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
    "application/vnd.oci.image.layer.v1.tar+zstd",
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    "application/vnd.oci.empty.v1+json",
    "application/vnd.in-toto+json",
    "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
];

/// A media type as it is written. An image names few of them, many times: of those that are well known no copy is made.
pub(super) fn written(text: &str) -> Cow<'static, str> {
    match OTHERS.into_iter().chain(KNOWN.map(|(name, _)| name)).find(|known| *known == text) {
        Some(known) => Cow::Borrowed(known),
        None => Cow::Owned(text.to_owned()),
    }
}

impl MediaType {
    /// What a manifest request accepts, most wanted first.
    pub const ACCEPT: &'static str = "application/vnd.oci.image.index.v1+json, \
        application/vnd.docker.distribution.manifest.list.v2+json, \
        application/vnd.oci.image.manifest.v1+json, \
        application/vnd.docker.distribution.manifest.v2+json, \
        application/vnd.docker.distribution.manifest.v1+prettyjws;q=0.1, \
        application/vnd.docker.distribution.manifest.v1+json;q=0.1";

    /// Reads a media type, or a `Content-Type` with parameters.
    pub fn parse(text: &str) -> Self {
        let essence = text.split(';').next().unwrap_or_default().trim();
        let known = KNOWN.iter().find(|(name, _)| essence.eq_ignore_ascii_case(name));
        known.map_or(Self::Other, |(_, media_type)| *media_type)
    }

    /// Whether a config of this media type is an image's config.
    pub fn is_image_config(text: &str) -> bool {
        matches!(text, "application/vnd.oci.image.config.v1+json" | "application/vnd.docker.container.image.v1+json")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_not_well_known_is_copied() {
        for (text, is_copied) in [
            ("application/vnd.oci.image.layer.v1.tar+gzip", false),
            ("application/vnd.oci.image.manifest.v1+json", false),
            ("application/vnd.oci.image.manifest.v1+JSON", true),
            ("application/x", true),
            ("", true),
        ] {
            let written = written(text);
            assert_eq!((&*written, matches!(written, Cow::Owned(_))), (text, is_copied));
        }
    }
}
