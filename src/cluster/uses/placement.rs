//! Where the pods of a spec run, or may run.

use crate::cluster::inventory::Placement;
use crate::cluster::objects::{NodeSelectorTerm, PodSpec, Requirement, Text};

/// The label that the kubelet sets to its operating system.
const OS_LABEL: &str = "kubernetes.io/os";

/// A label and its allowed values.
type Term = (String, Vec<String>);

/// The nodes for pods of `spec`: the one that it was scheduled to, else those that its selectors leave, by alternative.
///
/// Requirements other than `In` are left out of account, as are taints: rather a node too many than one too few.
pub(super) fn placements(spec: &PodSpec<'_>) -> Vec<Placement> {
    if let Some(node) = spec.node_name.as_deref().filter(|name| !name.is_empty()) {
        return vec![Placement::On(node.into())];
    }
    let os = spec.os.as_ref().and_then(|os| os.name.as_deref()).map(|os| (OS_LABEL, os));
    let labels = spec.node_selector.iter().map(|(key, value)| (&**key, &**value));
    let common: Vec<Term> = os.into_iter().chain(labels).map(|(key, value)| (key.into(), vec![value.into()])).collect();
    let required = spec.affinity.node_affinity.as_ref().and_then(|affinity| affinity.required.as_ref());
    match required.map(|selector| selector.node_selector_terms.as_slice()) {
        None | Some([]) => vec![selected(common)],
        Some(alternatives) => alternatives.iter().flat_map(|term| alternative(term, &common)).collect(),
    }
}

/// The nodes that one node selector term leaves. A term on the node's name is how DaemonSets pin their pods.
fn alternative(term: &NodeSelectorTerm<'_>, common: &[Term]) -> Vec<Placement> {
    if term.match_expressions.is_empty() && term.match_fields.is_empty() {
        return Vec::new();
    }
    if let Some(names) = term.match_fields.iter().find(|field| is_in(field) && *field.key == *"metadata.name") {
        return names.values.iter().map(|name| Placement::On((**name).into())).collect();
    }
    let evaluated = term.match_expressions.iter().filter(|expression| is_in(expression));
    let owned = |text: &Text<'_>| text.to_string();
    let own = evaluated.map(|expression| (owned(&expression.key), expression.values.iter().map(owned).collect()));
    vec![selected(common.iter().cloned().chain(own).collect())]
}

fn is_in(requirement: &Requirement<'_>) -> bool {
    *requirement.operator == *"In"
}

fn selected(mut terms: Vec<Term>) -> Placement {
    for (_, values) in &mut terms {
        values.sort_unstable();
    }
    terms.sort_unstable();
    terms.dedup();
    if terms.is_empty() { Placement::Anywhere } else { Placement::Selected(terms.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placements_of(spec: serde_json::Value) -> Vec<Placement> {
        placements(&serde_json::from_str(&spec.to_string()).unwrap())
    }

    fn selected(terms: &[(&str, &[&str])]) -> Placement {
        let owned = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
        Placement::Selected(terms.iter().map(|(key, values)| ((*key).to_owned(), owned(values))).collect())
    }

    fn affinity(terms: serde_json::Value) -> serde_json::Value {
        serde_json::json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}})
    }

    #[test]
    fn a_scheduled_pod_is_where_it_is() {
        let spec = serde_json::json!({"nodeName": "node-a", "nodeSelector": {"disk": "ssd"}});
        assert_eq!(placements_of(spec), [Placement::On("node-a".into())]);
    }

    #[test]
    fn without_selectors_any_node_will_do() {
        assert_eq!(placements_of(serde_json::json!({})), [Placement::Anywhere]);
        assert_eq!(placements_of(serde_json::json!({"nodeName": "", "affinity": {}})), [Placement::Anywhere]);
    }

    #[test]
    fn selectors_and_one_of_the_terms_must_hold() {
        let spec = serde_json::json!({
            "os": {"name": "linux"},
            "nodeSelector": {"disk": "ssd"},
            "affinity": affinity(serde_json::json!([
                {"matchExpressions": [
                    {"key": "kubernetes.io/arch", "operator": "In", "values": ["arm64", "amd64"]},
                    {"key": "spot", "operator": "DoesNotExist"}]},
                {"matchExpressions": [{"key": "gpu", "operator": "Exists"}]},
                {},
            ])),
        });
        let arch: (&str, &[&str]) = ("kubernetes.io/arch", &["amd64", "arm64"]);
        let disk: (&str, &[&str]) = ("disk", &["ssd"]);
        let os: (&str, &[&str]) = (OS_LABEL, &["linux"]);
        assert_eq!(placements_of(spec), [selected(&[disk, arch, os]), selected(&[disk, os])]);
    }

    #[test]
    fn a_pod_pinned_by_name_is_for_that_node() {
        let terms = serde_json::json!([{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["b"]}]}]);
        let spec = serde_json::json!({"affinity": affinity(terms)});
        assert_eq!(placements_of(spec), [Placement::On("b".into())]);
    }
}
