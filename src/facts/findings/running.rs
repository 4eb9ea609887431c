//! What runs, against what the reference names and what other nodes run.

use std::collections::BTreeSet;

use super::evidence::{Disagreement, Drift, Evidence, Gone, Runs};
use super::{Draft, View, kin, listed, named, owned, remedy};
use crate::cluster::inventory::{Node, Running};
use crate::image::{Digest, Platform};
use crate::resolve::Answer;
use crate::vocabulary::{DigestKind, ErrorClass, ErrorStage, FindingCode};

/// `tag-drift`, `node-disagreement` and `gone-from-registry`.
pub(super) fn find(view: &View<'_>) -> Vec<Draft> {
    [drift(view), disagreement(view), gone(view)].into_iter().flatten().collect()
}

/// The tag names another digest than pods run. What is written by digest cannot drift.
fn drift(view: &View<'_>) -> Option<Draft> {
    let (reference, answer) = (view.reference.filter(|reference| reference.digest().is_none())?, view.answer?);
    let named_now = answer.named_now()?;
    let drifted: Vec<(&Digest, &Running)> = view
        .usage
        .running
        .iter()
        .filter(|(digest, _)| answer.running.get(*digest).and_then(|known| known.matches_resolved) == Some(false))
        .collect();
    if drifted.is_empty() {
        return None;
    }
    let pods = drifted.iter().fold(0, |sum, (_, running)| sum + running.pods);
    let tag = reference.tag().unwrap_or_default();
    let pods = if pods == 1 { "1 pod runs".to_owned() } else { format!("{pods} pods run") };
    Some(Draft {
        code: FindingCode::TagDrift,
        message: format!(
            "{pods} {}, but the tag {tag} names {} now: the next pull brings another image",
            listed(&drifted.iter().map(|(digest, _)| brief(digest)).collect::<Vec<_>>(), 2),
            brief(&named_now.digest),
        ),
        remedy: remedy::set_image(view, &format!("{}@{}", reference.repository(), named_now.digest)),
        subjects: view.subjects(),
        examples: drifted.iter().flat_map(|(_, running)| running.examples.iter().cloned()).collect(),
        seen: None,
        evidence: Evidence::Drift(Drift {
            resolved: named_now.digest.clone(),
            running: drifted.iter().map(|(digest, running)| runs(view, digest, running)).collect(),
        }),
    })
}

/// Pods run several images of one reference.
fn disagreement(view: &View<'_>) -> Option<Draft> {
    if view.usage.running.len() < 2 {
        return None;
    }
    let groups: Vec<Vec<Told<'_>>> = kin::groups(view)
        .into_iter()
        .map(|group| group.into_iter().map(|digest| told(view, digest)).collect())
        .collect();
    let differ = groups.iter().enumerate().any(|(at, group)| {
        groups.iter().skip(at + 1).any(|other| group.iter().any(|a| other.iter().any(|b| comparable(a, b))))
    });
    if !differ {
        return None;
    }
    let running: Vec<Runs> = view.usage.running.iter().map(|(digest, pods)| runs(view, digest, pods)).collect();
    let where_each: Vec<String> =
        running.iter().map(|runs| format!("{} on {}", brief(&runs.digest), listed(&runs.nodes, 1))).collect();
    let pin = view.answer.and_then(|answer| answer.named.as_ref()).map(|named| &named.digest);
    let pin = pin.or_else(|| view.usage.running.iter().max_by_key(|(_, running)| running.pods).map(|(d, _)| d))?;
    Some(Draft {
        code: FindingCode::NodeDisagreement,
        message: format!("pods of one reference run different images: {}", listed(&where_each, 2)),
        remedy: remedy::set_image(view, &format!("{}@{pin}", view.reference?.repository())),
        subjects: view.subjects(),
        examples: view.running_examples(),
        seen: None,
        evidence: Evidence::Disagreement(Disagreement { running }),
    })
}

/// What a running digest names, and the platforms and runtimes of the nodes that run it.
type Told<'a> = (DigestKind, BTreeSet<(&'a Platform, &'a str)>);

fn told<'a>(view: &View<'a>, digest: &Digest) -> Told<'a> {
    let running = view.usage.running.get(digest);
    let is_host = |node: &&Node| running.is_some_and(|running| running.nodes.contains(&node.name));
    let hosts = view.inventory.nodes.iter().flatten().filter(is_host);
    let hosts = hosts.map(|node| (&node.platform.platform, node.runtime.split("://").next().unwrap_or_default()));
    (kind(view.answer, digest), hosts.collect())
}

/// Whether two digests would be equal if the nodes ran the same image.
///
/// Indexes always would. Manifests and configs differ by platform, and runtimes report one or the other: of those
/// only two on nodes of the same platform and runtime are told apart.
fn comparable((kind_a, hosts_a): &Told<'_>, (kind_b, hosts_b): &Told<'_>) -> bool {
    (*kind_a, *kind_b) == (DigestKind::Index, DigestKind::Index) || !hosts_a.is_disjoint(hosts_b)
}

/// What runs can no longer be pulled: the registry lost the digest, or the reference.
fn gone(view: &View<'_>) -> Option<Draft> {
    let answer = view.answer.filter(|_| !view.usage.running.is_empty())?;
    let digests: Vec<Digest> = view
        .usage
        .running
        .keys()
        .filter(|digest| answer.running.get(*digest).is_some_and(|known| known.gone))
        .cloned()
        .collect();
    let reference_gone = answer.named.is_none()
        && answer.failures.iter().any(|f| f.class == ErrorClass::NotFound && f.stage == ErrorStage::Manifest);
    if digests.is_empty() && !reference_gone {
        return None;
    }
    let subjects = view.subjects();
    let what = match digests.as_slice() {
        [] => "the reference".to_owned(),
        digests => listed(&digests.iter().map(brief).collect::<Vec<_>>(), 2),
    };
    let nodes = owned(view.usage.running.values().flat_map(|running| &running.nodes));
    Some(Draft {
        code: FindingCode::GoneFromRegistry,
        message: format!(
            "{} runs what the registry no longer has ({what}): a pod that starts on another node will not find it",
            named(&subjects)
        ),
        remedy: push_back(view, &nodes),
        subjects,
        examples: view.running_examples(),
        seen: None,
        evidence: Evidence::Gone(Gone { reference_gone, digests, nodes }),
    })
}

/// The node that still has the image can give it back.
fn push_back(view: &View<'_>, nodes: &[String]) -> Option<String> {
    let (node, reference) = (nodes.first()?, view.reference?);
    let runtime = view.inventory.nodes.iter().flatten().find(|n| *n.name == **node).map(|n| n.runtime.as_str());
    let push = match runtime {
        Some(runtime) if runtime.starts_with("docker") => "docker push",
        Some(runtime) if runtime.starts_with("cri-o") => "podman push",
        _ => "ctr -n k8s.io images push",
    };
    Some(format!("on {node}, which still has it: {push} {reference}"))
}

fn runs(view: &View<'_>, digest: &Digest, running: &Running) -> Runs {
    Runs {
        digest: digest.clone(),
        digest_kind: kind(view.answer, digest),
        pods: running.pods,
        nodes: owned(&running.nodes),
    }
}

fn kind(answer: Option<&Answer>, digest: &Digest) -> DigestKind {
    answer.and_then(|answer| answer.running.get(digest)).map_or(DigestKind::Unknown, |known| known.kind)
}

/// `sha256:0123456789ab…`, as much as a person compares.
fn brief(digest: &Digest) -> String {
    let hex: String = digest.hex().chars().take(12).collect();
    format!("{}:{hex}", digest.algorithm())
}
