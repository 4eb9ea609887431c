//! A canary in every source of credentials at once: none is shown anywhere, and each reaches the one server that it is
//! for.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::bundle::{assert_none_of, text};
use super::{Program, Ran};
use crate::registry_client::server::{Reply, Seen, Server, document, reply};

/// What every canary begins with.
const CANARY: &str = "s3cr3t-canary";

/// The sources for one host, in the order in which they are to be tried, as `access[]` tells of them.
const SOURCES: [&str; 10] = [
    "pull-secret login",
    "environment REGISTRY_HOST_PASSWORD",
    "environment REGISTRY_HOST_TOKEN",
    "environment DOCKER_AUTH_CONFIG",
    "config HOST",
    "authfile auth.json",
    "helper docker-credential-canary",
    "docker-config ~/.docker/config.json",
    "helper cloud",
    "mounted mounted/.dockerconfigjson",
];
/// A canary for each of them.
const CANARIES: [&str; 10] = [
    "s3cr3t-canary-pull-secret",
    "s3cr3t-canary-variable-password",
    "s3cr3t-canary-variable-token",
    "s3cr3t-canary-inline",
    "s3cr3t-canary-config",
    "s3cr3t-canary-authfile",
    "s3cr3t-canary-helper",
    "s3cr3t-canary-docker",
    "s3cr3t-canary-provider",
    "s3cr3t-canary-mounted",
];

/// Two registries beside the first with credentials of their own in the configuration, and two public ones.
struct Servers {
    all: Server,
    by_file: Server,
    by_variable: Server,
    hub: Server,
    ghcr: Server,
    proxy: String,
    authority: String,
}

/// Everything of a request that may hold a credential.
fn shown(seen: &Seen) -> String {
    let authorization = seen.authorization().unwrap_or_default();
    let basic = authorization.strip_prefix("Basic ").map(|basic| STANDARD.decode(basic).unwrap()).unwrap_or_default();
    format!("{authorization} {} {} {}", String::from_utf8_lossy(&basic), seen.path, seen.body)
}

/// A registry that gives tokens for `accepted` alone.
fn registry(accepted: Option<&'static str>) -> impl Fn(&Seen) -> Reply {
    const TOKEN: &str = "s3cr3t-canary-token";
    move |seen| {
        let is_accepted = accepted.is_some_and(|accepted| shown(seen).contains(accepted));
        if seen.path.starts_with("/token") {
            let token = json!({"token": TOKEN, "details": shown(seen)}).to_string();
            return reply(if is_accepted { 200 } else { 401 }, token);
        }
        if seen.authorization() == Some(&format!("Bearer {TOKEN}")) {
            return reply(200, document().0);
        }
        let challenge = format!(r#"Bearer realm="http://{}/token",service="test""#, seen.headers["host"]);
        // A registry that repeats what it was sent shall not make us repeat it.
        let error = json!({"errors": [{"code": "UNAUTHORIZED", "message": format!("no: {}", shown(seen))}]});
        reply(401, error.to_string()).with("www-authenticate", challenge)
    }
}

/// A registry that wants a password, and takes none.
fn closed(_: &Seen) -> Reply {
    reply(401, "{}").with("www-authenticate", "Basic realm=closed")
}

impl Servers {
    async fn start(accepted: Option<&'static str>) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let tls = |name: &str| {
            let key = KeyPair::generate().unwrap();
            let certificate = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
            let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
            let config = config.unwrap().with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key);
            TlsAcceptor::from(Arc::new(config.unwrap()))
        };
        let hub = Server::https(tls("registry-1.docker.io"), closed).await;
        let ghcr = Server::https(tls("ghcr.io"), closed).await;
        let (to_hub, to_ghcr) = (hub.address, ghcr.address);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(tunnel(client, move |host| if host == "ghcr.io:443" { to_ghcr } else { to_hub }));
            }
        });
        Self {
            all: Server::http(registry(accepted)).await,
            by_file: Server::http(closed).await,
            by_variable: Server::http(closed).await,
            hub,
            ghcr,
            proxy,
            authority: authority.pem(),
        }
    }

    /// The canaries that `server` was shown.
    fn canaries(server: &Server) -> BTreeSet<String> {
        let all: String = server.seen().iter().map(shown).collect();
        let found = all.match_indices(CANARY).map(|(at, _)| {
            let end = |c: char| !c.is_ascii_alphanumeric() && c != '-';
            all[at..].split(end).next().unwrap().to_owned()
        });
        found.filter(|canary| canary != "s3cr3t-canary-token").collect()
    }
}

