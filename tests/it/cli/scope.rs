//! Which part of a cluster is collected, and what becomes of the part that cannot be read.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::{Value, json};

use super::bundle::Facts;
use super::{Program, Ran};
use crate::fake_api::{FakeApi, Fault, Plan, Size, recording};

const PODS: &str = "/api/v1/pods";

fn forbidden() -> Fault {
    Fault::recorded(403, "forbidden-pods-cluster-403.json")
}

async fn collect(api: &FakeApi, arguments: &[&str]) -> Ran {
    Program::with_cluster(api).run(&[&["collect"], arguments].concat()).await
}

async fn facts(api: &FakeApi, arguments: &[&str]) -> Facts {
    collect(api, arguments).await.exits(0).bundle().facts()
}

/// The namespaces of all users of images.
fn namespaces(facts: &Facts) -> Vec<&str> {
    let users = facts.images().iter().flat_map(|image| image["usedBy"].as_array().unwrap());
    let mut namespaces: Vec<&str> = users.map(|user| user["namespace"].as_str().unwrap()).collect();
    namespaces.sort_unstable();
    namespaces.dedup();
    namespaces
}

#[tokio::test]
async fn namespaces_are_chosen_and_excluded() {
    let api = Plan::recorded().start().await;
    for (arguments, expected) in [
        (&[][..], &["kube-system", "shop"][..]),
        (&["-A"], &["kube-system", "shop"]),
        (&["-n", "shop"], &["shop"]),
        (&["-n", "shop", "-n", "kube-system"], &["kube-system", "shop"]),
        (&["--namespace=kube-system"], &["kube-system"]),
        (&["--exclude-namespace", "shop"], &["kube-system"]),
    ] {
        let facts = facts(&api, arguments).await;
        assert_eq!(namespaces(&facts), expected, "{arguments:?}");
        assert_eq!(facts.0["complete"], true);
    }
}

#[tokio::test]
async fn labels_choose_pods_and_workloads() {
    let api = Plan::recorded().start().await;
    let facts = facts(&api, &["-l", "app=db"]).await;
    assert_eq!(facts.references(), ["registry.example.com:5000/db/postgres:17"]);
}

#[tokio::test]
async fn a_namespace_that_does_not_exist_is_a_gap_and_no_empty_answer() {
    let api = Plan::recorded().start().await;
    let ran = collect(&api, &["-n", "shpo", "-n", "shop", "--strict"]).await.exits(3).says(&["shpo"]);
    let facts = ran.bundle().facts();
    assert_eq!((&facts.0["complete"], facts.gaps()), (&json!(false), vec!["not-found namespaces shpo".to_owned()]));
}

#[tokio::test]
async fn what_is_forbidden_narrows_the_run_and_is_a_gap() {
    let api = Plan::recorded().start().await;
    api.always_fail(PODS, forbidden());
    api.always_fail("/api/v1/namespaces/kube-system/pods", forbidden());
    api.always_fail("/api/v1/nodes", forbidden());
    let ran = collect(&api, &["--include-images", "--retries", "0"]).await.exits(0);
    let facts = ran.bundle().facts();
    assert_eq!(facts.0["complete"], false);
    let gaps = facts.gaps();
    for gap in ["forbidden nodes -", "forbidden pods kube-system", "unknown-platforms nodes -"] {
        assert!(gaps.iter().any(|found| found == gap), "{gap} in {gaps:?}");
    }
    assert!(facts.0["nodes"].is_null(), "not looked at is not none");
    assert!(facts.references().contains(&"ghcr.io/acme/web:v3.2.1"));
    assert!(!facts.references().contains(&"registry.k8s.io/kube-apiserver:v1.36.2"));
    ran.says(&["gap      pods in kube-system: forbidden", "verb list on pods", "incomplete"]);
}

#[tokio::test]
async fn secrets_that_are_forbidden_are_a_gap() {
    let api = Plan::recorded().start().await;
    let secret = "/api/v1/namespaces/shop/secrets/ghcr-pull";
    api.always_fail(secret, Fault::recorded(403, "forbidden-secrets-403.json"));
    let facts = facts(&api, &["--include-images", "--retries", "0"]).await;
    let gaps = facts.gaps();
    assert!(gaps.iter().any(|gap| gap.starts_with("forbidden secrets")), "{gaps:?}");
    assert_eq!(api.queries(secret).len(), 1, "asked for once");
}

