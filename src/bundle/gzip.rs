//! A gzip stream that takes in what is compressed already.

use std::io::{self, Write};

use crate::packed::{Deflate, Packed, Splice};

/// RFC 1952: deflate, no name, no time, an unknown system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
/// A stream that is being written.
pub(super) struct Gzip<W: Write>(Deflate<W>);

impl<W: Write> Gzip<W> {
    /// Begins a stream, at a level from 0 to 9.
    pub(super) fn new(mut out: W, level: u32) -> io::Result<Self> {
        out.write_all(&HEADER)?;
        Ok(Self(Deflate::new(out, level)))
    }

    /// Ends the stream and returns what it was written to.
    pub(super) fn finish(self) -> io::Result<W> {
        let (mut out, checksum) = self.0.finish()?;
        // The length is counted modulo 2³², as the format has it.
        let [length @ .., _, _, _, _] = checksum.total_len().to_le_bytes();
        out.write_all(&checksum.finalize().to_le_bytes())?;
        out.write_all(&length)?;
        Ok(out)
    }
}

impl<W: Write> Write for Gzip<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<W: Write> Splice for Gzip<W> {
    fn splice(&mut self, packed: &Packed) -> io::Result<()> {
        self.0.splice(packed)
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
        .take(300_007)
        .collect();
        let mut gzip = Gzip::new(Vec::new(), 6).unwrap();
        gzip.write_all(&noise).unwrap();
        gzip.splice(&Packed::of(&noise)).unwrap();
        let (bytes, mut read) = (gzip.finish().unwrap(), Vec::new());
        GzDecoder::new(bytes.as_slice()).read_to_end(&mut read).unwrap();
        assert!(read == noise.repeat(2));
    }
}
