//! Shows each document once, when all of it was read.
//!
//! Whoever looks at a small one does so on the run's own threads: to hand it over would take longer. A large one takes a good
//! part of a second, in which no deadline would be noticed, and has a thread of its own. Who waits for that waits no longer
//! than the run.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::yield_now;

use super::documents::{Documents, Parsed};
use super::{Looked, OnLooked};
use crate::image::Digest;
use crate::stop::Stop;
use crate::task;

/// The most bytes that a small document has, with its config.
const SMALL: u64 = 64 << 10;

/// How many large ones are looked at at once: more would take the processors from what reads the others.
const AT_ONCE: usize = 2;

/// How many bytes of documents are kept that nobody had looked at when the run was told to end. There are a few small ones
/// for each image that is in flight, and to look at these takes no time that anybody would notice.
const LEFT_OVER: u64 = 512 << 10;

/// To whom documents are shown, and which large ones were.
pub(super) struct Shows {
    on_looked: Option<OnLooked>,
    places: Arc<Semaphore>,
}

impl Shows {
    /// To `on_looked`, if there is anybody.
    pub(super) fn to(on_looked: Option<OnLooked>) -> Self {
        Self { on_looked, places: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

impl Documents {
    /// Shows what `digest` names if there is no more to be read of it, and lets it go.
    pub(super) async fn show(&self, digest: &Digest, parsed: &Parsed) {
        let is_whole = parsed.outline.config().is_none() || parsed.config().is_some();
        let Some(on_looked) = self.shows.on_looked.as_ref().filter(|_| is_whole) else { return };
        if parsed.bytes() > SMALL {
            return Box::pin(self.show_aside(on_looked, digest, parsed)).await;
        }
        // It takes a while to look at, and others may have what is sent or read in no time.
        yield_now().await;
        let whole = parsed.whole().take();
        if whole.is_some() {
            on_looked(Looked { whole, ..parsed.look(digest) });
        }
    }

    /// Shows a large document on a thread of its own.
    async fn show_aside(&self, on_looked: &OnLooked, digest: &Digest, parsed: &Parsed) {
        let place = Arc::clone(&self.shows.places).acquire_owned().await;
        // It stays until it was shown: who gives up before is told so, and who comes meanwhile does not take it for shown.
        let whole = parsed.whole().clone();
        if whole.is_some() {
            let (on_looked, looked) = (Arc::clone(on_looked), Looked { whole, ..parsed.look(digest) });
            let show = move || {
                on_looked(looked);
                place
            };
            let place = task::aside(show).await;
            parsed.whole().take();
            drop(place);
        }
    }

    /// Takes out every document that was looked at. Of those that could not be shown before `stop` ended the run few are
    /// whole, as there is no time left to describe the others. Tells how many these are.
    pub(super) fn take_looked(&self, stop: &Stop) -> (BTreeMap<Digest, Looked>, u64) {
        let is_late = self.shows.on_looked.is_some() && stop.is_stopped();
        let (mut room, mut given_up) = (if is_late { LEFT_OVER } else { u64::MAX }, 0);
        let looked = |(digest, parsed): (Digest, Arc<Parsed>)| {
            let bytes = parsed.bytes();
            let mut looked = match Arc::try_unwrap(parsed) {
                Ok(parsed) => parsed.into_looked(digest.clone()),
                // Somebody still looks at it.
                Err(parsed) => Looked { whole: parsed.whole().take(), ..parsed.look(&digest) },
            };
            match room.checked_sub(bytes) {
                _ if looked.whole.is_none() => {}
                Some(rest) => room = rest,
                None => (looked.whole, given_up) = (None, given_up + 1),
            }
            (digest, looked)
        };
        (self.manifests.done.take_all().map(looked).collect(), given_up)
    }
}
