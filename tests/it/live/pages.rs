//! How pages are asked for and read: ahead, as streams, compressed, and again when they break off.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use imagefacts::cluster::live::Sighting;
use imagefacts::event::{Event, Sink};
use imagefacts::stop::StopReason;
use serde_json::json;

use super::*;

/// How many pods were listed after each page.
#[derive(Default)]
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

async fn found_and_told(api: &FakeApi, limits: ClusterLimits) -> (Inventory, Vec<u64>) {
    let told = Arc::new(Told::default());
    let events = Events::to(Arc::clone(&told) as Arc<dyn Sink>);
    let cluster = Cluster::connect(&connection(api, limits)).await.unwrap();
    let inventory = discover(&cluster, &Scope::default(), &|_| {}, &events, &stop()).await.unwrap();
    let listed = told.0.lock().unwrap().clone();
    (inventory, listed)
}

async fn generated(pods: usize) -> FakeApi {
    Plan::recorded().with_generated_pods(Size::of_pods(pods)).start().await
}

#[tokio::test]
async fn the_next_page_is_asked_for_while_the_current_one_still_comes() {
    let api = generated(1201).await;
    api.fail(PODS, "", 1, Fault::HoldBack(2));
    api.fail(PODS, "continue=", 1, Fault::HoldBack(3));
    let (inventory, told) = found_and_told(&api, quick()).await;
    assert_eq!((inventory.pods, told), (1201, vec![500, 1000, 1201]));
    let queries: BTreeSet<String> = api.queries(PODS).into_iter().collect();
    assert_eq!((api.queries(PODS).len(), queries.len()), (3, 3), "each page once");
}

/// Whether nodes were listed.
#[derive(Default)]
struct NodesListed(AtomicBool);

