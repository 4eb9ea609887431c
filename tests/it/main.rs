//! Tests of what a user or another program sees, in one binary so that it is linked once.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on shall end")]

mod registry_client;
mod resolve;
