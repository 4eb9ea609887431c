//! Where the pods of a spec run, or may run.

use std::borrow::Cow;
use std::slice;

use indexmap::Equivalent;

use crate::cluster::inventory::Placement;
use crate::cluster::objects::{NodeSelectorTerm, PodSpec, Requirement, Text};

/// The label that the kubelet sets to its operating system.
const OS_LABEL: &str = "kubernetes.io/os";

/// A label and its allowed values.
type Term<'a> = (&'a str, Cow<'a, [Text<'a>]>);

/// A [`Placement`] as a spec says it, which is to be looked up: both have the same hash.
#[derive(Debug, Hash)]
pub(super) enum Said<'a> {
    On(&'a str),
    Selected(Vec<Term<'a>>),
    Anywhere,
}

impl Equivalent<Placement> for Said<'_> {
    fn equivalent(&self, placement: &Placement) -> bool {
        match (self, placement) {
            (Self::On(said), Placement::On(node)) => **said == **node,
            (Self::Selected(said), Placement::Selected(terms)) => {
                let said = said.iter().map(|(key, values)| (*key, values.iter().map(|value| &**value)));
                let terms = terms.iter().map(|(key, values)| (key.as_str(), values.iter().map(String::as_str)));
                said.len() == terms.len() && said.zip(terms).all(|(one, other)| one.0 == other.0 && one.1.eq(other.1))
            }
            (said, placement) => matches!((said, placement), (Self::Anywhere, Placement::Anywhere)),
        }
    }
}

impl From<Said<'_>> for Placement {
    fn from(said: Said<'_>) -> Self {
        let owned = |values: &[Text<'_>]| values.iter().map(|value| value.to_string()).collect();
        match said {
            Said::On(node) => Self::On(node.into()),
            Said::Selected(terms) => {
                Self::Selected(terms.into_iter().map(|(key, values)| (key.to_owned(), owned(&values))).collect())
            }
            Said::Anywhere => Self::Anywhere,
        }
    }
}

/// The nodes for pods of `spec`: the one that it was scheduled to, else those that its selectors leave, by alternative.
///
/// Requirements other than `In` are left out of account, as are taints: rather a node too many than one too few.
pub(super) fn placements<'a>(spec: &'a PodSpec<'a>) -> Vec<Said<'a>> {
    if let Some(node) = spec.node_name.as_deref().filter(|name| !name.is_empty()) {
        return vec![Said::On(node)];
    }
    let os = spec.os.as_ref().and_then(|os| os.name.as_ref()).map(|os| (OS_LABEL, os));
    let labels = spec.node_selector.iter().map(|(key, value)| (&**key, value));
    let common = os.into_iter().chain(labels).map(|(key, value)| (key, Cow::Borrowed(slice::from_ref(value))));
    let required = spec.affinity.node_affinity.as_ref().and_then(|affinity| affinity.required.as_ref());
    match required.map(|selector| selector.node_selector_terms.as_slice()) {
        None | Some([]) => vec![selected(common.collect())],
        Some(alternatives) => alternatives.iter().flat_map(|term| alternative(term, common.clone())).collect(),
    }
}

/// The nodes that one node selector term leaves. A term on the node's name is how DaemonSets pin their pods.
fn alternative<'a>(term: &'a NodeSelectorTerm<'a>, common: impl Iterator<Item = Term<'a>>) -> Vec<Said<'a>> {
    if term.match_expressions.is_empty() && term.match_fields.is_empty() {
        return Vec::new();
    }
    if let Some(names) = term.match_fields.iter().find(|field| is_in(field) && *field.key == *"metadata.name") {
        return names.values.iter().map(|name| Said::On(name)).collect();
    }
    let evaluated = term.match_expressions.iter().filter(|expression| is_in(expression));
    let own = evaluated.map(|expression| (&*expression.key, Cow::Borrowed(expression.values.as_slice())));
    vec![selected(common.chain(own).collect())]
}

fn is_in(requirement: &Requirement<'_>) -> bool {
    *requirement.operator == *"In"
}

fn selected(mut terms: Vec<Term<'_>>) -> Said<'_> {
    for (_, values) in &mut terms {
        if !values.is_sorted() {
            values.to_mut().sort_unstable();
        }
    }
    terms.sort_unstable();
    terms.dedup();
    if terms.is_empty() { Said::Anywhere } else { Said::Selected(terms) }
}

#[cfg(test)]
mod tests {
    use super::super::names::Set;
    use super::*;

    fn placements_of(spec: serde_json::Value) -> Vec<Placement> {
        let spec = spec.to_string();
        placements(&serde_json::from_str(&spec).unwrap()).into_iter().map(Placement::from).collect()
    }

    fn selected(terms: &[(&str, &[&str])]) -> Placement {
        let owned = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
        Placement::Selected(terms.iter().map(|(key, values)| ((*key).to_owned(), owned(values))).collect())
    }

    fn affinity(terms: serde_json::Value) -> serde_json::Value {
        serde_json::json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}})
    }

    #[test]
    fn what_is_said_again_is_found() {
        let mut known = Set::default();
        let texts = [
            r#"{"nodeName": "a"}"#,
            r#"{"nodeName": "b"}"#,
            "{}",
            r#"{"nodeSelector": {"disk": "ssd"}}"#,
            r#"{"nodeSelector": {"disk": "hdd"}}"#,
            r#"{"nodeSelector": {"disk": "ssd", "arch": "arm64"}}"#,
        ];
        let specs = texts.map(|text| serde_json::from_str::<PodSpec<'_>>(text).unwrap());
        let said = || specs.iter().map(|spec| placements(spec).remove(0));
        for said in said() {
            assert_eq!(known.get_index_of(&said), None, "{said:?}");
            known.insert(Placement::from(said));
        }
        assert!(said().enumerate().all(|(place, said)| known.get_index_of(&said) == Some(place)));
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
