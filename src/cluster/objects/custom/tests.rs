//! What is found in objects of well-known kinds, and in hostile ones.

use proptest::prelude::*;

use super::*;

/// The objects of a file, as JSON.
fn objects(file: &str) -> Vec<String> {
    let path = format!("{}/testdata/custom-resources/{file}.yaml", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let objects: Vec<serde_json::Value> = serde_saphyr::from_multiple(&text).unwrap();
    objects.iter().map(ToString::to_string).collect()
}

/// `path = image`, with the container's name and type where the field is certain.
fn lines(json: &str) -> Vec<String> {
    let found = CustomObject::read(json).unwrap();
    let line = |image: &ImageField| match &image.holder {
        FieldHolder::Container { name, kind, .. } => format!("{} = {} ({kind} {name})", image.path, image.text),
        FieldHolder::Other => format!("{} = {}", image.path, image.text),
    };
    let mut lines: Vec<String> = found.images.iter().map(line).collect();
    lines.sort();
    lines
}

#[test]
fn well_known_kinds_name_their_images() {
    for (file, expected) in [
        (
            "rollout",
            &[
                "spec.template.spec.containers[0].image = ghcr.io/acme/canary:v1 (container app)",
                "spec.template.spec.initContainers[0].image = ghcr.io/acme/mesh:1 (sidecar mesh)",
            ][..],
        ),
        (
            "workflow",
            &[
                "spec.templates[0].container.image = busybox",
                "spec.templates[0].sidecars[0].image = docker:28-dind",
                "spec.templates[1].script.image = python:3.14-alpine",
                "spec.templates[3].containerSet.containers[0].image = ghcr.io/acme/one:1 (container one)",
            ],
        ),
        ("cloneset", &["spec.template.spec.containers[0].image = ghcr.io/acme/front:2 (container front)"]),
        (
            "knative",
            &[
                "spec.template.spec.containers[0].image = ghcr.io/acme/hello:3 (container user-container)",
                "spec.template.spec.containers[1].image = ghcr.io/acme/sidecar:3",
            ],
        ),
        ("tekton", &["spec.sidecars[0].image = registry:3", "spec.steps[0].image = golang"]),
        ("kubevirt", &["spec.template.spec.volumes[0].containerDisk.image = quay.io/containerdisks/fedora:43"]),
        (
            "kafka",
            &[
                "spec.entityOperator.topicOperator.image = quay.io/strimzi/operator:0.48.0",
                "spec.kafka.image = quay.io/strimzi/kafka:0.48.0-kafka-4.1.0",
            ],
        ),
        (
            "prometheus",
            &[
                "spec.containers[1].image = quay.io/brancz/kube-rbac-proxy:v0.20.0 (container auth)",
                "spec.image = quay.io/prometheus/prometheus:v3.7.0",
                "spec.thanos.image = quay.io/thanos/thanos:v0.40.0",
            ],
        ),
        (
            "scaledjob",
            &["spec.jobTargetRef.template.spec.containers[0].image = ghcr.io/acme/worker:5 (container worker)"],
        ),
        (
            "jobset",
            &[
                "spec.replicatedJobs[0].template.spec.template.spec.containers[0].image = ghcr.io/acme/train:1 (container driver)",
                "spec.replicatedJobs[1].template.spec.template.spec.containers[0].image = ghcr.io/acme/train:1 (container worker)",
                "spec.replicatedJobs[1].template.spec.template.spec.initContainers[0].image = ghcr.io/acme/data:1 (init data)",
            ],
        ),
        (
            "raycluster",
            &[
                "spec.headGroupSpec.template.spec.containers[0].image = rayproject/ray:2.51.0 (container ray-head)",
                "spec.workerGroupSpecs[0].template.spec.containers[0].image = rayproject/ray:2.51.0-gpu (container ray-worker)",
            ],
        ),
        (
            "cnpg",
            &[
                "spec.imageName = ghcr.io/cloudnative-pg/postgresql:18",
                "spec.postgresql.extensions[0].image.reference = ghcr.io/cloudnative-pg/pgvector:0.8",
            ],
        ),
        (
            "helmlike",
            &[
                "spec.image = ghcr.io/acme/platform:v7",
                "spec.proxyImage = ghcr.io/acme/proxy@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                "spec[\"image.pull/agentImage\"] = ghcr.io/acme/agent:1",
            ],
        ),
    ] {
        assert_eq!(lines(&objects(file)[0]), expected, "{file}");
    }
}

#[test]
fn pull_secrets_are_found_wherever_they_are_named() {
    for (file, expected) in [
        ("rollout", &["ghcr-pull"][..]),
        ("workflow", &["ci-pull"]),
        ("kubevirt", &["disk-pull"]),
        ("cnpg", &["db-pull"]),
        ("kafka", &[]),
    ] {
        assert_eq!(CustomObject::read(&objects(file)[0]).unwrap().pull_secrets, expected, "{file}");
    }
    let json = r#"{"spec": {"imagePullSecrets": ["plain", {"name": "pull"}, {"name": "pull"}], "serviceAccountName": "robot"}}"#;
    let object = CustomObject::read(json).unwrap();
    assert_eq!(
        (object.pull_secrets, object.service_account.as_deref()),
        (vec!["plain".into(), "pull".into()], Some("robot"))
    );
}

#[test]
fn what_only_mirrors_an_object_is_passed_by() {
    let image = r#"{"image": "ghcr.io/acme/a:1"}"#;
    let json = format!(
        r#"{{"metadata": {{"name": "x", "managedFields": [{image}],
            "annotations": {{"kubectl.kubernetes.io/last-applied-configuration": {image:?}}}}}, "status": {image}}}"#
    );
    assert_eq!(lines(&json), [""; 0]);
}

