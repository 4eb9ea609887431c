//! A server that is asked: which protocol it speaks, and whether it can be reached. All images of a run learn together.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use tokio::sync::MutexGuard;
use url::Url;

use super::host::lock;
use super::safety::origin;

/// A server.
pub(super) struct Endpoint {
    /// its origin; two when it is not known whether it speaks https or plain http
    origins: Vec<Url>,
    /// which of the two it is, once the server has spoken
    spoken: OnceLock<usize>,
    contact: AtomicU8,
    /// held by whoever makes the first contact
    first: tokio::sync::Mutex<()>,
    /// held by whoever finds out what it speaks, and whether somebody has tried to
    word: tokio::sync::Mutex<()>,
    was_asked: AtomicBool,
}

/// How long others wait for what one server says first: longer than most need to say it.
const FIRST_WORD: Duration = Duration::from_millis(250);

/// Nobody knows whether the server can be reached.
const UNKNOWN: u8 = 0;
/// It has answered.
const UP: u8 = 1;
/// It cannot be reached.
const DOWN: u8 = 2;

/// The right to ask a server that may be down.
pub(super) enum Admission<'a> {
    /// It has answered before.
    Known,
    /// It was not asked before, and nobody else asks it until this is dropped.
    First(#[expect(dead_code, reason = "it is a lock")] MutexGuard<'a, ()>),
}

/// The right to be the first to speak to a server.
pub(super) struct FirstWord<'a> {
    _lock: MutexGuard<'a, ()>,
    endpoint: &'a Endpoint,
}

impl FirstWord<'_> {
    /// The server was asked, whatever came of it. Without this, the next one tries.
    pub(super) fn said(self) {
        self.endpoint.was_asked.store(true, Relaxed);
    }
}

impl Endpoint {
    fn new(origins: Vec<Url>) -> Self {
        Self {
            origins,
            spoken: OnceLock::new(),
            contact: AtomicU8::new(UNKNOWN),
            first: tokio::sync::Mutex::default(),
            word: tokio::sync::Mutex::default(),
            was_asked: AtomicBool::new(false),
        }
    }

    /// Waits a moment while somebody else finds out which of two protocols the server speaks, so that not every image
    /// asks in the wrong one. Who tries keeps what is returned until it is done.
    pub(super) async fn first_word(&self) -> Option<FirstWord<'_>> {
        let is_open = || self.origins().len() > 1 && !self.was_asked.load(Relaxed);
        if !is_open() {
            return None;
        }
        // A server that takes longer is not held up for it.
        let lock = tokio::time::timeout(FIRST_WORD, self.word.lock()).await.ok()?;
        is_open().then_some(FirstWord { _lock: lock, endpoint: self })
    }

    /// The origins to try, with what is known so far.
    pub(super) fn origins(&self) -> &[Url] {
        match self.spoken.get() {
            Some(at) => self.origins.get(*at..=*at).unwrap_or(&self.origins),
            None => &self.origins,
        }
    }

    /// Notes that the server speaks the protocol of `origin`. The first word counts.
    pub(super) fn speaks(&self, origin: &Url) {
        if let Some(at) = self.origins.iter().position(|known| known == origin) {
            // Whoever is late has learned the same.
            let _ = self.spoken.set(at);
        }
    }

    /// Notes that the server does not speak the protocol of `origin`, so that it is the other one, if there is one.
    pub(super) fn does_not_speak(&self, origin: &Url) {
        if let Some(other) = self.origins.iter().find(|known| *known != origin) {
            self.speaks(other);
        }
    }

    /// Scheme, host and port, as far as they are known.
    pub(super) fn origin(&self) -> String {
        self.origins().first().map(origin).unwrap_or_default().into_owned()
    }

    /// Waits while somebody else makes the first contact, so that a server that is down costs one attempt, however
    /// many images ask for it at once. `None` when it is down.
    pub(super) async fn admit(&self) -> Option<Admission<'_>> {
        let known = || match self.contact.load(Relaxed) {
            UP => Some(Some(Admission::Known)),
            DOWN => Some(None),
            _ => None,
        };
        match known() {
            Some(admission) => admission,
            None => {
                let first = self.first.lock().await;
                known().unwrap_or(Some(Admission::First(first)))
            }
        }
    }

    /// Notes whether the server can be reached. One that cannot is not asked again.
    pub(super) fn set_reachable(&self, reachable: bool) {
        self.contact.store(if reachable { UP } else { DOWN }, Relaxed);
    }
}

