//! Writes a document whose manifests are packed: as the whole would be, but without unpacking any.

use std::io::{self, Write};

use serde::Serialize;
use serde_with::skip_serializing_none;

use super::document::{Finding, Gap, Image, ImageFacts, Node, Redaction, Run, Source, Summary, UnusedImage};
use super::seal::{CLOSE, PackedManifests};
use crate::packed::{Packed, Splice};

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
    images: &'a [Image],
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

impl ImageFacts<PackedManifests> {
    /// Writes the document as indented JSON and a line's end.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&self, out: &mut dyn Splice) -> io::Result<()> {
        let before = Before {
            schema_version: &self.schema_version,
            kind: &self.kind,
            complete: self.complete,
            run: &self.run,
            source: &self.source,
            redaction: &self.redaction,
            nodes: self.nodes.as_deref(),
            images: &self.images,
        };
        let after = After {
            unused_on_nodes: self.unused_on_nodes.as_deref(),
            findings: &self.findings,
            gaps: &self.gaps,
            summary: &self.summary,
        };
        serde_json::to_writer_pretty(Unclosed { out, held: Vec::new() }, &before)?;
        out.write_all(b",\n  \"manifests\": ")?;
        write_manifests(&self.manifests, out)?;
        out.write_all(b",")?;
        serde_json::to_writer_pretty(Unopened { out, is_open: false }, &after)?;
        out.write_all(b"\n")
    }
}

fn write_manifests(manifests: &PackedManifests, out: &mut dyn Splice) -> io::Result<()> {
    let (close, between) = (Packed::of(CLOSE), Packed::of(b",\n    "));
    let mut is_first = true;
    for pieces in manifests.iter(&close) {
        match is_first {
            true => out.write_all(b"[\n    ")?,
            false => out.splice(&between)?,
        }
        is_first = false;
        for piece in pieces {
            out.splice(piece)?;
        }
    }
    out.write_all(if is_first { b"[]".as_slice() } else { b"\n  ]" })
}

/// Leaves an object's last line out: its brace.
struct Unclosed<'a> {
    out: &'a mut dyn Splice,
    /// the last bytes so far, which may be that line
    held: Vec<u8>,
}

/// Leaves an object's first byte out: its brace.
struct Unopened<'a> {
    out: &'a mut dyn Splice,
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
