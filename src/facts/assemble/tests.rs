//! The assembly, on small clusters.

use proptest::prelude::*;

mod origins;

use super::{
    ImageFacts, ImageStatus, Inventory, Resolution, RunContext, StopReason, assemble, build, inventory as model,
};
use crate::cluster::inventory::{Container, ImageName, PullContext, User, UserKey};
use crate::facts::fixture::*;
use crate::image::{History, ImageConfig, moment};
use crate::vocabulary::{AccessOutcome, ContainerType, DigestKind, ErrorClass, Role};

const WEB: &str = "ghcr.io/acme/web:v1";

fn web() -> Inventory {
    let mut usage = usage(WEB);
    runs(&mut usage, &digest("web index"), "node-a");
    with_image(WEB, usage)
}

#[test]
fn without_a_registry_an_image_is_unqueried_and_the_rest_stands() {
    let facts = facts(&web(), None);
    let image = &facts.images[0];
    assert_eq!((image.reference.as_str(), image.status), (WEB, ImageStatus::Unqueried));
    assert_eq!(image.running.as_ref().unwrap()[0].digest_kind, DigestKind::Unknown);
    assert_eq!((&image.resolved, &image.errors, &image.access, &image.on_nodes), (&None, &None, &None, &None));
    assert_eq!((facts.summary.unqueried, facts.complete, facts.manifests.len()), (1, true, 0));
}

#[test]
fn an_answer_is_joined_to_what_runs() {
    let mut resolution = Resolution::default();
    let mut answer = answer(&mut resolution, WEB, &["linux/arm64", "linux/amd64"]);
    answer.running.insert(digest("web index"), running_digest(DigestKind::Index, true));
    answer.access.push(pull_secret("ghcr-pull", AccessOutcome::Accepted));
    add(&mut resolution, [answer]);
    let facts = facts(&web(), Some(&resolution));
    let image = &facts.images[0];
    let platforms: Vec<String> = image.variants.iter().flatten().map(|v| v.platform.to_string()).collect();
    assert_eq!(platforms, ["linux/amd64", "linux/arm64"]);
    let running = &image.running.as_ref().unwrap()[0];
    assert_eq!((running.digest_kind, running.matches_resolved, running.pods), (DigestKind::Index, Some(true), 1));
    assert_eq!(facts.summary.layers.distinct, 2);
    assert_eq!((facts.summary.layers.compressed_bytes, facts.summary.layers.referenced_bytes), (2000, 2000));
}

#[test]
fn an_invalid_name_is_an_error_of_that_image_alone() {
    let mut inventory = web();
    inventory.images.insert(ImageName::Invalid("UPPER/case".to_owned()), usage("UPPER/case").into());
    let facts = facts(&inventory, None);
    let image = facts.images.iter().find(|image| image.reference == "UPPER/case").unwrap();
    let error = &image.errors.as_ref().unwrap()[0];
    assert_eq!((image.status, error.class), (ImageStatus::Failed, ErrorClass::InvalidReference));
    assert_eq!((error.attempts, &image.registry), (0, &None));
    assert_eq!(facts.summary.errors_by_class["invalid-reference"], 1);
}

#[test]
fn what_the_run_did_not_get_to_is_canceled() {
    let resolution = Resolution::default();
    let mut context = context();
    context.stopped = Some(StopReason::Interrupted);
    let facts = assemble(web(), Some(resolution), context).whole();
    assert!(!facts.complete);
    assert_eq!(facts.images[0].errors.as_ref().unwrap()[0].class, ErrorClass::Canceled);
}

#[test]
fn a_failed_image_keeps_what_the_cluster_knows_only_when_asked() {
    let mut usage = usage(WEB);
    runs(&mut usage, &digest("web index"), "node-a");
    waits(&mut usage, "ErrImagePull", "not found", "node-b");
    let inventory = with_image(WEB, usage);
    let resolution = resolution([failed(WEB, &[(ErrorClass::NotFound, "there is no such tag")])]);
    for cluster_fallback in [true, false] {
        let context = RunContext { cluster_fallback, ..context() };
        let facts = assemble(inventory.clone(), Some(resolution.clone()), context).whole();
        let image = &facts.images[0];
        assert_eq!((image.running.is_some(), image.waiting.is_some()), (cluster_fallback, cluster_fallback));
        assert_eq!((image.used_by.len(), image.errors.as_ref().unwrap().len()), (1, 1));
    }
}

