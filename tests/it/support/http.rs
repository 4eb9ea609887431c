//! A plain HTTP client, to say to a server exactly what a test wants to say.

/// Lets TLS be used in tests: exactly one provider is compiled in, but the program's `main` is what installs it.
pub(crate) fn install_tls() {
    // Another test of this process may have been faster.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// A client that follows no redirects and knows no proxy.
pub(crate) fn client() -> reqwest::Client {
    install_tls();
    reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}
