//! Pull secrets that help nobody: told once for each secret, not for each image.

use std::collections::{BTreeMap, BTreeSet};

use super::evidence::{Evidence, Secret};
use super::{Draft, Subject, View, listed, remedy};
use crate::resolve::{Access, Resolution};
use crate::vocabulary::{AccessOutcome, AccessSource, ErrorClass, FindingCode};

/// Namespace and name of a secret.
type SecretName = (String, String);

/// `pull-secret-missing` and `pull-secret-stale`.
pub(super) fn find(views: &[View<'_>], resolution: Option<&Resolution>) -> Vec<Draft> {
    let Some(resolution) = resolution else { return Vec::new() };
    missing(views, resolution).into_iter().chain(stale(views)).collect()
}

/// A pod names a secret that does not exist: the kubelet passes it over in silence.
fn missing(views: &[View<'_>], resolution: &Resolution) -> Vec<Draft> {
    let mut users: BTreeMap<SecretName, Vec<&View<'_>>> = BTreeMap::new();
    for view in views.iter().filter(|view| view.reference.is_some()) {
        let named: BTreeSet<SecretName> = view
            .usage
            .contexts
            .iter()
            .flat_map(|context| {
                context.secrets.iter().map(|secret| (context.namespace.to_string(), secret.to_string()))
            })
            .collect();
        for secret in named.into_iter().filter(|secret| resolution.missing_secrets.contains(secret)) {
            users.entry(secret).or_default().push(view);
        }
    }
    let draft = |((namespace, name), views): (SecretName, Vec<&View<'_>>)| {
        let message =
            format!("pods of {namespace} name the pull secret {name}, which does not exist: {}", images_of(&views));
        secret_draft(FindingCode::PullSecretMissing, (&namespace, &name), &views, None, message)
    };
    users.into_iter().map(draft).collect()
}

/// A matching secret is refused where anonymous would do: the kubelet never tries anonymous after a match.
fn stale(views: &[View<'_>]) -> Vec<Draft> {
    let mut users: BTreeMap<SecretName, (Vec<&View<'_>>, ErrorClass)> = BTreeMap::new();
    for view in views {
        let access = view.answer.map(|answer| answer.access.as_slice()).unwrap_or_default();
        let open = access.iter().any(|a| a.source == AccessSource::Anonymous && a.outcome == AccessOutcome::Accepted);
        for (secret, class) in access.iter().filter(|_| open).flat_map(refused_secrets) {
            users.entry(secret).or_insert((Vec::new(), class)).0.push(view);
        }
    }
    let draft = |((namespace, name), (views, class)): (SecretName, (Vec<&View<'_>>, ErrorClass))| {
        let message = format!(
            "the registry refuses pull secret {namespace}/{name} ({class}), but needs none: {}",
            images_of(&views)
        );
        secret_draft(FindingCode::PullSecretStale, (&namespace, &name), &views, Some(class), message)
    };
    users.into_iter().map(draft).collect()
}

/// The secrets behind a credential that the kubelet would use, and that the registry does not accept as one.
fn refused_secrets(access: &Access) -> Vec<(SecretName, ErrorClass)> {
    let refusals = [ErrorClass::Unauthorized, ErrorClass::Forbidden];
    let class = access.class.unwrap_or(ErrorClass::Unauthorized);
    match &access.name {
        Some(name)
            if access.source == AccessSource::PullSecret
                && access.kubelet
                && access.outcome == AccessOutcome::Refused
                && refusals.contains(&class) =>
        {
            access.namespaces.iter().map(|namespace| ((namespace.clone(), name.clone()), class)).collect()
        }
        _ => Vec::new(),
    }
}

fn secret_draft(
    code: FindingCode,
    (namespace, name): (&str, &str),
    views: &[&View<'_>],
    class: Option<ErrorClass>,
    message: String,
) -> Draft {
    let registry = views.iter().find_map(|view| view.reference).map_or("docker.io", |reference| reference.registry());
    let waiting = views.iter().flat_map(|view| view.usage.waiting.values());
    let examples = waiting.flat_map(|waiting| &waiting.examples).filter(|pod| &*pod.namespace == namespace);
    let subject = Subject { kind: "Secret".to_owned(), namespace: Some(namespace.to_owned()), name: name.to_owned() };
    let mut images: Vec<String> = views.iter().map(|view| view.name.clone()).collect();
    images.sort_unstable();
    Draft {
        code,
        message,
        remedy: Some(remedy::create_secret(namespace, name, registry)),
        subjects: [subject].into(),
        examples: examples.cloned().collect(),
        seen: None,
        evidence: Evidence::Secret(Secret { images, class }),
    }
}

fn images_of(views: &[&View<'_>]) -> String {
    let mut names: Vec<String> = views.iter().map(|view| view.name.clone()).collect();
    names.sort_unstable();
    listed(&names, 2)
}