/// Answers a CONNECT, and joins the client with the server that `route` gives for its host.
async fn tunnel(mut client: TcpStream, route: impl Fn(&str) -> std::net::SocketAddr) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let mut server = TcpStream::connect(route(head.strip_prefix("CONNECT ")?.split(' ').next()?)).await.ok()?;
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.ok()?;
    copy_bidirectional(&mut client, &mut server).await.ok().map(|_| ())
}

fn auths(host: &str, canary: &str) -> String {
    let auth = STANDARD.encode(format!("alice:{canary}"));
    json!({"auths": {host: {"auth": auth}}}).to_string()
}

fn script(path: &Path, body: &str) {
    // What `cp` writes, no program that another test starts can hold open.
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path.with_extension("txt"), format!("#!/bin/sh\n{body}\n")).unwrap();
    let copied = std::process::Command::new("cp").arg(path.with_extension("txt")).arg(path).status().unwrap();
    assert!(copied.success());
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A pod for each image, and the pull secret that they name.
fn objects(servers: &Servers) -> String {
    let image = |server: &Server| format!("{}/team/app:1", server.address);
    let hosts = [&servers.all, &servers.by_file, &servers.by_variable].map(image);
    let containers = hosts.iter().map(String::as_str).chain(["nginx:1", "ghcr.io/acme/app:1"]);
    let containers: Vec<Value> =
        containers.enumerate().map(|(n, image)| json!({"name": format!("c{n}"), "image": image})).collect();
    let data = STANDARD.encode(auths(&servers.all.address.to_string(), CANARIES[0]));
    let spec = json!({"containers": containers, "imagePullSecrets": [{"name": "login"}]});
    let items = json!([
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "shop"}, "spec": spec},
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login", "namespace": "shop"},
         "type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": data}},
    ]);
    json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()
}

/// Puts a canary into each source.
fn prepare(servers: &Servers) -> Program {
    let host = servers.all.address.to_string();
    let stem = format!("REGISTRY_{}", host.replace(['.', ':'], "_"));
    let program = Program::new();
    let (work, home) = (program.directory(), program.home());
    let path = format!("{}:/usr/bin:/bin", work.join("bin").display());
    let program = program
        .with("PATH", &path)
        .with("HTTPS_PROXY", &servers.proxy)
        .with(&format!("{stem}_USERNAME"), "alice")
        .with(&format!("{stem}_PASSWORD"), CANARIES[1])
        .with(&format!("{stem}_TOKEN"), CANARIES[2])
        .with("DOCKER_AUTH_CONFIG", &auths(&host, CANARIES[3]))
        .with("DOCKER_USERNAME", "alice")
        .with("DOCKER_PASSWORD", "s3cr3t-canary-hub")
        .with("GITHUB_TOKEN", "s3cr3t-canary-github")
        .with("OWN_TOKEN", "s3cr3t-canary-by-variable");
    let [by_file, by_variable] = [&servers.by_file, &servers.by_variable].map(|server| server.address.to_string());
    let config = format!(
        "[registries.\"{host}\"]\nusername = \"alice\"\npassword = \"{}\"\n\
         [registries.\"{by_file}\"]\nusername = \"alice\"\npassword-file = \"password\"\n\
         [registries.\"{by_variable}\"]\ntoken-env = \"OWN_TOKEN\"\n",
        CANARIES[4]
    );
    program.write("config.toml", config);
    program.write("password", "s3cr3t-canary-by-file\n");
    program.write("auth.json", json!({"auths": {&host: {"identitytoken": CANARIES[5]}}}).to_string());
    let say = |canary: &str| format!("echo {CANARY}-on-stderr >&2; echo '{canary}'");
    let helped = json!({"Username": "alice", "Secret": CANARIES[6]}).to_string();
    script(&work.join("bin/docker-credential-canary"), &say(&helped));
    script(&work.join("bin/docker-credential-broken"), &format!("{}; exit 3", say("s3cr3t-canary-broken")));
    let helpers = json!({&host: "canary", by_file: "broken"});
    let mut docker: Value = serde_json::from_str(&auths(&host, CANARIES[7])).unwrap();
    docker["credHelpers"] = helpers;
    fs::create_dir(home.join(".docker")).unwrap();
    fs::write(home.join(".docker/config.json"), docker.to_string()).unwrap();
    let version = "credentialprovider.kubelet.k8s.io/v1";
    let plugin = |name: &str, host: &str| {
        json!({"name": name, "matchImages": [host], "defaultCacheDuration": "1h", "apiVersion": version,
               "args": ["s3cr3t-canary-argument"], "env": [{"name": "A", "value": "s3cr3t-canary-environment"}]})
    };
    let plugins = json!({"apiVersion": "kubelet.config.k8s.io/v1", "kind": "CredentialProviderConfig",
        "providers": [plugin("cloud", &host), plugin("broken", &by_variable)]});
    program.write("providers.yaml", plugins.to_string());
    let provided = json!({"apiVersion": version, "kind": "CredentialProviderResponse", "cacheKeyType": "Registry",
        "auth": {&host: {"username": "alice", "password": CANARIES[8]}}});
    script(&work.join("plugins/cloud"), &say(&provided.to_string()));
    script(&work.join("plugins/broken"), &say("s3cr3t-canary-broken"));
    program.write("mounted/.dockerconfigjson", auths(&host, CANARIES[9]));
    program.write("ca.pem", &servers.authority);
    program.write("objects.json", objects(servers));
    program
}

