//! How a server's process and the benchmark talk: the server says where it listens, and what it counted when asked.

use std::io::{BufRead as _, BufReader, Write as _, stdin, stdout};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::measure::this_program;

/// What a server counted.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Counts {
    pub(crate) connections: u64,
    pub(crate) requests: u64,
    /// of bodies, as sent
    pub(crate) bytes: u64,
    /// when the first request came, in microseconds since 1970
    pub(crate) first_request: u64,
    /// when the last answer was given, likewise
    pub(crate) last_answer: u64,
}

impl Counts {
    /// Seconds from the first request to the last answer.
    pub(crate) fn span(&self) -> Option<f64> {
        (self.requests > 0).then(|| self.last_answer.saturating_sub(self.first_request) as f64 / 1e6)
    }
}

/// What a server counts.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    connections: AtomicU64,
    requests: AtomicU64,
    bytes: AtomicU64,
    first_request: AtomicU64,
    last_answer: AtomicU64,
}

impl Tally {
    pub(crate) fn connected(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn asked(&self) {
        let now = microseconds(SystemTime::now());
        // It stays as it is but for the first.
        let _ = self.first_request.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed);
    }

    pub(crate) fn answered(&self, bytes: usize) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.last_answer.fetch_max(microseconds(SystemTime::now()), Ordering::Relaxed);
    }

    /// What was counted, from when on it counts anew.
    fn take(&self) -> Counts {
        let take = |counter: &AtomicU64| counter.swap(0, Ordering::Relaxed);
        Counts {
            connections: take(&self.connections),
            requests: take(&self.requests),
            bytes: take(&self.bytes),
            first_request: take(&self.first_request),
            last_answer: take(&self.last_answer),
        }
    }
}

/// Since 1970.
pub(crate) fn microseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// The server's side: says `hello`, and what was counted for each line of stdin, until its end.
pub(crate) fn attend(hello: &impl Serialize, tally: &Tally) -> Result<()> {
    say(hello)?;
    for line in stdin().lines() {
        line?;
        say(&tally.take())?;
    }
    Ok(())
}

fn say(what: &impl Serialize) -> Result<()> {
    let mut out = stdout().lock();
    serde_json::to_writer(&mut out, what)?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}

/// The benchmark's side: a server in a process of its own, which ends with this value.
pub(crate) struct Server {
    process: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Server {
    /// Starts this program in the role that `arguments` say, and returns its hello.
    pub(crate) fn start<T: DeserializeOwned>(arguments: &[String]) -> Result<(Self, T)> {
        let mut command = Command::new(this_program()?);
        let mut process = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let stdin = process.stdin.take().context("no stdin")?;
        let stdout = BufReader::new(process.stdout.take().context("no stdout")?);
        let mut server = Self { process, stdin, stdout };
        let hello = server.hear().with_context(|| format!("starting {arguments:?}"))?;
        Ok((server, hello))
    }

    /// What it counted since it was asked last.
    pub(crate) fn counts(&mut self) -> Result<Counts> {
        self.stdin.write_all(b"\n")?;
        self.hear()
    }

    fn hear<T: DeserializeOwned>(&mut self) -> Result<T> {
        let mut line = String::new();
        self.stdout.read_line(&mut line)?;
        Ok(serde_json::from_str(&line)?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
