//! All integration tests in one binary, to link once.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod registry_client;
mod resolve;
