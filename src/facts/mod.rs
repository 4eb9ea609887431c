//! The facts: the document, and how it is put together from what was discovered and resolved. Pure.

pub mod analysis;
mod assemble;
#[cfg(test)]
mod docs;
pub mod document;
mod findings;
#[cfg(test)]
mod fixture;
pub mod redact;
mod rules;
pub mod schema;
pub mod text;
pub mod validate;

pub use assemble::{Origin, RunContext, assemble};
