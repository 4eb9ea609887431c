//! The registry's HTTP client: endpoints, challenges and tokens, limits, retries, errors. The only room that knows HTTP.
//!
//! A [`RegistryClient`] serves a whole run: it holds what all images share, such as connections, tokens, limits and
//! pauses. A [`Session`] asks on behalf of one image. A request goes down these steps:
//!
//! 1. `client` says which servers are asked: mirrors, then the registry (`endpoint`).
//! 2. `attempts` asks again what may succeed later (`retry`).
//! 3. `item` makes the request of one attempt and judges its answer (`verify`, `answer_fault`).
//! 4. `authorization` meets the challenge of a 401 (`challenge`, `tokens`).
//! 5. `exchange` sends it, once it is its turn (`host`), and follows redirects where it is safe (`safety`).
//! 6. `transport` has the connections, `body` reads what they give.

mod answer_fault;
mod attempts;
mod authorization;
mod body;
mod challenge;
mod client;
mod connection_fault;
mod endpoint;
mod exchange;
mod fault;
mod host;
mod item;
mod options;
mod referrers;
mod retry;
mod safety;
mod tokens;
mod transport;
mod turns;
mod verify;
mod words;

pub use client::{Fetched, Head, RegistryClient, Session};
pub use options::{Mirror, RegistryOptions, RegistrySetupError};
