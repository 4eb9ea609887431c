//! From a registry as references name it to the servers that are asked.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use url::Url;

use super::options::RegistryOptions;
use super::safety::origin;
use super::transport::is_loopback;
use crate::vocabulary::Via;

/// A server that may have what a registry has.
pub(super) struct Endpoint {
    /// whether it is the registry itself or a mirror
    pub via: Via,
    /// its URL; two when it is not known whether it speaks https or plain http
    bases: Vec<Url>,
    /// which of the two it is, once the server has spoken
    spoken: OnceLock<usize>,
    down: AtomicBool,
}

impl Endpoint {
    fn new(via: Via, bases: Vec<Url>) -> Self {
        Self { via, bases, spoken: OnceLock::new(), down: AtomicBool::new(false) }
    }

    /// The servers for `registry`: its mirrors in order, then itself. Empty when its name makes no URL.
    pub(super) fn all(registry: &str, options: &RegistryOptions) -> Vec<Self> {
        let mirrors = options.mirrors.get(registry).map(Vec::as_slice).unwrap_or_default();
        let mut endpoints: Vec<_> =
            mirrors.iter().map(|mirror| Self::new(Via::Mirror, vec![mirror.endpoint.clone()])).collect();
        let bases = bases(registry, options.insecure.contains(registry));
        if !bases.is_empty() {
            endpoints.push(Self::new(Via::Registry, bases));
        }
        endpoints
    }

    /// The URLs to try, with what is known so far.
    pub(super) fn bases(&self) -> &[Url] {
        match self.spoken.get() {
            Some(at) => self.bases.get(*at..=*at).unwrap_or(&self.bases),
            None => &self.bases,
        }
    }

    /// Notes that the server speaks the protocol of `base`. The first word counts.
    pub(super) fn speaks(&self, base: &Url) {
        if let Some(at) = self.bases.iter().position(|known| known == base) {
            // Whoever is late has learned the same.
            let _ = self.spoken.set(at);
        }
    }

    /// Scheme, host and port, as far as they are known.
    pub(super) fn origin(&self) -> String {
        self.bases().first().map(origin).unwrap_or_default()
    }

    /// Whether a mirror could not be reached, and is not tried again.
    pub(super) fn is_down(&self) -> bool {
        self.down.load(Relaxed)
    }

    /// Notes that a mirror cannot be reached.
    pub(super) fn set_down(&self) {
        self.down.store(true, Relaxed);
    }
}

/// The URLs under which `registry` may answer, the more likely one first.
///
/// A loopback registry mostly speaks plain http, and nobody listens on the way. Of a host that may speak plain http
/// because a user says so, https is tried first.
fn bases(registry: &str, insecure: bool) -> Vec<Url> {
    let (Some(https), Some(http)) = (base("https", registry), base("http", registry)) else { return Vec::new() };
    match (is_loopback(&https), insecure) {
        (true, _) => vec![http, https],
        (false, true) => vec![https, http],
        (false, false) => vec![https],
    }
}

/// The URL of `registry` by one protocol. Docker Hub's registry is at another host than its name says; containerd and
/// docker know that in the same way.
pub(super) fn base(scheme: &str, registry: &str) -> Option<Url> {
    let host = if registry == "docker.io" { "registry-1.docker.io" } else { registry };
    Url::parse(&format!("{scheme}://{host}/")).ok()
}

/// The URL of `base`'s API itself, which answers whoever may use it.
pub(super) fn api_root(base: &Url) -> Option<Url> {
    Url::parse(&format!("{}/v2/", base.as_str().trim_end_matches('/'))).ok()
}

/// The URL of `path` below `base`'s API: `manifests/latest` of `library/nginx`.
pub(super) fn api_url(base: &Url, repository: &str, path: &str) -> Option<Url> {
    Url::parse(&format!("{}/v2/{repository}/{path}", base.as_str().trim_end_matches('/'))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::Mirror;

    #[test]
    fn a_registry_has_its_urls() {
        for (registry, insecure, expected) in [
            ("docker.io", false, &["https://registry-1.docker.io/"][..]),
            ("ghcr.io", false, &["https://ghcr.io/"]),
            ("r.io:443", false, &["https://r.io/"]),
            ("r.io:80", false, &["https://r.io:80/"]),
            ("r.io:5000", true, &["https://r.io:5000/", "http://r.io:5000/"]),
            ("localhost:5000", false, &["http://localhost:5000/", "https://localhost:5000/"]),
            ("127.0.0.1:5000", false, &["http://127.0.0.1:5000/", "https://127.0.0.1:5000/"]),
            ("[::1]:5000", true, &["http://[::1]:5000/", "https://[::1]:5000/"]),
            ("10.0.0.1:5000", false, &["https://10.0.0.1:5000/"]),
        ] {
            let urls = bases(registry, insecure);
            assert_eq!(urls.iter().map(Url::as_str).collect::<Vec<_>>(), expected, "{registry}");
        }
    }

    #[test]
    fn mirrors_come_before_the_registry() {
        let mirror = |text: &str| Mirror { endpoint: Url::parse(text).unwrap() };
        let mirrors = vec![mirror("https://m1.io/proxy"), mirror("http://localhost:5001")];
        let options =
            RegistryOptions { mirrors: [("docker.io".to_owned(), mirrors)].into(), ..RegistryOptions::default() };
        let endpoints = Endpoint::all("docker.io", &options);
        let origins: Vec<_> = endpoints.iter().map(|endpoint| (endpoint.origin(), endpoint.via)).collect();
        let expected = [
            ("https://m1.io".to_owned(), Via::Mirror),
            ("http://localhost:5001".to_owned(), Via::Mirror),
            ("https://registry-1.docker.io".to_owned(), Via::Registry),
        ];
        assert_eq!(origins, expected);
        let url = api_url(&endpoints[0].bases()[0], "library/nginx", "manifests/1").unwrap();
        assert_eq!(url.as_str(), "https://m1.io/proxy/v2/library/nginx/manifests/1");
    }

    #[test]
    fn what_a_server_spoke_is_kept() {
        let endpoint = &Endpoint::all("localhost:5000", &RegistryOptions::default())[0];
        let https = endpoint.bases()[1].clone();
        endpoint.speaks(&https);
        assert_eq!(endpoint.bases(), [https]);
        assert_eq!(endpoint.origin(), "https://localhost:5000");
    }
}
