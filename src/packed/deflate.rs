//! A deflate stream (RFC 1951) that takes in what is compressed already.

use std::io::{self, Write};

use flate2::{Compress, Compression, FlushCompress, Status};

use super::{Packed, Splice};

/// How much is compressed before it is handed on.
const BUFFER: usize = 64 * 1024;

/// After how many bytes compressing begins anew, so that the window (RFC 1951: 32 KiB, held twice) never has to be moved on: that
/// takes longer than to compress what it makes room for.
const STRETCH: usize = 60 * 1024;

/// Compresses what is written to it, but for what is spliced in.
pub struct Deflate<W: Write> {
    out: W,
    compress: Compress,
    buffer: Vec<u8>,
    checksum: crc32fast::Hasher,
    /// how many bytes were compressed since the last border: where the blocks so far end where a byte does, and what follows leans on
    /// none of them
    since_border: usize,
}

impl<W: Write> Deflate<W> {
    /// Begins a stream. The level, from 0 to 9, is spelled out: a library's idea of a default may change.
    pub fn new(out: W, level: u32) -> Self {
        Self {
            out,
            compress: Compress::new(Compression::new(level), false),
            buffer: Vec::with_capacity(BUFFER),
            checksum: crc32fast::Hasher::new(),
            since_border: 0,
        }
    }

    /// Ends the stream. Returns what it was written to, and the checksum (CRC-32) and length of what was compressed.
    ///
    /// # Errors
    /// Those of what it is written to.
    pub fn finish(mut self) -> io::Result<(W, crc32fast::Hasher)> {
        self.compress(&[], FlushCompress::Finish)?;
        Ok((self.out, self.checksum))
    }

    /// Leaves the stream open at a border, so that others can follow.
    pub(super) fn leave(mut self) -> io::Result<(W, crc32fast::Hasher)> {
        self.end_blocks()?;
        Ok((self.out, self.checksum))
    }

    fn end_blocks(&mut self) -> io::Result<()> {
        if self.since_border > 0 {
            self.compress(&[], FlushCompress::Sync)?;
            self.compress.reset();
            self.since_border = 0;
        }
        Ok(())
    }

    fn compress(&mut self, bytes: &[u8], flush: FlushCompress) -> io::Result<()> {
        let (begin, mut done) = (self.compress.total_in(), 0);
        loop {
            let rest = bytes.get(done..).unwrap_or_default();
            let status = self.compress.compress_vec(rest, &mut self.buffer, flush).map_err(io::Error::other)?;
            done = usize::try_from(self.compress.total_in() - begin).unwrap_or(usize::MAX);
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

impl<W: Write> Write for Deflate<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.since_border >= STRETCH {
            self.end_blocks()?;
        }
        let bytes = bytes.get(..STRETCH - self.since_border).unwrap_or(bytes);
        self.compress(bytes, FlushCompress::None)?;
        self.checksum.update(bytes);
        self.since_border += bytes.len();
        Ok(bytes.len())
    }

    /// Hands on nothing: what is not complete yet would only be compressed worse.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<W: Write> Splice for Deflate<W> {
    fn splice(&mut self, packed: &Packed) -> io::Result<()> {
        self.end_blocks()?;
        self.out.write_all(packed.deflated())?;
        self.checksum.combine(&packed.checksum());
        Ok(())
    }
}
