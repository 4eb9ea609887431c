//! What all images of one registry share: their limit, counts, and the pauses that servers ask for.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::quota::Quotas;
use crate::resolve::RegistryTally;

/// A registry, as references name it.
pub(super) struct Host {
    /// `docker.io`, `localhost:5000`
    pub name: String,
    /// what is left of its quota, by login
    pub quotas: Quotas,
    /// the most requests that may be in flight for it
    pub limit: usize,
    requests: AtomicU64,
    bytes: AtomicU64,
}

impl Host {
    /// A registry for which at most `limit` requests are in flight.
    pub(super) fn new(name: &str, limit: usize) -> Self {
        Self {
            name: name.to_owned(),
            quotas: Quotas::of(name),
            limit,
            requests: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        }
    }

    /// Counts a request.
    pub(super) fn count_request(&self) {
        self.requests.fetch_add(1, Relaxed);
    }

    /// Counts received bytes.
    pub(super) fn count_bytes(&self, bytes: usize) {
        self.bytes.fetch_add(u64::try_from(bytes).unwrap_or(u64::MAX), Relaxed);
    }

    /// How the registry fared so far.
    pub(super) fn tally(&self) -> RegistryTally {
        RegistryTally {
            host: self.name.clone(),
            requests: self.requests.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            rate_limit: self.quotas.last(),
            is_held: self.quotas.is_held(),
        }
    }
}

/// The pauses of all servers, by origin: scheme, host and port.
#[derive(Default)]
pub(super) struct Pauses(Mutex<HashMap<String, Instant>>);

impl Pauses {
    /// Until when the server at `origin` is not to be asked.
    pub(super) fn until(&self, origin: &str) -> Option<Instant> {
        lock(&self.0).get(origin).copied().filter(|until| *until > Instant::now())
    }

    /// Leaves the server at `origin` in peace until then. Returns whether that begins a pause: several requests in
    /// flight may be told the same.
    pub(super) fn pause(&self, origin: &str, until: Instant) -> bool {
        let now = Instant::now();
        let mut pauses = lock(&self.0);
        let running = pauses.get(origin).copied().filter(|until| *until > now);
        pauses.insert(origin.to_owned(), running.map_or(until, |running| running.max(until)));
        running.is_none() && until > now
    }
}

/// All registries that were asked.
#[derive(Default)]
pub(super) struct Hosts(Mutex<HashMap<String, Arc<Host>>>);

impl Hosts {
    /// The registry `name`, made by `make` when it is asked for the first time.
    pub(super) fn get(&self, name: &str, make: impl FnOnce() -> Host) -> Arc<Host> {
        let mut known = lock(&self.0);
        if let Some(host) = known.get(name) {
            return Arc::clone(host);
        }
        let host = Arc::new(make());
        known.insert(name.to_owned(), Arc::clone(&host));
        host
    }

    /// How each registry fared, sorted by host.
    pub(super) fn tallies(&self) -> Vec<RegistryTally> {
        let mut tallies: Vec<_> = lock(&self.0).values().map(|host| host.tally()).collect();
        tallies.sort_unstable_by(|a, b| a.host.cmp(&b.host));
        tallies
    }
}

/// Nothing that is done under these locks can leave a value half changed, so a panic elsewhere does not matter.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_pause_begins_once_and_only_grows() {
        let pauses = Pauses::default();
        let now = Instant::now();
        let at = |seconds| now + Duration::from_secs(seconds);
        assert_eq!(pauses.until("https://a"), None);
        assert!(pauses.pause("https://a", at(600)));
        assert!(!pauses.pause("https://a", at(900)), "a running pause grows");
        assert!(!pauses.pause("https://a", at(300)), "and does not shrink");
        assert_eq!(pauses.until("https://a"), Some(at(900)));
        assert_eq!(pauses.until("https://b"), None);
    }
}
