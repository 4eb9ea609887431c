//! Which local source serves which repository.
#![allow(clippy::disallowed_methods, reason = "tests make their own files")]

use proptest::prelude::*;

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

#[cfg(unix)]
#[tokio::test]
async fn every_source_at_once_comes_in_the_contracts_order() {
    use crate::credentials::script;

    let home = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = home.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    };
    let program = |path: &str, answer: &str| script::write(&home.path().join(path), &format!("echo '{answer}'"));
    let helped = r#","credHelpers":{"ghcr.io":"test"}}"#;
    write(".docker/config.json", &auths("ghcr.io", "docker").replacen("}}}", &format!("}}}}{helped}"), 1));
    write("auth.json", &auths("ghcr.io/team", "authfile"));
    write("secrets/pull/.dockerconfigjson", &auths("*.io", "mounted"));
    write("providers.yaml", PROVIDERS);
    program("bin/docker-credential-test", r#"{"Username":"helper","Secret":"p"}"#);
    program("plugins/cloud", PROVIDED);
    let mut env = env(&[
        ("REGISTRY_GHCR_IO_USERNAME", "variable"),
        ("REGISTRY_GHCR_IO_PASSWORD", "p"),
        ("REGISTRY_GHCR_IO_TOKEN", "t"),
        ("GITHUB_TOKEN", "g"),
        ("DOCKER_USERNAME", "hub"),
        ("DOCKER_PASSWORD", "p"),
    ]);
    env.insert("HOME".to_owned(), home.path().display().to_string());
    env.insert("PATH".to_owned(), format!("{}/bin:/usr/bin:/bin", home.path().display()));
    env.insert("DOCKER_AUTH_CONFIG".to_owned(), auths("ghcr.io", "inline"));
    let own = Credential::Password { username: "own".to_owned(), password: "p".into() };
    let plugins = CredentialProviders::load(&home.path().join("providers.yaml"), &home.path().join("plugins"));
    let local = LocalSources::load(&env, Some(&home.path().join("auth.json"))).unwrap();
    let local = local.with_config([("ghcr.io".to_owned(), own)].into()).with_providers(plugins.unwrap());
    let local = local.with_mounted(&[home.path().join("secrets")]).unwrap();
    let expected = [
        "environment REGISTRY_GHCR_IO_PASSWORD variable",
        "environment REGISTRY_GHCR_IO_TOKEN BearerToken(***)",
        "environment GITHUB_TOKEN x-access-token",
        "environment DOCKER_AUTH_CONFIG inline",
        "config ghcr.io own",
        "authfile ~/auth.json authfile",
        "helper docker-credential-test helper",
        "docker-config ~/.docker/config.json docker",
        "helper cloud plugin",
        "mounted ~/secrets/pull/.dockerconfigjson mounted",
    ];
    assert_eq!(found(&local, "ghcr.io/team/app").await, expected);
    assert_eq!(found(&local, "ghcr.com/team/app").await, Vec::<String>::new());
}

const PROVIDERS: &str = "
apiVersion: kubelet.config.k8s.io/v1
kind: CredentialProviderConfig
providers:
- name: cloud
  matchImages: ['*.io']
  defaultCacheDuration: 1h
  apiVersion: credentialprovider.kubelet.k8s.io/v1
";
const PROVIDED: &str = r#"{"kind":"CredentialProviderResponse","apiVersion":"credentialprovider.kubelet.k8s.io/v1",
"cacheKeyType":"Registry","auth":{"ghcr.io":{"username":"plugin","password":"p"}}}"#;

