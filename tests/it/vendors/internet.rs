//! An internet in a box: a proxy behind which every host answers as a test says, over TLS and under its own name.
//!
//! So the built program is shown the registries' real names, and its rules for them are tried as they are.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::cli::Program;
use crate::registry_client::server::{Reply, Seen, serve};

/// Every host there is.
pub(super) struct Internet {
    proxy: SocketAddr,
    authority: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Internet {
    /// An internet whose hosts answer so; a request's `host` header says which host was asked.
    pub(super) async fn of(answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "an authority in a box");
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let pem = authority.pem();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(Names(authority)));
        let (tls, answer) = (TlsAcceptor::from(Arc::new(config)), Arc::new(answer));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = listener.local_addr().unwrap();
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let log = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, answer, log) = (tls.clone(), Arc::clone(&answer), Arc::clone(&log));
                tokio::spawn(async move {
                    let stream = tls.accept(connect(stream).await?).await.ok()?;
                    serve(stream, &*answer, &log).await
                });
            }
        });
        Self { proxy, authority: pem, seen }
    }

    /// The program, whose way to the world this is.
    pub(super) fn program(&self) -> Program {
        let program = self.wary_program();
        program.write("authority.pem", &self.authority);
        program.with("IMAGEFACTS_CA_FILE", "authority.pem")
    }

    /// The same without the authority that everybody trusts.
    pub(super) fn wary_program(&self) -> Program {
        Program::new().with("HTTPS_PROXY", &format!("http://{}", self.proxy))
    }

    /// What was asked of `host`, in order.
    pub(super) fn asked(&self, host: &str) -> Vec<Seen> {
        let seen = self.seen.lock().unwrap();
        seen.iter().filter(|seen| seen.headers["host"] == host).cloned().collect()
    }

    /// Asserts that `host` was asked, and never with an `Authorization`.
    #[track_caller]
    pub(super) fn assert_never_logged_in_to(&self, host: &str) {
        let asked = self.asked(host);
        assert!(!asked.is_empty(), "{host} was not asked");
        assert!(asked.iter().all(|seen| seen.authorization().is_none()), "{asked:?}");
    }
}

/// Reads a proxy's `CONNECT` and grants it.
async fn connect(mut stream: TcpStream) -> Option<TcpStream> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    assert!(head.starts_with(b"CONNECT "), "{}", String::from_utf8_lossy(&head));
    stream.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").await.ok()?;
    Some(stream)
}

/// Has a certificate for every name.
#[derive(Debug)]
struct Names(CertifiedIssuer<'static, KeyPair>);

impl ResolvesServerCert for Names {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let key = KeyPair::generate().ok()?;
        let params = CertificateParams::new([hello.server_name()?.to_owned()]).ok()?;
        let chain = vec![params.signed_by(&key, &self.0).ok()?.der().clone()];
        let der = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
        Some(Arc::new(CertifiedKey::new(chain, rustls::crypto::ring::sign::any_supported_type(&der).ok()?)))
    }
}
