//! Custom resources: which are listed, in which requests, and what is told of those that stay closed.

use serde_json::{Value, json};

use super::*;

const KAFKAS: &str = "/apis/kafka.strimzi.io/v1beta2/kafkas";
const KAFKA_IMAGE: &str = "quay.io/strimzi/kafka:0.48.0-kafka-4.1.0";

fn kafka(name: &str) -> Value {
    json!({"metadata": {"name": name, "namespace": "shop", "uid": name}, "spec": {"kafka": {"image": KAFKA_IMAGE}}})
}

fn with_kafka(plan: Plan) -> Plan {
    let plan = plan.with_custom("kafka.strimzi.io", "v1beta2", "kafkas", "Kafka", "Namespaced");
    plan.with(KAFKAS, kafka("a")).with(KAFKAS, kafka("b")).with(KAFKAS, kafka("c"))
}

fn users(inventory: &Inventory, image: &str) -> usize {
    let found = inventory.images.iter().find(|(name, _)| name.to_string() == image);
    found.map_or(0, |(_, usage)| usage.used_by.len())
}

/// The paths of the requests that are about custom resources, in order.
fn asked(api: &FakeApi) -> Vec<String> {
    let built_in = ["/apis/apps/", "/apis/batch/"];
    let paths = api.log().into_iter().map(|asked| asked.path).filter(|path| path.starts_with("/apis"));
    let mut paths: Vec<_> = paths.filter(|path| built_in.iter().all(|group| !path.starts_with(group))).collect();
    paths.sort();
    paths
}

#[tokio::test]
async fn what_the_server_offers_is_listed_in_pages() {
    let api = with_kafka(Plan::recorded()).start().await;
    let cluster = connect_for_pages(&api, 2).await;
    let inventory = found_by(&cluster, &Scope::default()).await.unwrap();
    assert!(inventory.gaps.is_empty(), "{:#?}", inventory.gaps);
    assert_eq!((users(&inventory, KAFKA_IMAGE), users(&inventory, "ghcr.io/acme/canary:v1")), (3, 1));
    assert_eq!(asked(&api), ["/apis", "/apis/argoproj.io/v1alpha1/rollouts", KAFKAS, KAFKAS]);
}

#[tokio::test]
async fn a_kind_is_listed_once_in_the_version_that_its_group_prefers() {
    let resource = |plural: &str, verbs: Value| {
        let kind = json!({"group": "", "version": "", "kind": "X"});
        json!({"resource": plural, "responseKind": kind, "scope": "Cluster", "verbs": verbs})
    };
    let list = || json!(["list"]);
    let groups = json!({"kind": "APIGroupDiscoveryList", "items": [
        {"metadata": {"name": "x.io"}, "versions": [
            {"version": "v2", "resources": [resource("xs", list()), resource("reviews", json!(["create"]))]},
            {"version": "v1", "resources": [resource("xs", list()), resource("olds", list())]},
        ]},
        {"metadata": {"name": "metrics.k8s.io"}, "versions": [{"version": "v1", "resources": [resource("pods", list())]}]},
        {"metadata": {"name": "stale.io"}, "versions": [{"version": "v1", "freshness": "Stale"}]},
    ]});
    let api = Plan::empty().with_document("/apis", groups).start().await;
    let inventory = found(&api, &Scope::default()).await;
    assert_eq!(asked(&api), ["/apis", "/apis/x.io/v1/olds", "/apis/x.io/v2/xs"], "{inventory:?}");
    let before = api.log().len();
    let _ = found(&api, &namespaces(&["shop"])).await;
    let later = api.log().split_off(before);
    assert!(later.iter().all(|asked| !asked.path.contains("x.io")), "what is of no namespace is of none that is named");
}

#[tokio::test]
async fn an_old_server_is_asked_group_by_group() {
    let groups = json!({"kind": "APIGroupList", "groups": [
        {"name": "apps", "preferredVersion": {"groupVersion": "apps/v1", "version": "v1"}},
        {"name": "kafka.strimzi.io", "preferredVersion": {"groupVersion": "kafka.strimzi.io/v1beta2", "version": "v1beta2"}},
        {"name": "down.io", "preferredVersion": {"groupVersion": "down.io/v1", "version": "v1"}},
    ]});
    let resources = json!({"kind": "APIResourceList", "resources": [
        {"name": "kafkas", "kind": "Kafka", "namespaced": true, "verbs": ["list"]},
        {"name": "kafkas/status", "kind": "Kafka", "namespaced": true, "verbs": ["get", "list"]},
    ]});
    let plan = with_kafka(Plan::recorded()).old().with_document("/apis", groups);
    let api = plan.with_document("/apis/kafka.strimzi.io/v1beta2", resources).start().await;
    api.always_fail("/apis/down.io/v1", Fault::with_header(503, "retry-after", "0"));
    let inventory = found(&api, &Scope::default()).await.unwrap();
    assert_eq!(users(&inventory, KAFKA_IMAGE), 3);
    assert!(asked(&api).contains(&KAFKAS.to_owned()));
}

