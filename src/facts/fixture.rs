//! A small cluster and its registry, as tests of the assembly and of the findings write them down.

use std::sync::{Arc, LazyLock};

use crate::cluster::inventory::{
    Container, Example, ImageName, ImageUse, Inventory, Node, NodeImage, Placement, PullContext, PullFailure, Running,
    User, UserKey,
};
use crate::facts::document::ImageFacts;
use crate::facts::validate::Validator;
use crate::facts::{Origin, RunContext, assemble};
use crate::image::{Descriptor, Digest, Document, Failure, ImageConfig, NodePlatform, Platform, Reference};
use crate::resolve::{Access, Answer, Looked, Named, Resolution, RunningDigest, Variant, Whole};
use crate::sorted::SortedSet;
use crate::vocabulary::{
    AccessOutcome, AccessSource, ContainerType, DigestKind, ErrorClass, ErrorStage, ImageStatus, RedactionMode, Role,
    Via,
};

/// Compiled once for all tests.
pub(super) static VALIDATOR: LazyLock<Validator> = LazyLock::new(|| Validator::new().unwrap());

/// A digest that is easily told from others.
pub(super) fn digest(seed: &str) -> Digest {
    Digest::of(seed.as_bytes())
}

pub(super) fn platform(text: &str) -> Platform {
    text.parse().unwrap()
}

pub(super) fn reference(text: &str) -> Reference {
    Reference::parse(text).unwrap()
}

pub(super) fn owner(kind: &str, name: &str, role: Role) -> UserKey {
    let (api_version, namespace) = ("apps/v1".into(), "shop".into());
    UserKey { api_version, kind: kind.into(), namespace, name: Some(name.into()), role }
}

pub(super) fn example(pod: &str, node: &str) -> Example {
    let container = Some("web".into());
    Example { namespace: "shop".into(), pod: pod.into(), container, node: Some(node.into()) }
}

/// An image that Deployment `shop/web` uses in container `web`.
pub(super) fn usage(written: &str) -> ImageUse {
    let mut usage = ImageUse::default();
    usage.written_as.insert(written.to_owned());
    let container = Container { name: "web".into(), kind: ContainerType::Container, pull_policy: None };
    let user = User { pods: 1, containers: Arc::new([container].into()), ..User::default() };
    usage.used_by.insert(owner("Deployment", "web", Role::Current), user);
    usage
}

/// A pod of Deployment `shop/web` waits for the image on `node`.
pub(super) fn waits(usage: &mut ImageUse, reason: &str, message: &str, node: &str) {
    let waiting = usage.waiting.or_default((reason.to_owned(), message.to_owned()));
    waiting.pods += 1;
    waiting.examples.insert(example(&format!("web-{node}"), node));
    waiting.nodes.insert(node.into());
    waiting.owners.insert(owner("Deployment", "web", Role::Current));
    usage.placements.insert(Placement::On(node.into()));
}

/// A pod of Deployment `shop/web` runs `digest` on `node`.
pub(super) fn runs(usage: &mut ImageUse, digest: &Digest, node: &str) {
    let running: &mut Running = usage.running.or_default(digest.clone());
    running.pods += 1;
    running.nodes.push(node.into());
    running.examples.insert(example(&format!("web-{node}"), node));
    running.started = true;
    usage.placements.insert(Placement::On(node.into()));
}

/// The pods of `shop` use these pull secrets for the image.
pub(super) fn pull_secrets(usage: &mut ImageUse, secrets: &[&str]) {
    let secrets: Arc<[Arc<str>]> = secrets.iter().map(|&name| name.into()).collect();
    let context =
        PullContext { namespace: "shop".into(), secrets: secrets.clone(), service_account: None, failing: true };
    usage.contexts.insert(context);
    for user in usage.used_by.values_mut() {
        user.pull_secrets = secrets.clone();
    }
}

pub(super) fn pull_failure(usage: &mut ImageUse, message: &str, first: &str, last: &str) {
    let failure = PullFailure {
        count: 3,
        first_seen: Some(first.parse().unwrap()),
        last_seen: Some(last.parse().unwrap()),
        examples: SortedSet::new(),
    };
    usage.pull_failures.insert(message.to_owned(), failure);
}

/// `node-a` (linux/amd64) and `node-b` (linux/arm64).
pub(super) fn inventory() -> Inventory {
    let node = |name: &str, text: &str| Node {
        name: name.into(),
        platform: NodePlatform::from(platform(text)),
        runtime: "containerd://2.1.4".to_owned(),
        labels: [("kubernetes.io/os".to_owned(), "linux".to_owned())].into(),
        images_truncated: false,
    };
    let nodes = Some(vec![node("node-a", "linux/amd64"), node("node-b", "linux/arm64")]);
    Inventory { nodes, namespaces: ["shop".to_owned()].into(), ..Inventory::default() }
}

pub(super) fn node_image(node: &str, names: &[&str], size_bytes: u64) -> NodeImage {
    NodeImage { node: node.into(), names: names.iter().map(|&name| name.into()).collect(), size_bytes }
}

