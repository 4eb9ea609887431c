//! Writes a document whose manifests are packed: as the whole would be, but without unpacking any.

use std::io::{self, BufWriter, Write};

use serde::Serialize;
use serde_with::skip_serializing_none;

use super::document::{Finding, Gap, Image, ImageFacts, Node, Redaction, Run, Source, Summary, UnusedImage};
use crate::image::Digest;
use crate::json::indented;
use crate::packed::{Packed, Splice, Spool, Spooled};

/// How hard what stands around the manifests is compressed: as little as they are. Level 6 would make the bundle a hundredth smaller, and
/// a person wait for twice as long.
const LEVEL: u32 = 1;

/// The fields before the manifests; with [`After`] those of [`ImageFacts`], in its order.
#[skip_serializing_none]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Before<'a> {
    schema_version: &'a str,
    kind: &'a str,
    complete: bool,
    run: &'a Run,
    source: &'a Source,
    redaction: &'a Redaction,
    nodes: Option<&'a [Node]>,
    images: &'a [Box<Image>],
}

/// The fields after the manifests.
#[skip_serializing_none]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct After<'a> {
    unused_on_nodes: Option<&'a [UnusedImage]>,
    findings: &'a [Finding],
    gaps: &'a [Gap],
    summary: &'a Summary,
}

/// What closes a manifest where it stands.
pub(super) const CLOSE: &[u8] = b"\n    }";

/// Manifests as they will be written, compressed.
#[derive(Debug)]
pub struct PackedManifests {
    manifests: Vec<PackedManifest>,
    spool: Spool,
    close: Packed,
}

/// A manifest of a document.
#[derive(Debug)]
pub(super) struct PackedManifest {
    pub digest: Digest,
    /// its JSON up to what closes it
    pub text: Spooled,
    /// what is attached to it, and what closes it
    pub end: Option<Packed>,
}

impl PackedManifests {
    pub(super) fn of(manifests: Vec<PackedManifest>, spool: Spool) -> Self {
        Self { manifests, spool, close: Packed::of(CLOSE) }
    }

    fn is_empty(&self) -> bool {
        self.manifests.is_empty()
    }

    fn len(&self) -> usize {
        self.manifests.len()
    }

    /// How many bytes all of them have, as they stand in the document.
    fn text_len(&self) -> u64 {
        let len = |manifest: &PackedManifest| self.spool.unpacked_len(manifest.text) + self.end(manifest).len();
        self.manifests.iter().fold(0, |sum, manifest| sum + len(manifest) as u64)
    }

    /// Writes one as it stands in the document.
    fn write(&self, manifest: &PackedManifest, out: &mut dyn Splice) -> io::Result<()> {
        out.splice(&*self.spool.get(manifest.text)?)?;
        out.splice(self.end(manifest))
    }

    fn end<'a>(&'a self, manifest: &'a PackedManifest) -> &'a Packed {
        manifest.end.as_ref().unwrap_or(&self.close)
    }
}

impl Default for PackedManifests {
    fn default() -> Self {
        Self::of(Vec::new(), Spool::new(0))
    }
}

/// The text of a document, in pieces.
pub struct FactsText<'a> {
    before: Packed,
    manifests: &'a PackedManifests,
    /// between two manifests
    between: Packed,
    after: Packed,
}

impl ImageFacts<PackedManifests> {
    /// The document as indented JSON, with a line's end.
    ///
    /// # Errors
    /// None that can be thought of.
    pub fn text(&self) -> io::Result<FactsText<'_>> {
        let manifests = &self.manifests;
        let (open, close): (&[u8], &[u8]) = if manifests.is_empty() { (b"[", b"]") } else { (b"[\n    ", b"\n  ]") };
        let before = Packed::written(LEVEL, |out| {
            write_json(Unclosed { out, held: Vec::new() }, &self.before())?;
            out.write_all(b",\n  \"manifests\": ")?;
            out.write_all(open)
        })?;
        let after = Packed::written(LEVEL, |out| {
            out.write_all(close)?;
            out.write_all(b",")?;
            write_json(Unopened { out, is_open: false }, &self.after())?;
            out.write_all(b"\n")
        })?;
        Ok(FactsText { before, manifests, between: Packed::of(b",\n    "), after })
    }

    fn before(&self) -> Before<'_> {
        Before {
            schema_version: &self.schema_version,
            kind: &self.kind,
            complete: self.complete,
            run: &self.run,
            source: &self.source,
            redaction: &self.redaction,
            nodes: self.nodes.as_deref(),
            images: &self.images,
        }
    }

    fn after(&self) -> After<'_> {
        After {
            unused_on_nodes: self.unused_on_nodes.as_deref(),
            findings: &self.findings,
            gaps: &self.gaps,
            summary: &self.summary,
        }
    }
}

impl FactsText<'_> {
    /// How many bytes it has.
    pub fn len(&self) -> u64 {
        let between = self.between.len() * self.manifests.len().saturating_sub(1);
        (self.before.len() + between + self.after.len()) as u64 + self.manifests.text_len()
    }

    /// Whether it is empty: never.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Writes it.
    ///
    /// # Errors
    /// Those of `out`, and of the file that holds what there was no room for in memory.
    pub fn write(&self, out: &mut dyn Splice) -> io::Result<()> {
        out.splice(&self.before)?;
        for (at, manifest) in self.manifests.manifests.iter().enumerate() {
            if at > 0 {
                out.splice(&self.between)?;
            }
            self.manifests.write(manifest, out)?;
        }
        out.splice(&self.after)
    }
}

fn write_json(out: impl Write, value: &impl Serialize) -> io::Result<()> {
    // JSON is written in the smallest of pieces.
    let mut out = BufWriter::new(out);
    indented::write(&mut out, value)?;
    out.flush()
}

/// Leaves an object's last line out: its brace.
struct Unclosed<'a> {
    out: &'a mut dyn Write,
    /// the last bytes so far, which may be that line
    held: Vec<u8>,
}

/// Leaves an object's first byte out: its brace.
struct Unopened<'a> {
    out: &'a mut dyn Write,
    is_open: bool,
}

/// Bytes that close an object in indented JSON.
const LAST_LINE: usize = "\n}".len();

impl Write for Unclosed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (now, later) = bytes.split_at(bytes.len().saturating_sub(LAST_LINE));
        let over = (self.held.len() + later.len()).saturating_sub(LAST_LINE);
        self.out.write_all(self.held.get(..over).unwrap_or_default())?;
        self.held.drain(..over);
        self.out.write_all(now)?;
        self.held.extend(later);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Write for Unopened<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let skipped = usize::from(!std::mem::replace(&mut self.is_open, true));
        self.out.write_all(bytes.get(skipped..).unwrap_or_default())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
