//! Discovery from a live API server, which serves recordings and fails in all the ways that real ones do.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use imagefacts::cluster::inventory::{Gap, Inventory};
use imagefacts::cluster::live::{Cluster, Connection, DiscoveryError, discover};
use imagefacts::cluster::objects::{List, Resource};
use imagefacts::cluster::uses::{Builder, Scope, Selector};
use imagefacts::event::{Event, Events, Sink};
use imagefacts::limits::ClusterLimits;
use imagefacts::stop::{Stop, StopReason};

use crate::fake_api::{FakeApi, Fault, Plan, recording};

const PODS: &str = "/api/v1/pods";

fn stop() -> Stop {
    Stop::at(tokio::time::Instant::now() + Duration::from_secs(120))
}

fn quick() -> ClusterLimits {
    ClusterLimits { first_pause: Duration::from_millis(1), ..ClusterLimits::default() }
}

fn connection(api: &FakeApi, limits: ClusterLimits) -> Connection {
    // Another test may have installed it; both are the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Connection { kubeconfig: Some(api.kubeconfig()), limits, ..Connection::default() }
}

async fn connect(api: &FakeApi) -> Cluster {
    Cluster::connect(&connection(api, quick())).await.unwrap()
}

async fn found(api: &FakeApi, scope: &Scope) -> Result<Inventory, DiscoveryError> {
    discover(&connect(api).await, scope, &Events::none(), &stop()).await
}

fn namespaces(names: &[&str]) -> Scope {
    Scope { namespaces: names.iter().map(|&name| name.to_owned()).collect(), ..Scope::default() }
}

/// What the same recordings give without any server.
fn directly(scope: Scope) -> Inventory {
    let mut builder = Builder::new(scope);
    builder.set_version(serde_json::from_slice(&recording("version.json")).unwrap());
    builder.nodes_listed();
    for (file, api_version, kind) in [
        ("nodes.json", "v1", "Node"),
        ("pods.json", "v1", "Pod"),
        ("podtemplates.json", "v1", "PodTemplate"),
        ("replicationcontrollers.json", "v1", "ReplicationController"),
        ("replicasets.json", "apps/v1", "ReplicaSet"),
        ("deployments.json", "apps/v1", "Deployment"),
        ("statefulsets.json", "apps/v1", "StatefulSet"),
        ("daemonsets.json", "apps/v1", "DaemonSet"),
        ("jobs.json", "batch/v1", "Job"),
        ("cronjobs.json", "batch/v1", "CronJob"),
        ("events.json", "v1", "Event"),
    ] {
        let page = recording(file);
        let list: List<'_> = serde_json::from_slice(&page).unwrap();
        for item in list.items {
            builder.add(Resource::of(api_version, kind).unwrap(), item);
        }
    }
    builder.finish()
}

fn assert_same(left: &Inventory, right: &Inventory) {
    assert_eq!(format!("{left:#?}"), format!("{right:#?}"));
}

fn gap<'a>(inventory: &'a Inventory, resource: &str, namespace: Option<&str>) -> &'a Gap {
    let found = inventory
        .gaps
        .iter()
        .find(|gap| gap.resource.as_deref() == Some(resource) && gap.namespace.as_deref() == namespace);
    found.unwrap_or_else(|| panic!("no gap for {resource} in {namespace:?}: {:#?}", inventory.gaps))
}

fn forbidden() -> Fault {
    Fault::recorded(403, "forbidden-pods-cluster-403.json")
}

#[tokio::test]
async fn all_kinds_are_found_in_few_large_pages() {
    let api = Plan::recorded().start().await;
    let inventory = found(&api, &Scope::default()).await.unwrap();
    assert_eq!((inventory.pods, inventory.gaps.len()), (9, 0), "{:#?}", inventory.gaps);
    assert_same(&inventory, &directly(Scope::default()));
    for asked in api.log() {
        assert!(!asked.query.contains("resourceVersion"), "{asked:?}");
        assert!(!asked.path.contains("secrets"), "{asked:?}");
        assert!(asked.path == "/version" || asked.query.contains("limit=500"), "{asked:?}");
    }
    assert_eq!(api.queries("/api/v1/events"), ["limit=500&fieldSelector=involvedObject.kind%3DPod"]);
}