#[cfg(unix)]
#[tokio::test]
async fn mounted_secrets_are_found_as_kubernetes_mounts_them() {
    use std::os::unix::fs::symlink;

    let place = tempfile::tempdir().unwrap();
    let mount = |path: &str, file: &str, text: &str| {
        let version = place.path().join(path).join("..2026_11_20");
        std::fs::create_dir_all(&version).unwrap();
        std::fs::write(version.join(file), text).unwrap();
        symlink("..2026_11_20", place.path().join(path).join("..data")).unwrap();
        symlink(format!("..data/{file}"), place.path().join(path).join(file)).unwrap();
    };
    mount("one", ".dockerconfigjson", &auths("r.io", "one"));
    mount("all/b", ".dockercfg", &format!(r#"{{"r.io/team":{}}}"#, login("legacy")));
    mount("all/a", "config.json", r#"{"auths":{"r.io":{},"r.io/team":{"identitytoken":"t"}}}"#);
    let directories = |names: &[&str]| names.iter().map(|name| place.path().join(name)).collect::<Vec<_>>();
    let local = LocalSources::default().with_mounted(&directories(&["one", "all"])).unwrap();
    let name = |file: &str| place.path().join(file).display().to_string();
    let expected = [
        format!("mounted {} IdentityToken(***)", name("all/a/config.json")),
        format!("mounted {} legacy", name("all/b/.dockercfg")),
        format!("mounted {} one", name("one/.dockerconfigjson")),
    ];
    // As with the kubelet, the path is a plain prefix, and every match is tried.
    assert_eq!(found(&local, "r.io/teammate").await, expected);
    assert_eq!(found(&local, "r.io/x").await, expected[2..]);
    assert_eq!(found(&local, "s.io/team").await, Vec::<String>::new());

    std::fs::create_dir_all(place.path().join("empty/..data")).unwrap();
    std::fs::create_dir_all(place.path().join("broken")).unwrap();
    std::fs::write(place.path().join("broken/.dockerconfigjson"), "{hunter2").unwrap();
    for (name, words) in
        [("absent", "absent"), ("empty", "holds no pull secret"), ("broken", "broken/.dockerconfigjson")]
    {
        let error = LocalSources::default().with_mounted(&directories(&[name])).err().unwrap().to_string();
        assert!(error.contains(words) && !error.contains("hunter2"), "{error}");
    }
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
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join(".docker")).unwrap();
    std::fs::write(home.path().join(".docker/config.json"), "{hunter2").unwrap();
    let own = LocalSources::load(&env(&[("HOME", home.path().to_str().unwrap())]), None).unwrap();
    assert!(own.broken[0].message.contains("config.json") && !own.broken[0].message.contains("hunter2"));
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

fn host() -> impl Strategy<Value = String> {
    "[a-c]{1,2}(\\.[a-c]{1,2}){1,3}(:[1-3]{1,2})?"
}

proptest! {
    #[test]
    fn what_is_given_for_one_host_is_never_offered_to_another(
        given in host(),
        asked in host(),
        path in "(/[a-b]{1,2}){0,2}/?",
        scheme in "(https?://)?",
    ) {
        let stem = format!("REGISTRY_{}", given.to_uppercase().replace(['.', ':'], "_"));
        let text = auths(&format!("{scheme}{given}{path}"), "file");
        let mut env = env(&[("DOCKER_USERNAME", "u"), ("DOCKER_PASSWORD", "p"), ("GITHUB_TOKEN", "t")]);
        env.extend(["USERNAME", "PASSWORD", "TOKEN"].map(|end| (format!("{stem}_{end}"), "v".to_owned())));
        env.insert("DOCKER_AUTH_CONFIG".to_owned(), text.clone());
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("config.json"), text).unwrap();
        let own = Credential::BearerToken("t".into());
        let local = LocalSources::load(&env, Some(&place.path().join("config.json"))).unwrap();
        let local = local.with_config([(given.clone(), own)].into());
        let local = local.with_mounted(&[place.path().to_owned()]).unwrap();
        let found = futures::executor::block_on(found(&local, &format!("{asked}/a/b")));
        if given != asked {
            prop_assert_eq!(found, Vec::<String>::new());
        } else {
            // The variables' two and the configuration's always apply, the files' and the mounted one by their path.
            prop_assert!(if path.is_empty() { found.len() == 6 } else { (3..=6).contains(&found.len()) }, "{:?}", found);
        }
    }
}