#[test]
fn a_gap_that_hides_a_part_of_the_cluster_makes_the_facts_incomplete() {
    let gap = |incomplete| model::Gap {
        scope: crate::vocabulary::GapScope::Kubernetes,
        resource: Some("pods".to_owned()),
        namespace: None,
        host: None,
        reason: "forbidden".to_owned(),
        message: "pods may not be listed".to_owned(),
        incomplete,
    };
    for incomplete in [true, false] {
        let inventory = Inventory { gaps: vec![gap(incomplete), gap(incomplete)], ..web() };
        let facts = facts(&inventory, None);
        assert_eq!((facts.complete, facts.gaps.len()), (!incomplete, 1));
    }
}

#[test]
fn nodes_images_are_found_by_tag_and_by_digest() {
    let running = digest("web index");
    let by_digest = format!("docker-pullable://mirror.local/acme/web@{running}");
    let pause = "registry.k8s.io/pause:3.10";
    let pause_digest = format!("registry.k8s.io/pause@{}", digest("pause"));
    let inventory = Inventory {
        on_nodes: vec![
            node_image("node-a", &[&by_digest], 10),
            node_image("node-b", &[WEB], 30),
            node_image("node-b", &["ghcr.io/acme/web:v2"], 50),
            node_image("node-a", &[&pause_digest, pause], 1),
            node_image("node-b", &[&pause_digest], 2),
            node_image("node-b", &[], 99),
        ],
        ..web()
    };
    let facts = facts(&inventory, None);
    let on_nodes = facts.images[0].on_nodes.as_ref().unwrap();
    assert_eq!(
        (on_nodes.nodes.join(" "), on_nodes.size_bytes.min, on_nodes.size_bytes.max),
        ("node-a node-b".into(), 10, 30)
    );
    let unused = facts.unused_on_nodes.unwrap();
    assert_eq!(unused.len(), 2);
    assert_eq!(unused[0].names, ["ghcr.io/acme/web:v2"]);
    assert_eq!((unused[1].names.len(), unused[1].nodes.len(), unused[1].size_bytes), (2, 2, 2));
}

#[test]
fn a_digest_reference_is_not_found_by_its_tag() {
    let text = format!("ghcr.io/acme/web:v1@{}", digest("pinned"));
    let mut inventory = with_image(&text, usage(&text));
    inventory.on_nodes = vec![node_image("node-a", &[WEB], 10)];
    let facts = facts(&inventory, None);
    assert_eq!(facts.images[0].on_nodes, None);
    assert_eq!(facts.unused_on_nodes.unwrap().len(), 1);
}

#[test]
fn layers_are_joined_to_build_steps_only_when_they_fit() {
    let step = |created_by: &str, empty_layer| History {
        created: moment("2026-01-02T05:04:05+02:00"),
        created_by: Some(created_by.to_owned()),
        empty_layer,
        ..History::default()
    };
    for (steps, joined) in [
        (vec![step("COPY app", false), step("ENV A=b", true)], Some("COPY app")),
        (vec![step("COPY app", false), step("COPY more", false)], None),
    ] {
        let looked = image("x", "linux/amd64");
        let config = ImageConfig { history: steps, created: moment("yesterday"), ..ImageConfig::default() };
        let looked = with_config(looked, config);
        let mut resolution = Resolution::default();
        resolution.documents.insert(looked.digest.clone(), looked);
        let manifest = &facts(&inventory(), Some(&resolution)).manifests[0];
        assert_eq!(manifest.layers.as_ref().unwrap()[0].created_by.as_deref(), joined);
        assert_eq!(manifest.created, None);
        let created = manifest.history.as_ref().unwrap()[0].created.unwrap();
        assert_eq!(created.0.to_string(), "2026-01-02T03:04:05Z");
    }
}

