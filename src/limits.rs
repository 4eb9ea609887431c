//! All limits of a run, in one place.

use std::time::Duration;

/// How much, how often and how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// requests in flight, over all registries
    pub concurrency: usize,
    /// requests in flight to one registry
    pub per_registry: usize,
    /// how often a request is tried again
    pub retries: u32,
    /// for one request, from its first byte sent to its last byte read
    pub request_timeout: Duration,
    /// for one image with all its requests, retries and waits
    pub image_timeout: Duration,
    /// for the whole run
    pub run_timeout: Duration,
    /// the largest manifest or config that is read, in bytes
    pub document_bytes: usize,
    /// the largest token response that is read, in bytes
    pub token_bytes: usize,
    /// how much of an error's body is read, in bytes
    pub error_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            concurrency: 64,
            per_registry: 32,
            retries: 3,
            request_timeout: Duration::from_secs(15),
            image_timeout: Duration::from_secs(60),
            run_timeout: Duration::from_secs(600),
            document_bytes: 4 << 20,
            token_bytes: 1 << 20,
            error_bytes: 64 << 10,
        }
    }
}
