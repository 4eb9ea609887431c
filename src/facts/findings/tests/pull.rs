//! Pods that wait.

use super::{codes, find, only};
use crate::cluster::inventory::{ImageUse, Inventory, Placement};
use crate::facts::document::Finding;
use crate::facts::fixture::*;
use crate::image::NodePlatform;
use crate::resolve::{Answer, Resolution};
use crate::vocabulary::{AccessOutcome, ErrorClass, FindingCode, Severity};

const IMAGE: &str = "ghcr.io/acme/private:v9";
const REFUSED: &str = "failed to authorize: failed to fetch anonymous token: unexpected status: 401 Unauthorized";

fn waiting_for(message: &str) -> ImageUse {
    let mut usage = usage(IMAGE);
    waits(&mut usage, "ErrImagePull", message, "node-a");
    usage
}

fn cluster(usage: ImageUse) -> Inventory {
    with_image(IMAGE, usage)
}

fn agrees(finding: &Finding) -> Option<bool> {
    finding.evidence.get("agrees").map(|agrees| agrees.as_bool().unwrap())
}

#[test]
fn the_kubelet_and_the_registry_agree_on_a_refusal() {
    let mut usage = waiting_for(REFUSED);
    pull_secrets(&mut usage, &["ghcr-pull"]);
    pull_failure(&mut usage, REFUSED, "2026-11-20T08:00:00Z", "2026-11-20T09:10:30Z");
    let refused = Answer {
        access: vec![pull_secret("ghcr-pull", AccessOutcome::Refused)],
        ..failed(IMAGE, &[(ErrorClass::Unauthorized, "ghcr.io/acme/private:v9: the token has expired")])
    };
    let finding = only(FindingCode::PullUnauthorized, &cluster(usage), Some(&resolution([refused])));
    assert_eq!(
        finding.message,
        "the kubelet was refused at 09:10 UTC with shop/ghcr-pull; \
         with pull secret shop/ghcr-pull the registry refuses us too: the token has expired"
    );
    assert_eq!((agrees(&finding), finding.severity), (Some(true), Severity::Error));
    let remedy = finding.remedy.unwrap();
    assert!(remedy.starts_with("kubectl -n shop create secret docker-registry ghcr-pull --docker-server=ghcr.io "));
    assert_eq!(finding.subjects[0].name, "web");
    assert_eq!(&*finding.examples[0].pod, "web-node-a");
    assert_eq!(finding.first_seen.unwrap().0.to_string(), "2026-11-20T08:00:00Z");
    assert_eq!(finding.evidence["failedPulls"], 3);
}

#[test]
fn a_secret_that_works_by_now_disagrees() {
    let mut usage = waiting_for(REFUSED);
    pull_secrets(&mut usage, &["ghcr-pull"]);
    let mut resolution = Resolution::default();
    let mut answer = answer(&mut resolution, IMAGE, &["linux/amd64"]);
    answer.access = vec![pull_secret("ghcr-pull", AccessOutcome::Accepted)];
    add(&mut resolution, [answer]);
    let finding = only(FindingCode::PullUnauthorized, &cluster(usage), Some(&resolution));
    assert_eq!(agrees(&finding), Some(false));
    assert!(finding.message.ends_with("with pull secret shop/ghcr-pull the registry accepts us now"));
    assert_eq!(finding.remedy.as_deref(), Some("kubectl -n shop rollout restart deployment/web"));
}

#[test]
fn our_own_login_says_nothing_about_the_cluster() {
    let mut resolution = Resolution::default();
    let mut answer = answer(&mut resolution, IMAGE, &["linux/amd64"]);
    let mut login = pull_secret("ghcr.io", AccessOutcome::Accepted);
    (login.kubelet, login.source) = (false, crate::vocabulary::AccessSource::DockerConfig);
    answer.access = vec![login];
    add(&mut resolution, [answer]);
    let finding = only(FindingCode::PullUnauthorized, &cluster(waiting_for(REFUSED)), Some(&resolution));
    assert_eq!(agrees(&finding), None);
    assert!(finding.message.contains("with our own login (docker-config ghcr.io)"), "{}", finding.message);
    assert!(finding.remedy.unwrap().contains("create secret docker-registry ghcr-io-pull"));
}