async fn collect(program: &Program) -> Ran {
    let arguments = [
        "collect --include-images --from objects.json --retries 0 --config config.toml --authfile auth.json",
        "--image-credential-provider-config providers.yaml --image-credential-provider-bin-dir plugins",
        "--pull-secrets-dir mounted --ca-file ca.pem --progress json -vvv -o out.tar.gz",
    ];
    program.run(&arguments.join(" ").split(' ').collect::<Vec<_>>()).await.exits(0)
}

/// `source name outcome` of each access to the image that every source serves.
fn access(program: &Program, servers: &Servers) -> Vec<String> {
    let host = servers.all.address.to_string();
    let bundle = super::Bundle::read(&fs::read(program.directory().join("out.tar.gz")).unwrap());
    for (path, content) in &bundle.files {
        assert_none_of(path, &String::from_utf8_lossy(content), &[CANARY]);
    }
    let facts = bundle.facts();
    let image = facts.image(&format!("{host}/team/app:1"));
    let stem = format!("REGISTRY_{}", host.replace(['.', ':'], "_"));
    let access = image["access"].as_array().unwrap().iter();
    let shown = |access: &Value| {
        let name = text(&access["name"]).replace(&stem, "REGISTRY_HOST").replace(&host, "HOST");
        assert_eq!(access["kubelet"], json!(access["source"] == "pull-secret"), "{access}");
        format!("{} {name} {}", text(&access["source"]), text(&access["outcome"])).replace("  ", " ")
    };
    access.map(shown).collect()
}

#[tokio::test]
async fn canaries_in_every_source_are_shown_to_their_registry_alone() {
    for accepted in [None, CANARIES.last().copied()] {
        let servers = Servers::start(accepted).await;
        let program = prepare(&servers);
        let ran = collect(&program).await;
        assert_none_of("stdout", &ran.stdout(), &[CANARY]);
        assert_none_of("stderr", &ran.stderr, &[CANARY]);
        assert!(ran.stderr.contains("TRACE") || ran.stderr.contains("DEBUG"), "-vvv says nothing: {}", ran.stderr);

        let last = if accepted.is_some() { "accepted" } else { "refused" };
        let (final_source, others) = SOURCES.split_last().unwrap();
        let mut expected: Vec<String> = others.iter().map(|source| format!("{source} refused")).collect();
        expected.push(format!("{final_source} {last}"));
        expected.push("anonymous refused".to_owned());
        assert_eq!(access(&program, &servers), expected);
        let served = ran.stderr.lines().find(|line| line.contains("a credential was accepted"));
        assert_eq!(served.map(|line| line.contains("mounted/.dockerconfigjson")), accepted.map(|_| true));

        for (server, canaries) in [
            (&servers.all, &CANARIES[..]),
            (&servers.by_file, &["s3cr3t-canary-by-file"]),
            (&servers.by_variable, &["s3cr3t-canary-by-variable"]),
            (&servers.hub, &["s3cr3t-canary-hub"]),
            (&servers.ghcr, &["s3cr3t-canary-github"]),
        ] {
            assert_eq!(Servers::canaries(server), canaries.iter().map(|canary| (*canary).to_owned()).collect());
        }
    }
}
