//! Objects from files and from stdin.

use std::path::Path;

use serde_json::json;

use super::Program;
use crate::fake_api::recording;

/// A pod of two images at a registry where nobody listens.
pub(super) const POD: &str = "\
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec:
  initContainers: [{name: prepare, image: '127.0.0.1:1/tool:2'}]
  containers: [{name: web, image: '127.0.0.1:1/app:1'}]
";

const IMAGES: [&str; 2] = ["127.0.0.1:1/app:1", "127.0.0.1:1/tool:2"];

/// A Deployment of one image.
fn deployment(name: &str, image: &str) -> String {
    let containers = json!([{"name": "c", "image": image}]);
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": "shop"},
        "spec": {"template": {"spec": {"containers": containers}}}})
    .to_string()
}

#[tokio::test]
async fn stdin_is_read() {
    let program = Program::new();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [
        serde_json::from_str::<serde_json::Value>(&deployment("a", "r.io/a:1")).unwrap(),
        serde_json::from_str::<serde_json::Value>(&deployment("b", "r.io/b:1")).unwrap(),
    ]});
    for (input, expected) in [
        (POD.to_owned(), &IMAGES[..]),
        (format!("{POD}---\n{}", deployment("x", "r.io/x:1")), &[IMAGES[0], IMAGES[1], "r.io/x:1"]),
        (list.to_string(), &["r.io/a:1", "r.io/b:1"]),
    ] {
        let ran = program.run_with(&["collect", "--from", "-"], &input).await.exits(0);
        let facts = ran.bundle().facts();
        assert_eq!(facts.references(), expected, "{input}");
        assert_eq!(facts.0["source"], json!({"type": "files", "namespaces": ["shop"], "paths": ["-"]}));
    }
    program.run_with(&["collect", "--from", "-"], "").await.exits(1).says(&["stdin", "no Kubernetes object"]);
}

#[tokio::test]
async fn directories_and_files_are_joined() {
    let program = Program::new();
    program.write("deploy/pod.yaml", POD);
    program.write("deploy/more/web.json", deployment("web", "r.io/web:1"));
    program.write("deploy/values.yaml", "image: r.io/not-an-object:1\n");
    program.write("deploy/README.md", "# r.io/prose:1\n");
    program.write("one.yml", deployment("one", "r.io/one:1"));
    let ran = program.run(&["collect", "--from", "deploy", "--from", "one.yml"]).await.exits(0);
    let facts = ran.bundle().facts();
    assert_eq!(facts.references(), [IMAGES[0], IMAGES[1], "r.io/one:1", "r.io/web:1"]);
    assert_eq!(facts.0["complete"], true);
}

/// One that has only just registered, or that something else than a kubelet made up.
#[tokio::test]
async fn a_node_without_a_platform_is_told_in_a_gap() {
    let program = Program::new();
    let good = json!({"nodeInfo": {"operatingSystem": "linux", "architecture": "arm64"}});
    for (status, platforms) in [
        (json!(null), &["linux/arm64"][..]),
        (json!({"nodeInfo": {"operatingSystem": "linux", "architecture": ""}}), &["linux/arm64"]),
        (json!({"nodeInfo": {"operatingSystem": "linux", "architecture": "x y/z"}}), &["linux/arm64"]),
        (good.clone(), &["linux/arm64", "linux/arm64"]),
    ] {
        let node =
            |name, status| json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "status": status});
        let items = [node("a", status), node("b", good.clone())];
        program.write("nodes.json", json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string());
        program.write("pod.yaml", POD);
        let ran = program.run(&["collect", "--from", "nodes.json", "--from", "pod.yaml"]).await.exits(0);
        let facts = ran.bundle().facts();
        let nodes = facts.0["nodes"].as_array().unwrap();
        assert_eq!(nodes.iter().map(|node| &node["platform"]).collect::<Vec<_>>(), platforms);
        let gaps = if nodes.len() == 1 { vec!["unreadable nodes -"] } else { vec![] };
        assert_eq!(facts.gaps(), gaps);
        let bundle = program.entries().into_iter().find(|name| name.ends_with(".tar.gz")).unwrap();
        program.run(&["validate", &bundle]).await.exits(0);
        std::fs::remove_file(program.directory().join(bundle)).unwrap();
    }
}

#[tokio::test]
async fn names_of_images_that_sound_like_secrets_stay_apart() {
    let program = Program::new();
    let images = ["auth_token:1", "auth_token:2", "db_user:1", "db_user:2"].map(|name| format!("r.io/acme/{name}"));
    for (at, image) in images.iter().enumerate() {
        program.write(&format!("{at}.json"), deployment(&format!("d{at}"), image));
    }
    for mode in ["default", "strict"] {
        let ran = program.run(&["collect", "--from", ".", "--redact", mode]).await.exits(0);
        assert_eq!(ran.bundle().facts().references(), images);
        assert!(!ran.stderr.contains("HIDDEN"), "{}", ran.stderr);
    }
}

#[tokio::test]
async fn a_broken_file_among_others_is_a_gap() {
    let program = Program::new();
    program.write("deploy/pod.yaml", POD);
    program.write("deploy/torn.json", "{\"kind\": ");
    let ran = program.run(&["collect", "--from", "deploy"]).await.exits(0).says(&["torn.json"]);
    let facts = ran.bundle().facts();
    assert_eq!((facts.references(), &facts.0["complete"]), (IMAGES.to_vec(), &json!(false)));
    program.run(&["collect", "--from", "deploy", "--strict"]).await.exits(3);
}

#[tokio::test]
async fn a_dump_gives_what_the_live_cluster_gave() {
    let program = Program::new();
    let mut arguments = vec!["collect".to_owned()];
    for name in ["nodes", "pods", "deployments", "replicasets", "statefulsets", "daemonsets", "jobs", "cronjobs"] {
        program.write(&format!("{name}.json"), recording(&format!("{name}.json")));
        arguments.extend(["--from".to_owned(), format!("{name}.json")]);
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let facts = program.run(&arguments).await.exits(0).bundle().facts();
    // All but those of a ReplicationController and of a PodTemplate.
    assert_eq!(facts.references().len(), 17);
    assert_eq!(facts.image("ghcr.io/acme/web:v3.2.1")["running"].as_array().unwrap().len(), 2);
    assert_eq!(facts.0["nodes"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn scope_holds_for_files_too() {
    let program = Program::new();
    program.write("pods.json", recording("pods.json"));
    let facts = program.run(&["collect", "--from", "pods.json", "-n", "kube-system"]).await.exits(0).bundle().facts();
    assert_eq!(facts.references(), ["registry.k8s.io/kube-apiserver:v1.36.2"]);
    let facts = program.run(&["collect", "--from", "pods.json", "-l", "app=db"]).await.exits(0).bundle().facts();
    assert_eq!(facts.references(), ["registry.example.com:5000/db/postgres:17"]);
}

/// A closed stdout ends quietly, as for any tool before `head`.
#[tokio::test]
async fn a_closed_pipe_is_no_panic() {
    let program = Program::new();
    program.write("pod.yaml", POD);
    for command in ["schema facts", "--help", "collect --from pod.yaml --progress json", "collect --from pod.yaml -o -"]
    {
        let script = format!("'{}' {command} | true", env!("CARGO_BIN_EXE_imagefacts"));
        let child = program.command_of(Path::new("/bin/sh"), &["-c", &script]).spawn().unwrap();
        let ran = program.end(child).await.exits(0);
        assert!(!ran.stderr.contains("panicked"), "{command}: {}", ran.stderr);
    }
}
