//! What can be wrong, and how much that matters.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

words! {
    /// How much a finding matters.
    Severity {
        /// Something does not work.
        Error = "error",
        /// Something will not work, or is not what one thinks it is.
        Warning = "warning",
        /// Worth knowing.
        Info = "info",
    }
}

words! {
    /// What is wrong with an image.
    FindingCode {
        /// The kubelet may not pull the image.
        PullUnauthorized = "pull-unauthorized",
        /// The kubelet does not find the image.
        PullNotFound = "pull-not-found",
        /// The registry told the kubelet to slow down.
        PullRateLimited = "pull-rate-limited",
        /// The image has nothing for the node's platform.
        PullPlatform = "pull-platform",
        /// The kubelet does not trust the registry's certificate.
        PullTls = "pull-tls",
        /// The kubelet does not reach the registry.
        PullNetwork = "pull-network",
        /// The registry failed.
        PullServer = "pull-server",
        /// The node's disk is full.
        PullDiskFull = "pull-disk-full",
        /// The pull policy is Never, and the node does not have the image.
        PullNever = "pull-never",
        /// The image's signature was refused.
        PullSignature = "pull-signature",
        /// The pull fails for any other cause.
        PullFailed = "pull-failed",
        /// The container's program is for another architecture.
        ExecFormat = "exec-format",
        /// The image's name in the spec cannot be parsed.
        InvalidImageName = "invalid-image-name",
        /// The image has no manifest for a node that runs it or shall run it.
        PlatformMissing = "platform-missing",
        /// The tag names another digest than the pods run.
        TagDrift = "tag-drift",
        /// Pods run several digests of one reference.
        NodeDisagreement = "node-disagreement",
        /// What runs can no longer be pulled.
        GoneFromRegistry = "gone-from-registry",
        /// A pod names a pull secret that does not exist.
        PullSecretMissing = "pull-secret-missing",
        /// A matching credential is refused where anonymous would do.
        PullSecretStale = "pull-secret-stale",
        /// A pull took longer than 60 s.
        SlowPull = "slow-pull",
        /// The tag is `latest`, or there is none.
        MutableTag = "mutable-tag",
        /// The manifest is Docker schema 1.
        LegacyManifest = "legacy-manifest",
        /// The image is larger than 2 GiB compressed.
        LargeImage = "large-image",
    }
}

impl FindingCode {
    /// The severity of this code, before a workload's history lowers it.
    pub fn severity(self) -> Severity {
        use FindingCode::*;
        match self {
            PullUnauthorized | PullNotFound | PullRateLimited | PullPlatform | PullTls | PullNetwork | PullServer
            | PullDiskFull | PullNever | PullSignature | PullFailed | ExecFormat | InvalidImageName
            | PlatformMissing => Severity::Error,
            TagDrift | NodeDisagreement | GoneFromRegistry | PullSecretMissing | PullSecretStale | SlowPull => {
                Severity::Warning
            }
            MutableTag | LegacyManifest | LargeImage => Severity::Info,
        }
    }
}
