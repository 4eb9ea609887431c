//! What a pod tells about each of its images: who asks for it, what runs of it, what waits for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::images::{ImageId, Images};
use super::names::Names;
use crate::cluster::inventory::{Container, Field, ImageName, ReportedAs};
use crate::cluster::objects::{ContainerStatus, Pod, PodSpec, PodStatus, StateReason, Text};
use crate::image::{Digest, Reference};
use crate::sorted::{SortedMap, SortedSet};
use crate::vocabulary::ContainerType;

/// Why containers wait, as far as images are the cause (kubelet `pkg/kubelet/images/types.go`).
const IMAGE_REASONS: &[&str] = &[
    "ErrImagePull",
    "ImagePullBackOff",
    "ErrImageNeverPull",
    "InvalidImageName",
    "ImageInspectError",
    "RegistryUnavailable",
    "SignatureValidationFailed",
];
/// What the operating system says of a program for another architecture. The kubelet has no reason of its own for it.
const EXEC_FORMAT: &str = "exec format error";

/// How a pod, or a template's pods, use one image.
#[derive(Debug, Default)]
pub(super) struct PodUse {
    /// the containers that name it
    pub containers: SortedSet<Container>,
    /// the digests that run
    pub running: SortedMap<Digest, Runs>,
    /// reason and message of those that wait, each with the first container by name
    pub waiting: SortedMap<(String, String), Arc<str>>,
    /// whether one of them waits for a pull
    pub failing: bool,
    /// of a custom resource: what names it
    pub field: Option<Field>,
}

/// The containers that run one digest.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Runs {
    /// the first by name
    pub container: Arc<str>,
    /// whether one of them has started
    pub started: bool,
    /// how the runtime reports it
    pub reported: ReportedAs,
}

/// What a pod's images, or a template's, are used for.
pub(super) type PodUses = BTreeMap<ImageId, PodUse>;

/// A container, or an image volume, that names an image.
#[derive(Debug, Clone)]
struct Asked {
    image: ImageId,
    container: Container,
}

/// The images of `spec`. Empty names are left out: some controllers fill them in later.
pub(super) fn asked(spec: &PodSpec<'_>, words: &mut Names, images: &mut Images) -> PodUses {
    uses(containers(spec, words, images))
}

/// The images of `pod`, with what the kubelet says of them.
pub(super) fn used(pod: &Pod<'_>, words: &mut Names, images: &mut Images) -> PodUses {
    let asked: Vec<_> = containers(&pod.spec, words, images).collect();
    let mut uses = uses(asked.iter().cloned());
    // What has ended does not run, and may be far behind what its tag names by now.
    let runs = !matches!(pod.status.phase.as_deref(), Some("Succeeded" | "Failed"));
    let is_volume = |image: &ImageId| {
        asked.iter().any(|asked| asked.container.kind == ContainerType::Volume && asked.image == *image)
    };
    for Asked { image, container } in &asked {
        let status = status_of(&pod.status, container);
        let digest = if runs { running(&pod.status, container, status) } else { None };
        if let (Some(found), Some(usage)) = (digest, uses.get_mut(image)) {
            usage.add_running(found, &container.name);
        }
        let Some((reason, message)) = status.and_then(waiting) else { continue };
        // A container also waits for the image volumes of its pod; the message tells for which.
        let volume = quoted(&message).and_then(image_name).and_then(|name| images.find(&name)).filter(is_volume);
        if let Some(usage) = uses.get_mut(volume.as_ref().unwrap_or(image)) {
            usage.add_waiting(reason, message, &container.name);
        }
    }
    uses
}

fn uses(asked: impl Iterator<Item = Asked>) -> PodUses {
    let mut uses = PodUses::new();
    for Asked { image, container } in asked {
        uses.entry(image).or_default().containers.insert(container);
    }
    uses
}

impl PodUse {
    fn add_running(&mut self, Found { digest, reported, started }: Found, container: &Arc<str>) {
        let new = || Runs { container: Arc::clone(container), started, reported };
        let runs = self.running.get_or_insert_with(digest, new);
        keep_first(&mut runs.container, container);
        runs.started |= started;
        runs.reported = runs.reported.max(reported);
    }

    fn add_waiting(&mut self, reason: String, message: String, container: &Arc<str>) {
        self.failing |= IMAGE_REASONS.contains(&reason.as_str());
        keep_first(self.waiting.get_or_insert_with((reason, message), || Arc::clone(container)), container);
    }
}

fn keep_first(first: &mut Arc<str>, name: &Arc<str>) {
    if name < first {
        *first = Arc::clone(name);
    }
}

/// The name that `spelling` means; `None` when it is empty.
pub(super) fn image_name(spelling: &str) -> Option<ImageName> {
    if spelling.trim().is_empty() {
        return None;
    }
    Some(Reference::parse(spelling).map_or_else(|_| ImageName::Invalid(spelling.to_owned()), ImageName::Valid))
}

