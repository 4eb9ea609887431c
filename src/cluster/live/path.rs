//! Paths of the Kubernetes API.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What is encoded in a segment: all but the unreserved characters of RFC 3986.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The path of a group's version: `/api/v1`, `/apis/apps/v1`.
pub(super) fn group_version(api_version: &str) -> String {
    match api_version.split_once('/') {
        None => format!("/api/{}", segment(api_version)),
        Some((group, version)) => format!("/apis/{}/{}", segment(group), segment(version)),
    }
}

/// The path of all objects of a resource, in one namespace or in all (or of one without namespaces).
pub(super) fn collection(api_version: &str, namespace: Option<&str>, plural: &str) -> String {
    let root = group_version(api_version);
    match namespace {
        Some(namespace) => format!("{root}/namespaces/{}/{}", segment(namespace), segment(plural)),
        None => format!("{root}/{}", segment(plural)),
    }
}

/// The path of one object.
pub(super) fn object(api_version: &str, namespace: Option<&str>, plural: &str, name: &str) -> String {
    format!("{}/{}", collection(api_version, namespace, plural), segment(name))
}

fn segment(text: &str) -> Cow<'_, str> {
    utf8_percent_encode(text, SEGMENT).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_api() {
        assert_eq!(collection("v1", None, "pods"), "/api/v1/pods");
        assert_eq!(collection("apps/v1", Some("shop"), "deployments"), "/apis/apps/v1/namespaces/shop/deployments");
        assert_eq!(object("v1", Some("a/../b"), "secrets", "x?y"), "/api/v1/namespaces/a%2F..%2Fb/secrets/x%3Fy");
    }
}
