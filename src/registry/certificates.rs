//! Judges certificates of servers, and says what is wrong with one in terms of names and dates.

use std::sync::{Arc, OnceLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme};
use x509_parser::prelude::{FromDer, X509Certificate};

/// A chain of certificates ends at nobody who is trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the issuer {issuer:?} is not trusted")]
pub(super) struct Untrusted {
    /// who issued the last certificate that was shown
    pub issuer: String,
    /// whether the server's own certificate has no other issuer than itself
    pub self_signed: bool,
}

/// Whose certificates are good.
#[derive(Debug, Clone)]
pub(super) enum Judge {
    /// those of the authorities that were given, and of the system's
    Authorities {
        /// absent when none were given
        given: Option<Arc<WebPkiServerVerifier>>,
        /// the system's
        system: Arc<System>,
    },
    /// everybody's
    Anybody,
}

/// The system's authorities. They are a hundred and more, and read once somebody shows what no given one vouches for.
#[derive(Debug)]
pub(super) struct System {
    provider: Arc<CryptoProvider>,
    /// absent when the system has none: plain http to a loopback registry must work there too
    read: OnceLock<Option<rustls_platform_verifier::Verifier>>,
}

impl System {
    pub(super) fn new(provider: Arc<CryptoProvider>) -> Self {
        Self { provider, read: OnceLock::new() }
    }

    fn authorities(&self) -> Option<&rustls_platform_verifier::Verifier> {
        let read = || {
            let system = rustls_platform_verifier::Verifier::new(Arc::clone(&self.provider));
            system.inspect_err(|error| tracing::warn!(%error, "the system's certificates cannot be used")).ok()
        };
        self.read.get_or_init(read).as_ref()
    }
}

/// Verifies what servers show, and names the issuer that is missing.
///
/// As in Go, and so for the kubelet, a server's own certificate may be trusted by itself, without an authority: that is
/// what `openssl req -x509` makes.
#[derive(Debug)]
pub(super) struct Verifier {
    /// decides
    pub judge: Judge,
    /// certificates that were given beside the system's
    pub given: Vec<CertificateDer<'static>>,
    /// checks signatures
    pub provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Judge::Authorities { given, system } = &self.judge else { return Ok(ServerCertVerified::assertion()) };
        if self.given.iter().any(|given| given == end_entity) {
            check_dates(end_entity, now)?;
            verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
            return Ok(ServerCertVerified::assertion());
        }
        let ask = |authorities: &dyn ServerCertVerifier| {
            authorities.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
        };
        let by_given = given.as_ref().map_or(Err(CertificateError::UnknownIssuer.into()), |given| ask(&**given));
        // Who is known to one of both is judged by that one.
        let judged = by_given.or_else(|error| match system.authorities().map(|system| ask(system)) {
            None | Some(Err(Error::InvalidCertificate(CertificateError::UnknownIssuer))) => Err(error),
            Some(judged) => judged,
        });
        judged.map_err(|error| explain(error, end_entity, intermediates))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn parse<'a>(certificate: &'a CertificateDer<'_>) -> Option<X509Certificate<'a>> {
    X509Certificate::from_der(certificate).ok().map(|(_, parsed)| parsed)
}

fn check_dates(certificate: &CertificateDer<'_>, time: UnixTime) -> Result<(), Error> {
    let parsed = parse(certificate).ok_or(CertificateError::BadEncoding)?;
    let at = |seconds: i64| UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds.max(0).unsigned_abs()));
    let (not_before, not_after) =
        (at(parsed.validity().not_before.timestamp()), at(parsed.validity().not_after.timestamp()));
    if time < not_before {
        return Err(CertificateError::NotValidYetContext { time, not_before }.into());
    }
    if time > not_after {
        return Err(CertificateError::ExpiredContext { time, not_after }.into());
    }
    Ok(())
}

/// Names the issuer where that is what is missing. An authority's certificate that a server shows as its own is refused
/// for that before anyone asks who issued it; when it issued itself, that is what a user needs to know.
fn explain(error: Error, end_entity: &CertificateDer<'_>, intermediates: &[CertificateDer<'_>]) -> Error {
    let self_signed = parse(end_entity).is_some_and(|parsed| parsed.issuer() == parsed.subject());
    let is_about_trust = match &error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => true,
        Error::InvalidCertificate(CertificateError::Other(_)) => self_signed,
        _ => false,
    };
    let last = intermediates.last().unwrap_or(end_entity);
    match parse(last).filter(|_| is_about_trust) {
        Some(last) => {
            let untrusted = Untrusted { issuer: last.issuer().to_string(), self_signed };
            CertificateError::Other(OtherError(Arc::new(untrusted))).into()
        }
        None => error,
    }
}
