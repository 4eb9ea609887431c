//! The closed word lists that the facts, the events and the code share: classes, codes, roles, states.
//!
//! Every list is public: a word keeps its meaning for all of schema 1.x, and new words may be added.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Declares an enum whose variants are the words of a public list, in kebab-case.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum $name {
            $($(#[$variant_meta])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// Every word of the list, in the order of its declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word as it stands in facts and events.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

mod finding;

pub use finding::{FindingCode, Severity};

words! {
    /// Why an image could not be resolved.
    ErrorClass {
        /// The reference in the spec cannot be parsed.
        InvalidReference = "invalid-reference",
        /// The registry, or its token server, wants a credential, or refused the one it was given (401).
        Unauthorized = "unauthorized",
        /// The registry knows who asks, and says no (403).
        Forbidden = "forbidden",
        /// The repository, the tag, the manifest or the config does not exist (404).
        NotFound = "not-found",
        /// The registry asked us to slow down until no time was left (429).
        RateLimited = "rate-limited",
        /// No answer in time.
        Timeout = "timeout",
        /// The host's name has no address.
        Dns = "dns",
        /// No connection: refused, unreachable, or broken while it was used.
        Connect = "connect",
        /// The TLS handshake failed, mostly for the server's certificate.
        Tls = "tls",
        /// The server failed (5xx), or answered with a status that the protocol does not know.
        Server = "server",
        /// The content is not what the protocol allows: no JSON, no digest, contradictory media types.
        InvalidContent = "invalid-content",
        /// The content is not what its digest or its size says.
        DigestMismatch = "digest-mismatch",
        /// The content is larger than our limit for its kind.
        TooLarge = "too-large",
        /// A kind of document, digest or challenge that we do not know.
        Unsupported = "unsupported",
        /// Not followed or not sent, for our own safety or because a setting forbids it.
        Refused = "refused",
        /// The run was interrupted, or ran out of time, before this was known.
        Canceled = "canceled",
    }
}

words! {
    /// The step at which resolving an image failed.
    ErrorStage {
        /// Parsing the reference.
        Reference = "reference",
        /// Finding or reading a credential.
        Credentials = "credentials",
        /// Fetching a token from the registry's token server.
        Token = "token",
        /// Fetching or reading an index or a manifest.
        Manifest = "manifest",
        /// Fetching or reading an image's config.
        Config = "config",
        /// Looking for attachments.
        Attachments = "attachments",
    }
}

words! {
    /// How far an image was resolved.
    ImageStatus {
        /// Complete for each wanted platform that the image offers.
        Resolved = "resolved",
        /// Some manifest was read, but not all that was wanted; or all is an earlier answer from the cache.
        Partial = "partial",
        /// No manifest could be read.
        Failed = "failed",
        /// No registry was asked.
        Unqueried = "unqueried",
    }
}

words! {
    /// Where the answer about an image came from.
    Via {
        /// The registry that the reference names.
        Registry = "registry",
        /// A mirror of it.
        Mirror = "mirror",
        /// An earlier answer from the disk cache.
        Cache = "cache",
    }
}

words! {
    /// What a running digest names, as the registry says.
    DigestKind {
        /// An index (manifest list).
        Index = "index",
        /// An image's manifest.
        Manifest = "manifest",
        /// An image's config.
        Config = "config",
        /// Not known: the registry could not be asked, or does not have it.
        Unknown = "unknown",
    }
}

words! {
    /// What a manifest document is.
    ManifestKind {
        /// An OCI index or a Docker manifest list.
        Index = "index",
        /// An image: a manifest with a config and layers.
        Image = "image",
        /// An OCI artifact: a manifest whose config is no image config.
        Artifact = "artifact",
        /// Docker schema 1.
        Legacy = "legacy",
    }
}

words! {
    /// The part that an object plays for an image.
    Role {
        /// What runs, or shall run now.
        Current = "current",
        /// An earlier revision that a rollback would start: a ReplicaSet at 0.
        History = "history",
        /// A template that nothing has been made from yet, or a suspended workload.
        Template = "template",
    }
}

words! {
    /// The kind of a container, by the list of the pod spec that holds it.
    ContainerType {
        /// `containers`
        Container = "container",
        /// `initContainers`
        Init = "init",
        /// `initContainers` with `restartPolicy: Always`
        Sidecar = "sidecar",
        /// `ephemeralContainers`
        Ephemeral = "ephemeral",
        /// `volumes[].image`
        Volume = "volume",
    }
}

words! {
    /// Whether a custom resource's field surely holds an image.
    Certainty {
        /// An entry of a list of containers, or pods show that it runs.
        Certain = "certain",
        /// A string that is called an image, and looks like one.
        Probable = "probable",
    }
}

words! {
    /// What an attachment is.
    AttachmentKind {
        /// A signature.
        Signature = "signature",
        /// A bill of materials.
        Sbom = "sbom",
        /// How the image was built.
        Provenance = "provenance",
        /// A scanner's report.
        VulnerabilityReport = "vulnerability-report",
        /// Anything else.
        Other = "other",
    }
}

words! {
    /// Where attachments are looked for.
    AttachmentVia {
        /// The image's own index.
        Index = "index",
        /// The referrers API, or the tag that stands in for it.
        Referrers = "referrers",
        /// Cosign's tags.
        Tag = "tag",
    }
}

words! {
    /// Where a credential comes from, in the order in which sources are asked.
    AccessSource {
        /// An `imagePullSecrets` entry of a pod or of its ServiceAccount.
        PullSecret = "pull-secret",
        /// Environment variables.
        Environment = "environment",
        /// The program's own configuration.
        Config = "config",
        /// podman's `auth.json`, or the file named by `--authfile`.
        Authfile = "authfile",
        /// docker's `config.json`.
        DockerConfig = "docker-config",
        /// A docker credential helper, or a credential provider plugin as the kubelet has them.
        Helper = "helper",
        /// A pull secret in a mounted directory.
        Mounted = "mounted",
        /// No credential.
        Anonymous = "anonymous",
    }
}

words! {
    /// What a registry answered to a credential.
    AccessOutcome {
        /// The registry gave what was asked for.
        Accepted = "accepted",
        /// It did not.
        Refused = "refused",
    }
}

words! {
    /// Which side something could not be looked at on.
    GapScope {
        /// The cluster.
        Kubernetes = "kubernetes",
        /// A registry.
        Registry = "registry",
    }
}

words! {
    /// How secrets in the facts are masked.
    RedactionMode {
        /// Values that look or sound like secrets are masked.
        Default = "default",
        /// Every value is masked; names stay.
        Strict = "strict",
        /// Nothing is masked.
        Off = "off",
    }
}

words! {
    /// Where the objects came from.
    SourceType {
        /// A live API server.
        Cluster = "cluster",
        /// Files.
        Files = "files",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_reads_as_it_is_written() {
        for class in ErrorClass::ALL {
            let json = serde_json::to_string(class).unwrap();
            assert_eq!(json, format!("\"{class}\""));
            assert_eq!(serde_json::from_str::<ErrorClass>(&json).unwrap(), *class);
        }
        for code in FindingCode::ALL {
            assert_eq!(serde_json::to_string(code).unwrap(), format!("\"{code}\""));
        }
    }
}
