//! The domain: references, digests, platforms, and documents as parsed from raw bytes. No I/O, no clock.

mod attachment;
mod config;
mod digest;
mod failure;
mod manifest;
mod media_type;
mod outline;
mod platform;
mod reference;
mod shape;

pub use attachment::attachment_kind;
pub use config::{History, ImageConfig, moment};
pub use digest::{Digest, InvalidDigest, Verifier};
pub use failure::Failure;
pub use manifest::{Descriptor, Document, Index, IndexEntry, InvalidDocument, LegacyManifest, Manifest};
pub use media_type::MediaType;
pub use outline::{ConfigOutline, ImageOutline, LayerOutline, Outline};
pub use platform::{InvalidPlatform, NodePlatform, Platform};
pub use reference::{InvalidReference, Reference, Repository};
