//! `imagefacts collect` from an API server that answers what a real one was recorded to answer.

use serde_json::{Value, json};

use super::bundle::{Facts, RECORDED_CANARIES, assert_none_of, classes, text};
use super::{Program, Ran};
use crate::fake_api::{FakeApi, Plan, recording};

const INVALID: &str = "Docker.io/UPPER/case:bad tag";
/// What a Rollout names, and nothing that is built in.
const CANARY: &str = "ghcr.io/acme/canary:v1";
const WEB: &str = "ghcr.io/acme/web:v3.2.1";

const REFERENCES: [&str; 20] = [
    "123456789012.dkr.ecr.eu-west-1.amazonaws.com/acme/report:2026.11",
    INVALID,
    "docker.io/acme/amd64only:1",
    "docker.io/envoyproxy/envoy:v1.36",
    "docker.io/library/busybox:latest",
    "docker.io/library/nginx:9.99",
    "docker.io/library/nginx:latest",
    "docker.io/library/redis:8",
    CANARY,
    "ghcr.io/acme/migrate:v3",
    "ghcr.io/acme/models:7",
    "ghcr.io/acme/private:v9",
    "ghcr.io/acme/tools:nightly",
    "ghcr.io/acme/web:v3.2.0",
    WEB,
    "localhost:5000/batch:dev",
    "quay.io/cilium/cilium:v1.18.2",
    "quay.io/prometheus/statsd-exporter@sha256:22dcc997cd3a5311709bb7fd75ea4e92d6d76daa87ff6a0e4b2eef9b85129736",
    "registry.example.com:5000/db/postgres:17",
    "registry.k8s.io/kube-apiserver:v1.36.2",
];

/// Registries that cannot be reached are given up at once.
const ASK: [&str; 6] = ["collect", "--include-images", "--retries", "0", "--registry-timeout", "5s"];

async fn collected(arguments: &[&str]) -> (FakeApi, Ran) {
    let api = Plan::recorded().start().await;
    let ran = Program::with_cluster(&api).run(arguments).await;
    (api, ran)
}

/// `kind namespace/name role pods`, and the containers' names and types, of each user of an image.
fn users(image: &Value) -> Vec<String> {
    let list = |value: &Value| value.as_array().unwrap().clone();
    let shown = |user: &Value| {
        let containers: Vec<String> =
            list(&user["containers"]).iter().map(|c| format!("{}:{}", text(&c["name"]), text(&c["type"]))).collect();
        let owner = format!("{} {}/{}", text(&user["kind"]), text(&user["namespace"]), text(&user["name"]));
        format!("{owner} {} {} {}", text(&user["role"]), user["pods"], containers.join(","))
    };
    list(&image["usedBy"]).iter().map(shown).collect()
}

/// The digests that run, each with its nodes.
fn running(image: &Value) -> Vec<String> {
    let runs = image["running"].as_array().map(Vec::as_slice).unwrap_or_default();
    runs.iter().map(|run| format!("{} {}", &text(&run["digest"])[7..15], run["nodes"])).collect()
}

