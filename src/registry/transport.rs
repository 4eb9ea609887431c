//! Connections: HTTP clients that share one TLS configuration and differ in the addresses that they may connect to.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper_util::client::proxy::matcher::Matcher;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, pem::PemObject};
use rustls_platform_verifier::Verifier;
use url::{Host, Url};

use super::endpoint::base;
use super::host::lock;
use super::options::{RegistryOptions, RegistrySetupError};
use super::safety::{Guard, Reach};

/// Gives out HTTP clients.
pub(super) struct Transport {
    tls: rustls::ClientConfig,
    proxies: Matcher,
    /// as their URLs name them
    insecure: BTreeSet<String>,
    connect_timeout: Duration,
    clients: Mutex<HashMap<Route, reqwest::Client>>,
}

/// How a URL is reached. Each route has connections of its own, so that one which was opened for a host that a
/// reference names never serves a request that a stranger sent us on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Route {
    /// the addresses that may be connected to; through a proxy this cannot be judged
    guard: Option<Guard>,
    /// whether the server's certificate must be good
    verified: bool,
}

impl Route {
    /// Whether a proxy is asked to connect.
    pub(super) fn is_proxied(self) -> bool {
        self.guard.is_none()
    }

    /// Whether the server's certificate must be good.
    pub(super) fn is_verified(self) -> bool {
        self.verified
    }

    /// The reach of the server, of which `peer` is the address that was connected to. Behind a proxy it is not known;
    /// the server then counts as public, which allows it least.
    pub(super) fn reach(self, url: &Url, peer: Option<std::net::SocketAddr>) -> Reach {
        match (self.guard, peer) {
            (Some(_), Some(peer)) => Reach::of(peer.ip()),
            _ => Reach::of_literal(url).unwrap_or(Reach::Public),
        }
    }
}

impl Transport {
    /// Reads the certificates that are trusted.
    pub(super) fn new(options: &RegistryOptions, connect_timeout: Duration) -> Result<Self, RegistrySetupError> {
        Ok(Self {
            tls: tls_config(read_ca_files(options)?)?,
            proxies: Matcher::from_system(),
            insecure: options
                .insecure
                .iter()
                .filter_map(|host| base("https", host))
                .map(|url| authority(&url))
                .collect(),
            connect_timeout,
            clients: Mutex::default(),
        })
    }

    /// How `url` is reached when only addresses that `guard` allows may be connected to.
    pub(super) fn route(&self, url: &Url, guard: Guard) -> Route {
        let verified = url.scheme() != "https" || !self.insecure.contains(&authority(url));
        let proxied = !is_loopback(url)
            && url.as_str().parse().is_ok_and(|uri: http::Uri| self.proxies.intercept(&uri).is_some());
        Route { guard: (!proxied).then_some(guard), verified }
    }

    /// The client for `route`; the same one each time, for the sake of its connections.
    pub(super) fn client(&self, route: Route) -> Result<reqwest::Client, reqwest::Error> {
        let mut clients = lock(&self.clients);
        if let Some(client) = clients.get(&route) {
            return Ok(client.clone());
        }
        let client = self.build(route)?;
        clients.insert(route, client.clone());
        Ok(client)
    }

    fn build(&self, route: Route) -> Result<reqwest::Client, reqwest::Error> {
        let builder = self.builder(route);
        match route.verified {
            true => builder.tls_backend_preconfigured(self.tls.clone()).build(),
            false => builder.tls_danger_accept_invalid_certs(true).build(),
        }
    }

