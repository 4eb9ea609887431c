//! The ways in which a kubeconfig leads to a cluster and logs in there.

use std::net::SocketAddr;
use std::sync::Arc;

use base64::Engine as _;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::Program;
use super::bundle::assert_none_of;
use crate::fake_api::{FakeApi, Plan};
use crate::support::http::install_tls;

/// A kubeconfig with one cluster and one user, and beside the current context one that leads nowhere.
fn kubeconfig(cluster: &Value, user: &Value) -> String {
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "down",
        "contexts": [
            {"name": "down", "context": {"cluster": "down", "user": "me"}},
            {"name": "up", "context": {"cluster": "up", "user": "me"}},
        ],
        "clusters": [{"name": "up", "cluster": cluster}, {"name": "down", "cluster": {"server": "http://127.0.0.1:1"}}],
        "users": [{"name": "me", "user": user}],
    })
    .to_string()
}

async fn recorded(user: &Value) -> (FakeApi, Program) {
    let api = Plan::recorded().start().await;
    let program = Program::new();
    program.write("config", kubeconfig(&json!({"server": api.url()}), user));
    (api, program)
}

const COLLECT: [&str; 6] = ["collect", "-vv", "--kubeconfig", "config", "--context", "up"];

#[tokio::test]
async fn another_context_than_the_current_one() {
    let (api, program) = recorded(&json!({"token": "canary-token"})).await;
    program.run(&COLLECT[..4]).await.exits(1).says(&["127.0.0.1:1", "--context"]);
    let bundle = program.run(&COLLECT).await.exits(0).bundle();
    assert_eq!(bundle.facts().0["source"]["context"], "up");
    assert!(api.log().iter().all(|asked| asked.headers["authorization"] == "Bearer canary-token"));
    let version: Value = serde_json::from_str(bundle.text("cluster-info/cluster_version.json")).unwrap();
    assert_eq!(version["string"], version["info"]["gitVersion"]);
}

#[tokio::test]
async fn kubeconfigs_are_found_where_kubectl_finds_them() {
    let (_, program) = recorded(&json!({"token": "canary-token"})).await;
    let config = std::fs::read_to_string(program.directory().join("config"))
        .unwrap()
        .replace(r#""current-context":"down""#, r#""current-context":"up""#);
    std::fs::create_dir(program.home().join(".kube")).unwrap();
    std::fs::write(program.home().join(".kube/config"), &config).unwrap();
    program.run(&["collect"]).await.exits(0);
    std::fs::remove_file(program.home().join(".kube/config")).unwrap();
    program.write("second", config);
    let several = program.directory().join("second").display().to_string();
    let program = program.with("KUBECONFIG", &format!("/nowhere/config:{several}"));
    program.run(&["collect"]).await.exits(0);
}

#[cfg(unix)]
#[tokio::test]
async fn a_plugin_gives_the_token() {
    let credential = json!({"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
        "status": {"token": "canary-of-the-plugin"}});
    let script = format!("echo '{credential}'");
    let (api, program) = recorded(&json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1",
        "interactiveMode": "Never", "command": "sh", "args": ["-c", script]}}))
    .await;
    let ran = program.run(&COLLECT).await.exits(0);
    assert!(api.log().iter().all(|asked| asked.headers["authorization"] == "Bearer canary-of-the-plugin"));
    ran.bundle().has_none_of(&["canary-of-the-plugin"]);
    assert_none_of("stderr", &ran.stderr, &["canary-of-the-plugin"]);
}

#[tokio::test]
async fn a_user_name_and_a_password() {
    let (api, program) = recorded(&json!({"username": "me", "password": "canary-password"})).await;
    let ran = program.run(&COLLECT).await.exits(0);
    assert!(api.log()[0].headers["authorization"].to_str().unwrap().starts_with("Basic "));
    ran.bundle().has_none_of(&["canary-password"]);
    assert_none_of("stderr", &ran.stderr, &["canary-password"]);
}

/// A certificate authority, and what it signs.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut authority = CertificateParams::new([]).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap())
    }

    fn sign(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        (CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &self.0).unwrap(), key)
    }

    /// Before `plain`, a server that lets nobody in whose certificate this authority did not sign.
    async fn guard(&self, plain: SocketAddr) -> SocketAddr {
        install_tls();
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        let clients = WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap();
        let (certificate, key) = self.sign("127.0.0.1");
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let chain = vec![CertificateDer::from(certificate.der().to_vec())];
        let config = ServerConfig::builder().with_client_cert_verifier(clients).with_single_cert(chain, key).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    // Whoever is refused is told by TLS itself.
                    let Ok(mut inside) = acceptor.accept(connection).await else { return };
                    let mut outside = TcpStream::connect(plain).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut inside, &mut outside).await;
                });
            }
        });
        address
    }
}

#[tokio::test]
async fn certificates_on_both_sides() {
    let api = Plan::recorded().start().await;
    let authority = Authority::new();
    let guarded = authority.guard(api.url().trim_start_matches("http://").parse().unwrap()).await;
    let (certificate, key) = authority.sign("me");
    let encode = |pem: String| base64::engine::general_purpose::STANDARD.encode(pem);
    let server = format!("https://{guarded}");
    let trusting = json!({"server": server, "certificate-authority-data": encode(authority.0.pem())});
    let known =
        json!({"client-certificate-data": encode(certificate.pem()), "client-key-data": encode(key.serialize_pem())});
    let stranger = Authority::new();
    let program = Program::new();
    program.write("config", kubeconfig(&trusting, &known));
    program.run(&COLLECT).await.exits(0);
    let asked = api.log().len();
    let other = json!({"server": server, "certificate-authority-data": encode(stranger.0.pem())});
    let (certificate, key) = stranger.sign("me");
    let unknown =
        json!({"client-certificate-data": encode(certificate.pem()), "client-key-data": encode(key.serialize_pem())});
    for (cluster, user, says) in [
        (&other, &known, "certificate-authority"),
        (&trusting, &unknown, "client-certificate"),
        (&trusting, &json!({"token": "canary-token"}), "client-certificate"),
    ] {
        program.write("config", kubeconfig(cluster, user));
        let before = program.entries();
        program.run(&COLLECT).await.exits(1).says(&["no trusted connection", &server, says]);
        assert_eq!(program.entries(), before);
    }
    assert_eq!(api.log().len(), asked);
}
