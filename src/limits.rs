//! All limits of a run, in one place.

use std::time::Duration;

/// How much, how often and how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// requests in flight, over all registries
    pub concurrency: usize,
    /// the most requests in flight to one registry; `None`: as many as it answers well
    pub per_registry: Option<usize>,
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
    /// how much the disk cache holds, in bytes
    pub cache_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            concurrency: 96,
            per_registry: None,
            retries: 3,
            request_timeout: Duration::from_secs(15),
            image_timeout: Duration::from_secs(60),
            run_timeout: Duration::from_secs(600),
            document_bytes: 4 << 20,
            token_bytes: 1 << 20,
            error_bytes: 64 << 10,
            cache_bytes: 512 << 20,
        }
    }
}

/// How much, how often and how long, at the cluster's API server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterLimits {
    /// until a connection stands
    pub connect_timeout: Duration,
    /// for one request, from its first byte sent to its last byte read; an API server takes up to 60 s over a list
    pub request_timeout: Duration,
    /// objects in a page of a list
    pub page_items: u32,
    /// the largest page that is read, in bytes: 500 objects are seldom more than 25 MB
    pub page_bytes: usize,
    /// the largest single object that is read, in bytes; etcd holds none above 1.5 MiB by default
    pub object_bytes: usize,
    /// namespaces that are asked one by one for a custom resource that may not be listed everywhere
    pub custom_namespaces: usize,
    /// lists that are read side by side
    pub lists: usize,
    /// how often a request is made at most when it fails
    pub tries: usize,
    /// the first pause between tries; each is about twice the one before
    pub first_pause: Duration,
    /// how often a request is made again because the server asked to come back later
    pub patience: usize,
    /// owners of kinds that are not listed, looked up one by one
    pub owners: usize,
}

impl Default for ClusterLimits {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(90),
            page_items: 500,
            page_bytes: 256 << 20,
            object_bytes: 4 << 20,
            custom_namespaces: 20,
            lists: 4,
            tries: 5,
            first_pause: Duration::from_millis(250),
            patience: 20,
            owners: 1000,
        }
    }
}
