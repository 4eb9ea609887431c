//! From an error of the HTTP client to what went wrong with the connection.

use std::error::Error;
use std::io;

use jiff::Timestamp;
use rustls::CertificateError;
use url::Url;

use super::fault::Fault;
use super::safety::origin;
use super::transport::LessPublic;
use super::words::clean;
use crate::vocabulary::ErrorClass;

/// What is behind `error`, which a request to `url` caused.
///
/// The error's own text is never shown: it holds the URL.
pub(super) fn connection_fault(error: &reqwest::Error, url: &Url) -> Fault {
    let origin = &origin(url);
    if causes(error).any(<dyn Error>::is::<LessPublic>) {
        const WHAT: &str = "has only addresses that are less public than the server that named it";
        const REMEDY: &str = "this was not followed, for safety; check the registry's settings";
        return Fault { sent: false, ..Fault::final_answer(ErrorClass::Refused, origin, WHAT, REMEDY) };
    }
    if let Some(tls) = causes(error).find_map(|cause| cause.downcast_ref()) {
        return tls_fault(tls, origin);
    }
    if error.is_timeout() {
        let what = if error.is_connect() { "cannot be connected to in time" } else { "does not answer in time" };
        return Fault::broken(ErrorClass::Timeout, origin, what, REACHABLE);
    }
    if error.is_dns() {
        let reason = innermost(error).to_lowercase();
        const REMEDY: &str = "check the host's name and this machine's DNS";
        let fault = Fault::broken(ErrorClass::Dns, origin, "has no address: its name cannot be resolved", REMEDY);
        // The resolver's own word for "ask again later"; any other answer is final.
        return Fault { transient: reason.contains("temporary failure") || reason.contains("try again"), ..fault };
    }
    broken(error, url)
}

fn broken(error: &reqwest::Error, url: &Url) -> Fault {
    let kinds = causes(error).filter_map(|cause| cause.downcast_ref()).map(io::Error::kind);
    let kind = kinds.filter(|kind| *kind != io::ErrorKind::Other).last();
    let is_no_http = causes(error).filter_map(|cause| cause.downcast_ref()).any(hyper::Error::is_parse);
    let (what, other_protocol) = match kind {
        // https and plain http have ports of their own, unless the URL names one.
        Some(io::ErrorKind::ConnectionRefused) => ("refuses the connection".to_owned(), url.port().is_none()),
        Some(io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable) => {
            ("is unreachable".to_owned(), false)
        }
        _ if is_no_http => ("does not speak http".to_owned(), true),
        // A server that hears a TLS handshake and does not know what it is may just hang up.
        _ if error.is_connect() => (format!("cannot be connected to: {}", clean(&innermost(error))), true),
        _ => (format!("broke the connection: {}", clean(&innermost(error))), false),
    };
    Fault { other_protocol, ..Fault::broken(ErrorClass::Connect, &origin(url), what, REACHABLE) }
}

const REACHABLE: &str = "check that it is up and reachable from here, and the proxy settings";

/// What led to `error`, outermost first. An I/O error does not name what it wraps as its source.
fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(error.source(), |cause| behind(*cause))
}

fn behind<'a>(cause: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    let wrapped = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    wrapped.map(|inner| inner as &(dyn Error + 'static)).or_else(|| cause.source())
}

fn innermost(error: &reqwest::Error) -> String {
    causes(error).last().map(ToString::to_string).unwrap_or_default()
}

fn tls_fault(error: &rustls::Error, origin: &str) -> Fault {
    let (what, remedy, other_protocol) = match error {
        rustls::Error::InvalidCertificate(error) => {
            let (what, remedy) = certificate(error);
            (what, remedy, false)
        }
        rustls::Error::InvalidMessage(_) => (
            "does not speak TLS".to_owned(),
            "name the host in --insecure-registry if it is meant to speak plain http",
            true,
        ),
        error => (
            format!("breaks off the TLS handshake: {}", clean(&error.to_string())),
            "check the server's TLS settings",
            false,
        ),
    };
    Fault { other_protocol, ..Fault::final_answer(ErrorClass::Tls, origin, what, remedy) }
}

fn certificate(error: &CertificateError) -> (String, &'static str) {
    const TIME: &str = "renew the server's certificate, or set this machine's clock";
    const NAME: &str = "ask for the host by a name that the certificate has, or renew the certificate";
    const TRUST: &str = "give the issuer's certificate with --ca-file, or name the host in --insecure-registry";
    let at = |time: u64| i64::try_from(time).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    let shown = |time: u64| at(time).map(|time| time.to_string()).unwrap_or_default();
    match error {
        CertificateError::UnknownIssuer => {
            ("has a certificate of an issuer that is not trusted here".to_owned(), TRUST)
        }
        CertificateError::ExpiredContext { not_after, .. } => {
            (format!("has a certificate that expired at {}", shown(not_after.as_secs())), TIME)
        }
        CertificateError::Expired => ("has a certificate that expired".to_owned(), TIME),
        CertificateError::NotValidYetContext { not_before, .. } => {
            (format!("has a certificate that is not valid before {}", shown(not_before.as_secs())), TIME)
        }
        CertificateError::NotValidYet => ("has a certificate that is not valid yet".to_owned(), TIME),
        CertificateError::NotValidForNameContext { presented, .. } => {
            (format!("has a certificate for other names: {}", clean(&presented.join(", "))), NAME)
        }
        CertificateError::NotValidForName => ("has a certificate for other names".to_owned(), NAME),
        error => (format!("has a certificate that cannot be accepted: {}", clean(&error.to_string())), TRUST),
    }
}
