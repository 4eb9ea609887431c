//! Where a server may send us, and what may go along: pure rules, judged before a request is sent.
//!
//! A registry chooses where its token server is and where it redirects to. Left alone, it could make us ask hosts that
//! only we can reach, or hand a credential to a stranger. These rules hold for every realm and every redirect:
//!
//! - https never falls back to plain http;
//! - nobody is asked at an address that is less public than the one of who sent us there, and nobody at all at a
//!   link-local or metadata address (CVE-2026-33540, CVE-2026-48978, GHSA-vh4v-2xq2-g5cg);
//! - over plain http, a credential goes to the registry's own host only.
//!
//! Names are judged by the addresses that they resolve to: [`Guard`] is also asked by the resolver. Through a proxy
//! only addresses that stand in the URL itself can be judged.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Position, Url};

/// From how far away an address can be reached; the least public first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Reach {
    /// from this machine
    Loopback,
    /// from this link: also metadata services of clouds, and what is no address of a single host
    LinkLocal,
    /// from a private network
    Private,
    /// from everywhere
    Public,
}

/// Which addresses a request may go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Guard {
    /// any: a user or a reference names the host
    Named,
    /// those to which a server at an address of this reach may send us
    SentBy(Reach),
}

/// Why we do not go where we were sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// Not an absolute http or https URL with a host, or one with a user name in it.
    #[error("is no plain http or https URL")]
    NoUrl,
    /// From https to http.
    #[error("falls back from https to plain http ({0})")]
    Downgrade(String),
    /// To an address that is none of the server's business.
    #[error("leads to an address that is less public than its own ({0})")]
    LessPublic(String),
    /// A credential would go over plain http to another host.
    #[error("would send a credential over plain http to another host ({0})")]
    PlainCredential(String),
}

impl Reach {
    /// The reach of `address`.
    pub(super) fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::of_v4(address),
            IpAddr::V6(address) => Self::of_v6(address),
        }
    }

    /// The reach of a host that is written as an address; `None` for a name.
    pub(super) fn of_literal(url: &Url) -> Option<Self> {
        match url.host()? {
            Host::Ipv4(address) => Some(Self::of_v4(address)),
            Host::Ipv6(address) => Some(Self::of_v6(address)),
            Host::Domain(_) => None,
        }
    }

    fn of_v4(address: Ipv4Addr) -> Self {
        match address.octets() {
            // 0.0.0.0 connects to this machine.
            [0 | 127, ..] => Self::Loopback,
            // Metadata and agents of Azure, Alibaba Cloud and Oracle Cloud, which stand outside of 169.254.0.0/16.
            [168, 63, 129, 16] | [100, 100, 100, 200] | [192, 0, 0, 192] => Self::LinkLocal,
            [169, 254, ..] | [224..=255, ..] => Self::LinkLocal,
            [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Self::Private,
            // Carrier-grade NAT (RFC 6598), protocol assignments and benchmarks (RFC 6890).
            [100, 64..=127, ..] | [192, 0, 0, _] | [198, 18 | 19, ..] => Self::Private,
            _ => Self::Public,
        }
    }

    fn of_v6(address: Ipv6Addr) -> Self {
        if let Some(embedded) = embedded_v4(address) {
            return Self::of_v4(embedded);
        }
        match address.segments() {
            // Metadata of AWS (fd00:ec2::254, and ::23 of EKS) and of Google Cloud (fd20:ce::254).
            [0xfd00, 0xec2, ..] | [0xfd20, 0xce, ..] => Self::LinkLocal,
            [0xfe80..=0xfebf, ..] | [0xff00..=0xffff, ..] => Self::LinkLocal,
            // Unique local, and site-local, which preceded it.
            [0xfc00..=0xfdff, ..] | [0xfec0..=0xfeff, ..] => Self::Private,
            _ => Self::Public,
        }
    }
}

/// The IPv4 address that an IPv6 address stands for: mapped, compatible (with it `::1`, as 0.0.0.1), translated
/// (RFC 6052, and RFC 8215 for networks of one's own) or tunnelled (RFC 3056).
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let join = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Some(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] => join(high, low),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x64, 0xff9b, 1, _, _, _, high, low] => join(high, low),
        [0x2002, high, low, ..] => join(high, low),
        _ => None,
    }
}

