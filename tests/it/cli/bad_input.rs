//! Input that is wrong: a message that names it and says what to do, the right exit code, and nothing half-written.

use super::program::nobody;
use super::{Program, Ran};
use crate::fake_api::{Fault, Plan};

/// Runs, and asserts that nothing was left behind.
async fn refused(program: &Program, arguments: &[&str], code: i32, says: &[&str]) -> Ran {
    let before = program.entries();
    let ran = program.run(arguments).await.exits(code).says(says);
    assert_eq!((ran.stdout().as_str(), program.entries()), ("", before), "{arguments:?}");
    assert!(ran.stderr.contains("error: "), "{}", ran.stderr);
    assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    ran
}

#[tokio::test]
async fn no_kubeconfig() {
    let program = Program::new();
    refused(&program, &["collect"], 1, &["no kubeconfig found", ".kube/config", "--kubeconfig", "--from"]).await;
    let missing = ["collect", "--kubeconfig", "nowhere/config"];
    refused(&program, &missing, 1, &["nowhere/config", "--kubeconfig"]).await;
    program.write("config", "{{{ not a kubeconfig");
    refused(&program, &["collect", "--kubeconfig", "config"], 1, &["the kubeconfig config cannot be used"]).await;
}

#[tokio::test]
async fn a_context_that_does_not_exist() {
    let api = Plan::recorded().start().await;
    let program = Program::with_cluster(&api);
    let says = ["has no context 'prod'", "Choose one with --context: fake"];
    refused(&program, &["collect", "--context", "prod"], 1, &says).await;
    assert!(api.log().is_empty());
}

#[tokio::test]
async fn a_server_that_cannot_be_reached() {
    let api = Plan::recorded().start().await;
    let program = Program::with_cluster(&api);
    let server = format!("http://{}", nobody());
    let config = std::fs::read_to_string(api.kubeconfig()).unwrap().replace(&api.url(), &server);
    program.write("config", config);
    let says = [server.as_str(), "cannot be reached", "Connection refused", "Check that the cluster runs"];
    refused(&program, &["collect", "--kubeconfig", "config"], 1, &says).await;
}

#[tokio::test]
async fn a_token_that_has_expired() {
    let api = Plan::recorded().start().await;
    api.refuse_credentials();
    let program = Program::with_cluster(&api);
    let ran = refused(&program, &["collect"], 1, &["does not accept the credential", "tester", "log in again"]).await;
    assert!(!ran.stderr.contains("canary-token"));
}

#[tokio::test]
async fn nothing_that_may_be_listed() {
    let api = Plan::empty().start().await;
    let program = Program::with_cluster(&api);
    let url = api.url();
    refused(&program, &["collect"], 1, &[&url, "knows neither pods nor nodes"]).await;
    for path in ["/api/v1/pods", "/api/v1/nodes", "/api/v1/namespaces", "/api/v1/namespaces/shop/pods"] {
        api.always_fail(path, Fault::recorded(403, "forbidden-pods-cluster-403.json"));
    }
    refused(&program, &["collect"], 1, &["nothing could be listed", &url, "cannot list", "-n"]).await;
}

#[tokio::test]
async fn files_that_are_no_manifests() {
    let program = Program::new();
    program.write("broken.yaml", "kind: Pod\n  spec: [unclosed\n");
    program.write("broken.json", "{\"kind\": \"Pod\", ");
    program.write("prose.txt", "Dear cluster,\nplease run.\n");
    program.write("binary.yaml", [0, 159, 146, 150, 7]);
    program.write("empty.yaml", "");
    std::fs::create_dir(program.directory().join("nothing")).unwrap();
    for (path, says) in [
        ("broken.yaml", &["broken.yaml", "line"][..]),
        ("broken.json", &["broken.json"]),
        ("prose.txt", &["prose.txt"]),
        ("binary.yaml", &["binary.yaml"]),
        ("empty.yaml", &["empty.yaml holds no Kubernetes object", "expected manifests"]),
        ("nothing", &["nothing holds no Kubernetes object", "expected manifests"]),
        ("missing.yaml", &["cannot read missing.yaml"]),
    ] {
        for more in [&[][..], &["--include-images"]] {
            refused(&program, &[&["collect", "--from", path], more].concat(), 1, says).await;
        }
    }
}

