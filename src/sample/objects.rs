//! Kubernetes objects in the form in which the API server gives them.

use serde_json::{Map, Value, json};

use crate::image::Digest;

/// When all objects were made.
const CREATED: &str = "2026-11-18T08:00:00Z";

/// What a pod is made from.
#[derive(Debug, Clone, Default)]
pub(super) struct Template {
    pub(super) containers: Vec<Container>,
    /// the operating system and the architecture that it needs; empty for any
    pub(super) os: &'static str,
    pub(super) architecture: &'static str,
    pub(super) pull_secret: Option<&'static str>,
    /// an image that is mounted
    pub(super) volume: Option<String>,
}

/// A container, with its state in a pod.
#[derive(Debug, Clone)]
pub(super) struct Container {
    pub(super) name: &'static str,
    pub(super) list: List,
    pub(super) image: String,
    pub(super) state: State,
}

/// Which list of the pod spec holds a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum List {
    Main,
    Init,
    Sidecar,
    Ephemeral,
}

/// How a container fares. Images are named by digest, as the runtime does.
#[derive(Debug, Clone)]
pub(super) enum State {
    Running(String),
    Ended(String),
    Waiting(&'static str, String),
}

impl Container {
    fn spec(&self) -> Value {
        let mut spec = json!({"name": self.name, "image": self.image});
        // What the API server fills in: `Always` for `latest`.
        let policy = if self.image.ends_with(":latest") { "Always" } else { "IfNotPresent" };
        spec["imagePullPolicy"] = json!(policy);
        if self.list == List::Sidecar {
            spec["restartPolicy"] = json!("Always");
        }
        spec
    }

    fn status(&self) -> Value {
        let started = json!({"startedAt": "2026-11-18T08:01:00Z"});
        let (id, state) = match &self.state {
            State::Running(id) => (id.as_str(), json!({"running": started})),
            State::Ended(id) => (id.as_str(), json!({"terminated": {"exitCode": 0, "reason": "Completed"}})),
            State::Waiting(reason, message) => ("", json!({"waiting": {"reason": reason, "message": message}})),
        };
        let is_running = matches!(self.state, State::Running(_));
        json!({
            "name": self.name,
            "image": self.image,
            "imageID": id,
            "ready": is_running,
            "started": is_running,
            "restartCount": 0,
            "state": state,
        })
    }
}

impl Template {
    /// A template of one container that runs.
    pub(super) fn running(name: &'static str, image: String, id: String) -> Self {
        let state = State::Running(id);
        Self { containers: vec![Container { name, list: List::Main, image, state }], os: "linux", ..Self::default() }
    }

    /// The same with a further container.
    pub(super) fn with(mut self, name: &'static str, list: List, image: String, state: State) -> Self {
        self.containers.push(Container { name, list, image, state });
        self
    }

    /// The same, but all its containers wait.
    pub(super) fn waiting(mut self, reason: &'static str, message: &str) -> Self {
        for container in &mut self.containers {
            container.state = State::Waiting(reason, message.to_owned());
        }
        self
    }

    fn of(&self, lists: &[List], what: impl Fn(&Container) -> Value) -> Vec<Value> {
        self.containers.iter().filter(|container| lists.contains(&container.list)).map(what).collect()
    }

    fn spec(&self) -> Map<String, Value> {
        let mut spec = Map::new();
        let init = self.of(&[List::Init, List::Sidecar], Container::spec);
        if !init.is_empty() {
            spec.insert("initContainers".to_owned(), json!(init));
        }
        spec.insert("containers".to_owned(), json!(self.of(&[List::Main], Container::spec)));
        let mut selector = Map::new();
        for (label, value) in [("kubernetes.io/os", self.os), ("kubernetes.io/arch", self.architecture)] {
            if !value.is_empty() {
                selector.insert(label.to_owned(), json!(value));
            }
        }
        spec.insert("nodeSelector".to_owned(), Value::Object(selector));
        spec.extend(self.pull_secret.map(|name| ("imagePullSecrets".to_owned(), json!([{"name": name}]))));
        spec.extend(self.volume.as_ref().map(|image| {
            let volume = json!([{"name": "data", "image": {"reference": image, "pullPolicy": "IfNotPresent"}}]);
            ("volumes".to_owned(), volume)
        }));
        spec
    }

