//! Stdin, as far as there is time for it: who writes may keep it open for ever.

use std::io::{self, Read as _};
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How much is read at once, in bytes.
const PIECE: usize = 64 << 10;

/// What was read of stdin so far; cheap to clone, and all clones are one.
#[derive(Debug, Clone, Default)]
pub(super) struct Stdin(Arc<Mutex<Vec<u8>>>);

impl Stdin {
    /// Reads it to its end, and gives all of it.
    pub(super) fn read(&self) -> io::Result<Vec<u8>> {
        let (mut stdin, mut piece) = (io::stdin().lock(), vec![0; PIECE]);
        loop {
            let read = stdin.read(&mut piece)?;
            match piece.get(..read) {
                None | Some([]) => return Ok(self.so_far()),
                Some(piece) => self.bytes().extend(piece),
            }
        }
    }

    /// Takes what was read so far.
    pub(super) fn so_far(&self) -> Vec<u8> {
        mem::take(&mut *self.bytes())
    }

    fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        // No code that can panic runs under the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
