//! Bytes that take little room in memory while nobody reads them, and that can be written as they lie there.

mod deflate;
mod spool;

use std::cell::RefCell;
use std::io::{self, BufWriter, Write};

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

pub use deflate::Deflate;
pub use spool::{Spool, Spooled};

/// Bytes, compressed in memory: deflate blocks (RFC 1951) that end where a byte does. None of them is the last of a stream,
/// and none leans on what stood before, so that such pieces can be joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    deflated: Box<[u8]>,
    len: usize,
    crc: u32,
}

/// A writer that can take in what is compressed as if it were written byte for byte.
pub trait Splice: Write {
    /// Writes what was packed.
    fn splice(&mut self, packed: &Packed) -> io::Result<()>;
}

/// How much is compressed before it is kept: documents nearly always fit.
const BUFFER: usize = 16 << 10;

thread_local! {
    static COMPRESS: RefCell<Compressor> = RefCell::new(Compressor::new());
}

/// What compresses one document after the other. It is large, and used again.
struct Compressor {
    state: Compress,
    buffer: Box<[u8]>,
}

impl Packed {
    /// Compresses `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        let deflated = COMPRESS.with_borrow_mut(|compressor| compressor.deflate(bytes));
        Self { deflated, len: bytes.len(), crc: crc32fast::hash(bytes) }
    }

    /// Compresses what `write` writes, at a level from 0 to 9.
    ///
    /// # Errors
    /// Those of `write`.
    pub fn written(level: u32, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<Self> {
        let mut out = BufWriter::new(Deflate::new(Vec::new(), level));
        write(&mut out)?;
        let stream = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        let (deflated, checksum) = stream.leave()?;
        let len = usize::try_from(checksum.total_len()).map_err(io::Error::other)?;
        Ok(Self { deflated: deflated.into(), len, crc: checksum.finalize() })
    }

    /// How many bytes it takes.
    pub fn packed_len(&self) -> usize {
        self.deflated.len()
    }

    /// How many bytes were compressed.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there were none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The blocks.
    pub fn deflated(&self) -> &[u8] {
        &self.deflated
    }

    /// The checksum of what was compressed (CRC-32, as gzip's), to be joined to others.
    pub fn checksum(&self) -> crc32fast::Hasher {
        crc32fast::Hasher::new_with_initial_len(self.crc, self.len as u64)
    }

    /// What was compressed.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.len);
        // It was made by us, and memory does not fail.
        let read = Decompress::new(false).decompress_vec(&self.deflated, &mut bytes, FlushDecompress::Sync);
        debug_assert!(read.is_ok() && bytes.len() == self.len, "{read:?}");
        bytes
    }
}

impl Compressor {
    fn new() -> Self {
        // The fastest level: it makes of documents nearly as little as the others.
        Self { state: Compress::new(Compression::fast(), false), buffer: vec![0; BUFFER].into() }
    }

    /// All of `bytes` in blocks that end where a byte does.
    fn deflate(&mut self, bytes: &[u8]) -> Box<[u8]> {
        self.state.reset();
        let mut deflated = Vec::new();
        loop {
            let (taken, given) = (self.state.total_in(), self.state.total_out());
            let rest = usize::try_from(taken).ok().and_then(|taken| bytes.get(taken..)).unwrap_or_default();
            let status = self.state.compress(rest, &mut self.buffer, FlushCompress::Sync);
            let written = usize::try_from(self.state.total_out() - given).unwrap_or(usize::MAX);
            let piece = self.buffer.get(..written).unwrap_or_default();
            deflated.reserve_exact(piece.len());
            deflated.extend_from_slice(piece);
            // Blocks that fill the buffer to the last byte may not be all of them.
            if !matches!(status, Ok(Status::Ok)) || written < self.buffer.len() {
                return deflated.into();
            }
        }
    }
}

impl<W: Splice> Splice for BufWriter<W> {
    fn splice(&mut self, packed: &Packed) -> io::Result<()> {
        self.flush()?;
        self.get_mut().splice(packed)
    }
}

impl Splice for Vec<u8> {
    fn splice(&mut self, packed: &Packed) -> io::Result<()> {
        self.write_all(&packed.bytes())
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
            let written = Packed::written(6, |out| bytes.iter().try_for_each(|byte| out.write_all(&[*byte]))).unwrap();
            prop_assert_eq!(&written.bytes(), &bytes);
            prop_assert_eq!(written.checksum().finalize(), Packed::of(&bytes).checksum().finalize());
            prop_assert_eq!(Packed::of(&bytes).bytes(), bytes);
        }

        #[test]
        fn pieces_can_be_joined(pieces: Vec<Vec<u8>>) {
            let pack = |piece: &Vec<u8>| Packed::written(6, |out| out.write_all(piece)).unwrap();
            // Some are made in one way, some in the other.
            let packed = pieces.iter().enumerate().map(|(at, piece)| if at % 2 == 0 { Packed::of(piece) } else { pack(piece) });
            let packed: Vec<Packed> = packed.collect();
            let (mut deflated, mut checksum) = (Vec::new(), crc32fast::Hasher::new());
            for piece in &packed {
                deflated.extend(piece.deflated());
                checksum.combine(&piece.checksum());
            }
            let whole = pieces.concat();
            let mut inflated = Vec::with_capacity(whole.len() + 1);
            Decompress::new(false).decompress_vec(&deflated, &mut inflated, FlushDecompress::Sync).unwrap();
            prop_assert_eq!(checksum.finalize(), crc32fast::hash(&whole));
            prop_assert_eq!(inflated, whole);
        }
    }
}
