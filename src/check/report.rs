//! The report of a check, as JSON: what it says stays, and more may be added (`docs/registry-check.md`).

use serde::Serialize;
use serde_with::skip_serializing_none;

use crate::clock::Time;
use crate::credentials::Candidate;
use crate::facts::document::RateLimit;
use crate::image::Failure;
use crate::registry::{Certificate, Greeting, Handshake, Login, Look};
use crate::vocabulary::{AccessSource, ErrorClass, Via};

/// The whole report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// `1.0`; 1.x adds fields
    pub schema_version: &'static str,
    /// in the order in which they were named
    pub registries: Vec<RegistryCheck>,
}

/// A registry, or a repository in it.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RegistryCheck {
    /// as references name it
    pub host: String,
    /// absent when only the registry was checked
    pub repository: Option<String>,
    /// the tag or digest that was asked for in the repository
    pub target: Option<String>,
    /// whether it can be pulled from, as far as that can be said without pulling
    pub pullable: bool,
    /// the servers that are asked for its images: mirrors in order, then itself
    pub endpoints: Vec<EndpointCheck>,
    /// the pulls that are left
    pub rate_limit: Option<RateLimit>,
    /// sources that should have given a credential, and could not
    pub errors: Vec<CheckError>,
}

/// A server.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EndpointCheck {
    /// scheme, host and port
    pub endpoint: String,
    /// whether it is a mirror or the registry itself
    pub via: Via,
    /// what its name resolves to; empty when a proxy resolves it, or when nobody can
    pub addresses: Vec<String>,
    /// whether it is reached by way of a proxy
    pub proxied: bool,
    /// of a server that speaks https
    pub tls: Option<TlsCheck>,
    /// the HTTP status that it answers to `GET /v2/`
    pub status: Option<u16>,
    /// how long that took, connecting included
    pub latency_ms: Option<u64>,
    /// how it wants to be logged in to
    pub auth: Option<AuthCheck>,
    /// what was tried, in order; the first that is accepted ends it
    pub access: Vec<AccessCheck>,
    /// why it cannot be reached, or used
    pub error: Option<CheckError>,
}

/// What was seen of TLS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TlsCheck {
    /// `TLS 1.3`
    pub protocol: &'static str,
    /// whether the certificate was held to be good; not for a host that was named insecure
    pub trusted: bool,
    /// the server's own first, then its issuers' that it sends
    pub certificates: Vec<CertificateCheck>,
}

/// A certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateCheck {
    /// whose it is
    pub subject: String,
    /// who signed it
    pub issuer: String,
    /// the hosts that it is for
    pub names: Vec<String>,
    /// from when on it is valid
    pub not_before: Time,
    /// until when it is valid
    pub not_after: Time,
}

/// How a server wants to be logged in to.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthCheck {
    /// `none`, `basic`, `bearer`, or another that is not supported
    pub scheme: String,
    /// of `bearer`: the token server
    pub realm: Option<String>,
    /// of `bearer`: the service that the token is for
    pub service: Option<String>,
}

/// A credential that was tried. Names, never values.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessCheck {
    /// where it comes from
    pub source: AccessSource,
    /// the name of the variable, file or helper
    pub name: Option<String>,
    /// whether it opens the repository, or the registry where only that was checked
    pub accepted: bool,
    /// whether the tag or digest is there; absent when that is not known
    pub found: Option<bool>,
    /// why it was not accepted
    pub error: Option<CheckError>,
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckError {
    /// its class, as in facts.json
    pub class: ErrorClass,
    /// in words, with what to do
    pub message: String,
}

impl Report {
    /// The report of `registries`.
    pub(super) fn new(registries: Vec<RegistryCheck>) -> Self {
        Self { schema_version: "1.0", registries }
    }

    /// Whether everything can be pulled from.
    pub fn is_well(&self) -> bool {
        self.registries.iter().all(|registry| registry.pullable)
    }
}

impl EndpointCheck {
    /// What was seen of a server, and what became of the credentials.
    pub(super) fn new(look: Look, via: Via, access: Vec<AccessCheck>) -> Self {
        let (greeting, error) = match look.greeting {
            Ok(greeting) => (Some(greeting), None),
            Err(failure) => (None, Some(CheckError::of(&failure))),
        };
        let no_registry = greeting.as_ref().filter(|greeting| !greeting.is_a_registrys());
        let no_registry = no_registry.map(|greeting| CheckError::no_registry(&look.endpoint, greeting.status));
        Self {
            via,
            addresses: look.addresses.iter().map(ToString::to_string).collect(),
            proxied: look.is_proxied,
            tls: look.handshake.map(|handshake| TlsCheck::new(handshake, greeting.is_some())),
            status: greeting.as_ref().map(|greeting| greeting.status),
            latency_ms: greeting.as_ref().map(|greeting| greeting.latency_ms),
            auth: greeting.filter(Greeting::is_a_registrys).map(|greeting| AuthCheck::new(greeting.login)),
            access,
            error: error.or(no_registry),
            endpoint: look.endpoint,
        }
    }

    /// Whether images can be pulled from it. Where only a registry is checked and what it opens depends on the
    /// repository, nothing speaks against it.
    pub(super) fn is_open(&self) -> bool {
        let nothing_tried = self.access.is_empty() && self.via == Via::Registry && self.error.is_none();
        nothing_tried || self.access.iter().any(|access| access.accepted)
    }
}

impl TlsCheck {
    fn new(handshake: Handshake, answered: bool) -> Self {
        let certificates = handshake.certificates.into_iter().map(CertificateCheck::new).collect();
        Self { protocol: handshake.protocol, trusted: handshake.is_verified && answered, certificates }
    }
}

impl CertificateCheck {
    fn new(certificate: Certificate) -> Self {
        let Certificate { subject, issuer, names, not_before, not_after } = certificate;
        Self { subject, issuer, names, not_before: Time(not_before), not_after: Time(not_after) }
    }
}

impl AuthCheck {
    fn new(login: Login) -> Self {
        let (scheme, realm, service) = match login {
            Login::None => ("none".to_owned(), None, None),
            Login::Basic => ("basic".to_owned(), None, None),
            Login::Bearer { realm, service } => ("bearer".to_owned(), Some(realm), service),
            Login::Unknown(scheme) => (scheme.to_lowercase(), None, None),
        };
        Self { scheme, realm, service }
    }
}

impl AccessCheck {
    /// What became of `candidate`.
    pub(super) fn of(candidate: &Candidate, answer: Result<(), Failure>) -> Self {
        let error = answer.err().map(|failure| CheckError::of(&failure));
        let (source, name) = (candidate.source, candidate.name.clone());
        Self { source, name, accepted: error.is_none(), found: None, error }
    }
}

impl CheckError {
    pub(super) fn of(failure: &Failure) -> Self {
        Self { class: failure.class, message: failure.message.clone() }
    }

    fn no_registry(endpoint: &str, status: u16) -> Self {
        let message = format!(
            "{endpoint} answers {status} to GET /v2/, where a registry answers 200 or 401; check that this is a \
             registry and that its host is right"
        );
        Self { class: ErrorClass::Server, message }
    }
}
