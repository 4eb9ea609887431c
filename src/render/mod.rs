//! Shows facts to people and programs.
//!
//! What is rendered here is text without control sequences; whatever came from outside is cleaned.

mod inspect;
mod json;

pub use inspect::inspect;
pub use json::json;