    /// As it stands in a workload.
    pub(super) fn template(&self) -> Value {
        json!({"metadata": {}, "spec": self.spec()})
    }

    /// As it stands in a pod on a node.
    fn pod(&self, node: &str) -> Value {
        let mut spec = self.spec();
        let ephemeral = self.of(&[List::Ephemeral], Container::spec);
        if !ephemeral.is_empty() {
            spec.insert("ephemeralContainers".to_owned(), json!(ephemeral));
        }
        spec.insert("nodeName".to_owned(), json!(node));
        let mut status = json!({
            "phase": self.phase(),
            "containerStatuses": self.of(&[List::Main], Container::status),
        });
        for (key, lists) in [
            ("initContainerStatuses", &[List::Init, List::Sidecar][..]),
            ("ephemeralContainerStatuses", &[List::Ephemeral]),
        ] {
            let statuses = self.of(lists, Container::status);
            if !statuses.is_empty() {
                status[key] = json!(statuses);
            }
        }
        json!({"spec": spec, "status": status})
    }

    fn phase(&self) -> &'static str {
        let mut main = self.containers.iter().filter(|container| container.list == List::Main);
        match main.next().map(|container| &container.state) {
            Some(State::Running(_)) => "Running",
            Some(State::Ended(_)) => "Succeeded",
            Some(State::Waiting(..)) | None => "Pending",
        }
    }
}

/// An object, owned by another one. `content` holds what it has beside its metadata.
pub(super) fn object(
    (api_version, kind): (&str, &str),
    (namespace, name): (&str, &str),
    owner: Option<&Value>,
    content: Value,
) -> Value {
    let uid = uid(kind, namespace, name);
    let mut metadata = json!({"name": name, "uid": uid, "creationTimestamp": CREATED});
    if !namespace.is_empty() {
        metadata["namespace"] = json!(namespace);
    }
    if let Some(owner) = owner {
        metadata["ownerReferences"] = json!([{
            "apiVersion": owner["apiVersion"],
            "kind": owner["kind"],
            "name": owner["metadata"]["name"],
            "uid": owner["metadata"]["uid"],
            "controller": true,
        }]);
    }
    let mut object = json!({"apiVersion": api_version, "kind": kind, "metadata": metadata});
    if let (Value::Object(object), Value::Object(content)) = (&mut object, content) {
        object.extend(content);
    }
    object
}

/// A pod of an owner.
pub(super) fn pod(owner: &Value, name: &str, node: &str, template: &Template) -> Value {
    let namespace = owner["metadata"]["namespace"].as_str().unwrap_or_default();
    object(("v1", "Pod"), (namespace, name), Some(owner), template.pod(node))
}

/// A pod that nothing owns.
pub(super) fn lone_pod(namespace: &str, name: &str, node: &str, template: &Template) -> Value {
    object(("v1", "Pod"), (namespace, name), None, template.pod(node))
}

/// A UID that is the same on each run.
fn uid(kind: &str, namespace: &str, name: &str) -> String {
    let digest = Digest::of(format!("{kind}/{namespace}/{name}").as_bytes());
    let part = |from: usize, to: usize| digest.hex().get(from..to).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}

/// An event that a kubelet told about a pod's container.
pub(super) fn event(pod: &Value, container: &str, reason: &str, message: &str, (count, at): (u32, &str)) -> Value {
    let (metadata, node) = (&pod["metadata"], &pod["spec"]["nodeName"]);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (namespace, pod_name) = (text(&metadata["namespace"]), text(&metadata["name"]));
    let id = uid("Event", &pod_name, &format!("{container}/{reason}/{message}"));
    let name = format!("{pod_name}.{}", id.get(..8).unwrap_or_default());
    let kind = if matches!(reason, "Failed" | "BackOff" | "InspectFailed") { "Warning" } else { "Normal" };
    let content = json!({
        "involvedObject": {
            "kind": "Pod",
            "namespace": namespace,
            "name": pod_name,
            "uid": metadata["uid"],
            "apiVersion": "v1",
            "fieldPath": format!("spec.containers{{{container}}}"),
        },
        "reason": reason,
        "message": message,
        "source": {"component": "kubelet", "host": node},
        "firstTimestamp": "2026-11-20T09:00:00Z",
        "lastTimestamp": at,
        "count": count,
        "type": kind,
    });
    object(("v1", "Event"), (&namespace, &name), None, content)
}
