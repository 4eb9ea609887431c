//! What all wire types have in common.

use super::*;

#[test]
fn null_and_absence_are_the_same() {
    let nulls = r#"{"metadata":{"labels":null,"ownerReferences":null,"name":null},"status":null,"spec":{
        "containers":null,"initContainers":[{"name":null,"image":null}],"affinity":null,"nodeSelector":null,
        "volumes":[{"name":"v","emptyDir":{}}],"imagePullSecrets":[{}],"unknown":[{"deep":{}}]}}"#;
    let pod: Pod<'_> = serde_json::from_str(nulls).unwrap();
    assert!(pod.spec.containers.is_empty() && pod.spec.init_containers[0].image.is_none());
    assert!(pod.status.container_statuses.is_empty() && pod.metadata.controller().is_none());
    assert!(serde_json::from_str::<Pod<'_>>("{}").unwrap().metadata.labels.is_empty());
}

#[test]
fn a_page_keeps_its_items_as_they_came() {
    let page = r#"{"kind":"PodList","items":[{"a" : 1},7],"metadata":{"continue":"next","remainingItemCount":3}}"#;
    let list: List<'_> = serde_json::from_slice(page.as_bytes()).unwrap();
    assert_eq!(list.items.iter().map(|item| item.get()).collect::<Vec<_>>(), [r#"{"a" : 1}"#, "7"]);
    assert_eq!((list.metadata.continue_token.as_deref(), list.metadata.remaining_item_count), (Some("next"), Some(3)));
    let empty: List<'_> = serde_json::from_str(r#"{"items":null,"metadata":{}}"#).unwrap();
    assert!(empty.items.is_empty() && empty.metadata.continue_token.is_none());
}

#[test]
fn the_namespace_of_a_manifest_may_be_left_out() {
    for (namespace, expected) in [(None, "default"), (Some(""), "default"), (Some("shop"), "shop")] {
        let metadata = Metadata { namespace: namespace.map(Into::into), ..Metadata::default() };
        assert_eq!(metadata.namespace_or_default(), expected);
    }
}
