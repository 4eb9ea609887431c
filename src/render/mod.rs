//! Shows facts to people and programs.
//!
//! What is rendered here is text without control sequences; whatever came from outside is cleaned.

mod check;
mod inspect;
mod json;

pub use check::{Marks, check};
pub use inspect::inspect;
pub use json::json;
