//! The parts that objects play for an image, and who is named for them.

use super::*;

fn object(
    kind: &str,
    name: &str,
    owner: Option<(&str, &str)>,
    spec: serde_json::Value,
) -> (Resource<'static>, Box<RawValue>) {
    let owners = owner.map(|(kind, name)| {
        let version = match kind {
            "CronJob" | "Job" => "batch/v1",
            "Node" => "v1",
            "Rollout" => "argoproj.io/v1alpha1",
            _ => "apps/v1",
        };
        serde_json::json!([{"apiVersion": version, "kind": kind, "name": name, "controller": true}])
    });
    let metadata = serde_json::json!({"name": name, "namespace": "n", "uid": "u", "ownerReferences": owners});
    let version = ["v1", "apps/v1", "batch/v1"].into_iter().find(|v| Resource::of(v, kind).is_some()).unwrap();
    let json = serde_json::json!({"metadata": metadata, "spec": spec});
    (Resource::of(version, kind).unwrap(), to_raw_value(&json).unwrap())
}

fn template(image: &str, fields: serde_json::Value) -> serde_json::Value {
    let mut spec = fields;
    spec["template"] = serde_json::json!({"spec": {"containers": [{"name": "c", "image": image}]}});
    spec
}

fn pod(name: &str, owner: Option<(&str, &str)>) -> (Resource<'static>, Box<RawValue>) {
    object("Pod", name, owner, serde_json::json!({"containers": [{"name": "c", "image": "i"}]}))
}

fn lines(objects: &[(Resource<'static>, Box<RawValue>)]) -> Vec<String> {
    user_lines(usage(&inventory(objects, Scope::default()), "docker.io/library/i:latest"))
}

#[test]
fn what_stands_at_zero_is_history_only_below_an_owner() {
    let zero = || template("i", serde_json::json!({"replicas": 0}));
    for (kind, owner, expected) in [
        ("ReplicaSet", Some(("Rollout", "r")), "Rollout n/r history 0: container c"),
        ("ReplicaSet", None, "ReplicaSet n/x template 0: container c"),
        ("Deployment", None, "Deployment n/x template 0: container c"),
        ("StatefulSet", Some(("Rollout", "r")), "Rollout n/r template 0: container c"),
    ] {
        assert_eq!(lines(&[object(kind, "x", owner, zero())]), [expected]);
    }
    let absent = template("i", serde_json::json!({}));
    assert_eq!(lines(&[object("Deployment", "x", None, absent)]), ["Deployment n/x current 0: container c"]);
}

#[test]
fn a_cron_job_is_current_once_it_made_something() {
    let cron = || {
        object("CronJob", "c", None, serde_json::json!({"jobTemplate": {"spec": template("i", serde_json::json!({}))}}))
    };
    let job = || object("Job", "c-1", Some(("CronJob", "c")), template("i", serde_json::json!({})));
    assert_eq!(lines(&[cron()]), ["CronJob n/c template 0: container c"]);
    assert_eq!(lines(&[cron(), job()]), ["CronJob n/c current 0: container c"]);
    assert_eq!(lines(&[cron(), job(), pod("p", Some(("Job", "c-1")))]), ["CronJob n/c current 1: container c"]);
}

#[test]
fn ownerless_and_static_pods_are_one_entry_with_examples() {
    let pods: Vec<_> = (0..7).map(|n| pod(&format!("p{n}"), (n % 2 == 0).then_some(("Node", "a")))).collect();
    assert_eq!(lines(&pods), ["Pod n/* current 7: container c"]);
    let inventory = inventory(&pods, Scope::default());
    let user = usage(&inventory, "docker.io/library/i:latest").used_by.values().next().unwrap();
    let names: Vec<_> = user.examples.iter().map(|example| &*example.pod).collect();
    assert_eq!(names, ["p0", "p1", "p2", "p3", "p4"]);
}

#[test]
fn owners_that_are_not_listed_are_asked_for() {
    let mut builder = Builder::new(Scope::default());
    let (resource, item) = pod("p", Some(("Rollout", "r")));
    builder.add(resource, item.get());
    let [rollout] = builder.unresolved_owners().try_into().unwrap();
    assert_eq!((&*rollout.kind, &*rollout.namespace, &*rollout.name), ("Rollout", "n", "r"));
    let above = serde_json::json!({"name": "r", "namespace": "n", "ownerReferences":
        [{"apiVersion": "x/v1", "kind": "App", "name": "top", "controller": true}]});
    builder.add_owner(&rollout, Some(&serde_json::from_str(&above.to_string()).unwrap()));
    let [app] = builder.unresolved_owners().try_into().unwrap();
    builder.add_owner(&app, Some(&Metadata { name: Some("top".into()), ..Metadata::default() }));
    assert!(builder.unresolved_owners().is_empty());
    let inventory = builder.finish();
    let (key, _) = usage(&inventory, "docker.io/library/i:latest").used_by.first_key_value().unwrap();
    let top = UserKey {
        api_version: "x/v1".into(),
        kind: "App".into(),
        namespace: "".into(),
        name: Some("top".into()),
        role: Role::Current,
    };
    assert_eq!(*key, top);
}

#[test]
fn pods_tell_the_secrets_of_their_template() {
    let pod = |name: &str, secrets: &[&str]| {
        let secrets: Vec<_> = secrets.iter().map(|name| serde_json::json!({"name": name})).collect();
        let spec = serde_json::json!({"containers": [{"image": "i"}], "imagePullSecrets": secrets});
        object("Pod", name, Some(("ReplicaSet", "rs")), spec)
    };
    let replica_set = object("ReplicaSet", "rs", None, template("i", serde_json::json!({})));
    let contexts = |objects: &[(Resource<'static>, Box<RawValue>)]| {
        let inventory = inventory(objects, Scope::default());
        let usage = usage(&inventory, "docker.io/library/i:latest");
        let secrets = usage.used_by.values().next().unwrap().pull_secrets.clone();
        let of = |context: &PullContext| (context.secrets.join("+"), context.service_account.clone());
        (secrets, usage.contexts.iter().map(of).collect::<Vec<_>>())
    };
    let account = (String::new(), Some("default".into()));
    assert_eq!(contexts(std::slice::from_ref(&replica_set)), ([].into(), vec![account]));
    let mut objects = vec![replica_set, pod("p", &[]), pod("q", &["b", "a"]), pod("r", &["c"])];
    let expected = ["", "b+a", "c"].map(|secrets| (secrets.to_owned(), None));
    for _ in 0..objects.len() {
        assert_eq!(contexts(&objects), (["b".into(), "a".into()].into(), expected.to_vec()));
        objects.rotate_left(1);
    }
}
