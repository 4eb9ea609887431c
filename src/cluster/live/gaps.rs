//! What could not be looked at, in words that say what would close the gap.

use std::collections::BTreeSet;

use http::StatusCode;

use super::refusal::RequestError;
use crate::cluster::inventory::Gap;
use crate::cluster::objects::Resource;
use crate::vocabulary::GapScope;

/// What gaps about all custom resources name as their resource.
const CUSTOM_RESOURCES: &str = "customresources";

/// A list that was not read to its end.
pub(super) fn unlisted(resource: Resource<'_>, namespace: Option<&str>, error: &RequestError) -> Gap {
    let name = resource.name();
    let place = place(resource, namespace);
    let message = match (error, error.status()) {
        (_, Some(StatusCode::FORBIDDEN)) => {
            let role = if namespace.is_some() { "Role" } else { "ClusterRole" };
            format!(
                "{name} may not be listed {place}: {error}. A {role} with the verb list on {name} for that user closes this gap"
            )
        }
        (RequestError::Stopped, _) => format!("{name} were not listed {place} to the end: {error}"),
        (_, Some(StatusCode::UNAUTHORIZED)) => format!(
            "{name} could not be listed {place} to the end: {error}. The credential is not accepted, or not any more: log in \
             again"
        ),
        _ => format!("{name} could not be listed {place} to the end: {error}. Try again when the API server is well"),
    };
    let message = match resource {
        Resource::Node => format!("{message}. Without nodes it is not known for which platforms images are needed"),
        Resource::Event => format!("{message}. Without events less is known of past pulls"),
        Resource::Pod | Resource::Workload(_) | Resource::Custom(_) => message,
    };
    // Events and custom resources only add to what pods and workloads tell.
    let is_extra = matches!(resource, Resource::Event | Resource::Custom(_));
    let incomplete = !is_extra || *error == RequestError::Stopped;
    gap(&name, namespace, reason(error), message, incomplete)
}

/// A list that shows more than one moment.
pub(super) fn inconsistent(resource: Resource<'_>, namespace: Option<&str>) -> Gap {
    let name = resource.name();
    let message = format!(
        "the list of {name} {} took longer than the API server keeps a state: objects that changed meanwhile may be \
         missing or old. Narrow the run with -n to make it shorter",
        place(resource, namespace)
    );
    gap(&name, namespace, "inconsistent", message, false)
}

/// Custom resources that may not be listed, told together: often nobody but administrators may list any.
pub(super) fn closed_custom_resources(names: &BTreeSet<String>) -> Gap {
    let listed: Vec<&str> = names.iter().map(String::as_str).collect();
    let message = format!(
        "{} may not be listed everywhere: {}. What they start shows in pods and workloads all the same. A ClusterRole \
         with the verb list on them closes this gap, and --no-custom-resources does without",
        match names.len() {
            1 => "a custom resource".to_owned(),
            count => format!("{count} custom resources"),
        },
        listed.join(", ")
    );
    gap(CUSTOM_RESOURCES, None, "forbidden", message, false)
}

/// Custom resources of which not even the names can be had.
pub(super) fn unknown_custom_resources(error: &RequestError) -> Gap {
    let message = format!(
        "which custom resources there are could not be asked: {error}. What they start shows in pods and workloads all \
         the same"
    );
    gap(CUSTOM_RESOURCES, None, reason(error), message, *error == RequestError::Stopped)
}

/// Namespaces that are not all known, so that not all were looked at.
pub(super) fn unknown_namespaces(looked_at: &[String], error: &RequestError) -> Gap {
    let looked_at = looked_at.join(", ");
    let message = format!(
        "namespaces may not be listed: {error}. Only the context's own was looked at: {looked_at}. Name others with \
         -n, or a ClusterRole with the verb list on namespaces for that user closes this gap"
    );
    gap("namespaces", None, reason(error), message, true)
}

/// A namespace that was named, but does not exist: its empty lists must not read as "no images".
pub(super) fn missing_namespace(name: &str) -> Gap {
    let message = format!("namespace {name} does not exist. Check the spelling after -n");
    gap("namespaces", Some(name), "not-found", message, true)
}

/// Owners that were not looked up.
pub(super) fn unknown_owners(count: usize) -> Gap {
    let message = format!(
        "{count} owners of kinds that are not listed were not looked up: their images are shown as used by them, not \
         by what may own them in turn"
    );
    Gap { resource: None, ..gap("", None, "limit", message, false) }
}

/// Owners that could not be asked for.
pub(super) fn owners_failed(error: &RequestError) -> Gap {
    let message = format!("owners of kinds that are not listed could not be looked up: {error}");
    Gap { resource: None, ..gap("", None, reason(error), message, *error == RequestError::Stopped) }
}

fn gap(resource: &str, namespace: Option<&str>, reason: &str, message: String, incomplete: bool) -> Gap {
    Gap {
        scope: GapScope::Kubernetes,
        resource: Some(resource.to_owned()),
        namespace: namespace.map(str::to_owned),
        host: None,
        reason: reason.to_owned(),
        message,
        incomplete,
    }
}

fn place(resource: Resource<'_>, namespace: Option<&str>) -> String {
    match namespace {
        Some(namespace) => format!("in namespace {namespace}"),
        None if matches!(resource, Resource::Node | Resource::Custom(_)) => "in the cluster".to_owned(),
        None => "in all namespaces".to_owned(),
    }
}

fn reason(error: &RequestError) -> &'static str {
    match error {
        RequestError::Refused(refusal) => match refusal.code {
            StatusCode::UNAUTHORIZED => "unauthorized",
            StatusCode::FORBIDDEN => "forbidden",
            StatusCode::TOO_MANY_REQUESTS => "rate-limited",
            StatusCode::GONE => "inconsistent",
            _ => "server",
        },
        RequestError::Broken(_) => "connect",
        RequestError::Tls(_) => "tls",
        RequestError::Credential(_) => "credentials",
        RequestError::TimedOut(_) => "timeout",
        RequestError::TooLarge(_) => "too-large",
        RequestError::Unreadable(_) => "unreadable",
        RequestError::Stopped => "canceled",
    }
}
