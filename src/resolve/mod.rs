//! Image uses in, resolved images out.

mod answer;

pub use answer::*;
