//! Bytes that take little room in memory while nobody reads them.

use std::cell::RefCell;
use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

/// Bytes, compressed in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    deflated: Box<[u8]>,
    len: usize,
}

thread_local! {
    /// The fastest level: it makes of documents nearly as little as the others. Its state is large, and used again.
    static ENCODER: RefCell<DeflateEncoder<Vec<u8>>> = RefCell::new(DeflateEncoder::new(Vec::new(), Compression::fast()));
}

impl Packed {
    /// Compresses `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        let deflated = ENCODER.with_borrow_mut(|encoder| {
            // Writing to memory does not fail.
            let written = encoder.write_all(bytes);
            debug_assert!(written.is_ok(), "{written:?}");
            encoder.reset(Vec::new()).unwrap_or_default()
        });
        Self { deflated: deflated.into(), len: bytes.len() }
    }

    /// How many bytes it takes.
    pub fn packed_len(&self) -> usize {
        self.deflated.len()
    }

    /// What was compressed.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.len);
        // It was made by us, and memory does not fail.
        let read = DeflateDecoder::new(&*self.deflated).read_to_end(&mut bytes);
        debug_assert!(read.is_ok(), "{read:?}");
        bytes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn bytes_come_out_as_they_went_in(bytes: Vec<u8>, times in 1usize..200) {
            let bytes = bytes.repeat(times);
            prop_assert_eq!(Packed::of(&bytes).bytes(), bytes);
        }
    }
}
