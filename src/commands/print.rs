//! What commands print: results to stdout, errors to stderr.

use std::io::{self, Write};

use anyhow::Context;

use crate::facts::redact::hidden;
use crate::text;

/// The narrowest that a table is made for.
const NARROWEST: usize = 80;

/// How many columns a table may take: the terminal's, and 80 where stdout is none.
pub(super) fn width() -> usize {
    console::Term::stdout().size_checked().map_or(NARROWEST, |(_, columns)| columns.into()).max(NARROWEST)
}

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
    // It may quote a server, or a URL that was typed with a password in it.
    message(&format!("error: {}", hidden(&describe(error))));
}

/// What happened and why. Many of our errors tell their cause themselves; it is not said again then.
pub(super) fn describe(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |told, cause| match told.is_empty() {
        true => cause,
        false if told.contains(&cause) => told,
        false => format!("{told}: {cause}"),
    })
}

/// Prints a message to stderr, cleaned of what could harm a terminal.
pub(super) fn message(line: &str) {
    // Without stderr there is nobody to tell.
    let _ = writeln!(io::stderr(), "{}", text::clean(line));
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn a_cause_is_told_once() {
        let cause = || anyhow!("the disk is gone");
        assert_eq!(describe(&cause().context("cannot read x")), "cannot read x: the disk is gone");
        assert_eq!(
            describe(&cause().context("cannot read x: the disk is gone; mount it")),
            "cannot read x: the disk is gone; mount it"
        );
        assert_eq!(describe(&cause()), "the disk is gone");
    }
}