impl Sink for NodesListed {
    fn emit(&self, event: &Event) {
        let is_so = matches!(event, Event::Discovering { resource, .. } if resource == "nodes");
        self.0.fetch_or(is_so, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn images_are_told_of_while_their_page_still_comes() {
    let size = Size { images: 1000, ..Size::of_pods(1000) };
    let api = Plan::recorded().with_generated_pods(size).start().await;
    let listed = Arc::new(NodesListed::default());
    let (events, stop) = (Events::to(Arc::clone(&listed) as Arc<dyn Sink>), stop());
    // The first page comes when nodes are known, and of the second one but a half.
    api.fail(PODS, "continue=", 1, Fault::HoldBack(usize::MAX));
    api.fail(PODS, "", 1, Fault::Once(Arc::new(move || listed.0.load(Ordering::Relaxed))));
    let cluster = connect_for_pages(&api, 500).await;
    let told = Arc::new(AtomicUsize::new(0));
    let work = tokio::spawn({
        let (stop, told) = (stop.clone(), Arc::clone(&told));
        async move {
            let sighted = |sighting: Sighting<'_>| {
                told.fetch_add(sighting.images.len(), Ordering::Relaxed);
            };
            discover(&cluster, &Scope::default(), &sighted, &events, &stop).await
        }
    });
    // A pod of the first page has one of its own, and a few that all have.
    let are_told = async {
        while told.load(Ordering::Relaxed) < 600 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), are_told).await.expect("nothing was told of in time");
    stop.stop(StopReason::Interrupted);
    let inventory = work.await.unwrap().unwrap();
    assert!(inventory.pods < 1000 && gap(&inventory, "pods", None).incomplete);
}

#[tokio::test]
async fn no_more_than_one_page_is_asked_for_ahead_and_none_of_it_is_read() {
    let api = Plan::recorded().with_generated_pods(Size::of_pods(9000)).without_gzip().start().await;
    // The rest of the first page never comes.
    api.fail(PODS, "", 1, Fault::HoldBack(3));
    let cluster = connect_for_pages(&api, 3000).await;
    let stop = stop();
    let work = tokio::spawn({
        let stop = stop.clone();
        async move { discover(&cluster, &Scope::default(), &|_| {}, &Events::none(), &stop).await }
    });
    let (mut sent, mut quiet) = (0, 0);
    while api.queries(PODS).len() < 2 || quiet < 20 {
        tokio::time::sleep(Duration::from_millis(25)).await;
        quiet = if api.sent() == sent { quiet + 1 } else { 0 };
        sent = api.sent();
    }
    stop.stop(StopReason::Interrupted);
    let inventory = work.await.unwrap().unwrap();
    assert_eq!(gap(&inventory, "pods", None).reason, "canceled");
    assert_eq!(api.queries(PODS).len(), 2);
    // Half of the first page is 12 MB. Of the second one, which has 24 MB, came what sockets hold.
    assert!(sent < 28_000_000, "{sent}");
}

#[tokio::test]
async fn a_page_that_breaks_off_is_asked_for_again_and_its_pods_count_once() {
    let api = generated(1201).await;
    api.fail(PODS, "continue=", 1, Fault::BreakOff);
    let (inventory, told) = found_and_told(&api, quick()).await;
    assert_eq!((inventory.pods, told), (1201, vec![500, 1000, 1201]));
    let second = &api.queries(PODS)[1];
    assert_eq!(api.queries(PODS).iter().filter(|query| *query == second).count(), 2);
    assert!(inventory.gaps.is_empty(), "{:#?}", inventory.gaps);
}

#[tokio::test]
async fn what_is_refused_ahead_is_asked_for_again() {
    let api = generated(1201).await;
    api.fail(PODS, "continue=", 2, Fault::with_header(429, "retry-after", "0"));
    api.fail(PODS, "continue=", 1, Fault::with_header(503, "x-nothing", ""));
    let (inventory, told) = found_and_told(&api, quick()).await;
    assert_eq!((inventory.pods, told), (1201, vec![500, 1000, 1201]));
    assert_eq!(api.queries(PODS).len(), 3 + 3);
}

#[tokio::test]
async fn a_bad_object_is_one_gap_even_if_it_comes_twice() {
    let bad = json!({"metadata": {"name": "a", "namespace": "a"}, "spec": {"containers": 7}});
    let large = json!({"metadata": {"name": "b", "namespace": "a", "annotations": {"x": "y".repeat(50_000)}}});
    let api = Plan::recorded().with(PODS, bad).with(PODS, large).start().await;
    api.fail(PODS, "", 1, Fault::BreakOff);
    let (inventory, told) = found_and_told(&api, ClusterLimits { object_bytes: 40_000, ..quick() }).await;
    assert_eq!((inventory.pods, told), (9, vec![11]), "the others are found");
    let messages: Vec<_> = inventory.gaps.iter().map(|gap| gap.message.as_str()).collect();
    let start = "1 of pods could not be read and were left out; the first is";
    assert!(
        messages[0].starts_with(&format!("{start} one without a name: it has more than 40000 bytes")),
        "{messages:?}"
    );
    assert!(messages[1].starts_with(&format!("{start} a: invalid type")), "{messages:?}");
    assert_eq!(messages.len(), 2);
}

#[tokio::test]
async fn a_list_may_tell_its_token_last() {
    let api = generated(3).await;
    let token = json!({"v": "meta.k8s.io/v1", "rv": 301, "start": "load/pod-000000000000\0"});
    let pod = json!({"metadata": {"name": "first", "namespace": "load"}});
    let page = json!({"items": [pod], "metadata": {"continue": STANDARD_NO_PAD.encode(token.to_string())}});
    let body = page.to_string().into();
    api.fail(PODS, "", 1, Fault::Answer { status: 200, headers: Vec::new(), body });
    let (inventory, told) = found_and_told(&api, quick()).await;
    assert_eq!((inventory.pods, told), (3, vec![1, 3]));
}

#[tokio::test]
async fn pages_are_compressed_where_the_server_can() {
    let plan = || Plan::recorded().with_generated_pods(Size::of_pods(1000));
    let (gzip, plain) = (plan().start().await, plan().without_gzip().start().await);
    let (compressed, _) = found_and_told(&gzip, quick()).await;
    let (uncompressed, _) = found_and_told(&plain, quick()).await;
    assert_same(&compressed, &uncompressed);
    assert!(plain.sent() > 7_500_000, "{}", plain.sent());
    assert!(gzip.sent() * 10 < plain.sent(), "{} of {}", gzip.sent(), plain.sent());
}
