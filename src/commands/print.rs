//! What commands print: results to stdout, errors to stderr.

use std::io::{self, Write};

use anyhow::Context;

use crate::text;

/// Prints a result to stdout. That its reader has gone away is no error.
pub(super) fn result(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error).context("stdout cannot be written"),
        _ => Ok(()),
    }
}

/// Prints why nothing was done, to stderr.
pub(super) fn error(error: &anyhow::Error) {
    message(&format!("error: {error:#}"));
}

/// Prints a message to stderr, cleaned of what could harm a terminal.
pub(super) fn message(line: &str) {
    // Without stderr there is nobody to tell.
    let _ = writeln!(io::stderr(), "{}", text::clean(line));
}
