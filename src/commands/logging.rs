//! What `-v` shows: our own log lines, on stderr.
//!
//! The libraries' lines are left out on purpose: some show headers, which hold credentials. Ours may quote what a server said,
//! and are masked as everything else is.

use std::io::{self, Write};

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::facts::redact::hidden;

/// Starts the log for so many `-v`.
pub(super) fn start(verbose: u8) {
    let level = match verbose {
        0 => return,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let lines = tracing_subscriber::fmt::layer().with_writer(|| MaskedLines).with_ansi(false).with_target(false);
    let ours = Targets::new().with_target(env!("CARGO_CRATE_NAME"), level);
    // Fails only when a log was started already, which then serves.
    let _ = tracing_subscriber::registry().with(lines).with(ours).try_init();
}

/// Stderr, to which whole lines are written.
struct MaskedLines;

impl Write for MaskedLines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        io::stderr().write_all(hidden(&String::from_utf8_lossy(line)).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