/// The first text between quotation marks: in the kubelet's messages, the image.
pub(super) fn quoted(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once('"')?;
    rest.split_once('"').map(|(name, _)| name)
}

/// Every container and image volume of `spec` that names an image.
fn containers(spec: &PodSpec<'_>, words: &mut Names, images: &mut Images) -> impl Iterator<Item = Asked> {
    let init = spec.init_containers.iter().map(|container| match container.restart_policy.as_deref() {
        Some("Always") => (container, ContainerType::Sidecar),
        _ => (container, ContainerType::Init),
    });
    let plain = spec.containers.iter().map(|container| (container, ContainerType::Container));
    let ephemeral = spec.ephemeral_containers.iter().map(|container| (container, ContainerType::Ephemeral));
    let containers = init
        .chain(plain)
        .chain(ephemeral)
        .map(|(container, kind)| (&container.image, &container.name, kind, &container.image_pull_policy));
    let volumes = spec.volumes.iter().filter_map(|volume| {
        let image = volume.image.as_ref()?;
        Some((&image.reference, &volume.name, ContainerType::Volume, &image.pull_policy))
    });
    containers.chain(volumes).filter_map(|(spelling, name, kind, pull_policy)| {
        let image = images.spelt(spelling.as_deref()?)?;
        let pull_policy = pull_policy.as_ref().map(|policy| words.shared(policy));
        Some(Asked { image, container: Container { name: words.shared(name), kind, pull_policy } })
    })
}

fn status_of<'a>(status: &'a PodStatus<'a>, container: &Container) -> Option<&'a ContainerStatus<'a>> {
    let list = match container.kind {
        ContainerType::Container => &status.container_statuses,
        ContainerType::Init | ContainerType::Sidecar => &status.init_container_statuses,
        ContainerType::Ephemeral => &status.ephemeral_container_statuses,
        ContainerType::Volume => return None,
    };
    list.iter().find(|status| *status.name == *container.name)
}

/// A digest that a pod's status tells.
struct Found {
    digest: Digest,
    reported: ReportedAs,
    /// whether a program of it has started
    started: bool,
}

/// What runs of a container's image.
fn running(pod: &PodStatus<'_>, container: &Container, status: Option<&ContainerStatus<'_>>) -> Option<Found> {
    if container.kind == ContainerType::Volume {
        let (digest, reported) = mounted(pod, &container.name)?;
        return Some(Found { digest, reported, started: true });
    }
    let status = status?;
    let (digest, reported) = digest_of(status.image_id.as_deref()?)?;
    let has_run = status.state.running.is_some() || status.state.terminated.is_some();
    Some(Found { digest, reported, started: has_run || status.last_state.terminated.is_some() })
}

/// The digest of an image volume, which the containers tell that mount it.
fn mounted(pod: &PodStatus<'_>, volume: &str) -> Option<(Digest, ReportedAs)> {
    let containers = pod.init_container_statuses.iter().chain(&pod.container_statuses);
    let mut mounts = containers.flat_map(|status| &status.volume_mounts).filter(|mount| *mount.name == *volume);
    mounts.find_map(|mount| digest_of(mount.volume_status.image.as_ref()?.image_ref.as_deref()?))
}

/// The digest of an `imageID`, in any of the runtimes' forms; what it is a digest of only the registry knows.
fn digest_of(image_id: &str) -> Option<(Digest, ReportedAs)> {
    if let Some((_, digest)) = image_id.rsplit_once('@') {
        return Some((Digest::parse(digest).ok()?, ReportedAs::RepoDigest));
    }
    let id = image_id.rsplit_once("//").map_or(image_id, |(_, digest)| digest);
    // CRI-O reports the image's ID without its algorithm.
    let digest = Digest::parse(id).or_else(|_| Digest::parse(&format!("sha256:{id}"))).ok()?;
    Some((digest, ReportedAs::ImageId))
}

