//! What a user and other programs see, tested over real sockets and with the built binary.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed; its helpers are no #[test] themselves")]

mod architecture;
mod fake_api;
mod live;
