//! What a user and other programs see, tested over real sockets and with the built binary, which is linked once.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on shall end")]
#![allow(clippy::disallowed_methods, reason = "tests lay out the files that the program finds")]

mod architecture;
mod cli;
mod docs;
mod fake_api;
mod hostile;
mod live;
mod real_registry;
mod registry_client;
mod resolve;
mod serve;
mod support;
mod vendors;
