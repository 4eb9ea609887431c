//! Pods that wait for an image: the kubelet's words, joined with what the registry answered us.

use std::collections::{BTreeMap, BTreeSet};

use super::evidence::{Evidence, Kubelet};
use super::registry::{self, Word};
use super::{Draft, View, kubelet, listed, owned, remedy};
use crate::cluster::inventory::{PullContext, PullFailure, Waiting};
use crate::vocabulary::FindingCode;

/// Everything that waits for one cause.
#[derive(Default)]
struct Cause<'a> {
    /// reason and message that tell the cause best, with what waits for it
    waiting: Vec<(&'a str, &'a str, &'a Waiting)>,
}

/// A finding for each cause for which pods wait.
pub(super) fn find(view: &View<'_>) -> Vec<Draft> {
    if view.reference.is_none() || view.usage.waiting.is_empty() {
        return Vec::new();
    }
    let names = names(view);
    let mut causes: BTreeMap<FindingCode, Cause<'_>> = BTreeMap::new();
    for ((reason, message), waiting) in &view.usage.waiting {
        let Some(mut code) = kubelet::cause(reason, message, &names) else { continue };
        if code == FindingCode::PullFailed {
            // Older kubelets tell the cause in an event only.
            code = told_by_event(view, &names).unwrap_or(code);
        }
        causes.entry(code).or_default().waiting.push((reason, message, waiting));
    }
    causes.into_iter().filter_map(|(code, cause)| draft(view, &names, code, &cause)).collect()
}

fn draft(view: &View<'_>, names: &[String], code: FindingCode, cause: &Cause<'_>) -> Option<Draft> {
    let failures: Vec<(&String, &PullFailure)> =
        view.usage.pull_failures.iter().filter(|(message, _)| kubelet::words(message, names) == Some(code)).collect();
    let best = |(_, message, _): &&(&str, &str, &Waiting)| (kubelet::words(message, names).is_some(), message.len());
    let (reason, waiting_message, _) = *cause.waiting.iter().max_by_key(best)?;
    let event = failures.iter().max_by_key(|(_, failure)| failure.last_seen).map(|(message, _)| message.as_str());
    let tells = kubelet::words(waiting_message, names).is_some();
    let message = event.filter(|_| !tells).unwrap_or(waiting_message);
    let nodes = owned(cause.waiting.iter().flat_map(|(_, _, waiting)| &waiting.nodes));
    let seen = seen(&failures);
    let word = registry::word(view, code);
    Some(Draft {
        code,
        message: sentence(view, code, &nodes, seen.map(|(_, last)| last), word.as_ref()),
        remedy: way_out(view, code, &nodes, word.as_ref()),
        subjects: cause.waiting.iter().flat_map(|(_, _, waiting)| subjects(view, waiting)).collect(),
        examples: cause.waiting.iter().flat_map(|(_, _, waiting)| waiting.examples.iter().cloned()).collect(),
        seen,
        evidence: Evidence::Kubelet(Kubelet {
            reason: reason.to_owned(),
            message: message.to_owned(),
            pods: cause.waiting.iter().fold(0, |sum, (_, _, waiting)| sum + waiting.pods),
            nodes,
            failed_pulls: failures.iter().map(|(_, failure)| failure.count).reduce(u64::saturating_add),
            agrees: word.as_ref().and_then(|word| word.agrees),
            registry: word.map(|word| word.evidence),
        }),
    })
}

/// The spellings that are not listened to, longest first.
fn names(view: &View<'_>) -> Vec<String> {
    let mut names: BTreeSet<String> = view.usage.written_as.iter().map(|name| format!("\"{name}\"")).collect();
    names.extend(view.usage.written_as.iter().filter(|name| name.contains(['/', ':'])).cloned());
    if let Some(reference) = view.reference {
        let path = reference.repository().path();
        names.extend([reference.to_string(), reference.repository().to_string()]);
        names.extend([path.to_owned(), path.replace('/', "%2F")].into_iter().filter(|path| path.contains(['/', '%'])));
    }
    let mut names: Vec<String> = names.into_iter().collect();
    names.sort_by_key(|name| std::cmp::Reverse(name.len()));
    names
}

/// The cause that the last event of a failed pull tells.
fn told_by_event(view: &View<'_>, names: &[String]) -> Option<FindingCode> {
    let told = view
        .usage
        .pull_failures
        .iter()
        .filter_map(|(message, failure)| Some((failure.last_seen, kubelet::words(message, names)?)));
    told.max().map(|(_, code)| code)
}

fn seen(failures: &[(&String, &PullFailure)]) -> Option<(jiff::Timestamp, jiff::Timestamp)> {
    let first = failures.iter().filter_map(|(_, failure)| failure.first_seen).min();
    let last = failures.iter().filter_map(|(_, failure)| failure.last_seen).max();
    Some((first.or(last)?, last.or(first)?))
}

fn subjects(view: &View<'_>, waiting: &Waiting) -> Vec<super::Subject> {
    waiting.owners.iter().flat_map(|owner| view.subjects_of(owner, Some(&waiting.examples))).collect()
}

