//! All integration tests in one binary, to link once.

mod registry_client;