impl Guard {
    /// Whether a request may go to an address of this reach.
    pub(super) fn allows(self, target: Reach) -> bool {
        match self {
            Self::Named => true,
            Self::SentBy(sender) => target != Reach::LinkLocal && target >= sender,
        }
    }
}

/// Scheme, host and port: all that we ever show of a URL.
pub(super) fn origin(url: &Url) -> Cow<'_, str> {
    // Nearly always it is how the URL begins. A name or a password in it is not shown.
    match url.has_host() && url.username().is_empty() && url.password().is_none() {
        true => Cow::Borrowed(&url[..Position::BeforePath]),
        false => Cow::Owned(url.origin().ascii_serialization()),
    }
}

/// Where a redirect from `from`, which was answered at an address of reach `sender`, leads.
pub(super) fn redirect(from: &Url, sender: Reach, location: &str) -> Result<Url, Refusal> {
    let target = from.join(location).map_err(|_| Refusal::NoUrl)?;
    check(from, sender, &target)?;
    Ok(target)
}

/// The token server that `registry` names, which answered at an address of reach `sender`.
pub(super) fn realm(registry: &Url, sender: Reach, realm: &str, with_credential: bool) -> Result<Url, Refusal> {
    let target = Url::parse(realm).map_err(|_| Refusal::NoUrl)?;
    check(registry, sender, &target)?;
    if with_credential && target.scheme() == "http" && target.host() != registry.host() {
        return Err(Refusal::PlainCredential(origin(&target).into_owned()));
    }
    Ok(target)
}

