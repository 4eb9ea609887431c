//! A plain HTTP client, to say to a server exactly what a test wants to say.

use std::path::Path;

use reqwest::{Certificate, Client, ClientBuilder, redirect};

/// Lets TLS be used in tests: exactly one provider is compiled in, but the program's `main` is what installs it.
pub(crate) fn install_tls() {
    // Another test of this process may have been faster.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// A client that follows no redirects and knows no proxy.
pub(crate) fn client() -> Client {
    builder().build().unwrap()
}

/// The same, that trusts the authority whose certificate lies at `path`.
pub(crate) fn client_that_trusts(path: &Path) -> Client {
    let authority = Certificate::from_pem(&std::fs::read(path).unwrap()).unwrap();
    builder().add_root_certificate(authority).build().unwrap()
}

fn builder() -> ClientBuilder {
    install_tls();
    Client::builder().no_proxy().redirect(redirect::Policy::none())
}
