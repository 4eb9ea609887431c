//! The facts: the document, and how it is put together from what was discovered and resolved. Pure.

pub mod document;
