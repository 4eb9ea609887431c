//! From an error of TLS to what is wrong with the server, its certificate or ours, and what to do. Of certificates only
//! names and dates are told.

use std::borrow::Cow;

use jiff::Timestamp;
use rustls::{AlertDescription, CertificateError, Error};
use url::Url;

use super::address::authority;
use super::certificates::Untrusted;
use super::fault::{Fault, OtherProtocol};
use super::safety::origin;
use super::words::clean;
use crate::vocabulary::ErrorClass;

/// What `error` means, which speaking TLS with the server of `url` caused.
pub(super) fn tls_fault(error: &Error, url: &Url) -> Fault {
    let host = &authority(url);
    let (what, remedy) = match error {
        Error::InvalidCertificate(error) => certificate(error, host),
        Error::AlertReceived(alert) => alerted(*alert, host),
        Error::InvalidMessage(_) => (
            "does not speak TLS".to_owned(),
            format!("name it in --insecure-registry {host} if it is meant to speak plain http").into(),
        ),
        error => (
            format!("breaks off the TLS handshake: {}", clean(&error.to_string())),
            "check the server's TLS settings".into(),
        ),
    };
    let other_protocol = match error {
        Error::InvalidMessage(_) => OtherProtocol::Certain,
        _ => OtherProtocol::Unlikely,
    };
    Fault { other_protocol, ..Fault::final_answer(ErrorClass::Tls, &origin(url), what, remedy) }
}

fn certificate(error: &CertificateError, host: &str) -> (String, Cow<'static, str>) {
    const TIME: &str = "renew the server's certificate, or set this machine's clock";
    const NAME: &str = "ask for the registry by a name that its certificate has, or renew the certificate";
    let (what, remedy) = match error {
        CertificateError::Other(other) if other.0.is::<Untrusted>() => {
            return untrusted(other.0.downcast_ref(), host);
        }
        CertificateError::UnknownIssuer => return untrusted(None, host),
        CertificateError::ExpiredContext { not_after, .. } => {
            (format!("has a certificate that expired at {}", shown(not_after.as_secs())), TIME)
        }
        CertificateError::Expired => ("has a certificate that expired".to_owned(), TIME),
        CertificateError::NotValidYetContext { not_before, .. } => {
            (format!("has a certificate that is not valid before {}", shown(not_before.as_secs())), TIME)
        }
        CertificateError::NotValidYet => ("has a certificate that is not valid yet".to_owned(), TIME),
        CertificateError::NotValidForNameContext { presented, .. } if presented.is_empty() => {
            ("has a certificate without names (a common name alone does not count)".to_owned(), NAME)
        }
        CertificateError::NotValidForNameContext { presented, .. } => {
            (format!("has a certificate for other names: {}", clean(&names(presented).join(", "))), NAME)
        }
        CertificateError::NotValidForName => ("has a certificate for other names".to_owned(), NAME),
        error => return (unacceptable(error), trust(host).into()),
    };
    (what, remedy.into())
}

fn untrusted(untrusted: Option<&Untrusted>, host: &str) -> (String, Cow<'static, str>) {
    let what = match untrusted {
        Some(Untrusted { issuer, self_signed: true }) => {
            format!("has a certificate that is signed by itself ({}) and not trusted here", clean(issuer))
        }
        Some(Untrusted { issuer, .. }) => format!("has a certificate of {}, who is not trusted here", clean(issuer)),
        None => "has a certificate of an issuer who is not trusted here".to_owned(),
    };
    (what, trust(host).into())
}

fn unacceptable(error: &CertificateError) -> String {
    format!("has a certificate that cannot be accepted: {}", clean(&error.to_string()))
}

fn trust(host: &str) -> String {
    format!("give the issuer's certificate with --ca-file, or as ca-file under [registries.{host:?}] in config.toml")
}

/// What the server holds against us. Servers name a missing or bad client certificate by several words.
fn alerted(alert: AlertDescription, host: &str) -> (String, Cow<'static, str>) {
    use AlertDescription::*;
    let what = match alert {
        CertificateRequired | NoCertificate => "wants a client certificate",
        BadCertificate
        | UnsupportedCertificate
        | CertificateRevoked
        | CertificateExpired
        | CertificateUnknown
        | UnknownCA
        | AccessDenied => "does not accept our client certificate, or the lack of one",
        HandshakeFailure => "finds nothing in common with us to speak TLS by, or wants a client certificate",
        _ => {
            let what = format!("breaks off the TLS handshake: {}", clean(&Error::AlertReceived(alert).to_string()));
            return (what, "check the server's TLS settings".into());
        }
    };
    (what.to_owned(), format!("give client-cert and client-key under [registries.{host:?}] in config.toml").into())
}

/// A time in seconds since 1970, as a date.
fn shown(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    time.map(|time| time.to_string()).unwrap_or_default()
}

/// The names themselves: the library tells their kind too, as in `DnsName("r.io")`.
fn names(presented: &[String]) -> Vec<&str> {
    presented.iter().map(|name| bare(name).unwrap_or(name)).collect()
}

fn bare(name: &str) -> Option<&str> {
    let (_, inside) = name.split_once('(')?;
    Some(inside.strip_suffix(')')?.trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(error: &Error) -> String {
        let fault = tls_fault(error, &Url::parse("https://r.io:8443/v2/").unwrap());
        assert_eq!((fault.class, fault.origin.as_str()), (ErrorClass::Tls, "https://r.io:8443"));
        format!("{}; {}", fault.what, fault.remedy)
    }

    #[test]
    fn names_are_told_bare() {
        let presented = ["DnsName(\"a.io\")", "IpAddress(10.0.0.1)", "odd"].map(str::to_owned);
        assert_eq!(names(&presented), ["a.io", "10.0.0.1", "odd"]);
    }

    #[test]
    fn advice_names_the_host() {
        use AlertDescription::*;
        let bad = |error: CertificateError| Error::InvalidCertificate(error);
        for (error, what, remedy) in [
            (bad(CertificateError::UnknownIssuer), "an issuer who is not trusted", "[registries.\"r.io:8443\"]"),
            (bad(CertificateError::Revoked), "cannot be accepted", "ca-file under"),
            (bad(CertificateError::Expired), "expired", "renew"),
            (Error::AlertReceived(CertificateRequired), "wants a client certificate", "client-cert and client-key"),
            (Error::AlertReceived(UnknownCA), "does not accept our client certificate", "[registries.\"r.io:8443\"]"),
            (Error::AlertReceived(ProtocolVersion), "breaks off", "TLS settings"),
            (Error::NoCertificatesPresented, "breaks off", "TLS settings"),
        ] {
            let told = told(&error);
            assert!(told.contains(what) && told.contains(remedy), "{told}");
        }
    }

    #[test]
    fn a_hostile_name_is_cleaned() {
        let issuer = format!("CN=\u{1b}[31m{}", "x".repeat(5000));
        let untrusted = Untrusted { issuer, self_signed: false };
        let other = rustls::OtherError(std::sync::Arc::new(untrusted));
        let told = told(&Error::InvalidCertificate(CertificateError::Other(other)));
        assert!(told.len() < 600 && !told.contains('\u{1b}'), "{told}");
    }
}
