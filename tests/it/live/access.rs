//! Who may ask, and what happens when one may not.

use super::*;

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
        let error = found_by(&cluster, &Scope::default()).await.unwrap_err().to_string();
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
    found_by(&cluster, &Scope::default()).await.unwrap();
    for asked in api.log() {
        assert_eq!(asked.headers["impersonate-user"], "viewer");
        let groups: Vec<_> = asked.headers.get_all("impersonate-group").iter().collect();
        assert_eq!(groups, ["support", "dev"]);
        assert_eq!(asked.headers["authorization"], "Bearer canary-token");
    }
}

#[tokio::test]
async fn an_expired_credential_ends_the_run() {
    let api = Plan::recorded().start().await;
    api.refuse_credentials();
    let error = found(&api, &Scope::default()).await.unwrap_err();
    assert!(matches!(error, DiscoveryError::Unauthorized { .. }), "{error}");
    assert!(error.to_string().contains("user tester: log in again"), "{error}");
    assert!(api.queries(PODS).len() <= 1, "a 401 is not tried again");
}

#[tokio::test]
async fn a_version_that_is_told_to_nobody_is_left_out() {
    let api = Plan::recorded().start().await;
    api.always_fail("/version", Fault::recorded(401, "unauthorized-401.json"));
    let inventory = found(&api, &Scope::default()).await.unwrap();
    assert_eq!((inventory.pods, inventory.version, inventory.gaps.len()), (9, None, 0));
}

#[tokio::test]
async fn a_list_that_accepts_no_credential_is_a_gap_whenever_it_says_so() {
    for path in [PODS, "/api/v1/nodes", "/apis"] {
        let api = Plan::recorded().start().await;
        api.always_fail(path, Fault::recorded(401, "unauthorized-401.json"));
        let inventory = found(&api, &Scope::default()).await.unwrap();
        assert_eq!(inventory.gaps.len(), 1, "{:#?}", inventory.gaps);
        let gap = &inventory.gaps[0];
        assert_eq!(gap.reason, "unauthorized");
        assert!(path == "/apis" || gap.message.contains("log in again"), "{}", gap.message);
    }
}

#[tokio::test]
async fn a_version_that_never_comes_holds_up_nothing() {
    let api = Plan::recorded().start().await;
    api.always_fail("/version", Fault::Silence);
    let inventory = tokio::time::timeout(Duration::from_secs(10), found(&api, &Scope::default())).await;
    let inventory = inventory.expect("the lists were read at once").unwrap();
    assert_eq!((inventory.pods, inventory.version, inventory.gaps.len()), (9, None, 0));
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
    assert!(gap.message.contains("A Role with the verb list on pods for that user"), "{}", gap.message);
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
    assert!(gap(&inventory, "namespaces", None).message.contains("the context's own was looked at: shop"));
    assert!(gap(&inventory, "nodes", None).incomplete);
    assert!(!gap(&inventory, "events", None).incomplete, "events only add to what pods tell");
    assert_eq!(api.queries("/api/v1/namespaces").len(), 1);
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
    assert!(other.contains("check that the kubeconfig's server is a Kubernetes API server"), "{other}");
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
