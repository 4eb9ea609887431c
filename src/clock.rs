//! The clock that a run goes by, so that a fixed one gives byte-identical bundles.

use std::time::Instant;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where the time comes from. It is handed to whoever needs it; nothing else asks the system.
#[derive(Debug, Clone, Copy)]
pub enum Clock {
    /// The system's.
    System,
    /// Always the same moment; no time passes.
    Fixed(Timestamp),
}

/// A moment as documents and events hold it: RFC 3339 in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Time(#[schemars(with = "String", extend("format" = "date-time"))] pub Timestamp);

/// Measures how long something takes.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Option<Instant>);

impl Clock {
    /// The time, cut to milliseconds.
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the system")]
    pub fn now(self) -> Timestamp {
        let now = match self {
            Self::System => Timestamp::now(),
            Self::Fixed(at) => at,
        };
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }

    /// Starts a stopwatch; a fixed clock's always shows 0.
    pub fn start(self) -> Stopwatch {
        Stopwatch(match self {
            Self::System => Some(Instant::now()),
            Self::Fixed(_) => None,
        })
    }
}

impl Stopwatch {
    /// Milliseconds since the start.
    pub fn elapsed_ms(self) -> u64 {
        self.0.map_or(0, |start| u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX))
    }
}