#[test]
fn a_hostile_platform_never_makes_the_document_invalid() {
    for architecture in ["a/b/c/d", "", "\u{1b}[1m", "x y"] {
        let hostile = crate::image::Platform::new("linux", architecture, None);
        let mut resolution = Resolution::default();
        let mut answer = answer(&mut resolution, WEB, &["linux/amd64"]);
        let config = ImageConfig { platform: Some(hostile.clone()), ..ImageConfig::default() };
        let looked = image("hostile", "linux/amd64");
        let looked = with_config(looked, config);
        answer.variants.push(crate::resolve::Variant { platform: hostile, digest: looked.digest.clone() });
        resolution.documents.insert(looked.digest.clone(), looked);
        add(&mut resolution, [answer]);
        let facts = facts(&web(), Some(&resolution));
        assert_eq!(facts.images[0].variants.as_ref().unwrap().len(), 1);
        let text = serde_json::to_string(&facts).unwrap();
        assert_eq!(serde_json::from_str::<ImageFacts>(&text).unwrap(), facts);
    }
}

/// Something that discovery or a registry tells, in any order.
#[derive(Debug, Clone)]
enum Told {
    User(usize, usize),
    Runs(usize, usize),
    Waits(usize, usize),
    OnNode(usize, usize),
    Answers(usize),
    Gap(usize),
}

fn told() -> impl Strategy<Value = Vec<Told>> {
    let few = || 0..3_usize;
    let one = prop_oneof![
        (few(), few()).prop_map(|(image, by)| Told::User(image, by)),
        (few(), few()).prop_map(|(image, digest)| Told::Runs(image, digest)),
        (few(), few()).prop_map(|(image, pod)| Told::Waits(image, pod)),
        (few(), few()).prop_map(|(image, node)| Told::OnNode(image, node)),
        few().prop_map(Told::Answers),
        few().prop_map(Told::Gap),
    ];
    proptest::collection::vec(one, 0..24)
}

fn tell(all: &[Told]) -> ImageFacts {
    let mut inventory = inventory();
    let mut resolution = Resolution::default();
    let name = |image: &usize| format!("r{image}.example.com/app:v1");
    for told in all {
        let key = |image: &usize| ImageName::Valid(reference(&name(image)));
        match told {
            Told::User(image, by) => {
                let key_of_user =
                    UserKey { namespace: format!("ns{by}").into(), ..owner("Deployment", "x", Role::Current) };
                let container =
                    Container { name: format!("c{by}").into(), kind: ContainerType::Init, pull_policy: None };
                let usage = inventory.images.entry(key(image)).or_default();
                let user: &mut User = usage.used_by.or_default(key_of_user);
                user.pods += 1;
                std::sync::Arc::make_mut(&mut user.containers).insert(container);
                usage.contexts.insert(PullContext {
                    namespace: format!("ns{by}").into(),
                    secrets: [].into(),
                    service_account: None,
                    failing: false,
                });
            }
            Told::Runs(image, seed) => {
                runs(inventory.images.entry(key(image)).or_default(), &digest(&seed.to_string()), "node-a");
            }
            Told::Waits(image, pod) => {
                let usage = inventory.images.entry(key(image)).or_default();
                waits(usage, "ErrImagePull", &format!("{pod}: not found"), "node-b");
            }
            Told::OnNode(image, node) => {
                inventory.on_nodes.push(node_image(&format!("node-{node}"), &[&name(image)], 7));
            }
            Told::Answers(image) => {
                let answer = answer(&mut resolution, &name(image), &["linux/amd64"]);
                add(&mut resolution, [answer]);
            }
            Told::Gap(seed) => inventory.gaps.push(model::Gap {
                scope: crate::vocabulary::GapScope::Registry,
                resource: None,
                namespace: None,
                host: Some(format!("host{seed}")),
                reason: "quota".to_owned(),
                message: String::new(),
                incomplete: false,
            }),
        }
    }
    facts(&inventory, Some(&resolution))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_order_of_arrival_gives_the_same_document(
        (first, second) in told().prop_flat_map(|told| (Just(told.clone()), Just(told).prop_shuffle())),
    ) {
        prop_assert_eq!(tell(&first), tell(&second));
    }
}