#[tokio::test]
async fn those_that_stay_closed_are_one_gap_that_leaves_the_facts_complete() {
    let plan = with_kafka(Plan::recorded()).with_custom("x.io", "v1", "xs", "X", "Cluster");
    let api = plan.start().await;
    for path in [KAFKAS, "/apis/kafka.strimzi.io/v1beta2/namespaces/shop/kafkas", "/apis/x.io/v1/xs"] {
        api.always_fail(path, forbidden());
    }
    for namespace in ["default", "kube-node-lease", "kube-public", "kube-system"] {
        let path = format!("/apis/kafka.strimzi.io/v1beta2/namespaces/{namespace}/kafkas");
        api.always_fail(&path, forbidden());
    }
    let inventory = found(&api, &Scope::default()).await.unwrap();
    let [gap] = inventory.gaps.as_slice() else { panic!("{:#?}", inventory.gaps) };
    assert_eq!(
        (gap.resource.as_deref(), gap.reason.as_str(), gap.incomplete),
        (Some("customresources"), "forbidden", false)
    );
    assert!(
        gap.message.starts_with("2 custom resources may not be listed everywhere: kafkas.kafka.strimzi.io, xs.x.io.")
    );
}

#[tokio::test]
async fn where_all_namespaces_are_closed_each_is_asked_unless_there_are_many() {
    for (limit, found_users, requests) in [(20, 3, 1), (1, 0, 0)] {
        let api = with_kafka(Plan::recorded()).start().await;
        api.always_fail(KAFKAS, forbidden());
        let limits = ClusterLimits { custom_namespaces: limit, ..quick() };
        let cluster = Cluster::connect(&connection(&api, limits)).await.unwrap();
        let inventory = found_by(&cluster, &Scope::default()).await.unwrap();
        assert_eq!(users(&inventory, KAFKA_IMAGE), found_users);
        assert_eq!(api.queries("/apis/kafka.strimzi.io/v1beta2/namespaces/shop/kafkas").len(), requests);
    }
}

#[tokio::test]
async fn one_that_fails_leaves_the_facts_complete_and_one_that_is_gone_is_no_gap() {
    let plan = with_kafka(Plan::recorded()).with_custom("x.io", "v1", "xs", "X", "Cluster");
    let api = plan.with_custom("y.io", "v1", "ys", "Y", "Cluster").start().await;
    api.always_fail("/apis/x.io/v1/xs", Fault::with_header(405, "allow", "POST"));
    api.always_fail(KAFKAS, Fault::with_header(500, "x", "y"));
    let inventory = found(&api, &Scope::default()).await.unwrap();
    let [gap] = inventory.gaps.as_slice() else { panic!("{:#?}", inventory.gaps) };
    assert_eq!((gap.resource.as_deref(), gap.incomplete), (Some("kafkas.kafka.strimzi.io"), false));
}

#[tokio::test]
async fn a_server_that_does_not_tell_its_groups_is_a_gap() {
    let api = Plan::recorded().start().await;
    api.always_fail("/apis", forbidden());
    let inventory = found(&api, &Scope::default()).await.unwrap();
    assert!(!gap(&inventory, "customresources", None).incomplete);
    assert_eq!(inventory.pods, 9);
}

#[tokio::test]
async fn without_custom_resources_none_is_asked_for() {
    let api = with_kafka(Plan::recorded()).start().await;
    let scope = Scope { without_custom_resources: true, ..Scope::default() };
    let inventory = found(&api, &scope).await.unwrap();
    assert_eq!((users(&inventory, KAFKA_IMAGE), asked(&api)), (0, Vec::new()));
}

#[tokio::test]
async fn labels_select_custom_resources_at_the_server() {
    let api = with_kafka(Plan::recorded()).start().await;
    let selector = Some(imagefacts::cluster::uses::Selector::parse("app=x").unwrap());
    found(&api, &Scope { selector, ..Scope::default() }).await.unwrap();
    assert_eq!(api.queries(KAFKAS), ["limit=500&labelSelector=app%3Dx"]);
}
