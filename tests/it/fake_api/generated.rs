//! Pods of a made up cluster, each made when it is asked for: 8 KB of what real ones consist of.

use axum::body::Bytes;
use serde_json::{Value, json};

use super::objects::page_of_texts;
use super::{Asked, Parts, recording};

/// How many things a made up cluster has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) pods: usize,
    /// owners of the pods; every fiftieth pod has none
    pub(crate) workloads: usize,
    pub(crate) images: usize,
    pub(crate) nodes: usize,
    /// whether the pods are without what only takes room: managed fields, environments, ended and added containers
    pub(crate) is_slim: bool,
}

/// Makes pods of a cluster.
pub(super) struct Generator {
    size: Size,
    template: String,
}

impl Size {
    /// So many pods, and little else.
    pub(crate) fn of_pods(pods: usize) -> Self {
        Self { pods, workloads: 100, images: 50, nodes: 20, is_slim: false }
    }
}

impl Generator {
    pub(super) fn new(size: Size) -> Self {
        Self { size, template: template(size.is_slim).to_string() }
    }

    /// The page that is asked for, pod by pod.
    pub(super) fn page(&self, asked: &Asked) -> Parts {
        let (template, size) = (self.template.clone(), self.size);
        page_of_texts(size.pods, asked, move |number| pod(&template, size, number))
    }
}

/// A recorded pod with more in it, and marks where pods differ.
fn template(is_slim: bool) -> Value {
    let recorded: Value = serde_json::from_slice(&recording("pods.json")).unwrap();
    let mut pods = recorded["items"].as_array().unwrap().iter();
    let mut pod = pods.find(|pod| pod["metadata"]["ownerReferences"].is_array()).unwrap().clone();
    let owner = json!([{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "app-@workload@", "uid": "u", "controller": true}]);
    let managed = pod["metadata"]["managedFields"].take();
    pod["metadata"] = json!({
        "name": "pod-@number@", "namespace": "load", "uid": "00000000-0000-4000-8000-@number@",
        "labels": {"app": "app-@workload@"}, "@owners@": owner, "managedFields": managed,
    });
    let env: Vec<Value> =
        (0..18).map(|n| json!({"name": format!("SETTING_{n}"), "value": format!("of-@workload@-{n}")})).collect();
    for container in pod["spec"]["containers"].as_array_mut().unwrap() {
        container["env"] = env.clone().into();
    }
    pod["spec"]["nodeName"] = "node-@node@".into();
    pod["spec"]["containers"][0]["image"] = "registry.example.com/team/app-@image@:v1".into();
    pod["status"]["containerStatuses"][0]["imageID"] =
        "registry.example.com/team/app-@image@@sha256:a665a45920422f9d417e4867efdc4fb8a04a1f3fff1fa07e99@image@".into();
    if is_slim {
        pod["metadata"]["managedFields"].take();
        for (part, fields) in [
            ("spec", ["initContainers", "ephemeralContainers", "tolerations"]),
            ("status", ["initContainerStatuses", "ephemeralContainerStatuses", "conditions"]),
        ] {
            fields.iter().for_each(|field| drop(pod[part][*field].take()));
        }
        pod["spec"]["containers"].as_array_mut().unwrap().truncate(1);
        pod["status"]["containerStatuses"].as_array_mut().unwrap().truncate(1);
        pod["spec"]["containers"][0]["env"].take();
    }
    pod["status"]["containerStatuses"][0]["containerID"] = "containerd://@id@".into();
    pod
}

fn pod(template: &str, size: Size, number: usize) -> Bytes {
    let owners = if number.is_multiple_of(50) { "formerOwners" } else { "ownerReferences" };
    // Unlike the rest, no two pods have anything of it in common.
    let id = (1..=4).map(|n| (number as u64 + n).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let text = template
        .replace("@owners@", owners)
        .replace("@number@", &format!("{number:012}"))
        .replace("@workload@", &(number % size.workloads).to_string())
        .replace("@node@", &(number * 7 % size.nodes).to_string())
        .replace("@image@", &format!("{:014}", number % size.images))
        .replace("@id@", &id.map(|part| format!("{part:016x}")).collect::<String>());
    text.into()
}