/// The registry answers for a reference: an image of one layer for each platform.
pub(super) fn answer(resolution: &mut Resolution, text: &str, platforms: &[&str]) -> Answer {
    let mut variants = Vec::new();
    for name in platforms {
        let looked = image(&format!("{text} {name}"), name);
        variants.push(Variant { platform: platform(name), digest: looked.digest.clone() });
        resolution.documents.insert(looked.digest.clone(), looked);
    }
    let named = Named {
        digest: variants.first().map_or_else(|| digest(text), |variant| variant.digest.clone()),
        via: Via::Registry,
        endpoint: format!("https://{}", reference(text).registry()),
        as_of: None,
    };
    Answer { named: Some(named), variants, status: ImageStatus::Resolved, ..failed(text, &[]) }
}

/// The registry fails for a reference.
pub(super) fn failed(text: &str, failures: &[(ErrorClass, &str)]) -> Answer {
    let failure = |(class, message): &(ErrorClass, &str)| Failure {
        endpoint: Some(format!("https://{}", reference(text).registry())),
        attempts: 1,
        ..Failure::unsent(ErrorStage::Manifest, *class, *message)
    };
    Answer {
        reference: reference(text),
        status: ImageStatus::Failed,
        named: None,
        variants: Vec::new(),
        missing: Vec::new(),
        running: Default::default(),
        access: Vec::new(),
        failures: failures.iter().map(failure).collect(),
        requests: 1,
    }
}

/// An image's manifest with one layer and a config.
pub(super) fn image(seed: &str, platform_name: &str) -> Looked {
    let descriptor = |part: &str, size| Descriptor {
        media_type: "application/vnd.oci.image.config.v1+json".into(),
        digest: digest(&format!("{seed} {part}")),
        size,
    };
    let config = ImageConfig { platform: Some(platform(platform_name)), ..ImageConfig::default() };
    let document = Document::Image(crate::image::Manifest {
        config: descriptor("config", 100),
        layers: vec![descriptor("layer", 1000)],
        annotations: Default::default(),
        artifact_type: None,
        subject: None,
    });
    with_config(document_of(digest(seed), "application/vnd.oci.image.manifest.v1+json", document), config)
}

/// A document without a config.
pub(super) fn document_of(digest: Digest, media_type: &str, document: Document) -> Looked {
    Looked::new(digest, media_type.to_owned(), Whole { document: Arc::new(document), config: None })
}

/// A document whose config is another one.
pub(super) fn with_config(looked: Looked, config: ImageConfig) -> Looked {
    let whole = Whole { config: Some(Arc::new(config)), ..looked.whole.unwrap() };
    Looked::new(looked.digest, looked.media_type, whole)
}

pub(super) fn pull_secret(name: &str, outcome: AccessOutcome) -> Access {
    Access {
        source: AccessSource::PullSecret,
        name: Some(name.to_owned()),
        namespaces: ["shop".to_owned()].into(),
        kubelet: true,
        outcome,
        class: (outcome == AccessOutcome::Refused).then_some(ErrorClass::Unauthorized),
    }
}

pub(super) fn anonymous(kubelet: bool, outcome: AccessOutcome) -> Access {
    let access = pull_secret("", outcome);
    Access { source: AccessSource::Anonymous, name: None, namespaces: SortedSet::new(), kubelet, ..access }
}

pub(super) fn running_digest(kind: DigestKind, matches: bool) -> RunningDigest {
    RunningDigest { kind, matches_resolved: Some(matches), gone: false }
}

/// An inventory with one image.
pub(super) fn with_image(text: &str, usage: ImageUse) -> Inventory {
    let mut inventory = inventory();
    let name = Reference::parse(text).map_or_else(|_| ImageName::Invalid(text.to_owned()), ImageName::Valid);
    inventory.images.insert(name, usage.into());
    inventory
}

pub(super) fn resolution(answers: impl IntoIterator<Item = Answer>) -> Resolution {
    let mut resolution = Resolution::default();
    add(&mut resolution, answers);
    resolution
}

pub(super) fn add(resolution: &mut Resolution, answers: impl IntoIterator<Item = Answer>) {
    resolution.answers.extend(answers.into_iter().map(|answer| (answer.reference.clone(), Box::new(answer))));
}

pub(super) fn context() -> RunContext {
    RunContext {
        generated_at: "2026-01-02T03:04:05Z".parse().unwrap(),
        duration_ms: 0,
        version: "0.0.0".to_owned(),
        origin: Origin::Cluster { context: Some("test".to_owned()) },
        redaction: RedactionMode::Default,
        cluster_fallback: true,
        stopped: None,
    }
}

/// Assembles, and makes sure that the document is valid.
pub(super) fn facts(inventory: &Inventory, resolution: Option<&Resolution>) -> ImageFacts {
    let facts = assemble(inventory.clone(), resolution.cloned(), context()).whole();
    VALIDATOR.check(&facts).unwrap();
    facts
}
