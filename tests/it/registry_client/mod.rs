//! The registry client against servers over real sockets, honest ones and hostile ones.

mod auth;
pub(crate) mod certificates;
mod faults;
mod few_connections;
mod held;
mod hostile;
mod http2;
mod in_flight;
mod mirrors;
mod named_files;
pub(crate) mod server;
mod tls;
mod trust;

use std::time::Duration;

use imagefacts::clock::Clock;
use imagefacts::credentials::Credential;
use imagefacts::event::Events;
use imagefacts::limits::Limits;
use imagefacts::registry::{RegistryClient, RegistryOptions};
use imagefacts::stop::Stop;
use tokio::time::Instant;

/// A client with `limits`, and a run that lasts long enough.
fn client_with(options: &RegistryOptions, limits: &Limits, events: Events) -> RegistryClient {
    let stop = Stop::at(Instant::now() + Duration::from_secs(120));
    RegistryClient::new(options, limits, Clock::System, events, stop).unwrap()
}

pub(crate) fn client() -> RegistryClient {
    client_with(&RegistryOptions::default(), &Limits::default(), Events::none())
}

fn password(password: &str) -> Credential {
    Credential::Password { username: "alice".into(), password: password.to_owned().into() }
}