/// What the kubelet says; what the registry says.
fn sentence(
    view: &View<'_>,
    code: FindingCode,
    nodes: &[String],
    last: Option<jiff::Timestamp>,
    word: Option<&Word>,
) -> String {
    let nodes = listed(nodes, 2);
    let nodes = if nodes.is_empty() { "the node".to_owned() } else { nodes };
    let at = last.map(|last| format!(" at {} UTC", last.strftime("%H:%M"))).unwrap_or_default();
    let kubelet = match code {
        FindingCode::PullUnauthorized => format!("the kubelet was refused{at}{}", with_secrets(view)),
        FindingCode::PullNotFound => format!("the kubelet did not find the image{at}"),
        FindingCode::PullRateLimited => format!("the registry told the kubelet on {nodes} to slow down{at}"),
        FindingCode::PullPlatform => {
            format!("the image has nothing for the platform of {nodes}")
        }
        FindingCode::PullTls => format!("the kubelet on {nodes} does not trust the registry's TLS"),
        FindingCode::PullNetwork => format!("the kubelet on {nodes} does not reach the registry"),
        FindingCode::PullServer => format!("the registry failed the kubelet{at}"),
        FindingCode::PullDiskFull => format!("there is no space left for the image on {nodes}"),
        FindingCode::PullNever => format!("the pull policy is Never, and the image is not on {nodes}"),
        FindingCode::PullSignature => format!("the image's signature was refused on {nodes}"),
        FindingCode::ExecFormat => {
            format!("the program in the image is not for the processor of {nodes}")
        }
        _ => format!("the pull fails on {nodes}, and the kubelet gives no cause that is known"),
    };
    match word {
        Some(word) => format!("{kubelet}; {}", word.text),
        None => format!("{kubelet}; no registry was asked"),
    }
}

fn with_secrets(view: &View<'_>) -> String {
    let names: BTreeSet<String> = failing(view)
        .flat_map(|context| context.secrets.iter().map(|s| format!("{}/{s}", context.namespace)))
        .collect();
    match names.is_empty() {
        true => " without a credential".to_owned(),
        false => format!(" with {}", listed(&names.into_iter().collect::<Vec<_>>(), 2)),
    }
}

fn failing<'a>(view: &View<'a>) -> impl Iterator<Item = &'a PullContext> {
    view.usage.contexts.iter().filter(|context| context.failing)
}

fn way_out(view: &View<'_>, code: FindingCode, nodes: &[String], word: Option<&Word>) -> Option<String> {
    let reference = view.reference?;
    let registry = reference.registry();
    let on_nodes = if nodes.is_empty() { "on each node".to_owned() } else { format!("on {}", listed(nodes, 2)) };
    let works_now = word.is_some_and(|word| word.agrees == Some(false));
    match code {
        FindingCode::PullUnauthorized | FindingCode::PullNotFound | FindingCode::PullServer if works_now => {
            remedy::restart(view)
        }
        FindingCode::PullUnauthorized | FindingCode::PullRateLimited => Some(credential(view, registry)),
        FindingCode::PullNotFound => remedy::set_image(view, &format!("{}:EXISTING_TAG", reference.repository())),
        FindingCode::PullPlatform | FindingCode::ExecFormat => platform(view),
        FindingCode::PullTls => Some(format!(
            "{on_nodes}, name the CA of {registry} in /etc/containerd/certs.d/{registry}/hosts.toml: ca = \"/etc/ssl/registry-ca.crt\""
        )),
        FindingCode::PullNetwork | FindingCode::PullServer => Some(format!(
            "{on_nodes}, name a mirror of {registry} in /etc/containerd/certs.d/{registry}/hosts.toml, or open the way to {registry}"
        )),
        FindingCode::PullDiskFull => Some(format!("{on_nodes}: crictl rmi --prune")),
        FindingCode::PullNever => remedy::set_field(view, "imagePullPolicy", "IfNotPresent"),
        FindingCode::PullSignature => Some(format!("cosign sign --key \"$COSIGN_KEY\" {reference}")),
        _ => remedy::restart(view),
    }
}

/// A new value for the secret that was refused, or a secret where there is none.
fn credential(view: &View<'_>, registry: &str) -> String {
    let context = failing(view).next().or_else(|| view.usage.contexts.first());
    let namespace = context.map_or("default", |context| &*context.namespace);
    match context.and_then(|context| context.secrets.first()) {
        Some(secret) => remedy::create_secret(namespace, secret, registry),
        None => {
            let name = remedy::secret_name(registry);
            let create = remedy::create_secret(namespace, &name, registry);
            format!("{create} && {}", remedy::use_secret(namespace, &name))
        }
    }
}

/// Keeps the pods on the nodes that the image is for; without any, another image is needed.
fn platform(view: &View<'_>) -> Option<String> {
    let offered = registry::offers(view);
    match offered.first() {
        Some(platform) => {
            let label = format!("{{kubernetes.io/arch: {}}}", platform.architecture());
            remedy::set_field(view, "nodeSelector", &label)
        }
        None => {
            let repository = view.reference?.repository();
            remedy::set_image(view, &format!("{repository}:TAG_FOR_ALL_PLATFORMS"))
        }
    }
}
