//! Discovery from a live API server, which serves recordings and fails in all the ways that real ones do.

mod access;
mod custom;
mod discovery;
mod failures;
mod pages;

use std::time::Duration;

use imagefacts::cluster::inventory::{Gap, Inventory};
use imagefacts::cluster::live::{Cluster, Connection, DiscoveryError, discover};
use imagefacts::cluster::objects::{CustomKind, List, Resource};
use imagefacts::cluster::uses::{Builder, Scope};
use imagefacts::event::Events;
use imagefacts::limits::ClusterLimits;
use imagefacts::stop::Stop;

use crate::fake_api::{FakeApi, Fault, Plan, Size, recording};

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

/// The same with pages of `page_items`.
async fn connect_for_pages(api: &FakeApi, page_items: u32) -> Cluster {
    Cluster::connect(&connection(api, ClusterLimits { page_items, ..quick() })).await.unwrap()
}

async fn found(api: &FakeApi, scope: &Scope) -> Result<Inventory, DiscoveryError> {
    found_by(&connect(api).await, scope).await
}

async fn found_by(cluster: &Cluster, scope: &Scope) -> Result<Inventory, DiscoveryError> {
    discover(cluster, scope, &|_| {}, &Events::none(), &stop()).await
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
            builder.add(Resource::of(api_version, kind).unwrap(), item.get());
        }
    }
    let rollout = CustomKind::of("argoproj.io/v1alpha1", "Rollout").unwrap();
    let page = recording("rollouts.json");
    let list: List<'_> = serde_json::from_slice(&page).unwrap();
    list.items.into_iter().for_each(|item| builder.add(Resource::Custom(&rollout), item.get()));
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
