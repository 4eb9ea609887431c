//! What is tried for pods, in which order, and what is read for it.

use std::collections::BTreeMap;
use std::sync::Mutex;

use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::*;
use crate::cluster::objects::PullSecret;
use crate::credentials::{DockerConfig, PullSecretError};
use crate::image::Reference;
use crate::vocabulary::ErrorClass;

/// Secrets by `namespace/name`: the text of their `.dockerconfigjson`; records what is read.
#[derive(Default)]
struct Cluster {
    secrets: BTreeMap<&'static str, &'static str>,
    read: Mutex<Vec<String>>,
}

impl PullSecretReader for Cluster {
    fn secret<'a>(
        &'a self,
        namespace: &'a str,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Option<PullSecret>, PullSecretError>> {
        let key = format!("{namespace}/{name}");
        let answer = match self.secrets.get(key.as_str()) {
            _ if namespace == "closed" => Err(PullSecretError::Forbidden),
            _ if name == "flaky" => Err(PullSecretError::Other("the API server is busy".to_owned())),
            None => Err(PullSecretError::Missing),
            Some(text) => Ok(Some(PullSecret::DockerConfigJson((*text).into()))),
        };
        self.read.lock().unwrap().push(key);
        async { answer }.boxed()
    }

    fn service_account_secrets<'a>(
        &'a self,
        _: &'a str,
        account: &'a str,
    ) -> BoxFuture<'a, Result<Vec<String>, PullSecretError>> {
        async move { if account == "builder" { Ok(vec!["one".to_owned()]) } else { Err(PullSecretError::Missing) } }
            .boxed()
    }
}

const ONE: &str = r#"{"auths":{"r.io":{"username":"one","password":"p"}}}"#;
const TWO: &str = r#"{"auths":{"r.io/team":{"username":"two","password":"p"},"other.io":{"username":"x"}}}"#;
const BOTH: &str = r#"{"auths":{"r.io":{"username":"host"},"r.io/team":{"username":"team"}}}"#;

fn cluster() -> Arc<Cluster> {
    let secrets = [("a/one", ONE), ("a/two", TWO), ("b/one", ONE), ("b/broken", "hunter2"), ("b/both", BOTH)];
    Arc::new(Cluster { secrets: secrets.into(), read: Mutex::default() })
}

fn context(namespace: &str, secrets: &[&str], failing: bool) -> PullContext {
    let secrets = secrets.iter().map(|&name| name.into()).collect();
    PullContext { namespace: namespace.into(), secrets, service_account: None, failing }
}

/// What is to be tried, as `namespace/name user`, with `*` where the kubelet would.
fn shown(candidates: &Candidates) -> Vec<String> {
    let shown = |candidate: &Candidate| {
        let user = match &candidate.credential {
            Credential::Password { username, .. } => username.as_str(),
            _ => "-",
        };
        let (namespace, name) = (candidate.namespace.as_deref(), candidate.name.as_deref());
        let mark = if candidate.kubelet { "*" } else { "" };
        format!("{}/{} {user}{mark}", namespace.unwrap_or_default(), name.unwrap_or_default())
    };
    candidates.list.iter().map(shown).collect()
}

async fn candidates(keychain: &Keychain, image: &str, contexts: &[PullContext]) -> Candidates {
    let reference = Reference::parse(image).unwrap();
    keychain.candidates(reference.repository(), &contexts.iter().cloned().collect()).await
}

#[tokio::test]
async fn each_namespace_uses_its_own_secrets_and_failing_pods_come_first() {
    let keychain = Keychain::new(Some(cluster()), LocalSources::default());
    let contexts = [context("a", &["one", "two"], false), context("b", &["one"], true), context("c", &[], true)];
    let found = candidates(&keychain, "r.io/team/app", &contexts).await;
    assert_eq!(shown(&found), ["b/one one*", "a/two two*", "a/one one*", "/ -*"]);
    assert_eq!(found.failing, [vec![0], vec![3]]);
    assert_eq!(found.failures, []);
}

#[tokio::test]
async fn every_match_of_one_secret_is_tried_and_each_once() {
    let keychain = Keychain::new(Some(cluster()), LocalSources::default());
    let contexts = [context("b", &["both"], false), context("b", &["both", "one"], true)];
    let found = candidates(&keychain, "r.io/team/app", &contexts).await;
    assert_eq!(shown(&found), ["b/both team*", "b/both host*", "b/one one*", "/ -"]);
    assert_eq!(found.failing, [vec![0, 1, 2]]);
}

