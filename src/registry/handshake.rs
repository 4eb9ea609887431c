//! Looks at the certificates that a server shows, whether they are trusted or not, and says nothing to it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};
use url::Url;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::time::ASN1Time;

use super::host::lock;
use super::transport::{Route, Transport};
use super::trust::provider;
use super::words::clean;

/// How many certificates and names of a server are kept; none that is honest shows more.
const MOST: usize = 10;

/// What a server shows in a TLS handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handshake {
    /// `TLS 1.3`
    pub protocol: &'static str,
    /// whether it must be trusted: not for a host that was named insecure
    pub is_verified: bool,
    /// the server's own first, then those of its issuers that it sends
    pub certificates: Vec<Certificate>,
}

/// A certificate, as a person asks about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// whose it is: `CN=registry.example`
    pub subject: String,
    /// who signed it
    pub issuer: String,
    /// the hosts that it is for
    pub names: Vec<String>,
    /// from when on it is valid
    pub not_before: Timestamp,
    /// until when it is valid
    pub not_after: Timestamp,
}

/// Begins a handshake with `url`'s server, and breaks it off once it has shown its certificates. `None` when it does
/// not come to that.
pub(super) async fn handshake(transport: &Transport, route: Route, url: &Url, timeout: Duration) -> Option<Handshake> {
    let provider = provider();
    let witness = Arc::new(Witness { provider: Arc::clone(&provider), seen: Mutex::default() });
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .ok()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&witness) as Arc<dyn ServerCertVerifier>)
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    let client = transport.builder(route).tls_backend_preconfigured(tls).timeout(timeout).build().ok()?;
    // It always fails: the witness ends it before anything is sent.
    let _ = client.head(url.clone()).send().await;
    let seen = std::mem::take(&mut *lock(&witness.seen));
    let certificates = seen.chain.iter().filter_map(|der| Certificate::parse(der)).collect();
    Some(Handshake { protocol: seen.protocol?, is_verified: route.is_verified(), certificates })
}

/// Sees what a server shows, and trusts nobody.
#[derive(Debug)]
struct Witness {
    provider: Arc<CryptoProvider>,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    chain: Vec<CertificateDer<'static>>,
    protocol: Option<&'static str>,
}

impl Witness {
    fn end(&self, protocol: &'static str) -> Result<HandshakeSignatureValid, rustls::Error> {
        lock(&self.seen).protocol = Some(protocol);
        Err(rustls::Error::General("its certificates were all that was asked for".to_owned()))
    }
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let chain = std::iter::once(end_entity).chain(intermediates).take(MOST);
        lock(&self.seen).chain = chain.map(|certificate| certificate.clone().into_owned()).collect();
        // What follows, the signature, is refused: by whether it is asked for as of 1.2 or 1.3 the protocol shows.
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.end("TLS 1.2")
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.end("TLS 1.3")
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

impl Certificate {
    fn parse(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let alternatives = certificate.subject_alternative_name().ok().flatten();
        let names = alternatives.into_iter().flat_map(|extension| &extension.value.general_names);
        Some(Self {
            subject: clean(&certificate.subject().to_string()),
            issuer: clean(&certificate.issuer().to_string()),
            names: names.filter_map(host_name).take(MOST).collect(),
            not_before: time(certificate.validity().not_before)?,
            not_after: time(certificate.validity().not_after)?,
        })
    }
}

fn host_name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(clean(name)),
        GeneralName::IPAddress(bytes) => match *bytes {
            [a, b, c, d] => Some(std::net::Ipv4Addr::new(*a, *b, *c, *d).to_string()),
            bytes => Some(std::net::Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).to_string()),
        },
        _ => None,
    }
}

fn time(at: ASN1Time) -> Option<Timestamp> {
    Timestamp::from_second(at.timestamp()).ok()
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};

    use super::*;

    #[test]
    fn a_certificate_is_read() {
        let names = ["r.example", "192.0.2.1", "2001:db8::1"].map(str::to_owned);
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, "r.example\u{1b}[31m");
        (params.not_before, params.not_after) = (date_time_ymd(2026, 1, 2), date_time_ymd(2027, 1, 2));
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let read = Certificate::parse(certificate.der()).unwrap();
        assert!(read.subject.contains("r.example") && !read.subject.contains('\u{1b}'), "{}", read.subject);
        assert_eq!(read.subject, read.issuer);
        assert_eq!(read.names, ["r.example", "192.0.2.1", "2001:db8::1"]);
        assert_eq!(read.not_before, "2026-01-02T00:00:00Z".parse().unwrap());
        assert_eq!(read.not_after, "2027-01-02T00:00:00Z".parse().unwrap());
    }

    #[test]
    fn what_is_no_certificate_is_left_out() {
        assert_eq!(Certificate::parse(b"\x30\x03\x02\x01\x01"), None);
    }
}