fn check(from: &Url, sender: Reach, target: &Url) -> Result<(), Refusal> {
    let is_http = matches!(target.scheme(), "http" | "https");
    if !is_http || target.host().is_none() || !target.username().is_empty() || target.password().is_some() {
        return Err(Refusal::NoUrl);
    }
    if from.scheme() == "https" && target.scheme() == "http" {
        return Err(Refusal::Downgrade(origin(target).into_owned()));
    }
    let stays = from.origin() == target.origin();
    match Reach::of_literal(target) {
        Some(reach) if !stays && !Guard::SentBy(sender).allows(reach) => {
            Err(Refusal::LessPublic(origin(target).into_owned()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Reach::*;

    #[test]
    fn addresses_have_a_reach() {
        for (address, reach) in [
            ("127.0.0.1", Loopback),
            ("127.8.9.1", Loopback),
            ("0.0.0.0", Loopback),
            ("::1", Loopback),
            ("::", Loopback),
            ("::ffff:127.0.0.1", Loopback),
            ("169.254.169.254", LinkLocal),
            ("169.254.170.2", LinkLocal),
            ("168.63.129.16", LinkLocal),
            ("100.100.100.200", LinkLocal),
            ("192.0.0.192", LinkLocal),
            ("fd00:ec2::254", LinkLocal),
            ("fd20:ce::254", LinkLocal),
            ("fe80::1", LinkLocal),
            ("ff02::1", LinkLocal),
            ("224.0.0.1", LinkLocal),
            ("255.255.255.255", LinkLocal),
            ("::ffff:169.254.169.254", LinkLocal),
            ("64:ff9b::a9fe:a9fe", LinkLocal),
            ("2002:a9fe:a9fe::1", LinkLocal),
            ("64:ff9b:1::a9fe:a9fe", LinkLocal),
            ("::169.254.169.254", LinkLocal),
            ("10.0.0.1", Private),
            ("172.16.0.1", Private),
            ("172.31.255.255", Private),
            ("192.168.1.1", Private),
            ("100.64.0.1", Private),
            ("fd12::1", Private),
            ("64:ff9b::a00:1", Private),
            ("172.32.0.1", Public),
            ("100.128.0.1", Public),
            ("8.8.8.8", Public),
            ("2606:4700::1", Public),
            ("64:ff9b::808:808", Public),
        ] {
            assert_eq!(Reach::of(address.parse().unwrap()), reach, "{address}");
        }
    }

    #[test]
    fn nobody_is_sent_to_a_less_public_address() {
        for (sender, allowed) in [
            (Loopback, &[Loopback, Private, Public][..]),
            (LinkLocal, &[Private, Public]),
            (Private, &[Private, Public]),
            (Public, &[Public]),
        ] {
            for target in [Loopback, LinkLocal, Private, Public] {
                assert_eq!(Guard::SentBy(sender).allows(target), allowed.contains(&target), "{sender:?} {target:?}");
            }
        }
        assert!([Loopback, LinkLocal, Private, Public].into_iter().all(|target| Guard::Named.allows(target)));
    }

    #[test]
    fn redirects_are_followed_only_where_it_is_safe() {
        use Refusal::*;
        for (from, sender, location, expected) in [
            ("https://r.io/v2/a", Public, "/v2/b", Ok("https://r.io/v2/b")),
            ("https://r.io/v2/a", Public, "https://cdn.io/x?sig=1", Ok("https://cdn.io/x?sig=1")),
            ("https://r.io/v2/a", Public, "//cdn.io/x", Ok("https://cdn.io/x")),
            ("https://r.io/v2/a", Public, "http://r.io/v2/a", Err(Downgrade("http://r.io".into()))),
            ("https://r.io/v2/a", Public, "https://10.0.0.1/", Err(LessPublic("https://10.0.0.1".into()))),
            ("https://r.io/v2/a", Public, "https://[::1]:8443/", Err(LessPublic("https://[::1]:8443".into()))),
            ("https://r.io/v2/a", Public, "https://2130706433/", Err(LessPublic("https://127.0.0.1".into()))),
            ("https://r.io/v2/a", Public, "https://0x7f.1/", Err(LessPublic("https://127.0.0.1".into()))),
            ("https://10.0.0.2/v2/a", Private, "https://10.0.0.1/", Ok("https://10.0.0.1/")),
            ("https://10.0.0.2/v2/a", Private, "https://127.0.0.1/", Err(LessPublic("https://127.0.0.1".into()))),
            (
                "http://127.0.0.1:5000/a",
                Loopback,
                "http://169.254.169.254/",
                Err(LessPublic("http://169.254.169.254".into())),
            ),
            ("http://127.0.0.1:5000/a", Loopback, "https://cdn.io/", Ok("https://cdn.io/")),
            ("https://r.io/v2/a", Public, "https://user:pw@cdn.io/", Err(NoUrl)),
            ("https://r.io/v2/a", Public, "file:///etc/passwd", Err(NoUrl)),
            ("https://r.io/v2/a", Public, "gopher://cdn.io/", Err(NoUrl)),
            ("https://r.io/v2/a", Public, "https://", Err(NoUrl)),
        ] {
            let result = redirect(&Url::parse(from).unwrap(), sender, location);
            assert_eq!(result.as_ref().map(Url::as_str), expected.as_ref().map(|url| *url), "{from} to {location}");
        }
    }

    #[test]
    fn token_servers_are_asked_only_where_it_is_safe() {
        use Refusal::*;
        for (registry, sender, at, with_credential, expected) in [
            ("https://r.io/v2/a", Public, "https://auth.io/token", true, Ok(())),
            ("https://r.io/v2/a", Public, "https://r.io/token", true, Ok(())),
            ("https://r.io/v2/a", Public, "http://auth.io/token", false, Err(Downgrade("http://auth.io".into()))),
            ("https://r.io/v2/a", Public, "https://192.168.0.9/", false, Err(LessPublic("https://192.168.0.9".into()))),
            (
                "https://10.0.0.1/v2/a",
                Private,
                "https://[fd00:ec2::254]/",
                false,
                Err(LessPublic("https://[fd00:ec2::254]".into())),
            ),
            ("https://10.0.0.1/v2/a", Private, "https://gitlab.corp/jwt/auth", true, Ok(())),
            ("http://localhost:5000/v2/a", Loopback, "http://localhost:5001/token", true, Ok(())),
            ("http://localhost:5000/v2/a", Loopback, "http://auth.io/token", false, Ok(())),
            (
                "http://localhost:5000/v2/a",
                Loopback,
                "http://auth.io/token",
                true,
                Err(PlainCredential("http://auth.io".into())),
            ),
            ("http://localhost:5000/v2/a", Loopback, "https://auth.io/token", true, Ok(())),
            ("https://r.io/v2/a", Public, "/token", true, Err(NoUrl)),
            ("https://r.io/v2/a", Public, "", true, Err(NoUrl)),
        ] {
            let result = realm(&Url::parse(registry).unwrap(), sender, at, with_credential).map(|_| ());
            assert_eq!(result, expected, "{registry} names {at}");
        }
    }
}
