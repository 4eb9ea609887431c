//! One JSON object a line, for programs. The line's type is the only source of `schema/progress.v1.schema.json`.

use std::io::Write;
use std::sync::{Mutex, PoisonError};

use schemars::JsonSchema;
use serde::Serialize;

use crate::clock::Clock;
use crate::clock::Time;
use crate::event::{Event, Sink};

/// The version of the lines' format: a higher one would not be understood by today's readers.
const VERSION: u8 = 1;

/// A line of `--progress json`: an event, when it happened, and the version of this format.
///
/// Readers ignore events and fields that they do not know. The last line is `finished` or `failed`.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "ProgressLine")]
struct Line<'a> {
    /// the version of this format
    #[schemars(extend("const" = VERSION))]
    v: u8,
    /// when it happened
    time: Time,
    /// what happened
    #[serde(flatten)]
    event: &'a Event,
}

/// Writes each event as a line of JSON, and flushes after each.
pub struct Json<W> {
    clock: Clock,
    out: Mutex<W>,
}

impl<W: Write> Json<W> {
    /// Lines to `out`.
    pub fn new(out: W, clock: Clock) -> Self {
        Self { clock, out: Mutex::new(out) }
    }
}

impl<W: Write + Send> Sink for Json<W> {
    fn emit(&self, event: &Event) {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        let line = Line { v: VERSION, time: Time(self.clock.now()), event };
        match serde_json::to_vec(&line) {
            Ok(mut line) => {
                line.push(b'\n');
                // A reader that went away must not end the run.
                let _ = out.write_all(&line).and_then(|()| out.flush());
            }
            Err(error) => tracing::debug!(%error, "an event could not be written as JSON"),
        }
    }
}

/// The JSON Schema of a line, as committed.
pub fn schema() -> serde_json::Value {
    // A test holds that it is JSON, and what the line's type says.
    serde_json::from_str(include_str!("../../schema/progress.v1.schema.json")).unwrap_or_default()
}

/// The same from the line's type.
#[cfg(test)]
pub(super) fn schema_of_types() -> schemars::Schema {
    schemars::generate::SchemaSettings::draft2020_12()
        .for_serialize()
        .into_generator()
        .into_root_schema_for::<Line<'_>>()
}
