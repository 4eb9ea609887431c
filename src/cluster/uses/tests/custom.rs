//! Custom resources among the other objects.

use super::*;
use crate::cluster::inventory::User;
use crate::cluster::objects::CustomKind;

/// The objects of a file of `testdata/custom-resources`.
fn objects(file: &str) -> Vec<serde_json::Value> {
    let path = format!("{}/testdata/custom-resources/{file}.yaml", env!("CARGO_MANIFEST_DIR"));
    serde_saphyr::from_multiple(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn inventory_of(objects: &[serde_json::Value], scope: Scope) -> Inventory {
    let mut builder = Builder::new(scope);
    for object in objects {
        let (api_version, kind) = (object["apiVersion"].as_str().unwrap(), object["kind"].as_str().unwrap());
        let custom = CustomKind::of(api_version, kind);
        let resource = Resource::of(api_version, kind).or(custom.as_ref().map(Resource::Custom)).unwrap();
        builder.add(resource, &object.to_string());
    }
    builder.finish()
}

/// `Kafka shop/events template 0: probable spec.image`
fn users(inventory: &Inventory, image: &str) -> Vec<String> {
    let line = |(key, user): (&UserKey, &User)| {
        let name = key.name.as_deref().unwrap_or("*");
        let field = user
            .field
            .as_ref()
            .map(|field| format!(" {} {}", field.certainty, field.path.as_deref().unwrap_or("below")));
        format!("{} {}/{name} {} {}:{}", key.kind, key.namespace, key.role, user.pods, field.unwrap_or_default())
    };
    usage(inventory, image).used_by.iter().map(line).collect()
}

/// A pod with this image, below an owner.
fn pod(image: &str, api_version: &str, kind: &str, name: &str) -> serde_json::Value {
    let owner = serde_json::json!([{"apiVersion": api_version, "kind": kind, "name": name, "controller": true}]);
    let metadata =
        serde_json::json!({"name": format!("{name}-0"), "namespace": "shop", "uid": "u", "ownerReferences": owner});
    let spec = serde_json::json!({"containers": [{"name": "c", "image": image}]});
    serde_json::json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
}

#[test]
fn a_rollout_does_as_a_deployment_does() {
    let mut rollouts = objects("rollout");
    let inventory = inventory_of(&rollouts, Scope::default());
    assert_eq!(inventory.workloads, 3);
    assert_eq!(
        users(&inventory, "ghcr.io/acme/canary:v1"),
        ["Rollout shop/canary current 0: certain spec.template.spec.containers[0].image"]
    );
    assert_eq!(
        users(&inventory, "docker.io/library/nginx:1.29"),
        ["Deployment shop/web template 0:", "Rollout shop/moved current 0: certain spec.workloadRef"]
    );
    let canary = usage(&inventory, "ghcr.io/acme/canary:v1");
    assert_eq!(*canary.contexts.first().unwrap().secrets, ["ghcr-pull".into()]);
    assert_eq!(*canary.used_by.values().next().unwrap().pull_secrets, ["ghcr-pull".into()]);
    for rollout in &mut rollouts[..2] {
        rollout["spec"]["replicas"] = 0.into();
    }
    let inventory = inventory_of(&rollouts, Scope::default());
    assert_eq!(
        users(&inventory, "docker.io/library/nginx:1.29"),
        ["Deployment shop/web template 0:", "Rollout shop/moved template 0: certain spec.workloadRef"]
    );
}

#[test]
fn what_pods_show_to_run_is_certain_and_current() {
    const IMAGE: &str = "quay.io/strimzi/kafka:0.48.0-kafka-4.1.0";
    let mut all = objects("kafka");
    assert_eq!(
        users(&inventory_of(&all, Scope::default()), IMAGE),
        ["Kafka shop/events template 0: probable spec.kafka.image"]
    );
    all.push(pod(IMAGE, "kafka.strimzi.io/v1beta2", "Kafka", "events"));
    let inventory = inventory_of(&all, Scope::default());
    assert_eq!(users(&inventory, IMAGE), ["Kafka shop/events current 1: certain spec.kafka.image"]);
}

#[test]
fn an_object_below_another_is_counted_for_the_top() {
    let mut set = objects("cloneset").remove(0);
    let owner = serde_json::json!([{"apiVersion": "example.com/v1", "kind": "App", "name": "a", "controller": true}]);
    set["metadata"]["ownerReferences"] = owner;
    let inventory = inventory_of(&[set], Scope::default());
    assert_eq!(users(&inventory, "ghcr.io/acme/front:2"), ["App shop/a template 0: certain below"]);
}

#[test]
fn one_without_a_namespace_has_no_pull_secrets() {
    let mut platform = objects("helmlike").remove(0);
    platform["metadata"]["uid"] = "u".into();
    platform["spec"]["imagePullSecrets"] = serde_json::json!([{"name": "pull"}]);
    let inventory = inventory_of(std::slice::from_ref(&platform), Scope::default());
    let usage = usage(&inventory, "ghcr.io/acme/platform:v7");
    assert_eq!(user_lines(usage), ["Platform /blue template 0: "]);
    let context = usage.contexts.first().unwrap();
    assert_eq!((context.secrets.len(), context.service_account.as_deref()), (0, None));
    assert!(inventory.namespaces.is_empty());
    let named = Scope { namespaces: ["shop".to_owned()].into(), ..Scope::default() };
    assert!(inventory_of(&[platform], named).images.is_empty(), "it is of none of the namespaces that were named");
}

#[test]
fn the_scope_holds_for_custom_resources_too() {
    let kafka = objects("kafka");
    let named = |namespace: &str| Scope { namespaces: [namespace.to_owned()].into(), ..Scope::default() };
    assert_eq!(inventory_of(&kafka, named("shop")).images.len(), 2);
    assert_eq!(inventory_of(&kafka, named("other")).images.len(), 0);
    let selector = Some(Selector::parse("app=x").unwrap());
    assert_eq!(inventory_of(&kafka, Scope { selector, ..Scope::default() }).images.len(), 0);
    let without = Scope { without_custom_resources: true, ..Scope::default() };
    assert_eq!(inventory_of(&objects("rollout"), without).images.len(), 1, "the Deployment's");
}

#[test]
fn what_cannot_be_read_or_searched_is_told() {
    let deep = "[".repeat(90) + &"]".repeat(90);
    let mut odd = objects("kafka").remove(0);
    odd["spec"] = serde_json::from_str(&deep).unwrap();
    let mut broken = odd.clone();
    broken["metadata"] = serde_json::json!({"name": 7});
    let inventory = inventory_of(&[odd, broken], Scope::default());
    let gaps: Vec<_> = inventory.gaps.iter().map(|gap| (gap.reason.as_str(), gap.incomplete)).collect();
    assert_eq!(gaps, [("limit", false), ("unreadable", true)], "{:?}", inventory.gaps);
}
