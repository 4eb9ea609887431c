//! Authorities and certificates, made anew for each test.

use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use tokio_rustls::TlsAcceptor;

/// Who signs certificates.
pub(crate) type Authority = CertifiedIssuer<'static, KeyPair>;

/// An authority of this name.
pub(crate) fn authority(name: &str) -> Authority {
    CertifiedIssuer::self_signed(authority_params(name), KeyPair::generate().unwrap()).unwrap()
}

/// What makes a certificate an authority's.
pub(crate) fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// A certificate for a name or an address.
pub(crate) fn named(name: &str) -> CertificateParams {
    CertificateParams::new(vec![name.to_owned()]).unwrap()
}

/// A server with a certificate of `authority`.
pub(crate) fn acceptor(authority: &Authority, params: CertificateParams) -> TlsAcceptor {
    TlsAcceptor::from(Arc::new(server_config(authority, params)))
}

pub(crate) fn server_config(authority: &Authority, params: CertificateParams) -> rustls::ServerConfig {
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    config(None, vec![certificate.der().clone()], &key)
}

/// A server that shows these certificates.
pub(crate) fn acceptor_of(chain: Vec<CertificateDer<'static>>, key: &KeyPair) -> TlsAcceptor {
    TlsAcceptor::from(Arc::new(config(None, chain, key)))
}

/// A server that lets nobody in without a certificate of `clients`.
pub(crate) fn guarded(authority: &Authority, params: CertificateParams, clients: &Authority) -> TlsAcceptor {
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    TlsAcceptor::from(Arc::new(config(Some(clients), vec![certificate.der().clone()], &key)))
}

fn config(clients: Option<&Authority>, chain: Vec<CertificateDer<'static>>, key: &KeyPair) -> rustls::ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(clients) => {
            let mut roots = RootCertStore::empty();
            roots.add(clients.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    builder.with_single_cert(chain, PrivatePkcs8KeyDer::from(key.serialize_der()).into()).unwrap()
}

/// A directory of PEM files.
pub(crate) struct Files(tempfile::TempDir);

impl Files {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.0.path().to_owned()
    }

    /// Writes a file, and the directories above it.
    pub(crate) fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Writes a client certificate of `authority`, and its key.
    pub(crate) fn write_client(&self, authority: &Authority, certificate: &str, key: &str) -> (PathBuf, PathBuf) {
        let pair = KeyPair::generate().unwrap();
        let signed = named("client").signed_by(&pair, authority).unwrap();
        (self.write(certificate, &signed.pem()), self.write(key, &pair.serialize_pem()))
    }
}
