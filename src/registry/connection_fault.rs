//! From an error of the HTTP client to what went wrong with the connection.

use std::error::Error;
use std::io;

use url::{Host, Url};

use super::fault::{Fault, OtherProtocol};
use super::safety::origin;
use super::tls_fault::tls_fault;
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
        return tls_fault(tls, url);
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
    // Behind a proxy the HTTP client takes the brackets for a part of the name
    // (https://github.com/seanmonstar/reqwest/issues/3094).
    if matches!(url.host(), Some(Host::Ipv6(_))) && innermost(error) == "Invalid Server Name" {
        const WHAT: &str = "cannot be asked through a proxy: its host is an IPv6 address";
        const REMEDY: &str = "name the address in NO_PROXY, or give the registry a name";
        return Fault { sent: false, ..Fault::final_answer(ErrorClass::Connect, &origin(url), WHAT, REMEDY) };
    }
    let kinds = causes(error).filter_map(|cause| cause.downcast_ref()).map(io::Error::kind);
    let kind = kinds.filter(|kind| *kind != io::ErrorKind::Other).last();
    let is_no_http = causes(error).filter_map(|cause| cause.downcast_ref()).any(hyper::Error::is_parse);
    use OtherProtocol::{Certain, Possible, Unlikely};
    let (what, other_protocol) = match kind {
        // https and plain http have ports of their own, unless the URL names one.
        Some(io::ErrorKind::ConnectionRefused) if url.port().is_none() => {
            ("refuses the connection".to_owned(), Possible)
        }
        Some(io::ErrorKind::ConnectionRefused) => ("refuses the connection".to_owned(), Unlikely),
        Some(io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable) => {
            ("is unreachable".to_owned(), Unlikely)
        }
        _ if is_no_http => ("does not speak http".to_owned(), Certain),
        // A server that hears a TLS handshake and does not know what it is may just hang up.
        _ if error.is_connect() => (format!("cannot be connected to: {}", clean(&innermost(error))), Possible),
        _ => (format!("broke the connection: {}", clean(&innermost(error))), Unlikely),
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
