//! Which local source serves which repository.
#![allow(clippy::disallowed_methods, reason = "tests make their own files")]

use super::*;
use crate::image::Reference;
use crate::vocabulary::{ErrorClass, ErrorStage};

fn env(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn login(user: &str) -> String {
    format!(r#"{{"username":"{user}","password":"p"}}"#)
}

fn auths(key: &str, user: &str) -> String {
    format!(r#"{{"auths":{{"{key}":{}}}}}"#, login(user))
}

/// What is found, as `source name user`.
async fn found(local: &LocalSources, image: &str) -> Vec<String> {
    let reference = Reference::parse(image).unwrap();
    let (candidates, failures) = local.candidates(reference.repository()).await;
    assert_eq!(failures, []);
    let shown = |candidate: &Candidate| {
        let user = match &candidate.credential {
            Credential::Password { username, .. } => username.clone(),
            other => format!("{other:?}"),
        };
        assert!(!candidate.kubelet, "the kubelet knows nothing of our sources");
        format!("{} {} {user}", candidate.source, candidate.name.as_deref().unwrap_or_default())
    };
    candidates.iter().map(shown).collect()
}

#[tokio::test]
async fn variables_serve_the_host_that_they_name() {
    let env = env(&[
        ("REGISTRY_R_IO_5000_USERNAME", "u"),
        ("REGISTRY_R_IO_5000_PASSWORD", "p"),
        ("REGISTRY_T_IO_TOKEN", "t"),
        ("REGISTRY_HALF_IO_PASSWORD", "p"),
        ("REGISTRY_EMPTY_IO_TOKEN", ""),
        ("DOCKER_USERNAME", "hub"),
        ("DOCKER_PASSWORD", "p"),
        ("GITHUB_TOKEN", "g"),
    ]);
    let local = LocalSources::load(&env, None).unwrap();
    for (image, expected) in [
        ("r.io:5000/a", Some("environment REGISTRY_R_IO_5000_PASSWORD u")),
        ("r.io/a", None),
        ("t.io/a", Some("environment REGISTRY_T_IO_TOKEN BearerToken(***)")),
        ("half.io/a", None),
        ("empty.io/a", None),
        ("nginx", Some("environment DOCKER_PASSWORD hub")),
        ("ghcr.io/a/b", Some("environment GITHUB_TOKEN x-access-token")),
        ("docker.pkg.github.com/a", None),
    ] {
        assert_eq!(found(&local, image).await, Vec::from_iter(expected), "{image}");
    }
}

#[tokio::test]
async fn sources_come_in_the_contracts_order() {
    let home = tempfile::tempdir().unwrap();
    let write = |path: &str, text: String| {
        let path = home.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    };
    write(".docker/config.json", auths("https://ghcr.io", "docker"));
    write(".config/containers/auth.json", auths("ghcr.io/team", "podman"));
    let named = write("named.json", auths("ghcr.io", "named"));
    let mut env = env(&[("GITHUB_TOKEN", "g"), ("GITHUB_ACTOR", "actor")]);
    env.insert("HOME".to_owned(), home.path().display().to_string());
    env.insert("DOCKER_AUTH_CONFIG".to_owned(), auths("ghcr.io", "inline"));

    let local = LocalSources::load(&env, None).unwrap();
    let first = ["environment GITHUB_TOKEN actor", "environment DOCKER_AUTH_CONFIG inline"];
    let last = "docker-config ~/.docker/config.json docker";
    let podman = "authfile ~/.config/containers/auth.json podman";
    assert_eq!(found(&local, "ghcr.io/team/app").await, [first[0], first[1], podman, last]);
    assert_eq!(found(&local, "ghcr.io/other").await, [first[0], first[1], last]);

    let local = LocalSources::load(&env, Some(&named)).unwrap();
    assert_eq!(found(&local, "ghcr.io/team/app").await, [first[0], first[1], "authfile ~/named.json named", last]);
}

#[tokio::test]
async fn a_helper_that_fails_is_reported_and_the_rest_is_tried() {
    let text =
        r#"{"auths":{"r.io":{"auth":"dTpw"},"s.io":{}},"credHelpers":{"r.io":"../evil"},"credsStore":"absent-here"}"#;
    let local = LocalSources::load(&env(&[("DOCKER_AUTH_CONFIG", text), ("PATH", "/nonexistent")]), None).unwrap();
    for (image, candidates, class) in [("r.io/a", 1, ErrorClass::Refused), ("s.io/a", 0, ErrorClass::Unsupported)] {
        let reference = Reference::parse(image).unwrap();
        let (found, failures) = local.candidates(reference.repository()).await;
        assert_eq!((found.len(), failures.len()), (candidates, 1), "{image}");
        assert_eq!((failures[0].stage, failures[0].class), (ErrorStage::Credentials, class), "{image}");
    }
}

#[test]
fn what_is_no_configuration_is_an_error_that_names_its_place() {
    let absent = LocalSources::load(&BTreeMap::new(), Some(Path::new("/nonexistent/auth.json")));
    assert!(matches!(&absent, Err(CredentialsError::File { .. })));
    let broken = LocalSources::load(&env(&[("DOCKER_AUTH_CONFIG", "{hunter2")]), None);
    let message = broken.err().unwrap().to_string();
    assert!(message.contains("DOCKER_AUTH_CONFIG") && !message.contains("hunter2"), "{message}");
    let nothing = LocalSources::load(&env(&[("HOME", "/nonexistent"), ("XDG_RUNTIME_DIR", "/nonexistent")]), None);
    assert!(nothing.is_ok());
}

#[test]
fn a_variable_that_could_be_for_two_hosts_is_an_error() {
    let local = LocalSources::load(&env(&[("REGISTRY_A_B_IO_TOKEN", "t")]), None).unwrap();
    assert!(local.check_hosts(["a.b.io", "c.io", "a.b.io"]).is_ok());
    assert!(local.check_hosts(["c-d.io", "c.d.io"]).is_ok(), "no variable names them");
    let error = local.check_hosts(["a.b.io", "c.io", "a-b.io"]).unwrap_err().to_string();
    assert!(error.contains("REGISTRY_A_B_IO_") && error.contains("a.b.io") && error.contains("a-b.io"), "{error}");
}