/// All servers that were asked, by their origins.
#[derive(Default)]
pub(super) struct Endpoints(Mutex<HashMap<Vec<Url>, Arc<Endpoint>>>);

impl Endpoints {
    /// The server that answers under `origins`.
    pub(super) fn get(&self, origins: Vec<Url>) -> Arc<Endpoint> {
        let mut known = lock(&self.0);
        match known.get(&origins) {
            Some(endpoint) => Arc::clone(endpoint),
            None => {
                let endpoint = Arc::new(Endpoint::new(origins.clone()));
                known.insert(origins, Arc::clone(&endpoint));
                endpoint
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn urls(texts: &[&str]) -> Vec<Url> {
        texts.iter().map(|text| Url::parse(text).unwrap()).collect()
    }

    #[test]
    fn what_a_server_spoke_is_kept() {
        let endpoints = Endpoints::default();
        let origins = urls(&["http://localhost:5000/", "https://localhost:5000/"]);
        let endpoint = endpoints.get(origins.clone());
        endpoint.speaks(&origins[1]);
        let same = endpoints.get(origins.clone());
        assert_eq!((same.origins(), same.origin().as_str()), (&origins[1..], "https://localhost:5000"));
        let other = endpoints.get(urls(&["http://localhost:5000/"]));
        assert_eq!(other.origin(), "http://localhost:5000");
    }

    #[tokio::test]
    async fn what_a_server_does_not_speak_leaves_the_other_protocol() {
        let origins = urls(&["http://localhost:5000/", "https://localhost:5000/"]);
        let endpoint = Endpoints::default().get(origins.clone());
        endpoint.does_not_speak(&origins[0]);
        assert_eq!(endpoint.origins(), &origins[1..]);
        assert!(endpoint.first_word().await.is_none(), "nobody waits for the answer");
        // A server that seems to speak neither is asked for by the one that was noted first.
        endpoint.does_not_speak(&origins[1]);
        assert_eq!(endpoint.origins(), &origins[1..]);
        let only = Endpoints::default().get(urls(&["https://r.io/"]));
        only.does_not_speak(&only.origins()[0]);
        assert_eq!(only.origins().len(), 1);
    }

    #[tokio::test]
    async fn one_finds_out_what_a_server_speaks() {
        let origins = urls(&["http://localhost:5000/", "https://localhost:5000/"]);
        let endpoint = Endpoints::default().get(origins.clone());
        let given_up = endpoint.first_word().await;
        assert!(given_up.is_some() && endpoint.first_word().now_or_never().is_none());
        drop(given_up);
        let first = endpoint.first_word().await.expect("nobody has spoken to it yet");
        let (others, ()) = tokio::join!(futures::future::join_all((0..9).map(|_| endpoint.first_word())), async {
            tokio::task::yield_now().await;
            first.said();
        });
        assert!(others.iter().all(Option::is_none), "they need not wait for each other");
        let known = Endpoints::default().get(urls(&["https://r.io/"]));
        assert!(known.first_word().await.is_none());
    }

    #[tokio::test]
    async fn one_makes_the_first_contact() {
        for reachable in [true, false] {
            let endpoint = Endpoints::default().get(urls(&["https://m.io/"]));
            let first = endpoint.admit().await;
            assert!(matches!(first, Some(Admission::First(_))));
            let (others, ()) = tokio::join!(futures::future::join_all((0..9).map(|_| endpoint.admit())), async {
                tokio::task::yield_now().await;
                endpoint.set_reachable(reachable);
                drop(first);
            });
            let expected = |other: &Option<Admission<'_>>| matches!(other, Some(Admission::Known)) == reachable;
            assert!(others.iter().all(expected));
        }
    }
}
