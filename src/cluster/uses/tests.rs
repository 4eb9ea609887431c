//! The rules of discovery on the recorded cluster.

mod custom;
mod roles;

use proptest::prelude::*;
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};

use super::*;
use crate::cluster::inventory::{Container, ImageUse, Placement, PullContext, UserKey, wanted_platforms};
use crate::cluster::objects::KINDS;
use crate::vocabulary::{ContainerType, Role};

/// The items of every recorded list, with what they are.
fn recorded() -> Vec<(Resource<'static>, Box<RawValue>)> {
    let plain = [Resource::Node, Resource::Pod, Resource::Event].into_iter();
    let resources = plain.chain(KINDS.iter().map(Resource::Workload));
    resources.flat_map(|resource| items(resource).into_iter().map(move |item| (resource, item))).collect()
}

fn items(resource: Resource<'_>) -> Vec<Box<RawValue>> {
    let name = resource.name();
    let plural = name.split('.').next().unwrap();
    let path = format!("{}/testdata/kubernetes-1.36/{plural}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let list: crate::cluster::objects::List<'_> = serde_json::from_str(&text).unwrap();
    list.items.into_iter().map(ToOwned::to_owned).collect()
}

fn inventory(objects: &[(Resource<'static>, Box<RawValue>)], scope: Scope) -> Inventory {
    let mut builder = Builder::new(scope);
    for (resource, item) in objects {
        builder.add(*resource, item.get());
    }
    builder.finish()
}

fn usage<'a>(inventory: &'a Inventory, image: &str) -> &'a ImageUse {
    let (_, usage) = inventory.images.iter().find(|(name, _)| name.to_string() == image).unwrap();
    usage
}

/// `Deployment shop/web current 2: sidecar mesh`
fn user_lines(usage: &ImageUse) -> Vec<String> {
    let line = |(key, user): (&UserKey, &super::super::inventory::User)| {
        let containers: Vec<_> = user.containers.iter().map(|c| format!("{} {}", c.kind, c.name)).collect();
        let name = key.name.as_deref().unwrap_or("*");
        format!("{} {}/{name} {} {}: {}", key.kind, key.namespace, key.role, user.pods, containers.join(", "))
    };
    usage.used_by.iter().map(line).collect()
}

#[test]
fn each_image_of_the_recorded_cluster_is_there_once_with_its_users() {
    let inventory = inventory(&recorded(), Scope::default());
    let lines: Vec<_> = inventory.images.iter().map(|(name, usage)| (name.to_string(), user_lines(usage))).collect();
    let expected: &[(&str, &[&str])] = &[
        (
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com/acme/report:2026.11",
            &["CronJob shop/report template 0: container report"],
        ),
        ("docker.io/acme/amd64only:1", &["Pod shop/* current 1: container c"]),
        ("docker.io/envoyproxy/envoy:v1.36", &["Deployment shop/web current 2: sidecar mesh"]),
        ("docker.io/library/busybox:latest", &["Deployment shop/web current 1: ephemeral debugger"]),
        ("docker.io/library/nginx:9.99", &["Pod shop/* current 1: container c"]),
        ("docker.io/library/nginx:latest", &["ReplicationController shop/old-web template 0: container c"]),
        ("docker.io/library/redis:8", &["Pod shop/* current 1: container c"]),
        ("ghcr.io/acme/migrate:v3", &["Deployment shop/web current 2: init migrate"]),
        ("ghcr.io/acme/models:7", &["Deployment shop/web current 2: volume model"]),
        ("ghcr.io/acme/private:v9", &["Pod shop/* current 1: container c"]),
        ("ghcr.io/acme/tools:nightly", &["Job shop/backfill template 0: container backfill"]),
        ("ghcr.io/acme/web:v3.2.0", &["Deployment shop/web history 0: container web"]),
        ("ghcr.io/acme/web:v3.2.1", &["Deployment shop/web current 2: container web"]),
        ("localhost:5000/batch:dev", &["PodTemplate shop/batch-template template 0: container c"]),
        ("quay.io/cilium/cilium:v1.18.2", &["DaemonSet kube-system/cni current 0: container agent, init install"]),
        (
            "quay.io/prometheus/statsd-exporter@sha256:22dcc997cd3a5311709bb7fd75ea4e92d6d76daa87ff6a0e4b2eef9b85129736",
            &["Deployment shop/web current 2: container metrics"],
        ),
        (
            "registry.example.com:5000/db/postgres:17",
            &["StatefulSet shop/db current 0: container postgres", "Pod shop/* current 1: container postgres"],
        ),
        ("registry.k8s.io/kube-apiserver:v1.36.2", &["Pod kube-system/* current 1: container kube-apiserver"]),
        ("Docker.io/UPPER/case:bad tag", &["Pod shop/* current 1: container c"]),
    ];
    let expected: Vec<_> = expected
        .iter()
        .map(|(name, users)| ((*name).to_owned(), users.iter().map(|u| (*u).to_owned()).collect()))
        .collect();
    assert_eq!(lines, expected);
    assert_eq!((inventory.workloads, inventory.pods, inventory.gaps.len()), (9, 9, 0));
    assert_eq!(inventory.namespaces.iter().collect::<Vec<_>>(), ["kube-system", "shop"]);
    assert!(matches!(inventory.images.last_key_value(), Some((ImageName::Invalid(_), _))));
    assert_eq!(usage(&inventory, "docker.io/library/nginx:latest").written_as, ["nginx".to_owned()].into());
    let busybox = usage(&inventory, "docker.io/library/busybox:latest");
    let container = busybox.used_by.values().flat_map(|user| user.containers.iter()).next().unwrap();
    let pull_policy = Some("Always".into());
    assert_eq!(*container, Container { name: "debugger".into(), kind: ContainerType::Ephemeral, pull_policy });
}

#[test]
fn what_runs_in_the_recorded_cluster_is_known_by_digest_and_node() {
    let inventory = inventory(&recorded(), Scope::default());
    let running = |image: &str| -> Vec<_> {
        let running = usage(&inventory, image).running.iter();
        running
            .map(|(digest, r)| format!("{}… {} {} {}", &digest.hex()[..8], r.pods, r.nodes.join(","), r.started))
            .collect()
    };
    for (image, expected) in [
        ("ghcr.io/acme/web:v3.2.1", vec!["8cce6b53… 1 node-b true", "9db548b5… 1 node-a true"]),
        ("ghcr.io/acme/migrate:v3", vec!["3bc801a3… 2 node-a,node-b true"]),
        ("docker.io/envoyproxy/envoy:v1.36", vec!["84532b30… 2 node-a,node-b true"]),
        ("docker.io/library/busybox:latest", vec!["9d75f0d7… 1 node-a true"]),
        ("registry.k8s.io/kube-apiserver:v1.36.2", vec!["04ead045… 1 node-a true"]),
        ("registry.example.com:5000/db/postgres:17", vec!["a5abc29c… 1 node-c true"]),
        ("ghcr.io/acme/models:7", vec![]),
        ("docker.io/library/redis:8", vec![]),
    ] {
        assert_eq!(running(image), expected, "{image}");
    }
    let web = usage(&inventory, "ghcr.io/acme/web:v3.2.1");
    let example = web.running.values().last().unwrap().examples.first().unwrap();
    let expected = ("web-6d4f9-ax0", Some("web"), Some("node-a"));
    assert_eq!((&*example.pod, example.container.as_deref(), example.node.as_deref()), expected);
}

#[test]
fn five_pods_of_the_recorded_cluster_wait_for_their_images() {
    let inventory = inventory(&recorded(), Scope::default());
    let waiting: Vec<_> = inventory
        .images
        .iter()
        .flat_map(|(name, usage)| usage.waiting.iter().map(move |(words, waiting)| (name.to_string(), words, waiting)))
        .collect();
    let told: Vec<_> = waiting.iter().map(|(name, (reason, _), _)| (name.as_str(), reason.as_str())).collect();
    let expected = [
        ("docker.io/acme/amd64only:1", "ErrImagePull"),
        ("docker.io/library/nginx:9.99", "ErrImagePull"),
        ("docker.io/library/redis:8", "ImagePullBackOff"),
        ("ghcr.io/acme/private:v9", "ImagePullBackOff"),
        ("Docker.io/UPPER/case:bad tag", "InvalidImageName"),
    ];
    assert_eq!(told, expected);
    let (_, (_, message), broken) = waiting[0];
    assert!(message.ends_with("no match for platform in manifest: not found"), "{message}");
    assert_eq!((broken.pods, broken.nodes.iter().map(|node| &**node).collect::<Vec<_>>()), (1, vec!["node-b"]));
    let owner = broken.owners.first().unwrap();
    assert_eq!((&*owner.kind, &*owner.namespace, &owner.name), ("Pod", "shop", &None));
}

#[test]
fn events_of_the_recorded_cluster_tell_of_pulls() {
    let inventory = inventory(&recorded(), Scope::default());
    let web = usage(&inventory, "ghcr.io/acme/web:v3.2.1").pulls.as_ref().unwrap();
    assert_eq!((web.succeeded, web.cached, web.failed), (2, 0, 0));
    assert_eq!((web.last_duration_seconds, web.last_size_bytes), (Some(72.5), Some(187_334_512)));
    let (seconds, example) = web.slowest.as_ref().unwrap();
    assert_eq!((*seconds, &*example.pod, example.container.as_deref()), (72.5, "web-6d4f9-bx1", Some("c")));
    assert_eq!(
        (web.from.to_string(), web.to.to_string()),
        ("2026-11-20T09:00:00Z".into(), "2026-11-20T09:10:00Z".into())
    );
    assert_eq!(usage(&inventory, "registry.example.com:5000/db/postgres:17").pulls.as_ref().unwrap().cached, 2);
    let private = usage(&inventory, "ghcr.io/acme/private:v9");
    assert_eq!(private.pulls.as_ref().unwrap().failed, 14);
    let (message, failure) = private.pull_failures.first_key_value().unwrap();
    assert!(message.ends_with("unexpected status: 401 Unauthorized"), "{message}");
    assert_eq!((private.pull_failures.len(), failure.count, failure.examples.len()), (1, 14, 1));
}

#[test]
fn pull_secrets_are_those_of_pods_or_else_of_templates() {
    let inventory = inventory(&recorded(), Scope::default());
    let context = |secrets: &[&str], service_account: Option<&str>, failing| PullContext {
        namespace: "shop".into(),
        secrets: secrets.iter().map(|&name| name.into()).collect(),
        service_account: service_account.map(Into::into),
        failing,
    };
    for (image, expected) in [
        ("ghcr.io/acme/web:v3.2.1", vec![context(&["ghcr-pull"], None, false)]),
        ("ghcr.io/acme/web:v3.2.0", vec![context(&[], Some("default"), false)]),
        ("ghcr.io/acme/private:v9", vec![context(&[], None, true)]),
        (
            "registry.example.com:5000/db/postgres:17",
            vec![context(&[], None, false), context(&["legacy-pull", "does-not-exist"], None, false)],
        ),
    ] {
        assert_eq!(usage(&inventory, image).contexts.iter().cloned().collect::<Vec<_>>(), expected, "{image}");
    }
    let (key, db) = usage(&inventory, "registry.example.com:5000/db/postgres:17").used_by.first_key_value().unwrap();
    assert_eq!(
        (&*key.kind, &*db.pull_secrets),
        ("StatefulSet", &["legacy-pull", "does-not-exist"].map(Into::into)[..])
    );
}

#[test]
fn nodes_tell_their_platforms_and_images() {
    let inventory = inventory(&recorded(), Scope::default());
    let nodes: Vec<_> = inventory
        .nodes
        .iter()
        .flatten()
        .map(|node| (&*node.name, node.platform.platform.to_string(), node.runtime.as_str(), node.images_truncated))
        .collect();
    let expected = [
        ("node-a", "linux/amd64".to_owned(), "containerd://2.1.4", false),
        ("node-b", "linux/arm64".to_owned(), "containerd://2.1.4", false),
        ("node-c", "linux/amd64".to_owned(), "cri-o://1.34.1", false),
        ("node-w", "windows/amd64".to_owned(), "containerd://1.7.28", false),
    ];
    assert_eq!(nodes, expected);
    assert_eq!(inventory.on_nodes.len(), 8);
    assert!(inventory.on_nodes.iter().all(|image| image.names.len() == 2 && image.size_bytes > 0));
    let web = usage(&inventory, "ghcr.io/acme/web:v3.2.1");
    assert!(web.nodes.is_empty(), "it runs wherever it was scheduled to");
    assert_eq!(web.placements.iter().collect::<Vec<_>>(), [&Placement::Anywhere]);
    let wanted = wanted_platforms(inventory.nodes.as_deref(), usage(&inventory, "docker.io/acme/amd64only:1")).unwrap();
    assert_eq!(wanted.iter().map(|wanted| wanted.platform.to_string()).collect::<Vec<_>>(), ["linux/arm64"]);
}

#[test]
fn the_scope_leaves_out_the_rest() {
    let only = |namespace: &str| BTreeSet::from([namespace.to_owned()]);
    let named = inventory(&recorded(), Scope { namespaces: only("kube-system"), ..Scope::default() });
    assert_eq!((named.images.len(), named.pods, named.namespaces), (2, 1, only("kube-system")));
    let rest = inventory(&recorded(), Scope { excluded: only("shop"), ..Scope::default() });
    assert_eq!(rest.images, named.images);
    let selector = Some(Selector::parse("app in (web), !pod-template-hash").unwrap());
    let selected = inventory(&recorded(), Scope { selector, ..Scope::default() });
    assert_eq!((selected.workloads, selected.pods, selected.images.len()), (0, 2, 6));
    // The ReplicaSet and the Deployment do not fulfil the selector, but own the pods that do.
    let web = usage(&selected, "ghcr.io/acme/web:v3.2.1");
    assert_eq!(user_lines(web), ["Deployment shop/web current 2: container web"]);
}

#[test]
fn what_cannot_be_read_is_a_gap_and_spoils_nothing_else() {
    let mut objects = recorded();
    let whole = inventory(&objects, Scope::default());
    for (name, spec) in [("b", json!({"containers": 1})), ("a", json!("x"))] {
        let pod = json!({"metadata": {"name": name, "namespace": "shop"}, "spec": spec});
        objects.push((Resource::Pod, to_raw_value(&pod).unwrap()));
    }
    objects.push((Resource::Pod, to_raw_value(&7).unwrap()));
    let read = inventory(&objects, Scope::default());
    assert_eq!(read.images, whole.images);
    let gaps: Vec<_> = read.gaps.iter().map(|gap| (gap.namespace.as_deref(), &gap.message)).collect();
    assert_eq!(gaps.len(), 2);
    assert!(gaps[0].1.starts_with("1 of pods"), "{gaps:?}");
    assert!(
        gaps[1].0 == Some("shop") && gaps[1].1.contains("2 of pods") && gaps[1].1.contains("the first is a: "),
        "{gaps:?}"
    );
    assert!(read.gaps.iter().all(|gap| gap.incomplete && gap.reason == "unreadable"));
    let elsewhere = Scope { excluded: BTreeSet::from(["shop".to_owned()]), ..Scope::default() };
    assert_eq!(inventory(&objects, elsewhere).gaps.len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn the_order_of_objects_does_not_matter(objects in Just(recorded()).prop_shuffle()) {
        prop_assert_eq!(inventory(&objects, Scope::default()), inventory(&recorded(), Scope::default()));
    }

    #[test]
    fn objects_that_come_again_count_once(again in proptest::sample::subsequence(recorded(), 0..=20)) {
        let objects: Vec<_> = recorded().into_iter().chain(again).collect();
        prop_assert_eq!(inventory(&objects, Scope::default()), inventory(&recorded(), Scope::default()));
    }
}

#[test]
fn images_of_pods_are_told_of_once_with_what_is_known_of_them() {
    let mut builder = Builder::new(Scope::default());
    let pod = |name: &str, secret: &str, images: &[&str]| {
        let containers: Vec<_> = images.iter().map(|image| json!({"name": image, "image": image})).collect();
        let spec = json!({"nodeName": "n", "containers": containers, "imagePullSecrets": [{"name": secret}]});
        json!({"metadata": {"name": name, "namespace": "a", "uid": name}, "spec": spec})
    };
    let mut told = |object: serde_json::Value| {
        builder.add(Resource::Pod, &object.to_string());
        let told = builder.take_new();
        let secrets = |usage: &ImageUse| usage.contexts.iter().map(|c| c.secrets.join(",")).collect::<Vec<_>>();
        told.into_iter().map(|(reference, usage)| (reference.to_string(), secrets(&usage))).collect::<Vec<_>>()
    };
    let one = |secret: &str| vec![secret.to_owned()];
    assert_eq!(told(pod("p", "s", &["x.io/a:1"])), [("x.io/a:1".to_owned(), one("s"))]);
    assert_eq!(told(pod("q", "t", &["x.io/a:1", "x.io/b:1", "Not A Name"])), [("x.io/b:1".to_owned(), one("t"))]);
    assert_eq!(told(pod("r", "t", &["x.io/a:1"])), []);
}

#[test]
fn an_image_is_one_however_it_is_spelt() {
    let mut builder = Builder::new(Scope::default());
    let pod = |name: &str, images: &[&str]| {
        let containers: Vec<_> = images.iter().map(|image| json!({"name": image, "image": image})).collect();
        json!({"metadata": {"name": name}, "spec": {"containers": containers}}).to_string()
    };
    let event = json!({"metadata": {"name": "e"}, "involvedObject": {"kind": "Pod"}, "reason": "Pulled",
        "message": "Successfully pulled image \"docker.io/a\""});
    builder.add(Resource::Event, &event.to_string());
    for (name, images) in [("p", &["a:latest", "A", ""][..]), ("q", &["a", "docker.io/library/a"]), ("r", &["a", "A"])]
    {
        builder.add(Resource::Pod, &pod(name, images));
    }
    let inventory = builder.finish();
    let spellings = |usage: &ImageUse| usage.written_as.iter().cloned().collect::<Vec<_>>().join(" ");
    let told: Vec<_> = inventory.images.iter().map(|(name, usage)| (name.to_string(), spellings(usage))).collect();
    let told: Vec<_> = told.iter().map(|(name, spellings)| (&**name, &**spellings)).collect();
    assert_eq!(told, [("docker.io/library/a:latest", "a a:latest docker.io/library/a"), ("A", "A")]);
}
