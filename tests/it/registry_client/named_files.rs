//! A registries.conf and `certs.d` directories, from the flag that names them to the requests that are made.

use std::ffi::OsString;

use imagefacts::cli::Command;
use imagefacts::credentials::Credential;
use imagefacts::event::Events;
use imagefacts::limits::Limits;
use imagefacts::registry::{RegistryClient, RegistryOptions};
use imagefacts::settings::{self, Environment, InspectSettings};
use imagefacts::vocabulary::{ErrorClass, Via};

use super::certificates::{Files, authority, guarded, named};
use super::server::{Server, document, reply};
use super::{client_with, password};

/// What `flag` makes of `value`, beside a config.toml with `config`.
fn options(flag: &str, value: &std::path::Path, config: &str) -> RegistryOptions {
    let files = Files::new();
    let config = files.write("config.toml", config);
    let args = ["imagefacts", "inspect", "x", "--config"].map(OsString::from).into_iter();
    let args: Vec<_> = args.chain([config.into(), flag.into(), value.into()]).collect();
    let invocation = settings::parse(&args, &Environment::new()).unwrap();
    let Command::Inspect(args) = invocation.cli.command else { panic!("inspect") };
    InspectSettings::new(*args, invocation.registries).registry.client_options().unwrap()
}

fn client(options: &RegistryOptions) -> RegistryClient {
    client_with(options, &Limits { retries: 0, ..Limits::default() }, Events::none())
}

async fn found() -> Server {
    Server::http(|_| reply(200, document().0)).await
}

async fn nothing() -> Server {
    Server::http(|_| reply(404, "{}")).await
}

#[tokio::test]
async fn a_registries_conf_says_who_is_asked_by_which_name() {
    let (registry, other, by_tag, by_digest) = (nothing().await, found().await, nothing().await, nothing().await);
    let files = Files::new();
    let conf = files.write(
        "registries.conf",
        &format!(
            "[[registry]]\nprefix = \"{0}/team\"\nlocation = \"{1}/elsewhere\"\n\
             [[registry.mirror]]\nlocation = \"{2}/cache\"\npull-from-mirror = \"tag-only\"\n\
             [[registry.mirror]]\nlocation = \"{3}\"\npull-from-mirror = \"digest-only\"\n\
             [[registry]]\nprefix = \"{0}/team/secret\"\nblocked = true\n",
            registry.address, other.address, by_tag.address, by_digest.address
        ),
    );
    let client = client(&options("--registries-conf", &conf, ""));
    let ask = |path: &str, target: &str| {
        let (session, repository, target) = (client.session(), registry.repository(path), target.to_owned());
        async move { session.manifest(&repository, &target, &password("canary")).await }
    };
    let fetched = ask("team/a", "1").await.unwrap();
    assert_eq!((fetched.via, fetched.endpoint), (Via::Mirror, format!("http://{}", other.address)));
    assert_eq!(by_tag.lines(), ["GET /v2/cache/a/manifests/1"]);
    assert_eq!(other.lines(), ["GET /v2/elsewhere/a/manifests/1"]);
    let digest = document().1.to_string();
    ask("team/b", &digest).await.unwrap();
    assert_eq!(by_digest.lines(), [format!("GET /v2/b/manifests/{digest}")]);
    assert_eq!(other.lines()[1], format!("GET /v2/elsewhere/b/manifests/{digest}"));

    let failure = ask("team/secret/a", "1").await.unwrap_err();
    assert_eq!((failure.class, failure.attempts), (ErrorClass::Refused, 0));
    let why = format!("{}/team/secret is blocked in {}", registry.address, conf.display());
    assert!(failure.message.contains(&why), "{}", failure.message);
    assert_eq!(registry.lines(), [""; 0]);
    assert_eq!(ask("teamwork", "1").await.unwrap_err().class, ErrorClass::NotFound);
    assert_eq!(registry.lines(), ["GET /v2/teamwork/manifests/1"]);
    for server in [&other, &by_tag, &by_digest] {
        assert!(server.seen().iter().all(|seen| seen.authorization().is_none()), "a password crossed hosts");
    }
}

