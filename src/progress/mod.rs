//! Shows what happens: a bar for people, lines for logs, JSON lines for programs, or nothing.
//!
//! Every sink is fed the same events and knows nothing else of the run. A reader that goes away (a closed pipe) never ends
//! the run: what cannot be shown is not shown.
//!
//! No sink shows the bundle's path or the message of a run that failed, except as JSON: the path is the run's result and
//! belongs to stdout, and an error that ends the program is told by the program, with or without a sink.

mod console;
mod json;
mod lines;
mod plain;
mod relay;
mod summary;
#[cfg(test)]
mod tests;

pub use console::Console;
pub use json::{Json, schema};
pub use plain::Plain;
pub use relay::Relay;

use std::io::{self, IsTerminal, stderr, stdout};
use std::sync::Arc;

use crate::clock::Clock;
use crate::event::{Event, Sink};
use lines::Paint;

/// How progress is shown (`--progress`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ProgressMode {
    /// console when stderr is a terminal, else plain
    #[default]
    Auto,
    /// a bar that is drawn over and over; plain where stderr is no terminal
    Console,
    /// lines without control sequences, for logs
    Plain,
    /// one JSON object a line, for programs
    Json,
    /// nothing
    None,
}

/// Where JSON lines go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonTarget {
    /// the usual place
    Stdout,
    /// when stdout carries the bundle
    Stderr,
}

/// The sink for `mode`, and the relay that it writes through, if it writes lines. `quiet` silences what is meant for
/// people; JSON that was asked for by name stays.
///
/// # Errors
/// When no thread can be started to write on.
pub fn sink(
    mode: ProgressMode,
    quiet: bool,
    clock: Clock,
    json: JsonTarget,
) -> io::Result<(Arc<dyn Sink>, Option<Relay>)> {
    Ok(match mode {
        ProgressMode::Json => {
            let relay = match json {
                JsonTarget::Stdout => Relay::to(stdout())?,
                JsonTarget::Stderr => Relay::to(stderr())?,
            };
            (Arc::new(Json::new(relay.clone(), clock)), Some(relay))
        }
        ProgressMode::None => (Arc::new(Silent), None),
        _ if quiet => (Arc::new(Silent), None),
        ProgressMode::Auto | ProgressMode::Console if can_redraw() => (Arc::new(Console::stderr(clock)), None),
        ProgressMode::Auto | ProgressMode::Console | ProgressMode::Plain => {
            let relay = Relay::to(stderr())?;
            (Arc::new(Plain::new(relay.clone(), clock).painted(Paint::for_stderr())), Some(relay))
        }
    })
}

/// Whether stderr is a terminal that can move its cursor (terminfo: a dumb one cannot).
fn can_redraw() -> bool {
    stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Shows nothing.
struct Silent;

impl Sink for Silent {
    fn emit(&self, _: &Event) {}
}