#[tokio::test]
async fn lists_that_expire_are_read_on_and_said_to_be_inconsistent() {
    let api = Plan::recorded().with_generated_pods(Size { images: 500, ..Size::of_pods(1200) }).start().await;
    // As it was recorded, with a token of these pods.
    let mut expired: Value = serde_json::from_slice(&recording("pods-continue-expired-410.json")).unwrap();
    let token = json!({"v": "meta.k8s.io/v1", "rv": -1, "start": "load/pod-000000000499\0"});
    expired["metadata"]["continue"] = STANDARD_NO_PAD.encode(token.to_string()).into();
    let body = expired.to_string().into();
    api.fail(PODS, "continue=", 1, Fault::Answer { status: 410, headers: Vec::new(), body });
    let facts = facts(&api, &[]).await;
    assert_eq!(facts.gaps(), ["inconsistent pods -"]);
    assert_eq!(
        facts.references().iter().filter(|name| name.starts_with("registry.example.com/team/app-")).count(),
        500
    );
    assert!(api.queries(PODS).iter().all(|query| query.contains("limit=500")), "{:?}", api.queries(PODS));
}

#[tokio::test]
async fn an_overloaded_server_is_asked_again_when_it_says() {
    let api = Plan::recorded().start().await;
    api.fail(PODS, "", 1, Fault::with_header(429, "retry-after", "1"));
    let facts = facts(&api, &[]).await;
    assert_eq!((facts.references().len(), facts.gaps()), (20, vec![]));
    assert_eq!(api.queries(PODS).len(), 2);
}

#[tokio::test]
async fn a_servers_words_are_masked_in_the_log_too() {
    let api = Plan::recorded().start().await;
    let words = json!({"kind": "Status", "message": "etcd says no: password=canary-of-etcd"});
    api.fail(PODS, "", 1, Fault::Answer { status: 500, headers: Vec::new(), body: words.to_string().into() });
    let ran = collect(&api, &["-vv"]).await.exits(0).says(&["trying again", "password=***HIDDEN***"]);
    assert!(!ran.stderr.contains("canary-of-etcd"), "{}", ran.stderr);
}

#[tokio::test]
async fn a_user_is_impersonated() {
    let api = Plan::recorded().start().await;
    facts(&api, &["--as", "viewer", "--as-group", "support"]).await;
    for asked in api.log() {
        let header = |name: &str| asked.headers.get(name).cloned().unwrap();
        assert_eq!(
            (header("impersonate-user"), header("impersonate-group")),
            ("viewer".parse().unwrap(), "support".parse().unwrap())
        );
    }
}

#[tokio::test]
async fn the_environment_sets_what_flags_do() {
    let api = Plan::recorded().start().await;
    let program = Program::with_cluster(&api).with("IMAGEFACTS_NAMESPACE", "kube-system,shop");
    let both = program.run(&["collect", "-o", "both.tar.gz"]).await.exits(0).bundle().facts();
    assert_eq!(namespaces(&both), ["kube-system", "shop"]);
    let flag = program.run(&["collect", "-n", "shop", "-o", "flag.tar.gz"]).await.exits(0).bundle().facts();
    assert_eq!(namespaces(&flag), ["shop"], "a flag is stronger");
}

#[tokio::test]
async fn an_empty_cluster_gives_a_valid_bundle() {
    let api =
        ["/api/v1/pods", "/api/v1/nodes", "/apis/apps/v1/deployments"].into_iter().fold(Plan::empty(), |plan, path| {
            plan.with_document(
                path,
                json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "7"}, "items": []}),
            )
        });
    let api = api.start().await;
    let program = Program::with_cluster(&api);
    for (name, arguments) in [("a.tar.gz", &["collect"][..]), ("b.tar.gz", &["collect", "--include-images"])] {
        let ran = program.run(&[arguments, &["-o", name]].concat()).await.exits(0).says(&["0 images", "no findings"]);
        let facts = ran.bundle().facts();
        assert_eq!((&facts.0["images"], &facts.0["nodes"], &facts.0["findings"]), (&json!([]), &json!([]), &json!([])));
        assert_eq!(facts.0["complete"], true);
        program.run(&["validate", name]).await.exits(0);
    }
}

#[tokio::test]
async fn the_configuration_file_sets_what_was_not_typed() {
    let api = Plan::recorded().start().await;
    let program = Program::with_cluster(&api);
    std::fs::create_dir_all(program.home().join(".config/imagefacts")).unwrap();
    let config = program.home().join(".config/imagefacts/config.toml");
    std::fs::write(&config, "namespace = [\"kube-system\"]\n").unwrap();
    let set = program.run(&["collect", "-o", "a.tar.gz"]).await.exits(0).bundle().facts();
    assert_eq!(namespaces(&set), ["kube-system"]);
    let flag = program.run(&["collect", "-n", "shop", "-o", "b.tar.gz"]).await.exits(0).bundle().facts();
    assert_eq!(namespaces(&flag), ["shop"]);
    std::fs::write(&config, "strict = true\nnamespaces = 1\n").unwrap();
    program.run(&["collect"]).await.exits(2).says(&["config.toml:2", "namespaces"]);
    assert_eq!(program.entries(), ["a.tar.gz", "b.tar.gz"]);
}