    /// Everything about a client for `route` but its TLS.
    pub(super) fn builder(&self, route: Route) -> reqwest::ClientBuilder {
        let builder = reqwest::Client::builder()
            .user_agent(concat!("imagefacts/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(self.connect_timeout)
            .http2_max_header_list_size(64 << 10)
            // Redirects and retries are judged by our own rules.
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false);
        match route.guard {
            Some(guard) => builder.no_proxy().dns_resolver(GuardedResolver(guard)),
            None => builder,
        }
    }
}

/// Resolves names to those addresses that a guard allows.
struct GuardedResolver(Guard);

/// A name has only addresses to which nobody may send us.
#[derive(Debug, thiserror::Error)]
#[error("{0} has only addresses that are less public than the server that named it")]
pub(super) struct LessPublic(String);

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.0;
        Box::pin(async move {
            let found: Vec<_> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let allowed: Vec<_> = found.into_iter().filter(|at| guard.allows(Reach::of(at.ip()))).collect();
            if allowed.is_empty() {
                return Err(LessPublic(name.as_str().to_owned()).into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// Host and port of `url`, without the default port.
fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// Whether `url` names this machine. No proxy is asked for that: it would look at itself.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        _ => Reach::of_literal(url) == Some(Reach::Loopback),
    }
}

fn read_ca_files(options: &RegistryOptions) -> Result<Vec<CertificateDer<'static>>, RegistrySetupError> {
    let mut certificates = Vec::new();
    for path in &options.ca_files {
        let pem = std::fs::read(path).map_err(|source| RegistrySetupError::CaFile { path: path.clone(), source })?;
        let unusable = |why: String| RegistrySetupError::CaContent { path: path.clone(), why };
        let before = certificates.len();
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
            rustls::RootCertStore::empty().add(certificate.clone()).map_err(|error| unusable(error.to_string()))?;
            certificates.push(certificate);
        }
        if certificates.len() == before {
            return Err(unusable("no CERTIFICATE section in it".to_owned()));
        }
    }
    Ok(certificates)
}

/// What does the cryptography. The program has installed it; a test or another program that uses this library may not
/// have.
pub(super) fn provider() -> Arc<CryptoProvider> {
    CryptoProvider::get_default().cloned().unwrap_or_else(|| {
        // Of two that do this at once the later one is told so, and both have the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Arc::new(rustls::crypto::ring::default_provider())
    })
}

/// Trusts the system's certificates and `extra`. Where the system has none, `extra` alone: plain http to a loopback
/// registry must work there too, and https says that the issuer is unknown.
fn tls_config(extra: Vec<CertificateDer<'static>>) -> Result<rustls::ClientConfig, RegistrySetupError> {
    let failed = |error: rustls::Error| RegistrySetupError::Client(error.to_string());
    let provider = provider();
    let config = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(failed)?;
    let mut config = match Verifier::new_with_extra_roots(extra.clone(), provider) {
        Ok(verifier) => config.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth(),
        Err(error) => {
            tracing::warn!(%error, "the system's certificates cannot be used");
            let mut roots = rustls::RootCertStore::empty();
            roots.add_parsable_certificates(extra);
            config.with_root_certificates(roots).with_no_client_auth()
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn transport(options: &RegistryOptions) -> Result<Transport, RegistrySetupError> {
        Transport::new(options, Duration::from_secs(5))
    }

    #[test]
    fn only_named_hosts_may_show_any_certificate() {
        let insecure = ["r.io:8443", "plain.io", "[fd00::1]:5000", "Std.io:443", "docker.io"].map(str::to_owned).into();
        let transport = transport(&RegistryOptions { insecure, ..RegistryOptions::default() }).unwrap();
        for (at, verified) in [
            ("https://r.io:8443/v2/", false),
            ("https://plain.io/v2/", false),
            ("https://[fd00::1]:5000/v2/", false),
            ("https://std.io/v2/", false),
            ("https://registry-1.docker.io/v2/", false),
            ("https://auth.docker.io/token", true),
            ("https://r.io/v2/", true),
            ("https://plain.io:444/v2/", true),
            ("https://sub.plain.io/v2/", true),
        ] {
            assert_eq!(transport.route(&url(at), Guard::Named).verified, verified, "{at}");
        }
    }

    #[test]
    fn this_machine_is_known_by_its_names() {
        for (at, expected) in [
            ("http://localhost:5000", true),
            ("http://registry.localhost", true),
            ("http://127.1:5000", true),
            ("http://[::1]:5000", true),
            ("http://localhost.evil.io", false),
            ("http://10.0.0.1", false),
        ] {
            assert_eq!(is_loopback(&url(at)), expected, "{at}");
        }
    }

    #[tokio::test]
    async fn a_name_of_a_less_public_address_is_not_connected_to() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = url(&format!("http://localhost:{}/", listener.local_addr().unwrap().port()));
        let transport = transport(&RegistryOptions::default()).unwrap();
        let route = transport.route(&at, Guard::SentBy(Reach::Public));
        let error = transport.client(route).unwrap().get(at).send().await.unwrap_err();
        assert!(format!("{error:?}").contains("LessPublic"), "{error:?}");
        let untouched = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
        assert!(untouched.is_err(), "a connection was made");
    }

    #[test]
    fn an_unusable_ca_file_is_named() {
        for (content, why) in [("", "no CERTIFICATE section"), ("-----BEGIN CERTIFICATE-----\nAAAA\n", "")] {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(content.as_bytes()).unwrap();
            let ca_files = vec![file.path().to_owned()];
            let Err(error) = transport(&RegistryOptions { ca_files, ..RegistryOptions::default() }) else {
                panic!("{content:?} is taken")
            };
            let message = error.to_string();
            assert!(message.contains(&file.path().display().to_string()) && message.contains(why), "{message}");
        }
        let ca_files = vec!["/nonexistent/ca.pem".into()];
        let missing = transport(&RegistryOptions { ca_files, ..RegistryOptions::default() });
        assert!(matches!(missing, Err(RegistrySetupError::CaFile { .. })));
    }
}
