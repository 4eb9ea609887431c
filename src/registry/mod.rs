//! The registry's HTTP client: endpoints, challenges and tokens, limits, retries, errors. The only room that knows HTTP.
//!
//! A [`RegistryClient`] serves a whole run: it holds what all images share, such as connections, tokens, limits and
//! pauses. A [`Session`] asks on behalf of one image. A request goes down these steps:
//!
//! 1. `client` asks one server after the other: mirrors, then the registry (`sources`, `prefix`, `address`, `endpoint`).
//! 2. `attempts` asks again what may succeed later (`retry`).
//! 3. `item` makes the request of one attempt and judges its answer (`verify`, `answer_fault`).
//! 4. `authorization` meets the challenge of a 401 (`challenge`, `tokens`).
//! 5. `exchange` sends it, once it is its turn (`caller`, `turns`, `window`), and follows redirects where it is safe
//!    (`safety`).
//! 6. `transport` has the connections and `trust` the certificates (`certificates`), `body` reads what they give.
//!
//! A [`Server`] is looked at step by step, for a check (`probe`, `handshake`).

mod address;
mod answer_fault;
mod attempts;
mod authorization;
mod body;
mod caller;
mod certificates;
mod challenge;
mod client;
mod connection_fault;
mod endpoint;
mod exchange;
mod fault;
mod handshake;
mod host;
mod item;
mod options;
mod prefix;
mod probe;
mod quota;
mod referrers;
mod retry;
mod safety;
mod sources;
mod tls_fault;
mod tokens;
mod transport;
mod trust;
mod turns;
mod verify;
mod window;
mod words;

pub use address::{Address, InvalidAddress};
pub use client::{Fetched, Head, RegistryClient, Session};
pub use handshake::{Certificate, Handshake};
pub use options::{ClientFiles, HostOptions, Mirror, RegistryOptions, RegistrySetupError, Serves, Upstream};
pub use prefix::{Location, PrefixRule};
pub use probe::{Greeting, Login, Look, Server};
pub use quota::counts_pulls;
