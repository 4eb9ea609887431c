//! What discovery takes in memory: a bound that does not grow with pods. Alone in its binary, as it counts every byte.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall end")]
#![allow(clippy::disallowed_methods, reason = "tests lay out the files that the program finds")]

#[path = "it/fake_api/mod.rs"]
#[allow(dead_code, reason = "other tests use more of it")]
mod fake_api;

use std::time::Duration;

use imagefacts::cluster::live::{Cluster, Connection, discover};
use imagefacts::cluster::uses::Scope;
use imagefacts::event::Events;
use imagefacts::stop::Stop;
use peak_alloc::PeakAlloc;

use fake_api::{Plan, Size};

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// The most bytes that discovery, and the server that makes the pods while it sends them, have at a time.
async fn peak(pods: usize) -> usize {
    let api =
        Plan::empty().with_generated_pods(Size { is_slim: true, ..Size::of_pods(pods) }).without_gzip().start().await;
    let connection = Connection { kubeconfig: Some(api.kubeconfig()), ..Connection::default() };
    let cluster = Cluster::connect(&connection).await.unwrap();
    let stop = Stop::at(tokio::time::Instant::now() + Duration::from_secs(300));
    let before = HEAP.current_usage();
    HEAP.reset_peak_usage();
    let inventory = discover(&cluster, &Scope::default(), &|_| {}, &Events::none(), &stop).await.unwrap();
    let peak = HEAP.peak_usage() - before;
    assert_eq!(inventory.pods, pods as u64);
    peak
}

#[tokio::test]
async fn a_hundred_thousand_pods_take_no_more_than_ten_thousand() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (few, many) = (peak(10_000).await, peak(100_000).await);
    assert!(few > 1 << 20, "{few} bytes are too few to be true");
    assert!(many < few + (8 << 20), "{many} bytes for 100,000 pods, {few} for 10,000");
}
