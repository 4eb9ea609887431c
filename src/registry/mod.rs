//! The registry's HTTP client: endpoints, challenges and tokens, limits, retries, errors. The only room that knows HTTP.
//!
//! A [`RegistryClient`] serves a whole run: it holds what all images share, such as connections, tokens, limits and
//! pauses. A [`Session`] asks on behalf of one image.

mod client;
mod options;

pub use client::{Fetched, Head, RegistryClient, Session};
pub use options::{Mirror, RegistryOptions, RegistrySetupError};
