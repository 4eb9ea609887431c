//! Where a server's API is, as far as a user says so.

use std::fmt;

use url::Url;

use super::transport::is_loopback;

/// The address of a server that speaks the registry API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    scheme: Option<Scheme>,
    /// host and port
    host: String,
    /// what comes before a repository's name, without a slash at its end
    path: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Https,
    Http,
}

/// Why a text is no address of a server. The text itself is not shown: it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAddress {
    /// A user name or a password stands in it.
    #[error("an address must not hold a user name or a password: give them under [registries.\"HOST\"] in config.toml")]
    Login,
    /// It is anything else.
    #[error("expected HOST[:PORT][/PATH], or a URL with http or https and without ? and #")]
    NoAddress,
}

/// The path of the API at a server that says nothing else.
const API: &str = "/v2";

impl Address {
    /// Reads what a user names as a mirror: `mirror.example`, `http://localhost:5000`, or a URL with a path.
    ///
    /// The path goes before the API's `/v2`, unless it has that in itself: `https://harbor.example/v2/proxy`.
    ///
    /// # Errors
    /// When the text is no address, or holds a password.
    pub fn parse(text: &str) -> Result<Self, InvalidAddress> {
        let mut address = Self::read(text)?;
        if !address.path.split('/').any(|segment| segment == "v2") {
            address.path.push_str(API);
        }
        Ok(address)
    }

    /// Reads an address as containerd does in `hosts.toml`: `/v2` is added to the path unless that ends with it, or
    /// `override_path` says that it is whole.
    ///
    /// # Errors
    /// When the text is no address, or holds a password.
    pub fn parse_host_table(text: &str, override_path: bool) -> Result<Self, InvalidAddress> {
        let mut address = Self::read(text)?;
        if !override_path && !address.path.ends_with(API) {
            address.path.push_str(API);
        }
        Ok(address)
    }

    /// The registry that references name `host`.
    ///
    /// # Errors
    /// When that is no host.
    pub fn registry(host: &str) -> Result<Self, InvalidAddress> {
        let address = Self::read(host)?;
        let is_bare = address.scheme.is_none() && address.path.is_empty() && !host.ends_with('/');
        is_bare.then(|| Self { path: API.to_owned(), ..address }).ok_or(InvalidAddress::NoAddress)
    }

    fn read(text: &str) -> Result<Self, InvalidAddress> {
        let (scheme, rest) = match text.split_once("://") {
            Some(("https", rest)) => (Some(Scheme::Https), rest),
            Some(("http", rest)) => (Some(Scheme::Http), rest),
            Some((_, rest)) if rest.contains('@') => return Err(InvalidAddress::Login),
            Some(_) => return Err(InvalidAddress::NoAddress),
            None => (None, text),
        };
        if rest.contains('@') {
            return Err(InvalidAddress::Login);
        }
        let plain = if scheme == Some(Scheme::Http) { "http" } else { "https" };
        let url = Url::parse(&format!("{plain}://{rest}")).map_err(|_| InvalidAddress::NoAddress)?;
        let is_plain = !rest.starts_with(['/', '\\']) && url.query().is_none() && url.fragment().is_none();
        if !is_plain || url.host().is_none() {
            return Err(InvalidAddress::NoAddress);
        }
        let host = match scheme {
            Some(_) => authority(&url),
            // Its port may be that of either protocol.
            None => rest.split('/').next().unwrap_or_default().to_owned(),
        };
        Ok(Self { scheme, host, path: url.path().trim_end_matches('/').to_owned() })
    }

    /// Host and port.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// What comes before a repository's name: `/v2`.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Whether a user asks for plain http over a network.
    pub fn is_plain(&self) -> bool {
        self.scheme == Some(Scheme::Http) && !base("http", &self.host).is_some_and(|url| is_loopback(&url))
    }

