//! Ways out: commands and settings with the real names filled in.

use super::View;
use crate::cluster::inventory::UserKey;
use crate::vocabulary::ContainerType;

/// Workloads whose template `kubectl set image` changes.
const SETTABLE: &[&str] =
    &["Deployment", "StatefulSet", "DaemonSet", "CronJob", "ReplicaSet", "ReplicationController", "Pod"];
/// Workloads that `kubectl rollout restart` starts anew.
const RESTARTABLE: &[&str] = &["Deployment", "StatefulSet", "DaemonSet"];

/// Makes the first user of the image take `image` in its place.
pub(super) fn set_image(view: &View<'_>, image: &str) -> Option<String> {
    let key = *view.users().first()?;
    let user = view.usage.used_by.get(key)?;
    let containers: Vec<String> = user
        .containers
        .iter()
        .filter(|container| !matches!(container.kind, ContainerType::Ephemeral | ContainerType::Volume))
        .map(|container| format!("{}={image}", container.name))
        .collect();
    let name = name_of(view, key)?;
    if SETTABLE.contains(&&*key.kind) && !containers.is_empty() {
        let (target, containers) = (target(key, &name), containers.join(" "));
        return Some(format!("kubectl{} set image {target} {containers}", in_namespace(key)));
    }
    let place = if key.namespace.is_empty() { name } else { format!("{}/{name}", key.namespace) };
    Some(format!("in the spec of {} {place}, set the image to {image}", key.kind))
}

/// Starts the pods of the first user anew.
pub(super) fn restart(view: &View<'_>) -> Option<String> {
    let key = *view.users().first()?;
    let name = name_of(view, key)?;
    if RESTARTABLE.contains(&&*key.kind) {
        return Some(format!("kubectl{} rollout restart {}", in_namespace(key), target(key, &name)));
    }
    let waiting = view.usage.waiting.values().flat_map(|waiting| &waiting.examples);
    let running = view.usage.running.values().flat_map(|running| &running.examples);
    let pod = waiting.chain(running).find(|pod| pod.namespace == key.namespace)?;
    Some(format!("kubectl -n {} delete pod {}", pod.namespace, pod.pod))
}

/// Sets a field of the pod template, or of the pod, of the first user.
pub(super) fn set_field(view: &View<'_>, field: &str, value: &str) -> Option<String> {
    let key = *view.users().first()?;
    let name = name_of(view, key)?;
    let place = if key.namespace.is_empty() { name } else { format!("{}/{name}", key.namespace) };
    Some(format!("in the pod spec of {} {place}, set {field}: {value}", key.kind))
}

/// Creates a pull secret, or writes it anew. What is secret in it is left to the shell's variables.
pub(super) fn create_secret(namespace: &str, name: &str, registry: &str) -> String {
    let server = if registry == "docker.io" { "https://index.docker.io/v1/" } else { registry };
    format!(
        "kubectl -n {namespace} create secret docker-registry {name} --docker-server={server} \
         --docker-username=\"$REGISTRY_USER\" --docker-password=\"$REGISTRY_TOKEN\" \
         --dry-run=client -o yaml | kubectl apply -f -"
    )
}

/// Makes the pods of a namespace's default ServiceAccount use a pull secret.
pub(super) fn use_secret(namespace: &str, name: &str) -> String {
    format!(
        "kubectl -n {namespace} patch serviceaccount default \
         -p '{{\"imagePullSecrets\":[{{\"name\":\"{name}\"}}]}}'"
    )
}

/// A name for a registry's pull secret, as an object may have.
pub(super) fn secret_name(registry: &str) -> String {
    let name: String =
        registry.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    format!("{}-pull", name.trim_matches('-'))
}

/// `deployment/web`
fn target(key: &UserKey, name: &str) -> String {
    format!("{}/{name}", key.kind.to_ascii_lowercase())
}

/// The user's name; of ownerless pods the first.
fn name_of(view: &View<'_>, key: &UserKey) -> Option<String> {
    let own = key.name.as_ref().map(ToString::to_string);
    own.or_else(|| view.subjects_of(key, None).into_iter().next().map(|subject| subject.name))
}

fn in_namespace(key: &UserKey) -> String {
    if key.namespace.is_empty() { String::new() } else { format!(" -n {}", key.namespace) }
}
