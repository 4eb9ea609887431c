//! A cluster as an API server lists it, made up: pods of Deployments and pods without an owner, on nodes of two
//! architectures. Its distinct images and workloads do not grow with its pods.

use std::sync::Arc;

use super::images::{Image, is_multi_platform};
use super::template::{Chance, Template};
use super::{Cluster, objects};

/// Objects on a page, which is what clients ask for.
pub(crate) const PAGE: usize = 500;
const NAMESPACES: usize = 40;
/// Of so many pods one has no owner.
const OWNERLESS: usize = 50;

/// Appends the object of a number.
type Render = Box<dyn Fn(usize, &mut String) + Send + Sync>;

/// A kind of objects.
pub(crate) struct Collection {
    /// where they are listed
    pub(crate) path: &'static str,
    pub(crate) kind: &'static str,
    /// what a client adds that is interested in pods
    pub(crate) query: &'static str,
    count: usize,
    render: Render,
}

impl Collection {
    pub(crate) fn pages(&self) -> usize {
        self.count.div_ceil(PAGE).max(1)
    }

    /// A page as JSON; its head holds the token of the next one, as API servers write it.
    pub(crate) fn page(&self, page: usize) -> String {
        let Self { kind, count, .. } = self;
        let api_version = self.path.trim_start_matches("/apis/").trim_start_matches("/api/");
        let api_version = api_version.rsplit_once('/').map_or("v1", |(version, _)| version);
        let (first, end) = (page * PAGE, ((page + 1) * PAGE).min(*count));
        let mut text = format!(r#"{{"kind":"{kind}List","apiVersion":"{api_version}","metadata":{{"#);
        text.push_str(r#""resourceVersion":"48211034""#);
        if end < *count {
            text.push_str(&format!(r#","continue":"{}","remainingItemCount":{}"#, token(page + 1), count - end));
        }
        text.push_str(r#"},"items":["#);
        for number in first..end {
            if number > first {
                text.push(',');
            }
            (self.render)(number, &mut text);
        }
        text.push_str("]}\n");
        text
    }
}

/// What leads to a page: opaque to clients, and as long as a real one.
fn token(page: usize) -> String {
    format!("eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6NDgyMTEwMzQsInN0YXJ0Ijoic2hvcC93ZWItNmQ0Yjc1In0-{page}")
}

/// The page that a token leads to.
pub(crate) fn page_of(token: &str) -> Option<usize> {
    token.rsplit_once('-')?.1.parse().ok()
}

/// All collections that are listed, the empty ones too.
pub(crate) fn collections(cluster: &Cluster) -> Vec<Collection> {
    let collection = |path, kind, count, render| Collection { path, kind, query: "", count, render };
    let names = Name::all(cluster);
    let nothing = |path, kind| collection(path, kind, 0, Box::new(|_, _: &mut String| {}));
    vec![
        collection("/api/v1/pods", "Pod", cluster.pods, pod(cluster, &names)),
        collection("/api/v1/nodes", "Node", nodes(cluster), node()),
        nothing("/api/v1/podtemplates", "PodTemplate"),
        nothing("/api/v1/replicationcontrollers", "ReplicationController"),
        // A Deployment's present ReplicaSet and the one before.
        collection("/apis/apps/v1/replicasets", "ReplicaSet", cluster.images * 2, replica_set(&names)),
        collection("/apis/apps/v1/deployments", "Deployment", cluster.images, deployment(&names)),
        nothing("/apis/apps/v1/statefulsets", "StatefulSet"),
        nothing("/apis/apps/v1/daemonsets", "DaemonSet"),
        nothing("/apis/batch/v1/jobs", "Job"),
        nothing("/apis/batch/v1/cronjobs", "CronJob"),
        Collection {
            query: "&fieldSelector=involvedObject.kind%3DPod",
            ..collection("/api/v1/events", "Event", cluster.pods.min(PAGE), event(&names))
        },
    ]
}

/// As many of each architecture as it takes at a hundred pods each.
fn nodes(cluster: &Cluster) -> usize {
    cluster.pods.div_ceil(200).max(1) * 2
}

/// An image as specs name it, and as runtimes do.
struct Name {
    spec: String,
    running: String,
    /// the label of the nodes that can run it, and its value
    nodes: (&'static str, &'static str),
}

impl Name {
    fn of(number: usize, cluster: &Cluster) -> Self {
        let image = Image::new(number, cluster.shape);
        let repository = format!("{}/{}", cluster.registry, image.repository);
        let digest = image.top().map(|top| top.digest.as_str()).unwrap_or_default();
        let everywhere = is_multi_platform(number, cluster.shape);
        Self {
            spec: format!("{repository}:{}", image.tag),
            running: format!("{repository}@{digest}"),
            nodes: if everywhere { ("kubernetes.io/os", "linux") } else { ("kubernetes.io/arch", "amd64") },
        }
    }

    fn all(cluster: &Cluster) -> Arc<[Self]> {
        (0..cluster.images).map(|number| Self::of(number, cluster)).collect()
    }
}

/// The name and the UID of an app's Deployment.
fn deployment_of(app: usize) -> (String, String) {
    (format!("service-{app:05}"), Chance::of("deployment", app).uid())
}

/// The name and the UID of a Deployment's ReplicaSet: the present one, or the one before.
fn set_of(app: usize, is_present: bool) -> (String, String) {
    let mut chance = Chance::of(if is_present { "present" } else { "former" }, app);
    (format!("service-{app:05}-{:09x}", chance.number() >> 28), chance.uid())
}

fn namespace(app: usize) -> String {
    format!("team-{:02}", app % NAMESPACES)
}

/// How many namespaces there are.
pub(crate) fn namespaces(cluster: &Cluster) -> usize {
    cluster.images.min(NAMESPACES)
}

fn pod(cluster: &Cluster, names: &Arc<[Name]>) -> Render {
    let template = |is_owned| Template::new(&objects::pod(is_owned, cluster.pod_bytes), objects::POD);
    let (owned, ownerless) = (template(true), template(false));
    let (names, nodes) = (Arc::clone(names), nodes(cluster));
    Box::new(move |number, text| {
        let app = number % names.len().max(1);
        let (Some(image), Some(sidecar)) = (names.get(app), names.first()) else { return };
        let mut chance = Chance::of("pod", number);
        let (set, set_uid) = set_of(app, true);
        let node = if image.nodes.1 == "amd64" { number * 2 } else { number };
        let template = if number % OWNERLESS == OWNERLESS - 1 { &ownerless } else { &owned };
        template.render(
            &[
                &format!("{set}-{number:05x}"),
                &namespace(app),
                &chance.uid(),
                &set,
                &set_uid,
                &node_name(node % nodes),
                &image.spec,
                &image.running,
                &sidecar.spec,
                &sidecar.running,
                image.nodes.0,
                image.nodes.1,
                &chance.hex(),
                &chance.hex(),
                &format!("10.{}.{}.{}", number >> 16, (number >> 8) & 255, number & 255),
                &deployment_of(app).0,
            ],
            text,
        );
    })
}

fn replica_set(names: &Arc<[Name]>) -> Render {
    let template = Template::new(&objects::replica_set(), objects::WORKLOAD);
    let names = Arc::clone(names);
    Box::new(move |number, text| {
        let (app, is_present) = (number / 2, number.is_multiple_of(2));
        let replicas = if is_present { "3" } else { "0" };
        render_workload(&template, &names, app, &set_of(app, is_present), replicas, text);
    })
}

fn deployment(names: &Arc<[Name]>) -> Render {
    let template = Template::new(&objects::deployment(), objects::WORKLOAD);
    let names = Arc::clone(names);
    Box::new(move |app, text| render_workload(&template, &names, app, &deployment_of(app), "3", text))
}

fn render_workload(
    template: &Template,
    names: &[Name],
    app: usize,
    (name, uid): &(String, String),
    replicas: &str,
    text: &mut String,
) {
    let (Some(image), Some(sidecar)) = (names.get(app), names.first()) else { return };
    let (owner, owner_uid) = deployment_of(app);
    let (label, value) = image.nodes;
    let values = [name, &namespace(app), uid, &owner, &owner_uid, &image.spec, &sidecar.spec, label, value, replicas];
    template.render(&values, text);
}

fn node_name(number: usize) -> String {
    format!("node-{number:05}")
}

/// Even ones are amd64, odd ones arm64.
fn node() -> Render {
    let template = Template::new(&objects::node(), objects::NODE);
    Box::new(move |number, text| {
        let architecture = if number.is_multiple_of(2) { "amd64" } else { "arm64" };
        template.render(&[&node_name(number), &Chance::of("node", number).uid(), architecture], text);
    })
}

/// A pull of a pod's image.
fn event(names: &Arc<[Name]>) -> Render {
    let template = Template::new(&objects::event(), objects::EVENT);
    let names = Arc::clone(names);
    Box::new(move |number, text| {
        let app = number % names.len().max(1);
        let Some(image) = names.get(app) else { return };
        let pod = format!("{}-{number:05x}", set_of(app, true).0);
        let (uid, of) = (Chance::of("event", number).uid(), Chance::of("pod", number).uid());
        template.render(&[&uid, &namespace(app), &pod, &of, &image.spec], text);
    })
}