    /// The origins under which the server may answer, the more likely one first. Empty when the host makes no URL.
    ///
    /// A loopback registry mostly speaks plain http, and nobody listens on the way. Of a host that may speak plain
    /// http because a user says so, https is tried first.
    pub(super) fn origins(&self, insecure: bool) -> Vec<Url> {
        let (Some(https), Some(http)) = (base("https", &self.host), base("http", &self.host)) else {
            return Vec::new();
        };
        match (self.scheme, is_loopback(&https), insecure) {
            (Some(Scheme::Https), ..) => vec![https],
            (Some(Scheme::Http), ..) => vec![http],
            (None, true, _) => vec![http, https],
            (None, false, true) => vec![https, http],
            (None, false, false) => vec![https],
        }
    }
}

/// Scheme, where it is given, and host.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Some(Scheme::Https) => "https://",
            Some(Scheme::Http) => "http://",
            None => "",
        };
        write!(f, "{scheme}{}", self.host)
    }
}

/// The URL of `host` by one protocol. Docker Hub's registry is at another host than its name says; containerd and
/// docker know that in the same way.
fn base(scheme: &str, host: &str) -> Option<Url> {
    let host = if host == "docker.io" { "registry-1.docker.io" } else { host };
    Url::parse(&format!("{scheme}://{host}/")).ok()
}

/// Host and port of `url`, without the default port.
pub(super) fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// Host and port under which the registry `name` is asked; `None` when that makes no URL.
pub(super) fn authority_of(name: &str) -> Option<String> {
    base("https", name).map(|url| authority(&url))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins(address: &Address, insecure: bool) -> Vec<String> {
        address.origins(insecure).iter().map(|url| url.as_str().to_owned()).collect()
    }

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
            let address = Address::registry(registry).unwrap();
            assert_eq!((origins(&address, insecure).as_slice(), address.path()), (&own(expected)[..], "/v2"));
        }
    }

    fn own(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn a_mirror_is_a_host_or_a_url() {
        for (text, origin, path) in [
            ("m.io", "https://m.io/", "/v2"),
            ("m.io:8443/", "https://m.io:8443/", "/v2"),
            ("http://m.io", "http://m.io/", "/v2"),
            ("https://m.io/", "https://m.io/", "/v2"),
            ("https://m.io/cache/", "https://m.io/", "/cache/v2"),
            ("m.io/v2/proxy", "https://m.io/", "/v2/proxy"),
            ("https://m.io/a/v2", "https://m.io/", "/a/v2"),
            ("https://[fd00::1]:5000", "https://[fd00::1]:5000/", "/v2"),
        ] {
            let address = Address::parse(text).unwrap();
            assert_eq!((origins(&address, false)[0].as_str(), address.path()), (origin, path), "{text}");
        }
    }

    #[test]
    fn containerd_reads_paths_in_its_own_way() {
        for (text, override_path, path) in [
            ("https://m.io", false, "/v2"),
            ("https://m.io/v2", false, "/v2"),
            ("https://m.io/v2/proxy", false, "/v2/proxy/v2"),
            ("https://m.io/v2/proxy/", true, "/v2/proxy"),
            ("https://m.io", true, ""),
        ] {
            let address = Address::parse_host_table(text, override_path).unwrap();
            assert_eq!(address.path(), path, "{text} {override_path}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_unseen() {
        use InvalidAddress::*;
        for (text, expected) in [
            ("https://me:canary@m.io", Login),
            ("me:canary@m.io", Login),
            ("ftp://me:canary@m.io", Login),
            ("ftp://m.io", NoAddress),
            ("https://", NoAddress),
            ("", NoAddress),
            ("/etc/passwd", NoAddress),
            ("https:///m.io", NoAddress),
            ("m.io?x=y", NoAddress),
            ("https://m.io/#x", NoAddress),
            ("m io", NoAddress),
        ] {
            let error = Address::parse(text).unwrap_err();
            assert_eq!(error, expected, "{text}");
            assert!(!error.to_string().contains("canary"));
        }
        for text in ["https://r.io", "r.io/", "r.io/a"] {
            assert_eq!(Address::registry(text), Err(NoAddress), "{text}");
        }
    }
}