#[test]
fn each_cause_has_its_finding_and_a_way_out() {
    for (code, words, class, way_out) in [
        (
            FindingCode::PullNotFound,
            "not found",
            ErrorClass::NotFound,
            "kubectl -n shop set image deployment/web web=ghcr.io/acme/private:",
        ),
        (
            FindingCode::PullRateLimited,
            "429 Too Many Requests",
            ErrorClass::RateLimited,
            "kubectl -n shop create secret",
        ),
        (FindingCode::PullTls, "x509: unknown authority", ErrorClass::Tls, "on node-a, name the CA of ghcr.io in"),
        (FindingCode::PullNetwork, "no such host", ErrorClass::Dns, "on node-a, name a mirror of ghcr.io"),
        (FindingCode::PullServer, "503 Service Unavailable", ErrorClass::Server, "on node-a, name a mirror"),
    ] {
        let mut usage = waiting_for(words);
        pull_secrets(&mut usage, &[]);
        let same = resolution([failed(IMAGE, &[(class, "as the kubelet says")])]);
        let finding = only(code, &cluster(usage.clone()), Some(&same));
        assert_eq!(agrees(&finding), Some(true), "{code}");
        assert!(finding.message.ends_with("the registry answers us the same: as the kubelet says"), "{code}");
        assert!(finding.remedy.as_deref().unwrap().starts_with(way_out), "{code}: {:?}", finding.remedy);

        let other = resolution([failed(IMAGE, &[(ErrorClass::TooLarge, "it is too large")])]);
        let finding = only(code, &cluster(usage.clone()), Some(&other));
        assert_eq!(agrees(&finding), None, "{code}");

        let mut works = Resolution::default();
        let answer = answer(&mut works, IMAGE, &["linux/amd64"]);
        add(&mut works, [answer]);
        assert_eq!(agrees(&only(code, &cluster(usage.clone()), Some(&works))), Some(false), "{code}");

        let unasked = only(code, &cluster(usage), None);
        assert_eq!((agrees(&unasked), unasked.evidence.get("registry")), (None, None), "{code}");
        assert!(unasked.message.len() < 200);
    }
}

#[test]
fn what_a_registry_cannot_know_is_no_contradiction() {
    for (reason, words, code, way_out) in [
        ("ErrImagePull", "no space left on device", FindingCode::PullDiskFull, "on node-a: crictl rmi --prune"),
        (
            "ErrImageNeverPull",
            "",
            FindingCode::PullNever,
            "in the pod spec of Deployment shop/web, set imagePullPolicy: IfNotPresent",
        ),
        (
            "SignatureValidationFailed",
            "",
            FindingCode::PullSignature,
            "cosign sign --key \"$COSIGN_KEY\" ghcr.io/acme/private:v9",
        ),
        ("ErrImagePull", "odd", FindingCode::PullFailed, "kubectl -n shop rollout restart deployment/web"),
        (
            "RunContainerError",
            "exec /app: exec format error",
            FindingCode::ExecFormat,
            "in the pod spec of Deployment shop/web, set nodeSelector: {kubernetes.io/arch: amd64}",
        ),
    ] {
        let mut usage = usage(IMAGE);
        waits(&mut usage, reason, words, "node-a");
        let mut works = Resolution::default();
        let answer = answer(&mut works, IMAGE, &["linux/amd64"]);
        add(&mut works, [answer]);
        let finding = only(code, &cluster(usage), Some(&works));
        assert_eq!(agrees(&finding), None, "{code}");
        assert_eq!(finding.remedy.as_deref(), Some(way_out));
    }
}

#[test]
fn a_platform_is_told_once() {
    let mut usage = waiting_for("no match for platform in manifest: not found");
    usage.placements.insert(Placement::On("node-b".into()));
    let mut resolution = Resolution::default();
    let mut answer = answer(&mut resolution, IMAGE, &["linux/amd64"]);
    answer.missing = vec![NodePlatform::from(platform("linux/arm64"))];
    add(&mut resolution, [answer]);
    let finding = only(FindingCode::PullPlatform, &cluster(usage), Some(&resolution));
    assert_eq!(agrees(&finding), Some(true));
    assert_eq!(finding.evidence["registry"]["offers"][0], "linux/amd64");
    assert!(finding.message.ends_with("; the registry too offers only linux/amd64"), "{}", finding.message);
    assert!(finding.remedy.unwrap().ends_with("set nodeSelector: {kubernetes.io/arch: amd64}"));
}

