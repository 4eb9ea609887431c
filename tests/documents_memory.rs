//! What documents take in memory that were described. Alone in its binary, as it counts every byte.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall end")]

#[path = "../benches/made_up/mod.rs"]
#[allow(dead_code, reason = "whole runs need more of it")]
mod made_up;

use std::ops::Range;
use std::sync::Arc;

use imagefacts::facts::Sealer;
use imagefacts::image::{Digest, Document, ImageConfig};
use imagefacts::resolve::{Looked, Whole};
use imagefacts::vocabulary::RedactionMode;
use peak_alloc::PeakAlloc;

use made_up::Shape;
use made_up::images::Image;

/// Large ones, so that few fill what is held in memory.
const SHAPE: Shape = Shape { layers: 100, multi_platform: 0 };

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// Seals the images of these numbers. Returns the bytes of the documents.
fn seal(sealer: &Sealer, images: Range<usize>) -> usize {
    let mut bytes = 0;
    for number in images {
        let image = Image::new(number, SHAPE);
        let (manifest, config) = &image.variants[0];
        bytes += manifest.bytes.len() + config.bytes.len();
        let (document, media_type) = Document::parse(&manifest.bytes, Some(manifest.media_type)).unwrap();
        let config = Some(Arc::new(ImageConfig::parse(&config.bytes).unwrap()));
        let whole = Whole { document: Arc::new(document), config };
        sealer.seal(Looked::new(Digest::parse(&manifest.digest).unwrap(), media_type, whole));
    }
    bytes
}

#[test]
fn of_many_documents_hardly_more_stays_in_memory_than_a_mark_for_each_layer() {
    let sealer = Sealer::new(RedactionMode::Default).unwrap();
    let before = HEAP.current_usage();
    let few = seal(&sealer, 0..100);
    let held = HEAP.current_usage() - before;
    assert!(held > few / 6, "{held} bytes of documents of {few}, which should be held in memory");
    let all = few + seal(&sealer, 100..450);
    let held = HEAP.current_usage() - before;
    assert!(held < all / 8, "{held} bytes of documents of {all}");
}
