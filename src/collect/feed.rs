//! What discovery finds, on its way to be resolved: images of pods at once, everything when all is known.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use futures::Stream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::wants::{Wants, references};
use crate::clock::Stopwatch;
use crate::cluster::inventory::Inventory;
use crate::cluster::live::Sighting;
use crate::credentials::{CredentialsError, Keychain};
use crate::image::Reference;
use crate::resolve::Want;
use crate::settings::PlatformSettings;

/// The way in. What is in it grows with distinct images, so that it needs no bound. Dropping it ends the stream.
pub(super) struct Feed<'a> {
    sender: UnboundedSender<Want>,
    keychain: Arc<Keychain>,
    wants: Mutex<Wants<'a>>,
    watch: Stopwatch,
    first_at: OnceLock<u64>,
}

impl<'a> Feed<'a> {
    /// A feed and the stream of what is put in. `platforms` are those that were asked for.
    pub(super) fn new(
        keychain: Arc<Keychain>,
        platforms: Option<&'a PlatformSettings>,
        watch: Stopwatch,
    ) -> (Self, impl Stream<Item = Want> + use<>) {
        let (sender, receiver) = unbounded_channel();
        let next = async |mut receiver: UnboundedReceiver<Want>| Some((receiver.recv().await?, receiver));
        let stream = futures::stream::unfold(receiver, next);
        let wants = Mutex::new(Wants::new(platforms));
        (Self { sender, keychain, wants, watch, first_at: OnceLock::new() }, stream)
    }

    /// Takes images of pods while others are still looked for.
    pub(super) fn sight(&self, sighting: Sighting<'_>) {
        let mut wants = self.wants.lock().unwrap_or_else(PoisonError::into_inner);
        for (reference, usage) in sighting.images {
            // Until all hosts are known, a variable's credential may turn out to be meant for another.
            if !self.keychain.must_check(reference.registry()) {
                self.put(wants.want(&reference, &usage, sighting.nodes));
            }
        }
    }

    /// Takes everything that was found. Returns when the first image was taken, in milliseconds.
    ///
    /// # Errors
    /// When a variable's credential may be meant for either of two hosts.
    pub(super) fn complete(self, inventory: &Inventory) -> Result<u64, CredentialsError> {
        self.keychain.check_hosts(references(inventory).map(Reference::registry))?;
        let mut wants = self.wants.lock().unwrap_or_else(PoisonError::into_inner);
        wants.all(inventory).for_each(|want| self.put(want));
        Ok(*self.first_at.get_or_init(|| self.watch.elapsed_ms()))
    }

    fn put(&self, want: Want) {
        self.first_at.get_or_init(|| self.watch.elapsed_ms());
        // Nobody takes it when the run has failed, and then nobody misses it.
        let _ = self.sender.send(want);
    }
}