#[test]
fn built_in_groups_and_those_that_start_nothing_are_left_out() {
    for (api_version, custom) in [
        ("argoproj.io/v1alpha1", true),
        ("jobset.x-k8s.io/v1alpha2", true),
        ("apps.openshift.io/v1", true),
        ("v1", false),
        ("apps/v1", false),
        ("extensions/v1beta1", false),
        ("metrics.k8s.io/v1beta1", false),
        ("aquasecurity.github.io/v1alpha1", false),
    ] {
        assert_eq!(CustomKind::of(api_version, "Thing").is_some(), custom, "{api_version}");
    }
}

#[test]
fn a_hostile_object_takes_little() {
    for (open, close) in [("{\"a\":", "}"), ("[", "]"), ("{\"containers\":[", "]}")] {
        let deep = format!(
            r#"{{"metadata": {{"name": "x"}}, "deep": {}1{}, "image": "ghcr.io/acme/a:1"}}"#,
            open.repeat(100_000),
            close.repeat(100_000)
        );
        assert_eq!(lines(&deep), ["image = ghcr.io/acme/a:1"]);
        assert!(CustomObject::read(&deep).unwrap().is_cut);
    }
    let many = vec![r#"{"image": "ghcr.io/acme/a:1"}"#; 50_000].join(",");
    let many = format!(r#"{{"list": [{many}]}}"#);
    let many = CustomObject::read(&many).unwrap();
    assert!(many.is_cut && many.images.len() == 1000);
    let long = "x".repeat(10_000);
    let long = format!(r#"{{"{long}": {{"image": "a/b:1"}}, "image": "a/{long}:1"}}"#);
    let long = CustomObject::read(&long).unwrap();
    assert!(long.is_cut && long.images.is_empty());
    for odd in ["[]", "1", "{\"metadata\": 1}", "{\"metadata\": {\"name\": 7}}", "{"] {
        assert!(CustomObject::read(odd).is_err(), "{odd}");
    }
}

/// JSON with the keys that mean something.
fn json() -> impl Strategy<Value = serde_json::Value> {
    let text = prop_oneof!["[a-z/:@{$(]{0,12}", Just("ghcr.io/acme/a:1".to_owned())];
    let leaf = prop_oneof![text.prop_map(Into::into), any::<i32>().prop_map(Into::into), Just(serde_json::Value::Null)];
    let key =
        prop_oneof!["[a-z]{1,3}", "(image|name|tag|repository|containers|initContainers|imagePullSecrets|status)"];
    leaf.prop_recursive(6, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::Array),
            prop::collection::btree_map(key.clone(), inner, 0..5).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn every_path_leads_to_its_text(object in prop::collection::btree_map("(spec|status|[a-z]{1,3})", json(), 0..4)) {
        let object: serde_json::Value = object.into_iter().collect();
        let found = search(&object.to_string()).unwrap();
        for image in found.images {
            let pointer = format!("/{}", image.path.replace('[', "/").replace(']', "").replace('.', "/"));
            let value = object.pointer(&pointer).unwrap();
            // An image that is told in parts is where its parts are.
            prop_assert!(value.as_str() == Some(&*image.text) || value.is_object(), "{pointer} in {object}");
            prop_assert!(!image.path.starts_with("status"));
        }
    }
}