#[tokio::test]
async fn wrong_usage() {
    let program = Program::new();
    program.write("pod.yaml", super::files::POD);
    for (arguments, says) in [
        (&["colect"][..], &["colect", "collect"][..]),
        (&["collect", "--include-image"], &["--include-image", "--include-images"]),
        (&["collect", "--progress", "loud"], &["loud", "plain"]),
        (&["collect", "--include-images", "--timeout", "soon"], &["soon", "--timeout", "1m30s"]),
        (&["collect", "--include-images", "--concurrency", "0"], &["--concurrency", "from 1 on"]),
        (&["collect", "--include-images", "--retries", "-1"], &["-1"]),
        (&["collect", "--include-images", "--platform", "linux"], &["linux", "--platform"]),
        (&["collect", "-n", ""], &["--namespace", "a namespace's name"]),
        (&["collect", "--exclude-namespace", "Shop/.."], &["Shop/..", "--exclude-namespace"]),
        (
            &["collect", "--include-images", "--insecure-registry", "http://r.io"],
            &["http://r.io", "as image references"],
        ),
        (&["collect", "-q", "-v"], &["--quiet", "--verbose"]),
        (&["collect", "-A", "-n", "shop"], &["--all-namespaces", "--namespace"]),
        (&["collect", "--from", "pod.yaml", "--context", "x"], &["--from", "--context"]),
        (&["collect", "--as-group", "x"], &["--as-group needs --as"]),
        (&["collect", "--retries", "1"], &["--retries needs --include-images"]),
        (&["collect", "--authfile", "x"], &["--authfile needs --include-images"]),
        (&["collect", "--insecure-registry", "x"], &["--insecure-registry needs --include-images"]),
        (&["collect", "--image-timeout", "1s"], &["--image-timeout needs --include-images"]),
        (&["inspect"], &["REF"]),
        (&["inspect", "-o", "xml", "nginx"], &["xml", "json"]),
        (&["validate"], &["facts.json"]),
        (&["schema", "config"], &["config", "facts", "progress"]),
    ] {
        let ran = refused(&program, arguments, 2, says).await;
        assert!(ran.stderr.contains("--help"), "{arguments:?}: {}", ran.stderr);
    }
}

#[tokio::test]
async fn values_that_only_the_run_can_judge() {
    let program = Program::new();
    program.write("pod.yaml", super::files::POD);
    program.write("auth.json", "{ not json");
    program.write("ca.pem", "no certificate");
    let from = ["collect", "--include-images", "--from", "pod.yaml"];
    for (more, says) in [
        (&["--authfile", "nowhere.json"][..], &["nowhere.json"][..]),
        (&["--authfile", "auth.json"], &["auth.json"]),
        (&["--ca-file", "nowhere.pem"], &["nowhere.pem"]),
        (&["--ca-file", "ca.pem"], &["ca.pem"]),
    ] {
        refused(&program, &[&from[..], more].concat(), 1, says).await;
    }
}

#[tokio::test]
async fn a_reference_that_cannot_be_parsed_fails_alone() {
    let program = Program::new();
    program.write("pod.yaml", super::files::POD.replace("127.0.0.1:1/app:1", "Not/Valid"));
    let ran = program.run(&["collect", "--include-images", "--retries", "0", "--from", "pod.yaml"]).await.exits(0);
    let facts = ran.bundle().facts();
    let image = facts.image("Not/Valid");
    assert_eq!(super::bundle::classes(image), ["invalid-reference"]);
    assert!(image["repository"].is_null() && image["errors"][0]["attempts"] == 0, "{image}");
    assert_eq!(facts.references(), ["127.0.0.1:1/tool:2", "Not/Valid"]);
    let ran = program.run(&["inspect", "Not/Valid"]).await.exits(3);
    assert!(ran.stdout().contains("Not/Valid") && ran.stdout().contains("invalid-reference"), "{}", ran.stdout());
}

#[tokio::test]
async fn an_unpacked_bundle_is_no_empty_cluster() {
    let program = Program::new();
    program.write("bundle/version.yaml", "apiVersion: troubleshoot.sh/v1beta2\nkind: SupportBundle\n");
    program.write("bundle/image-facts/facts.json", r#"{"schemaVersion":"1.0","kind":"ImageFacts"}"#);
    program.run(&["collect", "--from", "bundle"]).await.exits(1).says(&["bundle holds no Kubernetes object"]);
}

#[tokio::test]
async fn a_pipe_among_manifests_is_passed_by() {
    let program = Program::new();
    program.write("dir/pod.yaml", super::files::POD);
    let pipe = program.directory().join("dir/pipe.yaml");
    assert!(std::process::Command::new("mkfifo").arg(pipe).status().unwrap().success());
    assert_eq!(program.run(&["collect", "--from", "dir"]).await.exits(0).bundle().facts().references().len(), 2);
}

#[tokio::test]
async fn a_bad_selector_is_wrong_usage() {
    for selector in ["=,=", "app in web"] {
        Program::new().run(&["collect", "--from", "x", "-l", selector]).await.exits(2).says(&["--selector", selector]);
    }
}

/// A key may be a flag of several commands that mean different things by it.
#[tokio::test]
async fn one_configuration_serves_every_command() {
    let program = Program::new();
    program.write("pod.yaml", super::files::POD);
    program.write("config.toml", "output = \"bundle.tar.gz\"\n");
    let collect = ["collect", "--include-images", "--from", "pod.yaml", "--config", "config.toml", "--retries", "0"];
    let collected = program.offline().run(&collect).await.exits(0);
    assert_eq!(collected.stdout(), "bundle.tar.gz\n");
    let program = Program::new();
    program.write("config.toml", "output = \"bundle.tar.gz\"\n");
    program.offline().run(&["inspect", "--config", "config.toml", "UPPER"]).await.exits(3);
}
