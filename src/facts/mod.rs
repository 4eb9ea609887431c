//! The facts: the document, and how it is put together from what was discovered and resolved. Pure.
//!
//! 1. [`assemble`] makes the document, with what is wrong in it ([`document::Finding`]).
//! 2. [`redact::redact`] masks its secrets. Nothing may be shown or written before.
//! 3. [`validate::Validator`] holds it against its schema and its own rules. A [`Sealer`] does both for each manifest while
//!    others are still fetched, and keeps what is to be written of it; [`seal()`] does the rest.
//! 4. [`analysis::analysis`] and [`text::summary_text`] tell the same to others' viewers and to a person.
//! 5. [`read::read`] reads it back, also what a newer 1.x wrote.

pub mod analysis;
mod assemble;
#[cfg(test)]
mod docs;
pub mod document;
mod findings;
#[cfg(test)]
mod fixture;
pub mod read;
pub mod redact;
mod rules;
pub mod schema;
mod seal;
pub mod text;
pub mod validate;
mod write;

pub(crate) use assemble::summarize;
pub use assemble::{Assembled, Manifests, Origin, RunContext, assemble};
pub use seal::{Sealer, seal};
pub use write::{FactsText, PackedManifests};
