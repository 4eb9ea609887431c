//! The support bundle: written whole or not at all, the same bytes for the same contents, and read back.

mod archive;
mod contents;
mod destination;
mod error;
mod execution;
mod gzip;
mod read;
#[cfg(test)]
mod tests;

pub use contents::Contents;
pub use destination::{Destination, Unfinished, Written};
pub use error::{ReadError, WriteError};
pub use execution::{Collection, Phase};
pub use read::{FactsFile, read};
