//! What `-v` shows: our own log lines, on stderr.
//!
//! The libraries' lines are left out on purpose: some show headers, which hold credentials. Ours may quote what a server said,
//! and are masked as everything else is.

use std::io::{self, Write};

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::facts::redact::hidden;
use crate::progress::Relay;

/// Starts the log for so many `-v`. That of a run is written by a relay: who does not read it holds up nothing.
pub(super) fn start(verbose: u8, is_run: bool) -> Option<Relay> {
    let level = match verbose {
        0 => return None,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    // Without a thread of its own it is written by whoever logs.
    let relay = is_run.then(|| Relay::to(io::stderr()).ok()).flatten();
    let to = relay.clone();
    let lines = tracing_subscriber::fmt::layer().with_writer(move || MaskedLines(to.clone()));
    let lines = lines.with_ansi(false).with_target(false);
    let ours = Targets::new().with_target(env!("CARGO_CRATE_NAME"), level);
    // Fails only when a log was started already, which then serves.
    let _ = tracing_subscriber::registry().with(lines).with(ours).try_init();
    relay
}

/// Stderr, to which whole lines are written.
struct MaskedLines(Option<Relay>);

impl Write for MaskedLines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let hidden = hidden(&String::from_utf8_lossy(line));
        match &mut self.0 {
            Some(relay) => relay.write_all(hidden.as_bytes())?,
            None => io::stderr().write_all(hidden.as_bytes())?,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
