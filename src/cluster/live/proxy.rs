//! The proxy on the way to the API server, when the kubeconfig names none.
//!
//! kube looks up the proxy's own address in `NO_PROXY`, not the server's, and takes `HTTPS_PROXY` for plain http too;
//! here it is done as kubectl does it.

use std::env;
use std::net::IpAddr;

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;

/// The proxy that the environment asks for on the way to `server`.
#[expect(clippy::disallowed_methods, reason = "kubectl's own variables, which mean nothing to the rest of the program")]
pub(super) fn from_environment(server: &Uri) -> Option<Uri> {
    let (upper, lower) = match server.scheme_str()? {
        "https" => ("HTTPS_PROXY", "https_proxy"),
        _ => ("HTTP_PROXY", "http_proxy"),
    };
    let variable = |name| env::var(name).ok().filter(|value| !value.is_empty());
    let exceptions = variable("NO_PROXY").or_else(|| variable("no_proxy")).unwrap_or_default();
    choose(server, &variable(upper).or_else(|| variable(lower))?, exceptions)
}

fn choose(server: &Uri, proxy: &str, exceptions: String) -> Option<Uri> {
    if is_this_machine(server.host()?) {
        return None;
    }
    Matcher::builder().all(proxy.to_owned()).no(exceptions).build().intercept(server)?;
    // Not what the matcher answers: that is without the proxy's password.
    if proxy.contains("://") { proxy.parse().ok() } else { format!("http://{proxy}").parse().ok() }
}

fn is_this_machine(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions_are_for_the_server() {
        const PROXY: &str = "http://bob:pw@10.0.0.1:3128";
        for (server, proxy, exceptions, chosen) in [
            ("https://api.example.com:6443", PROXY, "", Some("http://bob:pw@10.0.0.1:3128/")),
            ("https://api.example.com:6443", "proxy:3128", "", Some("http://proxy:3128/")),
            ("https://api.example.com:6443", PROXY, "10.0.0.0/8", Some("http://bob:pw@10.0.0.1:3128/")),
            ("https://api.example.com:6443", PROXY, ".example.com", None),
            ("https://10.1.2.3:6443", PROXY, "localhost,10.0.0.0/8", None),
            ("https://api.example.com", PROXY, "*", None),
            ("http://127.0.0.1:8001", PROXY, "", None),
            ("https://[::1]:6443", PROXY, "", None),
            ("https://localhost:6443", PROXY, "", None),
        ] {
            let found = choose(&server.parse().unwrap(), proxy, exceptions.to_owned());
            assert_eq!(found.map(|uri| uri.to_string()).as_deref(), chosen, "{server} {exceptions}");
        }
    }
}
