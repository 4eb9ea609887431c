//! Reports at 80 columns.
