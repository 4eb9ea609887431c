//! What several tests need.

pub(crate) mod http;
pub(crate) mod real;
pub(crate) mod tls;
pub(crate) mod token_server;