#[tokio::test]
async fn small_pages_give_the_same() {
    let api = Plan::recorded().start().await;
    let limits = ClusterLimits { page_items: 2, ..quick() };
    let cluster = Cluster::connect(&connection(&api, limits)).await.unwrap();
    let inventory = discover(&cluster, &Scope::default(), &Events::none(), &stop()).await.unwrap();
    assert_same(&inventory, &directly(Scope::default()));
    assert_eq!(api.queries(PODS).len(), 5);
}

#[tokio::test]
async fn many_pods_come_page_by_page_and_are_told() {
    struct Told(Mutex<Vec<u64>>);
    impl Sink for Told {
        fn emit(&self, event: &Event) {
            if let Event::Discovering { resource, listed } = event
                && resource == "pods"
            {
                self.0.lock().unwrap().push(*listed);
            }
        }
    }
    let api = Plan::recorded().with_synthetic_pods(1201).start().await;
    let told = Arc::new(Told(Mutex::default()));
    let events = Events::to(Arc::clone(&told) as Arc<dyn Sink>);
    let inventory = discover(&connect(&api).await, &Scope::default(), &events, &stop()).await.unwrap();
    assert_eq!(inventory.pods, 1201);
    assert_eq!(*told.0.lock().unwrap(), [500, 1000, 1201]);
}

#[tokio::test]
async fn an_expired_token_is_answered_with_the_fresh_one() {
    let api = Plan::recorded().start().await;
    api.fail(PODS, "continue=", 1, Fault::recorded(410, "pods-continue-expired-410.json"));
    let limits = ClusterLimits { page_items: 3, ..quick() };
    let cluster = Cluster::connect(&connection(&api, limits)).await.unwrap();
    let inventory = discover(&cluster, &Scope::default(), &Events::none(), &stop()).await.unwrap();
    assert_eq!(inventory.pods, 9);
    let gap = gap(&inventory, "pods", None);
    assert_eq!((gap.reason.as_str(), gap.incomplete), ("inconsistent", false));
    assert!(api.queries(PODS).iter().all(|query| query.contains("limit=3")), "{:?}", api.queries(PODS));
    assert_eq!(api.queries(PODS).len(), 4);
}

#[tokio::test]
async fn a_token_that_expires_without_another_restarts_the_list_once() {
    let api = Plan::recorded().start().await;
    api.fail(PODS, "continue=", 1, Fault::Answer { status: 410, headers: Vec::new(), body: "{}".into() });
    let limits = ClusterLimits { page_items: 5, ..quick() };
    let cluster = Cluster::connect(&connection(&api, limits)).await.unwrap();
    let inventory = discover(&cluster, &Scope::default(), &Events::none(), &stop()).await.unwrap();
    assert_eq!(inventory.pods, 9, "no pod counts twice");
    assert_eq!(gap(&inventory, "pods", None).reason, "inconsistent");

    let api = Plan::recorded().start().await;
    api.fail(PODS, "continue=", 2, Fault::Answer { status: 410, headers: Vec::new(), body: "{}".into() });
    let limits = ClusterLimits { page_items: 5, ..quick() };
    let cluster = Cluster::connect(&connection(&api, limits)).await.unwrap();
    let inventory = discover(&cluster, &Scope::default(), &Events::none(), &stop()).await.unwrap();
    assert_eq!(inventory.pods, 5);
    assert!(inventory.gaps.iter().any(|gap| gap.incomplete), "{:#?}", inventory.gaps);
    assert!(api.queries(PODS).iter().all(|query| query.contains("limit=5")), "{:?}", api.queries(PODS));
}

#[tokio::test]
async fn a_forbidden_list_is_read_namespace_by_namespace() {
    let api = Plan::recorded().start().await;
    api.always_fail(PODS, forbidden());
    api.always_fail("/api/v1/namespaces/kube-system/pods", forbidden());
    let inventory = found(&api, &Scope::default()).await.unwrap();
    assert_eq!(inventory.pods, 8);
    assert_eq!(inventory.gaps.len(), 1, "{:#?}", inventory.gaps);
    let gap = gap(&inventory, "pods", Some("kube-system"));
    assert_eq!((gap.reason.as_str(), gap.incomplete), ("forbidden", true));
    assert!(gap.message.contains("A Role with the verb list on pods for user tester"), "{}", gap.message);
    assert_eq!(api.queries("/apis/apps/v1/deployments").len(), 1);
    assert!(api.queries("/apis/apps/v1/namespaces/shop/deployments").is_empty(), "a refusal concerns one resource");
}