#[tokio::test]
async fn without_registries_the_facts_hold_what_the_cluster_knows() {
    let (api, ran) = collected(&["collect"]).await;
    let ran = ran.exits(0);
    let facts = ran.bundle().facts();
    assert_eq!(facts.references(), REFERENCES);
    assert_eq!((&facts.0["complete"], facts.gaps()), (&json!(true), vec![]));
    for image in facts.images() {
        let is_valid = image["reference"] != INVALID;
        assert_eq!(image["status"], if is_valid { "unqueried" } else { "failed" }, "{image}");
        assert!(image["resolved"].is_null() && image["variants"].is_null() && image["access"].is_null(), "{image}");
    }
    assert_eq!(classes(facts.image(INVALID)), ["invalid-reference"]);
    assert_eq!((&facts.0["run"]["requests"], &facts.0["manifests"]), (&json!(0), &json!([])));
    assert!(api.log().iter().all(|asked| !asked.path.contains("secrets")), "none is needed");
    let source = &facts.0["source"];
    assert_eq!((&source["type"], &source["context"]), (&json!("cluster"), &json!("fake")));
    let version: Value = serde_json::from_slice(&recording("version.json")).unwrap();
    assert_eq!(source["kubernetesVersion"], version["gitVersion"]);
    assert_eq!(facts.0["nodes"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn users_containers_and_what_runs_are_right() {
    let (_, ran) = collected(&["collect"]).await;
    let facts = ran.exits(0).bundle().facts();
    for (reference, expected) in [
        (WEB, &["Deployment shop/web current 2 web:container"][..]),
        ("ghcr.io/acme/web:v3.2.0", &["Deployment shop/web history 0 web:container"]),
        ("ghcr.io/acme/migrate:v3", &["Deployment shop/web current 2 migrate:init"]),
        ("docker.io/envoyproxy/envoy:v1.36", &["Deployment shop/web current 2 mesh:sidecar"]),
        ("docker.io/library/busybox:latest", &["Deployment shop/web current 1 debugger:ephemeral"]),
        ("ghcr.io/acme/models:7", &["Deployment shop/web current 2 model:volume"]),
        ("quay.io/cilium/cilium:v1.18.2", &["DaemonSet kube-system/cni current 0 agent:container,install:init"]),
        (CANARY, &["Rollout shop/canary current 0 app:container"]),
        (REFERENCES[0], &["CronJob shop/report template 0 report:container"]),
        ("localhost:5000/batch:dev", &["PodTemplate shop/batch-template template 0 c:container"]),
        (REFERENCES[19], &["Pod kube-system/ current 1 kube-apiserver:container"]),
    ] {
        assert_eq!(users(facts.image(reference)), expected, "{reference}");
    }
    for (reference, expected) in [
        (WEB, &[r#"8cce6b53 ["node-b"]"#, r#"9db548b5 ["node-a"]"#][..]),
        ("docker.io/library/busybox:latest", &[r#"9d75f0d7 ["node-a"]"#]),
        ("registry.example.com:5000/db/postgres:17", &[r#"a5abc29c ["node-c"]"#]),
        (REFERENCES[19], &[r#"04ead045 ["node-a"]"#]),
        ("docker.io/library/redis:8", &[]),
    ] {
        assert_eq!(running(facts.image(reference)), expected, "{reference}");
    }
    assert_eq!(facts.image("docker.io/library/redis:8")["writtenAs"], json!(["redis:8"]));
    assert_eq!(facts.image(WEB)["pulls"]["lastSizeBytes"], 187_334_512);
}

#[tokio::test]
async fn a_custom_resource_tells_its_field_unless_it_is_left_out() {
    let (_, ran) = collected(&["collect"]).await;
    let user = ran.exits(0).bundle().facts().image(CANARY)["usedBy"][0].clone();
    let field = (user["certainty"].clone(), user["path"].clone());
    assert_eq!(field, (json!("certain"), json!("spec.template.spec.containers[0].image")));
    let (api, ran) = collected(&["collect", "--no-custom-resources"]).await;
    assert_eq!(ran.exits(0).bundle().facts().references().len(), REFERENCES.len() - 1);
    assert!(api.log().iter().all(|asked| !asked.path.ends_with("/rollouts") && asked.path != "/apis"));
}

#[tokio::test]
async fn attachments_are_looked_for_at_registries_only() {
    let (_, ran) = collected(&["collect", "--attachments", "all"]).await;
    ran.exits(2).says(&["--attachments needs --include-images"]);
    let (_, ran) = collected(&["collect", "--include-images", "--attachments", "some"]).await;
    ran.exits(2).says(&["[possible values: none, index, all]"]);
}

#[tokio::test]
async fn five_pods_fail_with_their_reasons() {
    let (_, ran) = collected(&["collect"]).await;
    let ran = ran.exits(0);
    let facts = ran.bundle().facts();
    let mut waiting = Vec::new();
    for image in facts.images() {
        for reason in image["waiting"].as_array().into_iter().flatten() {
            assert_eq!(reason["pods"], 1);
            waiting.push((text(&reason["reason"]), text(&reason["examples"][0]["pod"])));
        }
    }
    waiting.sort_unstable_by_key(|(_, pod)| *pod);
    let expected = [
        ("ErrImagePull", "broken-arch"),
        ("ImagePullBackOff", "broken-auth"),
        ("ErrImagePull", "broken-missing"),
        ("InvalidImageName", "broken-name"),
        ("ImagePullBackOff", "broken-rate"),
    ];
    assert_eq!(waiting, expected);
    for finding in [
        "pull-platform docker.io/acme/amd64only:1",
        "pull-unauthorized ghcr.io/acme/private:v9",
        "pull-not-found docker.io/library/nginx:9.99",
        "pull-rate-limited docker.io/library/redis:8",
        "invalid-image-name Docker.io/UPPER/case:bad tag",
    ] {
        assert!(facts.findings().iter().any(|found| found == finding), "{finding} in {:?}", facts.findings());
    }
    ran.says(&["5 errors", "pull-rate-limited"]);
}

#[tokio::test]
async fn registries_that_cannot_be_reached_are_told_for_each_image() {
    let (api, ran) = collected(&ASK).await;
    let facts = ran.exits(0).bundle().facts();
    assert_eq!(facts.references(), REFERENCES);
    for image in facts.images() {
        assert_eq!(image["status"], "failed", "{image}");
        let expected: &[&str] = match text(&image["reference"]) {
            INVALID => &["invalid-reference"],
            // Whatever may listen on that port of this machine.
            local if local.starts_with("localhost") => continue,
            _ => &["connect"],
        };
        assert_eq!(classes(image), expected, "{image}");
        assert!(text(&image["errors"][0]["message"]).contains(text(&image["reference"])), "{image}");
    }
    // Of the best effort.
    assert_eq!(running(facts.image(WEB)).len(), 2);
    let asked = api.log();
    let secrets: Vec<&str> =
        asked.iter().map(|asked| asked.path.as_str()).filter(|path| path.contains("/secrets")).collect();
    assert!(secrets.iter().all(|path| path.contains("/secrets/")), "they are never listed: {secrets:?}");
    assert!(secrets.contains(&"/api/v1/namespaces/shop/secrets/ghcr-pull"), "{secrets:?}");
}

#[tokio::test]
async fn no_password_of_the_cluster_shows_anywhere() {
    let api = Plan::recorded().start().await;
    let program = Program::with_cluster(&api);
    let plain = program.run(&[&ASK[..], &["-vv", "--redact", "off"]].concat()).await.exits(0);
    let json = program.run(&[&ASK[..], &["-vv", "--progress", "json", "-o", "json.tar.gz"]].concat()).await.exits(0);
    let bundles =
        [plain.bundle(), super::Bundle::read(&std::fs::read(program.directory().join("json.tar.gz")).unwrap())];
    let canaries = [&RECORDED_CANARIES[..], &["canary-token"]].concat();
    for bundle in bundles {
        bundle.has_none_of(&canaries);
    }
    for ran in [plain, json] {
        assert!(ran.stderr.contains("DEBUG"), "{}", ran.stderr);
        assert_none_of("stdout", &ran.stdout(), &canaries);
        assert_none_of("stderr", &ran.stderr, &canaries);
    }
    let read = |name: &str| api.queries(&format!("/api/v1/namespaces/shop/secrets/{name}")).len();
    assert!(read("ghcr-pull") > 0 && read("legacy-pull") > 0, "there was something to show");
}

#[tokio::test]
async fn without_pull_secrets_none_is_read() {
    let (api, ran) = collected(&[&ASK[..], &["--no-pull-secrets"]].concat()).await;
    let bundle = ran.exits(0).bundle();
    for asked in api.log() {
        assert!(!asked.path.contains("secrets") && !asked.path.contains("serviceaccounts"), "{asked:?}");
    }
    // Their names stand in the pods.
    assert_eq!(bundle.facts().image(WEB)["usedBy"][0]["pullSecrets"], json!(["ghcr-pull"]));
    assert!(bundle.text("execution-data/collection.json").contains("\"no-pull-secrets\": true"));
}

#[tokio::test]
async fn two_runs_differ_only_in_run() {
    let api = Plan::recorded().start().await;
    let program = Program::with_cluster(&api);
    let mut facts: Vec<Value> = Vec::new();
    for _ in 0..2 {
        facts.push(Facts::without_run(program.run(&ASK).await.exits(0).bundle().facts()));
    }
    assert_eq!(facts[0], facts[1]);
    // The second did not replace the first, which another second may have given another name.
    assert_eq!(program.entries().len(), 2);
}

#[tokio::test]
async fn strict_tells_by_the_exit_code_what_is_not_well() {
    let (_, ran) = collected(&[&ASK[..], &["--strict"]].concat()).await;
    assert_eq!(ran.exits(3).bundle().facts().references(), REFERENCES);
    let (_, ran) = collected(&["collect", "--strict"]).await;
    // An image whose name is no reference has failed, whether or not registries are asked.
    ran.exits(3);
    let (_, ran) = collected(&["collect", "--strict", "-n", "kube-system"]).await;
    ran.exits(0);
}

#[tokio::test]
async fn fallback_none_ends_with_the_first_image_that_fails() {
    let api = Plan::recorded().start().await;
    let program = Program::with_cluster(&api);
    let arguments = [&ASK[..], &["--fallback", "none"]].concat();
    program.run(&arguments).await.exits(1).says(&["could not be resolved", "--fallback none"]);
    let json = program.run(&[&arguments[..], &["--progress", "json"]].concat()).await.exits(1);
    assert_eq!(json.events().last().unwrap()["event"], "failed");
    assert!(program.entries().is_empty());
}

#[tokio::test]
async fn partial_leaves_out_what_only_the_cluster_knows() {
    let (_, ran) = collected(&[&ASK[..], &["--fallback", "partial"]].concat()).await;
    let facts = ran.exits(0).bundle().facts();
    let image = facts.image(WEB);
    assert!(image["running"].is_null() && image["onNodes"].is_null(), "{image}");
    assert_eq!(classes(image), ["connect"]);
}
