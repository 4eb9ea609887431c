//! A tar.gz whose bytes depend on nothing but its contents.

use std::io::{self, BufWriter, Write};

use jiff::Timestamp;
use serde::Serialize;

use super::gzip::Gzip;
use crate::json::indented;
use crate::packed::Splice;

/// tar's unit: headers and padding.
const BLOCK: usize = 512;

/// How much is written at once.
const BUFFER: usize = 64 * 1024;

/// How hard gzip tries: its usual level.
const LEVEL: u32 = 6;

/// Writes a tar.gz, file after file: fixed owner and mode, one time for all, no name or time in the gzip header.
pub(super) struct Archive<'a, W: Write> {
    top: &'a str,
    seconds: u64,
    out: BufWriter<Gzip<BufWriter<W>>>,
}

impl<'a, W: Write> Archive<'a, W> {
    /// An archive whose files all lie below the directory `top` and were made at `at`.
    pub(super) fn new(top: &'a str, at: Timestamp, out: W) -> io::Result<Self> {
        // What is spliced in comes in the smallest of pieces too.
        let out = BufWriter::with_capacity(BUFFER, out);
        let out = BufWriter::new(Gzip::new(out, LEVEL)?);
        Ok(Self { top, seconds: u64::try_from(at.as_second()).unwrap_or(0), out })
    }

    /// Adds a file that is at hand.
    pub(super) fn bytes(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.file(path, bytes.len() as u64, |out| out.write_all(bytes))
    }

    /// Adds `value`, which is small, as indented JSON.
    pub(super) fn json(&mut self, path: &str, value: &impl Serialize) -> io::Result<()> {
        let mut text = Vec::new();
        indented::write(&mut text, value)?;
        text.push(b'\n');
        self.bytes(path, &text)
    }

    /// Ends the archive; the writer has all of it then.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.out.write_all(&[0; 2 * BLOCK])?;
        let encoder = self.out.into_inner().map_err(io::IntoInnerError::into_error)?;
        encoder.finish()?.flush()
    }

    /// Adds a file of `size` bytes, which `write` writes.
    pub(super) fn file(
        &mut self,
        path: &str,
        size: u64,
        write: impl FnOnce(&mut dyn Splice) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut header = tar::Header::new_ustar();
        header.set_path(format!("{}/{path}", self.top))?;
        header.set_size(size);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(self.seconds);
        header.set_entry_type(tar::EntryType::Regular);
        header.set_cksum();
        self.out.write_all(header.as_bytes())?;
        write(&mut self.out)?;
        let beyond = size % BLOCK as u64;
        if beyond > 0 {
            io::copy(&mut io::Read::take(io::repeat(0), BLOCK as u64 - beyond), &mut self.out)?;
        }
        Ok(())
    }
}
