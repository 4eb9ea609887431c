//! What the kubelet's words mean. They are the runtimes' and the registries' error texts, passed on.

use crate::vocabulary::FindingCode;

/// Texts that tell a cause, in the order in which they are looked for: a text may hold several, and the first is the
/// one to act upon. containerd's "no match for platform in manifest: not found" is no missing image, and a token
/// server that cannot be reached is no refusal.
const CAUSES: &[(FindingCode, &[&str])] = &[
    (FindingCode::ExecFormat, &["exec format error"]),
    (FindingCode::PullPlatform, &["no match for platform", "no matching manifest", "no image found in manifest list"]),
    (FindingCode::PullRateLimited, &["toomanyrequests", "too many requests", "rate limit", " 429"]),
    (FindingCode::PullDiskFull, &["no space left", "disk quota exceeded", "not enough disk space"]),
    (
        FindingCode::PullSignature,
        &["signature validation", "signature was required", "signatures do not match", "source image rejected"],
    ),
    // What the node cannot unpack has been pulled, and a "permission denied" then is the file system's.
    (FindingCode::PullFailed, &["failed to extract layer", "failed to register layer"]),
    (FindingCode::PullNetwork, &["tls handshake timeout"]),
    (FindingCode::PullTls, &["x509", "certificate", "tls: ", "http response to https client"]),
    (
        FindingCode::PullNetwork,
        &[
            "no such host",
            "i/o timeout",
            "connection refused",
            "connection reset",
            "no route to host",
            "network is unreachable",
            "server misbehaving",
            "context deadline exceeded",
            "client.timeout",
            "proxyconnect",
            "unexpected eof",
            ": eof",
        ],
    ),
    (
        FindingCode::PullServer,
        &[
            " 500",
            " 502",
            " 503",
            " 504",
            "internal server error",
            "bad gateway",
            "service unavailable",
            "gateway time",
        ],
    ),
    (
        FindingCode::PullUnauthorized,
        &[
            "unauthorized",
            "forbidden",
            "denied",
            "authorization failed",
            "authentication required",
            "no basic auth credentials",
            " 401",
            " 403",
        ],
    ),
    (
        FindingCode::PullNotFound,
        &["not found", "manifest unknown", "name unknown", "does not exist", "no such manifest", " 404"],
    ),
];

/// The cause of a waiting reason and its message; `None` when it is not about an image.
///
/// `names` are the image's own, which are not listened to: an image may well be called `access-denied`.
pub(super) fn cause(reason: &str, message: &str, names: &[String]) -> Option<FindingCode> {
    match reason {
        "ErrImageNeverPull" => Some(FindingCode::PullNever),
        "SignatureValidationFailed" => Some(FindingCode::PullSignature),
        "RegistryUnavailable" => Some(words(message, names).unwrap_or(FindingCode::PullNetwork)),
        "ErrImagePull" | "ImagePullBackOff" | "ImageInspectError" => {
            Some(words(message, names).unwrap_or(FindingCode::PullFailed))
        }
        // Other reasons are about the container, and of these only one tells about its image.
        _ => words(message, names).filter(|code| *code == FindingCode::ExecFormat),
    }
}

/// The cause that a text tells; `None` when it tells none.
pub(super) fn words(message: &str, names: &[String]) -> Option<FindingCode> {
    let mut text = message.to_owned();
    for name in names {
        text = text.replace(name.as_str(), "IMAGE");
    }
    let text = text.to_ascii_lowercase();
    let tells = |cause: &str| match cause.strip_prefix(' ') {
        Some(status) if status.bytes().all(|b| b.is_ascii_digit()) => has_status(&text, status),
        _ => text.contains(cause),
    };
    CAUSES.iter().find(|(_, causes)| causes.iter().any(|cause| tells(cause))).map(|(code, _)| *code)
}

/// Whether an HTTP status stands in a text as a word of its own: no part of a digest, a port or a tag.
fn has_status(text: &str, status: &str) -> bool {
    text.split_ascii_whitespace().any(|word| word.trim_matches([':', ',', '.', '(', ')', '"', ';']) == status)
}

#[cfg(test)]
mod tests {
    use super::*;
    use FindingCode::*;

    const IMAGE: &str = "ghcr.io/acme/web:v1";

    #[test]
    fn the_kubelets_words_tell_the_cause() {
        let pull = format!("failed to pull and unpack image \"{IMAGE}\": failed to resolve reference \"{IMAGE}\": ");
        for (words, expected) in [
            ("no match for platform in manifest: not found", PullPlatform),
            ("no matching manifest for linux/arm64/v8 in the manifest list entries", PullPlatform),
            (
                "failed to authorize: failed to fetch anonymous token: unexpected status: 401 Unauthorized",
                PullUnauthorized,
            ),
            ("pull access denied, repository does not exist or may require authorization", PullUnauthorized),
            ("unexpected status code [manifests v1]: 403 Forbidden", PullUnauthorized),
            ("Head \"https://r/v2/a/manifests/1\": no basic auth credentials", PullUnauthorized),
            ("ghcr.io/acme/web:v1: not found", PullNotFound),
            ("manifest unknown: OCI index found, but accept header does not support it", PullNotFound),
            (
                "unexpected status: 429 Too Many Requests toomanyrequests: You have reached your pull rate limit",
                PullRateLimited,
            ),
            ("tls: failed to verify certificate: x509: certificate signed by unknown authority", PullTls),
            ("http: server gave HTTP response to HTTPS client", PullTls),
            ("net/http: TLS handshake timeout", PullNetwork),
            ("dial tcp: lookup ghcr.io: no such host", PullNetwork),
            ("failed to authorize: failed to fetch oauth token: dial tcp 10.0.0.1:443: i/o timeout", PullNetwork),
            ("unexpected status from HEAD request to https://r/v2/: 503 Service Unavailable", PullServer),
            ("write /var/lib/containerd/x: no space left on device", PullDiskFull),
            ("Source image rejected: A signature was required, but no signature exists", PullSignature),
            ("failed to extract layer sha256:abc: mkdir /var/lib/x: permission denied", PullFailed),
            ("something else", PullFailed),
        ] {
            assert_eq!(
                cause("ErrImagePull", &format!("{pull}{words}"), &[IMAGE.to_owned()]),
                Some(expected),
                "{words}"
            );
        }
    }

    #[test]
    fn a_reason_may_tell_more_than_its_message() {
        for (reason, message, expected) in [
            ("ErrImageNeverPull", "Container image \"x\" is not present with pull policy of Never", Some(PullNever)),
            ("SignatureValidationFailed", "", Some(PullSignature)),
            ("RegistryUnavailable", "", Some(PullNetwork)),
            ("RegistryUnavailable", "x509: unknown authority", Some(PullTls)),
            ("ImageInspectError", "", Some(PullFailed)),
            ("RunContainerError", "exec /app: exec format error", Some(ExecFormat)),
            ("CrashLoopBackOff", "back-off 5m0s restarting failed container", None),
            ("CreateContainerConfigError", "secret \"x\" not found", None),
            ("ContainerCreating", "", None),
        ] {
            assert_eq!(cause(reason, message, &[]), expected, "{reason}");
        }
    }

    #[test]
    fn an_images_name_a_digest_and_a_port_tell_nothing() {
        let name = "r.example.com:401/denied/x509-not-found:v1".to_owned();
        let message = format!("failed to pull \"{name}\" sha256:429401404: odd");
        assert_eq!(words(&message, &[name]), None);
        assert_eq!(words("dial 10.0.0.1:503", &[]), None);
    }
}