#[tokio::test]
async fn without_namespaces_the_contexts_own_is_read() {
    let api = Plan::recorded().start().await;
    for path in [PODS, "/api/v1/namespaces", "/api/v1/nodes", "/api/v1/events", "/api/v1/namespaces/shop/events"] {
        api.always_fail(path, forbidden());
    }
    let inventory = found(&api, &Scope::default()).await.unwrap();
    assert_eq!((inventory.pods, inventory.nodes.is_none()), (8, true));
    assert!(gap(&inventory, "namespaces", None).message.contains("the context's own, shop"));
    assert!(gap(&inventory, "nodes", None).incomplete);
    assert!(!gap(&inventory, "events", None).incomplete, "events only add to what pods tell");
    assert_eq!(api.queries("/api/v1/namespaces").len(), 1);
}

#[tokio::test]
async fn named_namespaces_are_never_left() {
    let api = Plan::recorded().start().await;
    let selector = Some(Selector::parse("app=broken").unwrap());
    let scope = Scope { selector, ..namespaces(&["shop"]) };
    let inventory = found(&api, &scope).await.unwrap();
    assert_eq!(inventory.pods, 5);
    assert!(inventory.namespaces.contains("shop") && inventory.namespaces.len() == 1);
    for asked in api
        .log()
        .iter()
        .filter(|asked| !matches!(asked.path.as_str(), "/version" | "/api/v1/nodes" | "/api/v1/namespaces/shop"))
    {
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
async fn passing_failures_are_waited_out() {
    let api = Plan::recorded().start().await;
    api.fail(PODS, "", 7, Fault::with_header(429, "retry-after", "0"));
    api.fail("/apis/apps/v1/deployments", "", 1, Fault::with_header(503, "x-nothing", ""));
    api.fail("/apis/apps/v1/replicasets", "", 2, Fault::BreakOff);
    let inventory = found(&api, &Scope::default()).await.unwrap();
    assert_same(&inventory, &directly(Scope::default()));
    assert_eq!(api.queries(PODS).len(), 8);
}

#[tokio::test]
async fn lasting_failures_of_one_list_are_a_gap() {
    let api = Plan::recorded().start().await;
    api.always_fail(PODS, Fault::BreakOff);
    api.always_fail("/apis/apps/v1/deployments", Fault::with_header(500, "x-nothing", ""));
    let login = Fault::Answer { status: 200, headers: Vec::new(), body: "<html>log in</html>".into() };
    api.always_fail("/apis/batch/v1/jobs", login);
    let empty = Fault::Answer { status: 200, headers: Vec::new(), body: "{}".into() };
    api.always_fail("/apis/batch/v1/cronjobs", empty);
    let pause = Fault::with_header(503, "retry-after", "999999999");
    api.always_fail("/apis/apps/v1/daemonsets", pause);
    let inventory = found(&api, &Scope::default()).await.unwrap();
    for (resource, reason, tries) in [
        ("pods", "connect", 5),
        ("deployments.apps", "server", 5),
        ("jobs.batch", "unreadable", 1),
        ("cronjobs.batch", "unreadable", 1),
        ("daemonsets.apps", "server", 1),
    ] {
        let gap = gap(&inventory, resource, None);
        assert_eq!((gap.reason.as_str(), gap.incomplete), (reason, true), "{resource}");
        let plural = resource.split('.').next().unwrap();
        let asked = api.log().iter().filter(|asked| asked.path.ends_with(&format!("/{plural}"))).count();
        assert_eq!(asked, tries, "{resource}");
    }
    assert_eq!(inventory.gaps.len(), 5, "{:#?}", inventory.gaps);
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up() {
    let api = Plan::recorded().start().await;
    api.always_fail(PODS, Fault::Silence);
    let limits = ClusterLimits { request_timeout: Duration::from_millis(500), tries: 2, ..quick() };
    let cluster = Cluster::connect(&connection(&api, limits)).await.unwrap();
    let inventory = discover(&cluster, &Scope::default(), &Events::none(), &stop()).await.unwrap();
    assert_eq!(gap(&inventory, "pods", None).reason, "timeout");
}

#[tokio::test]
async fn a_stopped_run_keeps_what_was_read() {
    let api = Plan::recorded().start().await;
    api.always_fail("/api/v1/events", Fault::Silence);
    let cluster = connect(&api).await;
    let stop = stop();
    let work = tokio::spawn({
        let stop = stop.clone();
        async move { discover(&cluster, &Scope::default(), &Events::none(), &stop).await }
    });
    while api.queries("/api/v1/events").is_empty() {
        tokio::task::yield_now().await;
    }
    stop.stop(StopReason::Interrupted);
    let inventory = work.await.unwrap().unwrap();
    let gap = gap(&inventory, "events", None);
    assert_eq!((gap.reason.as_str(), gap.incomplete), ("canceled", true));
}

#[tokio::test]
async fn an_expired_credential_ends_the_run() {
    for path in ["/version", PODS] {
        let api = Plan::recorded().start().await;
        api.always_fail(path, Fault::recorded(401, "unauthorized-401.json"));
        let error = found(&api, &Scope::default()).await.unwrap_err();
        assert!(matches!(error, DiscoveryError::Unauthorized { .. }), "{error}");
        assert!(error.to_string().contains("user tester: log in again"), "{error}");
        assert_eq!(api.queries(path).len(), 1, "a 401 is not tried again");
    }
}

#[tokio::test]
async fn nothing_listed_is_an_error() {
    let api = Plan::empty().start().await;
    for (root, plurals) in [
        ("/api/v1", &["pods", "nodes", "events", "namespaces", "podtemplates", "replicationcontrollers"][..]),
        ("/apis/apps/v1", &["deployments", "replicasets", "statefulsets", "daemonsets"]),
        ("/apis/batch/v1", &["jobs", "cronjobs"]),
    ] {
        for plural in plurals {
            api.always_fail(&format!("{root}/{plural}"), forbidden());
            api.always_fail(&format!("{root}/namespaces/shop/{plural}"), forbidden());
        }
    }
    let error = found(&api, &Scope::default()).await.unwrap_err();
    assert!(matches!(error, DiscoveryError::NothingListed { .. }), "{error}");
    assert!(error.to_string().contains("User \"viewer\" cannot list"), "{error}");

    let other = found(&Plan::empty().start().await, &Scope::default()).await.unwrap_err().to_string();
    assert!(other.contains("Is it a Kubernetes API server?"), "{other}");
}

#[tokio::test]
async fn an_unreachable_server_is_named() {
    let api = Plan::empty().start().await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = listener.local_addr().unwrap();
    drop(listener);
    for (server, says) in [
        (format!("http://{nobody}"), "cannot be reached: Connection refused"),
        (api.url().replace("http:", "https:"), "no trusted connection"),
        (format!("http://bob:hunter2@{nobody}"), "cannot be reached"),
    ] {
        let kubeconfig = api.kubeconfig();
        let text = std::fs::read_to_string(&kubeconfig).unwrap().replace(&api.url(), &server);
        std::fs::write(&kubeconfig, text).unwrap();
        let connection = Connection { kubeconfig: Some(kubeconfig), limits: quick(), ..Connection::default() };
        let cluster = Cluster::connect(&connection).await.unwrap();
        let error = discover(&cluster, &Scope::default(), &Events::none(), &stop()).await.unwrap_err().to_string();
        assert!(error.contains(says) && error.contains("127.0.0.1") && !error.contains("hunter2"), "{error}");
    }
}

#[tokio::test]
async fn a_failing_credential_plugin_is_named_and_not_quoted() {
    let api = Plan::empty().start().await;
    let kubeconfig = api.kubeconfig();
    let plugin = r#"{"exec":{"apiVersion":"client.authentication.k8s.io/v1","interactiveMode":"Never","command":"sh",
        "args":["-c","echo s3cret; echo s3cret >&2; exit 3"]}}"#;
    let text = std::fs::read_to_string(&kubeconfig).unwrap().replace(r#"{"token":"canary-token"}"#, plugin);
    std::fs::write(&kubeconfig, text).unwrap();
    let connection = Connection { kubeconfig: Some(kubeconfig), ..Connection::default() };
    let error = Cluster::connect(&connection).await.unwrap_err().to_string();
    assert!(error.contains("the credential plugin sh failed (exit status: 3)"), "{error}");
    assert!(!error.contains("s3cret"), "{error}");
}

#[tokio::test]
async fn a_user_and_groups_are_impersonated() {
    let api = Plan::recorded().start().await;
    let mut connection = connection(&api, quick());
    connection.impersonate = Some("viewer".to_owned());
    connection.impersonate_groups = vec!["support".to_owned(), "dev".to_owned()];
    let cluster = Cluster::connect(&connection).await.unwrap();
    discover(&cluster, &Scope::default(), &Events::none(), &stop()).await.unwrap();
    for asked in api.log() {
        assert_eq!(asked.headers["impersonate-user"], "viewer");
        let groups: Vec<_> = asked.headers.get_all("impersonate-group").iter().collect();
        assert_eq!(groups, ["support", "dev"]);
        assert_eq!(asked.headers["authorization"], "Bearer canary-token");
    }
}

#[tokio::test]
async fn owners_of_unlisted_kinds_are_looked_up_by_their_metadata() {
    let owner = |kind: &str, name: &str| serde_json::json!([{"apiVersion": "argoproj.io/v1alpha1", "kind": kind, "name": name, "uid": "u", "controller": true}]);
    let pod = |name: &str, owner: serde_json::Value| {
        serde_json::json!({
            "metadata": {"name": name, "namespace": "shop", "uid": name, "ownerReferences": owner},
            "spec": {"containers": [{"name": "c", "image": "ghcr.io/acme/canary:v1"}]},
        })
    };
    let discovery = serde_json::json!({"kind": "APIResourceList", "resources": [
        {"name": "rollouts/status", "kind": "Rollout", "namespaced": true},
        {"name": "rollouts", "kind": "Rollout", "namespaced": true},
    ]});
    let api = Plan::recorded()
        .with(PODS, pod("canary-1", owner("Rollout", "canary")))
        .with(PODS, pod("canary-2", owner("Gone", "x")))
        .with_document("/apis/argoproj.io/v1alpha1", discovery)
        .start()
        .await;
    found(&api, &Scope::default()).await.unwrap();
    assert_eq!(api.queries("/apis/argoproj.io/v1alpha1").len(), 1);
    let asked: Vec<_> = api.log().into_iter().filter(|asked| asked.path.contains("/rollouts")).collect();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert_eq!(asked[0].path, "/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/canary");
    let accept = asked[0].headers["accept"].to_str().unwrap();
    assert!(accept.starts_with("application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"), "{accept}");
}

#[tokio::test]
async fn a_pull_secret_is_read_by_its_name() {
    use imagefacts::cluster::live::SecretError;
    use imagefacts::cluster::objects::PullSecret;
    use secrecy::ExposeSecret as _;

    let api = Plan::recorded().start().await;
    let cluster = connect(&api).await;
    let secret = cluster.pull_secret("shop", "ghcr-pull", &stop()).await.unwrap();
    let Some(PullSecret::DockerConfigJson(json)) = &secret else { panic!("{secret:?}") };
    assert!(json.expose_secret().contains("\"ghcr.io\""));
    assert!(!format!("{secret:?}").contains("s3cr3t"));
    let account = cluster.service_account_pull_secrets("shop", "web", &stop()).await.unwrap();
    assert_eq!(account, ["ghcr-pull"]);

    let missing = cluster.pull_secret("shop", "does-not-exist", &stop()).await.unwrap_err();
    assert_eq!(missing.to_string(), "secret shop/does-not-exist does not exist");
    api.always_fail("/api/v1/namespaces/shop/secrets/ghcr-pull", Fault::recorded(403, "forbidden-secrets-403.json"));
    let closed = cluster.pull_secret("shop", "ghcr-pull", &stop()).await.unwrap_err();
    assert!(matches!(closed, SecretError::Forbidden { .. }), "{closed}");
    assert!(closed.to_string().contains("the verb get on secrets"), "{closed}");
}