#[tokio::test]
async fn the_kubelet_tries_anonymous_only_where_nothing_matches() {
    let keychain = Keychain::new(Some(cluster()), LocalSources::default());
    for (image, contexts, anonymous) in [
        ("r.io/app", &[context("a", &["one"], false)][..], "/ -"),
        ("x.io/app", &[context("a", &["one"], false)], "/ -*"),
        ("r.io/app", &[context("a", &["one"], false), context("a", &["two"], false)], "/ -*"),
        ("r.io/app", &[context("closed", &["one"], false)], "/ -"),
        ("r.io/app", &[context("a", &["absent"], false)], "/ -*"),
        ("r.io/app", &[], "/ -*"),
    ] {
        let found = candidates(&keychain, image, contexts).await;
        assert_eq!(shown(&found).last().map(String::as_str), Some(anonymous), "{image} {contexts:?}");
    }
}

#[tokio::test]
async fn only_named_secrets_are_read_each_once_and_what_is_closed_is_told() {
    let cluster = cluster();
    let keychain = Keychain::new(Some(Arc::clone(&cluster) as Arc<dyn PullSecretReader>), LocalSources::default());
    let contexts =
        [context("a", &["one", "absent"], false), context("closed", &["x"], false), context("closed", &["y"], true)];
    for image in ["r.io/app", "r.io/app", "x.io/app"] {
        candidates(&keychain, image, &contexts).await;
    }
    let mut read = cluster.read.lock().unwrap().clone();
    read.sort();
    assert_eq!(read, ["a/absent", "a/one", "closed/x", "closed/y"]);
    assert_eq!(keychain.missing(), [("a".to_owned(), "absent".to_owned())]);
    let gaps = keychain.gaps();
    let [gap] = gaps.as_slice() else { panic!("{gaps:?}") };
    assert_eq!((gap.resource.as_deref(), gap.namespace.as_deref()), (Some("secrets"), Some("closed")));
    assert!(gap.reason == "forbidden" && gap.message.contains("--verb=get --resource=secrets"), "{gap:?}");
}

#[tokio::test]
async fn a_secret_that_cannot_be_used_is_a_failure_without_its_content() {
    let keychain = Keychain::new(Some(cluster()), LocalSources::default());
    let found = candidates(&keychain, "r.io/app", &[context("b", &["broken", "flaky", "one"], true)]).await;
    assert_eq!(shown(&found), ["b/one one*", "/ -"]);
    let classes: Vec<ErrorClass> = found.failures.iter().map(|failure| failure.class).collect();
    assert_eq!(classes, [ErrorClass::InvalidContent, ErrorClass::Server]);
    assert!(found.failures.iter().all(|failure| !failure.message.contains("hunter2")), "{:?}", found.failures);
}

#[tokio::test]
async fn what_a_panic_would_print_of_credentials_shows_none() {
    let env = [("REGISTRY_R_IO_TOKEN", "hunter2"), ("DOCKER_AUTH_CONFIG", HUNTER)];
    let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let secrets = [("a/pull", HUNTER)].into();
    let cluster = Arc::new(Cluster { secrets, read: Mutex::default() });
    let keychain = Keychain::new(Some(cluster), LocalSources::load(&env, None).unwrap());
    let found = candidates(&keychain, "r.io/app", &[context("a", &["pull"], true)]).await;
    assert_eq!(found.list.len(), 4);
    let printed = format!("{found:?} {found:#?} {:?}", DockerConfig::parse(&HUNTER.into()));
    assert!(printed.contains("pull") && !printed.contains("hunter2") && !printed.contains("hunter"), "{printed}");
}

const HUNTER: &str = r#"{"auths":{"r.io":{"username":"hunter","password":"hunter2"}}}"#;

#[tokio::test]
async fn a_template_falls_back_to_the_secrets_of_its_service_account() {
    let keychain = Keychain::new(Some(cluster()), LocalSources::default());
    for (account, expected) in [("builder", &["a/one one*", "/ -"][..]), ("absent", &["/ -*"])] {
        let template = PullContext { service_account: Some(account.into()), ..context("a", &[], false) };
        assert_eq!(shown(&candidates(&keychain, "r.io/app", &[template]).await), expected, "{account}");
    }
}

#[tokio::test]
async fn without_a_cluster_there_is_only_what_is_local() {
    let env = [("REGISTRY_R_IO_USERNAME", "u"), ("REGISTRY_R_IO_PASSWORD", "p")];
    let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let keychain = Keychain::new(None, LocalSources::load(&env, None).unwrap());
    let found = candidates(&keychain, "r.io/app", &[]).await;
    assert_eq!(shown(&found), ["/REGISTRY_R_IO_PASSWORD u", "/ -*"]);
}
