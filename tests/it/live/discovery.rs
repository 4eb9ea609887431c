//! What is found, in which requests.

use imagefacts::cluster::inventory::UserKey;
use imagefacts::cluster::uses::Selector;

use super::*;

#[tokio::test]
async fn all_kinds_are_found_in_few_large_pages() {
    let api = Plan::recorded().start().await;
    let inventory = found(&api, &Scope::default()).await.unwrap();
    assert_eq!((inventory.pods, inventory.gaps.len()), (9, 0), "{:#?}", inventory.gaps);
    assert_same(&inventory, &directly(Scope::default()));
    for asked in api.log() {
        assert!(!asked.query.contains("resourceVersion"), "{asked:?}");
        assert!(!asked.path.contains("secrets"), "{asked:?}");
        assert_eq!(asked.headers["accept-encoding"], "gzip");
        assert!(matches!(asked.path.as_str(), "/version" | "/apis") || asked.query.contains("limit=500"), "{asked:?}");
    }
    assert_eq!(api.queries("/api/v1/events"), ["limit=500&fieldSelector=involvedObject.kind%3DPod"]);
}

#[tokio::test]
async fn small_pages_give_the_same() {
    let api = Plan::recorded().start().await;
    let cluster = connect_for_pages(&api, 2).await;
    let inventory = found_by(&cluster, &Scope::default()).await.unwrap();
    assert_same(&inventory, &directly(Scope::default()));
    assert_eq!(api.queries(PODS).len(), 5);
}

#[tokio::test]
async fn named_namespaces_are_never_left() {
    let api = Plan::recorded().start().await;
    let selector = Some(Selector::parse("app=broken").unwrap());
    let scope = Scope { selector, ..namespaces(&["shop"]) };
    let inventory = found(&api, &scope).await.unwrap();
    assert_eq!(inventory.pods, 5);
    assert!(inventory.namespaces.contains("shop") && inventory.namespaces.len() == 1);
    for asked in api.log().iter().filter(|asked| {
        !matches!(asked.path.as_str(), "/version" | "/apis" | "/api/v1/nodes" | "/api/v1/namespaces/shop")
    }) {
        assert!(asked.path.contains("/namespaces/shop/"), "{asked:?}");
        let selects = asked.query.contains("labelSelector=app%3Dbroken");
        assert_eq!(selects, !asked.path.ends_with("/events"), "{asked:?}");
    }
}

#[tokio::test]
async fn a_namespace_that_does_not_exist_is_a_gap() {
    let api = Plan::recorded().start().await;
    let inventory = found(&api, &namespaces(&["shop", "shpo"])).await.unwrap();
    assert_eq!(inventory.pods, 8);
    assert_eq!(inventory.gaps.len(), 1, "{:#?}", inventory.gaps);
    let gap = gap(&inventory, "namespaces", Some("shpo"));
    assert_eq!((gap.reason.as_str(), gap.incomplete), ("not-found", true));
    assert!(!inventory.namespaces.contains("shpo"));
}

#[tokio::test]
async fn what_is_excluded_is_left_out() {
    let api = Plan::recorded().start().await;
    let excluded = ["shop".to_owned()].into();
    let inventory = found(&api, &Scope { excluded, ..Scope::default() }).await.unwrap();
    assert_eq!(inventory.pods, 1);
}

#[tokio::test]
async fn a_missing_group_is_no_gap() {
    let api = Plan::recorded().start().await;
    api.always_fail("/apis/batch/v1/cronjobs", Fault::recorded(404, "notfound-kind-404.json"));
    let inventory = found(&api, &Scope::default()).await.unwrap();
    assert!(inventory.gaps.is_empty(), "{:#?}", inventory.gaps);
}

#[tokio::test]
async fn owners_of_unlisted_kinds_are_looked_up_by_their_metadata() {
    const GROUP: &str = "/apis/argoproj.io/v1alpha1";
    let owner = |kind: &str, name: &str| serde_json::json!([{"apiVersion": "argoproj.io/v1alpha1", "kind": kind, "name": name, "uid": "u", "controller": true}]);
    let pod = |name: &str, owner: serde_json::Value| {
        serde_json::json!({
            "metadata": {"name": name, "namespace": "shop", "uid": name, "ownerReferences": owner},
            "spec": {"containers": [{"name": "c", "image": "ghcr.io/acme/canary:v1"}]},
        })
    };
    let mut owned = pod("owned", owner("Platform", "blue"));
    owned["spec"] = serde_json::json!({});
    let discovery = serde_json::json!({"kind": "APIResourceList", "resources": [
        {"name": "rollouts/status", "kind": "Rollout", "namespaced": true},
        {"name": "rollouts", "kind": "Rollout", "namespaced": true},
        {"name": "platforms", "kind": "Platform", "namespaced": false},
    ]});
    let api = Plan::recorded()
        .with(PODS, pod("canary-1", owner("Rollout", "owned")))
        .with(&format!("{GROUP}/rollouts"), owned)
        .with(&format!("{GROUP}/platforms"), serde_json::json!({"metadata": {"name": "blue", "uid": "blue"}}))
        .with(PODS, pod("canary-2", owner("Gone", "x")))
        .with_document(GROUP, discovery)
        .start()
        .await;
    let scope = Scope { without_custom_resources: true, ..Scope::default() };
    let inventory = found(&api, &scope).await.unwrap();
    let users = inventory.images.iter().filter(|(name, _)| name.to_string() == "ghcr.io/acme/canary:v1");
    let users: Vec<&UserKey> = users.flat_map(|(_, usage)| usage.used_by.keys()).collect();
    let names: Vec<_> = users.iter().map(|user| (&*user.kind, user.name.as_deref())).collect();
    assert_eq!(names, [("Gone", Some("x")), ("Platform", Some("blue"))], "the Rollout's own owner is the top");
    assert!(users[1].namespace.is_empty(), "it is cluster-scoped");
    assert_eq!(api.queries(GROUP).len(), 1);
    let asked: Vec<_> = api.log().into_iter().filter(|asked| asked.path.contains("/rollouts")).collect();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert_eq!(asked[0].path, "/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/owned");
    let accept = asked[0].headers["accept"].to_str().unwrap();
    assert!(accept.starts_with("application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"), "{accept}");
}

#[tokio::test]
async fn no_more_owners_are_looked_up_than_the_limit_allows() {
    let api = Plan::recorded();
    let api = ["a", "b", "c"].into_iter().fold(api, |api, name| {
        let owners =
            serde_json::json!([{"apiVersion": "x/v1", "kind": "X", "name": name, "uid": name, "controller": true}]);
        let metadata = serde_json::json!({"name": name, "namespace": "shop", "uid": name, "ownerReferences": owners});
        api.with(PODS, serde_json::json!({"metadata": metadata, "spec": {"containers": [{"name": "c", "image": "x"}]}}))
    });
    let resources = serde_json::json!({"resources": [{"name": "xs", "kind": "X", "namespaced": true}]});
    let api = api.with_document("/apis/x/v1", resources).start().await;
    let cluster = Cluster::connect(&connection(&api, ClusterLimits { owners: 2, ..quick() })).await.unwrap();
    let inventory = found_by(&cluster, &Scope::default()).await.unwrap();
    assert_eq!(api.log().iter().filter(|asked| asked.path.contains("/xs/")).count(), 2);
    let gap = inventory.gaps.iter().find(|gap| gap.reason == "limit").unwrap();
    assert!(gap.message.starts_with("1 owners") && !gap.incomplete, "{gap:?}");
}