/// Reason and message of a container that waits for its image, or cannot run it.
fn waiting(status: &ContainerStatus<'_>) -> Option<(String, String)> {
    let owned = |text: &Option<Text<'_>>| text.as_deref().unwrap_or_default().to_owned();
    let text = |state: &StateReason<'_>| (owned(&state.reason), owned(&state.message));
    let pull = status.state.waiting.as_ref().map(text).filter(|(reason, _)| IMAGE_REASONS.contains(&reason.as_str()));
    let states = [&status.state.waiting, &status.state.terminated, &status.last_state.terminated];
    let run = || states.into_iter().flatten().map(text).find(|(_, message)| message.contains(EXEC_FORMAT));
    pull.or_else(run)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

    fn pod(status: serde_json::Value) -> Pod<'static> {
        let spec = serde_json::json!({
            "containers": [{"name": "b", "image": "app"}, {"name": "a", "image": "app:latest"}, {"name": "e", "image": " "}],
            "volumes": [{"name": "m", "image": {"reference": "model:1"}}, {"name": "tmp", "emptyDir": {}}],
        });
        serde_json::from_str(serde_json::json!({"spec": spec, "status": status}).to_string().leak()).unwrap()
    }

    fn name(text: &str) -> ImageName {
        image_name(text).unwrap()
    }

    fn names(uses: &PodUses, images: &Images) -> Vec<ImageName> {
        uses.keys().map(|image| images.get(*image).unwrap().0.clone()).collect()
    }

    #[test]
    fn the_digest_is_found_in_every_form_of_an_image_id() {
        for (id, reported) in [
            (format!("docker-pullable://registry.k8s.io/pause@sha256:{HEX}"), ReportedAs::RepoDigest),
            (format!("registry.example.com:5000/a/b@sha256:{HEX}"), ReportedAs::RepoDigest),
            (format!("docker://sha256:{HEX}"), ReportedAs::ImageId),
            (format!("sha256:{HEX}"), ReportedAs::ImageId),
            (HEX.to_owned(), ReportedAs::ImageId),
        ] {
            let (digest, as_reported) = digest_of(&id).unwrap();
            assert_eq!((digest.hex(), as_reported), (HEX, reported), "{id}");
        }
        for id in ["", "nginx:1", "docker://", "sha256:../../etc/passwd", "repo@sha256:12"] {
            assert_eq!(digest_of(id), None, "{id}");
        }
    }

    #[test]
    fn spellings_of_one_image_are_one_use() {
        let pod = pod(serde_json::json!({}));
        let mut images = Images::default();
        let uses = asked(&pod.spec, &mut Names::default(), &mut images);
        assert_eq!(names(&uses, &images), [name("app"), name("model:1")]);
        assert_eq!(uses[&images.id(name("app"))].containers.len(), 2);
        assert_eq!(images.spelt("app:latest"), images.spelt("app"));
    }

    #[test]
    fn a_digest_runs_until_its_pod_has_ended() {
        let image_ref = format!("docker.io/library/model@sha256:{HEX}");
        let mounts = serde_json::json!([{"name": "m", "volumeStatus": {"image": {"imageRef": image_ref}}}]);
        let repo_digest = format!("docker.io/library/app@sha256:{HEX}");
        let status = |phase: &str| {
            serde_json::json!({"phase": phase, "containerStatuses": [
                {"name": "a", "imageID": HEX, "state": {"waiting": {"reason": "PodInitializing"}}, "volumeMounts": mounts},
                {"name": "b", "imageID": repo_digest, "state": {}, "lastState": {"terminated": {}}},
            ]})
        };
        let running = pod(status("Running"));
        let mut images = Images::default();
        let uses = used(&running, &mut Names::default(), &mut images);
        let (digest, _) = digest_of(HEX).unwrap();
        for (image, container) in [("app", "a"), ("model:1", "m")] {
            let runs = Runs { container: container.into(), started: true, reported: ReportedAs::RepoDigest };
            assert_eq!(uses[&images.id(name(image))].running, SortedMap::from([(digest.clone(), runs)]), "{image}");
        }
        for phase in ["Succeeded", "Failed"] {
            let ended = pod(status(phase));
            let uses = used(&ended, &mut Names::default(), &mut Images::default());
            assert!(uses.values().all(|usage| usage.running.is_empty()), "{phase}");
        }
    }

    #[test]
    fn only_reasons_about_images_count() {
        let pod_in =
            |state: serde_json::Value| pod(serde_json::json!({"containerStatuses": [{"name": "a", "state": state}]}));
        let waits =
            |reason: &str, message: &str| serde_json::json!({"waiting": {"reason": reason, "message": message}});
        for (state, image, failing) in [
            (waits("ErrImagePull", "pull \"app:latest\": 401"), Some("app"), true),
            (waits("ImagePullBackOff", "Back-off pulling image \"model:1\""), Some("model:1"), true),
            (waits("ContainerCreating", ""), None, false),
            (waits("CrashLoopBackOff", "back-off 5m0s"), None, false),
            (waits("RunContainerError", "exec \"/app\": exec format error"), Some("app"), false),
            (
                serde_json::json!({"terminated": {"reason": "StartError", "message": "exec format error"}}),
                Some("app"),
                false,
            ),
        ] {
            let pod = pod_in(state.clone());
            let mut images = Images::default();
            let mut waiting = used(&pod, &mut Names::default(), &mut images);
            waiting.retain(|_, usage| !usage.waiting.is_empty());
            assert_eq!(names(&waiting, &images), image.map(name).into_iter().collect::<Vec<_>>());
            assert!(waiting.values().all(|usage| usage.failing == failing), "{state}");
        }
    }
}
