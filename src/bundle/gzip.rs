//! A gzip stream that takes in what is compressed already.

use std::io::{self, Write};

use flate2::{Compress, Compression, FlushCompress, Status};

use crate::packed::{Packed, Splice};

/// RFC 1952: deflate, no name, no time, an unknown system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
/// How much is compressed before it is handed on.
const BUFFER: usize = 64 * 1024;

/// Compresses what is written to it, but for what is spliced in.
pub(super) struct Gzip<W: Write> {
    out: W,
    deflate: Compress,
    buffer: Vec<u8>,
    checksum: crc32fast::Hasher,
    /// whether the blocks so far end where a byte does, and what follows leans on none of them
    is_at_border: bool,
}

impl<W: Write> Gzip<W> {
    /// Begins a stream. The level is spelled out: a library's idea of a default may change.
    pub(super) fn new(mut out: W, level: u32) -> io::Result<Self> {
        out.write_all(&HEADER)?;
        Ok(Self {
            out,
            deflate: Compress::new(Compression::new(level), false),
            buffer: Vec::with_capacity(BUFFER),
            checksum: crc32fast::Hasher::new(),
            is_at_border: true,
        })
    }

    /// Ends the stream and returns what it was written to.
    pub(super) fn finish(mut self) -> io::Result<W> {
        self.compress(&[], FlushCompress::Finish)?;
        let Self { mut out, checksum, .. } = self;
        // The length is counted modulo 2³², as the format has it.
        let [length @ .., _, _, _, _] = checksum.total_len().to_le_bytes();
        out.write_all(&checksum.finalize().to_le_bytes())?;
        out.write_all(&length)?;
        Ok(out)
    }

    fn compress(&mut self, bytes: &[u8], flush: FlushCompress) -> io::Result<()> {
        let (begin, mut done) = (self.deflate.total_in(), 0);
        loop {
            let rest = bytes.get(done..).unwrap_or_default();
            let status = self.deflate.compress_vec(rest, &mut self.buffer, flush).map_err(io::Error::other)?;
            done = usize::try_from(self.deflate.total_in() - begin).unwrap_or(usize::MAX);
            let is_full = self.buffer.len() == self.buffer.capacity();
            if is_full || !matches!(flush, FlushCompress::None) {
                self.out.write_all(&self.buffer)?;
                self.buffer.clear();
            }
            // A buffer that was filled to the last byte may not have taken everything.
            if done >= bytes.len() && (!is_full || status == Status::StreamEnd) {
                return Ok(());
            }
        }
    }
}

impl<W: Write> Write for Gzip<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.compress(bytes, FlushCompress::None)?;
        self.checksum.update(bytes);
        self.is_at_border &= bytes.is_empty();
        Ok(bytes.len())
    }

    /// Hands on nothing: what is not complete yet would only be compressed worse.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<W: Write> Splice for Gzip<W> {
    fn splice(&mut self, packed: &Packed) -> io::Result<()> {
        if !self.is_at_border {
            self.compress(&[], FlushCompress::Full)?;
            self.is_at_border = true;
        }
        self.out.write_all(packed.deflated())?;
        self.checksum.combine(&packed.checksum());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_and_spliced_is_one_stream(pieces: Vec<(bool, Vec<u8>, u16)>, level in 1u32..10) {
            let mut gzip = Gzip::new(Vec::new(), level).unwrap();
            let mut whole = Vec::new();
            for (is_packed, piece, times) in pieces {
                // Long ones fill the buffer, and equal ones would be referred to.
                let piece = piece.repeat(usize::from(times) / 16 + 1);
                match is_packed {
                    true => gzip.splice(&Packed::of(&piece)).unwrap(),
                    false => gzip.write_all(&piece).unwrap(),
                }
                whole.extend(piece);
            }
            let (bytes, mut read) = (gzip.finish().unwrap(), Vec::new());
            // One member, which every reader takes, with a checksum and a length that are right.
            let mut decoder = GzDecoder::new(bytes.as_slice());
            decoder.read_to_end(&mut read).unwrap();
            prop_assert!(decoder.into_inner().is_empty());
            prop_assert!(read == whole);
        }
    }

    #[test]
    fn what_does_not_compress_fills_the_buffer_and_is_whole() {
        let mut state = 1u64;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state.to_be_bytes()[0]
        })
        .take(5 * BUFFER + 7)
        .collect();
        let mut gzip = Gzip::new(Vec::new(), 6).unwrap();
        gzip.write_all(&noise).unwrap();
        gzip.splice(&Packed::of(&noise)).unwrap();
        let (bytes, mut read) = (gzip.finish().unwrap(), Vec::new());
        GzDecoder::new(bytes.as_slice()).read_to_end(&mut read).unwrap();
        assert!(read == noise.repeat(2));
    }
}
