//! Lists that expire, break off, are slow or stop.

use imagefacts::stop::StopReason;

use super::*;

#[tokio::test]
async fn an_expired_token_is_answered_with_the_fresh_one() {
    let api = Plan::recorded().start().await;
    api.fail(PODS, "continue=", 1, Fault::recorded(410, "pods-continue-expired-410.json"));
    let cluster = connect_for_pages(&api, 3).await;
    let inventory = found_by(&cluster, &Scope::default()).await.unwrap();
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
    let cluster = connect_for_pages(&api, 5).await;
    let inventory = found_by(&cluster, &Scope::default()).await.unwrap();
    assert_eq!(inventory.pods, 9, "no pod counts twice");
    assert_eq!(gap(&inventory, "pods", None).reason, "inconsistent");

    let api = Plan::recorded().start().await;
    api.fail(PODS, "continue=", 2, Fault::Answer { status: 410, headers: Vec::new(), body: "{}".into() });
    let cluster = connect_for_pages(&api, 5).await;
    let inventory = found_by(&cluster, &Scope::default()).await.unwrap();
    assert_eq!(inventory.pods, 5);
    assert!(inventory.gaps.iter().any(|gap| gap.incomplete), "{:#?}", inventory.gaps);
    assert!(api.queries(PODS).iter().all(|query| query.contains("limit=5")), "{:?}", api.queries(PODS));
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
async fn a_server_that_never_answers_or_ends_is_given_up() {
    let api = Plan::recorded().start().await;
    api.always_fail(PODS, Fault::Silence);
    api.always_fail("/api/v1/nodes", Fault::HoldBack(usize::MAX));
    let limits = ClusterLimits { request_timeout: Duration::from_millis(500), tries: 2, ..quick() };
    let cluster = Cluster::connect(&connection(&api, limits)).await.unwrap();
    let inventory = found_by(&cluster, &Scope::default()).await.unwrap();
    for (resource, path) in [("pods", PODS), ("nodes", "/api/v1/nodes")] {
        assert_eq!(gap(&inventory, resource, None).reason, "timeout");
        assert_eq!(api.queries(path).len(), 2);
    }
}

#[tokio::test]
async fn lists_wait_neither_for_the_version_nor_for_custom_resources() {
    let api = Plan::recorded().start().await;
    ["/version", "/apis"].into_iter().for_each(|path| api.always_fail(path, Fault::Silence));
    let limits = ClusterLimits { request_timeout: Duration::from_millis(500), tries: 1, ..quick() };
    let cluster = Cluster::connect(&connection(&api, limits)).await.unwrap();
    let inventory = found_by(&cluster, &Scope::default()).await.unwrap();
    assert_eq!((inventory.pods, inventory.workloads, inventory.version), (9, 9, None));
    assert_eq!(inventory.gaps.iter().map(|gap| gap.reason.as_str()).collect::<Vec<_>>(), ["timeout"]);
}

#[tokio::test]
async fn a_stopped_run_keeps_what_was_read() {
    let api = Plan::recorded().start().await;
    api.always_fail("/api/v1/events", Fault::Silence);
    let cluster = connect(&api).await;
    let stop = stop();
    let work = tokio::spawn({
        let stop = stop.clone();
        async move { discover(&cluster, &Scope::default(), &|_| {}, &Events::none(), &stop).await }
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
async fn what_was_read_before_the_credential_expired_is_kept() {
    let api = Plan::recorded().start().await;
    api.fail(PODS, "continue=", usize::MAX, Fault::recorded(401, "unauthorized-401.json"));
    let inventory = found_by(&connect_for_pages(&api, 3).await, &Scope::default()).await.unwrap();
    assert_eq!(inventory.pods, 3);
    assert!(gap(&inventory, "pods", None).incomplete);
}

#[tokio::test]
async fn a_page_that_leads_to_itself_ends_the_list() {
    let api = Plan::recorded().start().await;
    let page = r#"{"metadata":{"resourceVersion":"1","continue":"again"},"items":[]}"#;
    api.fail(PODS, "", 10, Fault::Answer { status: 200, headers: Vec::new(), body: page.into() });
    let inventory = found(&api, &Scope::default()).await.unwrap();
    let gap = gap(&inventory, "pods", None);
    assert_eq!((gap.reason.as_str(), gap.incomplete), ("unreadable", true));
    // The next one is asked for before it is seen that it is the same.
    assert!(api.queries(PODS).len() <= 3, "{:?}", api.queries(PODS));
}

#[tokio::test]
async fn an_answer_that_ends_too_early_is_asked_for_again() {
    let api = Plan::recorded().start().await;
    let half = recording("pods.json");
    let half = half.slice(..half.len() / 2);
    api.fail(PODS, "", 1, Fault::Answer { status: 200, headers: Vec::new(), body: half });
    assert_same(&found(&api, &Scope::default()).await.unwrap(), &directly(Scope::default()));
    assert_eq!(api.queries(PODS).len(), 2);
}