#[tokio::test]
async fn a_hosts_toml_says_who_is_asked_in_which_order() {
    let (registry, mirror, untrusted) = (nothing().await, nothing().await, nothing().await);
    let server = found().await;
    let files = Files::new();
    // Not in the order of their names.
    files.write(
        &format!("127.0.0.1_{}_/hosts.toml", registry.address.port()),
        &format!(
            "server = \"http://{2}\"\n\
             [host.\"http://{0}/v2/hub\"]\noverride_path = true\n[host.\"http://{0}/v2/hub\".header]\nx-key = \"canary\"\n\
             [host.\"http://{1}\"]\ncapabilities = [\"pull\"]\n",
            mirror.address, untrusted.address, server.address
        ),
    );
    let client = client(&options("--certs-dir", &files.path(), ""));
    let repository = registry.repository("a");
    let fetched = client.session().manifest(&repository, "1", &password("secret")).await.unwrap();
    assert_eq!((fetched.via, fetched.endpoint), (Via::Mirror, format!("http://{}", server.address)));
    let digest = document().1.to_string();
    client.session().manifest(&repository, &digest, &password("secret")).await.unwrap();
    let ns = format!("ns=127.0.0.1%3A{}", registry.address.port());
    let by_digest = format!("manifests/{digest}?{ns}");
    assert_eq!(mirror.lines(), [format!("GET /v2/hub/a/manifests/1?{ns}"), format!("GET /v2/hub/a/{by_digest}")]);
    assert_eq!(untrusted.lines(), [format!("GET /v2/a/{by_digest}")]);
    assert_eq!(server.lines(), [format!("GET /v2/a/manifests/1?{ns}"), format!("GET /v2/a/{by_digest}")]);
    assert_eq!(registry.lines(), [""; 0]);
    assert!(mirror.seen().iter().all(|seen| seen.headers["x-key"] == "canary"));
    for server in [&server, &untrusted] {
        assert!(server.seen().iter().all(|seen| !seen.headers.contains_key("x-key")), "a header crossed hosts");
    }
}

#[tokio::test]
async fn a_mirrors_header_is_a_secret() {
    let storage = found().await;
    let elsewhere = format!("http://{}/x", storage.address);
    let registry = nothing().await;
    let mirror = Server::http(move |seen| match seen.path.contains("/moved/") {
        true => reply(307, "").with("location", elsewhere.clone()),
        false => reply(403, format!(r#"{{"errors":[{{"message":"I know {}"}}]}}"#, seen.headers["x-key"])),
    })
    .await;
    let files = Files::new();
    files.write(
        "_default/hosts.toml",
        &format!("server = \"http://{}\"\n[header]\nx-key = \"Bearer canary\"\n", mirror.address),
    );
    let client = client(&options("--certs-dir", &files.path(), ""));
    let ask = |path: &str| {
        let (session, repository) = (client.session(), registry.repository(path));
        async move { session.manifest(&repository, "1", &Credential::Anonymous).await }
    };
    ask("moved").await.unwrap();
    assert!(!storage.seen()[0].headers.contains_key("x-key"));
    let failure = ask("a").await.unwrap_err();
    assert_eq!(failure.class, ErrorClass::Forbidden);
    assert!(!failure.message.contains("canary"), "{}", failure.message);
}

#[tokio::test]
async fn certificates_lie_in_either_layout() {
    let (root, clients) = (authority("Corp Root"), authority("Corp Clients"));
    for layout in ["docker", "containerd", "config.toml"] {
        let server = Server::https(guarded(&root, named("127.0.0.1"), &clients), |_| reply(200, document().0)).await;
        let files = Files::new();
        let below = |name: &str| format!("{}/{name}", server.address);
        let ca = files.write(&below("ca.crt"), &root.pem());
        let (certificate, key) = files.write_client(&clients, &below("me.cert"), &below("me.key"));
        let options = match layout {
            "docker" => options("--certs-dir", &files.path(), ""),
            "containerd" => {
                files.write(&below("hosts.toml"), "ca = \"ca.crt\"\nclient = [[\"me.cert\", \"me.key\"]]\n");
                options("--certs-dir", &files.path(), "")
            }
            _ => {
                let host = format!("[registries.\"{}\"]", server.address);
                let keys = format!("ca-file = {ca:?}\nclient-cert = {certificate:?}\nclient-key = {key:?}\n");
                options("--registries-conf", &files.write("empty.conf", ""), &format!("{host}\n{keys}"))
            }
        };
        let client = client(&options);
        let fetched = client.session().manifest(&server.repository("a"), "1", &Credential::Anonymous).await;
        assert_eq!(fetched.unwrap().via, Via::Registry, "{layout}");
    }
}
