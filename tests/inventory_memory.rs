//! What the uses of many images take in memory. Alone in its binary, as it counts every byte.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall end")]

#[path = "../benches/made_up/mod.rs"]
#[allow(dead_code, reason = "whole runs need more of it")]
mod made_up;

use imagefacts::cluster::objects::{KINDS, List, Resource};
use imagefacts::cluster::uses::{Builder, Scope};
use peak_alloc::PeakAlloc;

use made_up::cluster::{Collection, collections};
use made_up::{Cluster, Shape};

const IMAGES: usize = 2_000;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

fn resource_of(collection: &Collection) -> Resource<'static> {
    match collection.path.rsplit('/').next().unwrap() {
        "pods" => Resource::Pod,
        "nodes" => Resource::Node,
        "events" => Resource::Event,
        plural => KINDS.iter().find(|kind| kind.plural == plural).map(Resource::Workload).unwrap(),
    }
}

/// Hands a page to `builder`. Returns the most bytes that were taken for it beside the page.
fn add_page(builder: &mut Builder, collection: &Collection, page: usize) -> usize {
    let page = collection.page(page);
    let list: List<'_> = serde_json::from_str(&page).unwrap();
    let before = HEAP.current_usage();
    HEAP.reset_peak_usage();
    list.items.iter().for_each(|item| builder.add(resource_of(collection), item.get()));
    builder.take_new();
    HEAP.peak_usage() - before
}

/// An image for each Deployment, which has a present and a former ReplicaSet and a pod, and all have a sidecar.
#[test]
fn many_images_take_little_each_and_little_more_while_they_are_discovered() {
    let shape = Shape { layers: 10, multi_platform: 20 };
    let registry = "registry.example".to_owned();
    let collections = collections(&Cluster { pods: IMAGES, pod_bytes: 4096, images: IMAGES, registry, shape });
    let start = HEAP.current_usage();
    let mut builder = Builder::new(Scope::default());
    let mut most = 0;
    for collection in &collections {
        for page in 0..collection.pages() {
            let held = HEAP.current_usage() - start;
            most = most.max(held + add_page(&mut builder, collection, page));
        }
    }
    HEAP.reset_peak_usage();
    builder.nodes_listed();
    let inventory = builder.finish();
    most = most.max(HEAP.peak_usage() - start);
    let left = HEAP.current_usage() - start;
    assert_eq!((inventory.images.len(), inventory.pods), (IMAGES, IMAGES as u64));
    assert!(left > 500 * IMAGES, "{left} bytes are too few to be true");
    assert!(left < 1_650 * IMAGES, "{} bytes an image are left", left / IMAGES);
    assert!(most < 2_100 * IMAGES, "{} bytes an image while they are discovered", most / IMAGES);
}
