//! A tar.gz whose bytes depend on nothing but its contents.

use std::io::{self, BufWriter, Write};

use jiff::Timestamp;
use serde::Serialize;

use super::gzip::Gzip;
use crate::packed::{Packed, Splice};

/// tar's unit: headers and padding.
const BLOCK: usize = 512;

/// How hard gzip tries: its usual level.
const LEVEL: u32 = 6;

/// Writes a tar.gz, file after file: fixed owner and mode, one time for all, no name or time in the gzip header.
pub(super) struct Archive<'a, W: Write> {
    top: &'a str,
    seconds: u64,
    out: BufWriter<Gzip<W>>,
}

impl<'a, W: Write> Archive<'a, W> {
    /// An archive whose files all lie below the directory `top` and were made at `at`.
    pub(super) fn new(top: &'a str, at: Timestamp, out: W) -> io::Result<Self> {
        let out = BufWriter::new(Gzip::new(out, LEVEL)?);
        Ok(Self { top, seconds: u64::try_from(at.as_second()).unwrap_or(0), out })
    }

    /// Adds a file that is at hand.
    pub(super) fn bytes(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.file(path, bytes.len() as u64, |out| out.write_all(bytes))
    }

    /// Adds `value` as indented JSON.
    pub(super) fn json(&mut self, path: &str, value: &impl Serialize) -> io::Result<()> {
        self.written(path, |out| write_json(out, value))
    }

    /// Adds what `write` writes.
    ///
    /// It is written twice, once to learn its size, which tar wants first: time is cheaper here than holding a large
    /// document in memory once more.
    pub(super) fn written(&mut self, path: &str, write: impl Fn(&mut dyn Splice) -> io::Result<()>) -> io::Result<()> {
        let mut counted = Counter(0);
        write(&mut counted)?;
        self.file(path, counted.0, |out| write(out))
    }

    /// Ends the archive; the writer has all of it then.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.out.write_all(&[0; 2 * BLOCK])?;
        let encoder = self.out.into_inner().map_err(io::IntoInnerError::into_error)?;
        encoder.finish()?.flush()
    }

    fn file(&mut self, path: &str, size: u64, write: impl FnOnce(&mut dyn Splice) -> io::Result<()>) -> io::Result<()> {
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

/// Counts what is written to it.
struct Counter(u64);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Splice for Counter {
    fn splice(&mut self, packed: &Packed) -> io::Result<()> {
        self.0 += packed.len() as u64;
        Ok(())
    }
}

/// Indented, for people who open a bundle in an editor; gzip makes the spaces cheap.
fn write_json(mut out: impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut out, value)?;
    out.write_all(b"\n")
}
