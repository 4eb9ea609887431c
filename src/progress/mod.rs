//! The sinks that show events: a console, plain lines, JSON lines.
