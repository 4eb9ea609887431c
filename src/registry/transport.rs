//! Connections: HTTP clients that differ in the addresses that they may connect to, and in whom they trust.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use hyper_util::client::proxy::matcher::Matcher;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use super::host::lock;
use super::options::{RegistryOptions, RegistrySetupError};
use super::safety::{Guard, Reach};
use super::trust::{Trust, TrustClass};

/// Gives out HTTP clients.
pub(super) struct Transport {
    trust: Trust,
    proxies: Matcher,
    connect_timeout: Duration,
    clients: Mutex<HashMap<Route, reqwest::Client>>,
}

/// How a URL is reached. Each route has connections of its own, so that one which was opened for a host that a
/// reference names never serves a request that a stranger sent us on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Route {
    /// the addresses that may be connected to; through a proxy this cannot be judged
    guard: Option<Guard>,
    /// how TLS is spoken
    trust: TrustClass,
}

impl Route {
    /// Whether a proxy is asked to connect.
    pub(super) fn is_proxied(self) -> bool {
        self.guard.is_none()
    }

    /// Whether the server's certificate must be good.
    pub(super) fn is_verified(self) -> bool {
        self.trust.is_verified()
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
    /// Reads the certificates that are trusted, and those that are shown.
    pub(super) fn new(options: &RegistryOptions, connect_timeout: Duration) -> Result<Self, RegistrySetupError> {
        let (trust, proxies) = (Trust::new(options)?, Matcher::from_system());
        Ok(Self { trust, proxies, connect_timeout, clients: Mutex::default() })
    }

    /// How `url` is reached when only addresses that `guard` allows may be connected to.
    pub(super) fn route(&self, url: &Url, guard: Guard) -> Route {
        let proxied = !is_loopback(url)
            && url.as_str().parse().is_ok_and(|uri: http::Uri| self.proxies.intercept(&uri).is_some());
        Route { guard: (!proxied).then_some(guard), trust: self.trust.class(url, guard == Guard::Named) }
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
        self.builder(route).tls_backend_preconfigured(self.trust.tls_config(route.trust)).build()
    }

    /// Everything about a client for `route` but its TLS.
    pub(super) fn builder(&self, route: Route) -> reqwest::ClientBuilder {
        let builder = reqwest::Client::builder()
            .user_agent(concat!("imagefacts/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(self.connect_timeout)
            .http2_max_header_list_size(64 << 10)
            // Redirects and retries are judged by our own rules, but for the one retry that is the client's by default:
            // what a server refused unread goes out again. nginx closes each connection after 1,000 requests in
            // that way.
            .redirect(reqwest::redirect::Policy::none())
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

/// Whether `url` names this machine. No proxy is asked for that: it would look at itself.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        _ => Reach::of_literal(url) == Some(Reach::Loopback),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn transport(options: &RegistryOptions) -> Result<Transport, RegistrySetupError> {
        Transport::new(options, Duration::from_secs(5))
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
}
