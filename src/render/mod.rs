//! Shows facts to people and programs.

mod json;
mod table;

pub use json::json;
pub use table::columns;