#[test]
fn a_single_image_offers_the_platform_of_its_config() {
    let mut resolution = Resolution::default();
    let mut answer = answer(&mut resolution, IMAGE, &["linux/amd64"]);
    answer.variants.clear();
    answer.missing = vec![NodePlatform::from(platform("linux/arm64"))];
    add(&mut resolution, [answer]);
    let usage = waiting_for("no match for platform in manifest: not found");
    let finding = only(FindingCode::PullPlatform, &cluster(usage), Some(&resolution));
    assert_eq!(finding.evidence["registry"]["offers"], serde_json::json!(["linux/amd64"]));
}

#[test]
fn an_index_that_lies_about_a_platform_is_told() {
    let mut usage = usage(IMAGE);
    waits(&mut usage, "RunContainerError", "exec /app: exec format error", "node-b");
    let mut resolution = Resolution::default();
    let mut answer = answer(&mut resolution, IMAGE, &["linux/amd64"]);
    answer.variants[0].platform = platform("linux/arm64");
    add(&mut resolution, [answer]);
    let finding = only(FindingCode::ExecFormat, &cluster(usage), Some(&resolution));
    assert_eq!(agrees(&finding), Some(true));
    assert!(finding.message.ends_with("what the index offers for linux/arm64 is for linux/amd64 by its config"));
    assert_eq!(finding.evidence["registry"]["mislabeled"][0]["configPlatform"], "linux/amd64");
}

#[test]
fn an_older_kubelet_tells_the_cause_in_an_event() {
    let mut usage = usage(IMAGE);
    waits(&mut usage, "ImagePullBackOff", "Back-off pulling image \"ghcr.io/acme/private:v9\"", "node-a");
    pull_failure(&mut usage, REFUSED, "2026-11-20T08:00:00Z", "2026-11-20T09:10:30Z");
    let finding = only(FindingCode::PullUnauthorized, &cluster(usage), None);
    assert_eq!(
        (finding.evidence["reason"].as_str(), finding.evidence["message"].as_str()),
        (Some("ImagePullBackOff"), Some(REFUSED))
    );
}

#[test]
fn pods_that_wait_for_one_cause_are_one_finding() {
    let mut usage = waiting_for(REFUSED);
    waits(&mut usage, "ImagePullBackOff", &format!("Back-off pulling image: {REFUSED}"), "node-b");
    waits(&mut usage, "ErrImagePull", "no space left on device", "node-c");
    let findings = find(&cluster(usage), None);
    assert_eq!(codes(&findings), [FindingCode::PullDiskFull, FindingCode::PullUnauthorized]);
    assert_eq!(findings[1].evidence["pods"], 2);
    assert_eq!(findings[1].evidence["nodes"], serde_json::json!(["node-a", "node-b"]));
}

#[test]
fn near_misses_raise_nothing() {
    // It failed once, and runs now.
    let mut over = usage(IMAGE);
    pull_failure(&mut over, REFUSED, "2026-11-20T08:00:00Z", "2026-11-20T09:10:30Z");
    runs(&mut over, &digest("x"), "node-a");
    // It waits, but not for its image.
    let mut other = usage(IMAGE);
    waits(&mut other, "CrashLoopBackOff", "back-off 5m0s restarting failed container", "node-a");
    waits(&mut other, "CreateContainerConfigError", "secret \"db\" not found", "node-a");
    waits(&mut other, "ContainerCreating", "", "node-a");
    for usage in [over, other, usage(IMAGE)] {
        assert_eq!(codes(&find(&cluster(usage), None)), []);
    }
}

#[test]
fn hub_is_logged_in_to_by_its_old_name() {
    let mut usage = usage("redis:8");
    waits(&mut usage, "ErrImagePull", "toomanyrequests: You have reached your pull rate limit", "node-a");
    let finding = only(FindingCode::PullRateLimited, &with_image("redis:8", usage), None);
    assert!(finding.remedy.unwrap().contains("--docker-server=https://index.docker.io/v1/ "));
}
