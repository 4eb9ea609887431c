//! Nodes that an image has nothing for.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::evidence::{Evidence, Platforms};
use super::{Draft, View, listed, named, registry, remedy};
use crate::cluster::inventory::{Node, Placement};
use crate::vocabulary::{FindingCode, Role};

/// `platform-missing`: the image offers nothing for a node that runs it or shall run it.
///
/// A node shall run it when a pod is bound to it, or when a DaemonSet puts one there. Where a pod only may run is no
/// error: its selector often says less than its author knows.
pub(super) fn find(view: &View<'_>) -> Option<Draft> {
    let answer = view.answer.filter(|answer| answer.named.is_some() && !answer.missing.is_empty())?;
    let nodes: Vec<&Node> =
        view.inventory.nodes.iter().flatten().filter(|node| answer.missing.contains(&node.platform)).collect();
    let nodes: BTreeSet<&Arc<str>> =
        nodes.into_iter().filter(|node| shall_run(view, node)).map(|node| &node.name).collect();
    if nodes.is_empty() {
        return None;
    }
    let missing: BTreeSet<String> = view
        .inventory
        .nodes
        .iter()
        .flatten()
        .filter(|node| nodes.contains(&node.name))
        .map(|node| match &node.platform.os_version {
            Some(build) => format!("{} {build}", node.platform.platform),
            None => node.platform.platform.to_string(),
        })
        .collect();
    let (missing, nodes): (Vec<String>, _) = (missing.into_iter().collect(), super::owned(nodes));
    let offered = registry::offers(view);
    let subjects = view.subjects();
    let on = listed(&nodes, 2);
    let offers: Vec<String> = offered.iter().map(ToString::to_string).collect();
    let offers = if offers.is_empty() { String::new() } else { format!(", only for {}", listed(&offers, 3)) };
    let way_out = match offered.first() {
        Some(platform) => {
            let label = format!("{{kubernetes.io/arch: {}}}", platform.architecture());
            remedy::set_field(view, "nodeSelector", &label)
        }
        None => remedy::set_image(view, &format!("{}:TAG_FOR_ALL_PLATFORMS", view.reference?.repository())),
    };
    Some(Draft {
        code: FindingCode::PlatformMissing,
        message: format!(
            "{} runs or shall run on {on} ({}), for which the image has nothing{offers}",
            named(&subjects),
            listed(&missing, 2),
        ),
        remedy: way_out,
        subjects,
        examples: view.running_examples(),
        seen: None,
        evidence: Evidence::Platforms(Platforms { missing, nodes, offered }),
    })
}

fn shall_run(view: &View<'_>, node: &Node) -> bool {
    let on_each = view.usage.used_by.keys().any(|key| &*key.kind == "DaemonSet" && key.role == Role::Current);
    let placements = &view.usage.placements;
    view.usage.is_on(node)
        || placements.contains(&Placement::On(Arc::clone(&node.name)))
        || on_each
            && placements.iter().any(|placement| !matches!(placement, Placement::On(_)) && placement.admits(node))
}
