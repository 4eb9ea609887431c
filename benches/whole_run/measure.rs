//! What a process costs, from its start to its end, as the system counts it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Instant, SystemTime};

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;
use wait4::Wait4 as _;

use crate::control::microseconds;

/// How much of a failed process's words is shown.
const LINES: usize = 8;

/// What a process cost.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Cost {
    /// seconds
    pub(crate) wall: f64,
    /// seconds on all processors, in the program and in the system
    pub(crate) cpu: f64,
    /// the most bytes that were resident
    pub(crate) peak: u64,
    /// when it ended, in microseconds since 1970
    pub(crate) ended: u64,
}

/// The path of this program, which is a server or a bare client too.
pub(crate) fn this_program() -> Result<PathBuf> {
    std::env::current_exe().context("where this program lies")
}

/// Runs `command`, whose words go to `log`, to its end.
pub(crate) fn run(command: &mut Command, log: &Path) -> Result<Cost> {
    together(&mut [command], log)
}

/// Runs `commands` side by side until the last has ended. The peak is that of the largest.
pub(crate) fn together(commands: &mut [&mut Command], log: &Path) -> Result<Cost> {
    let words = File::create(log)?;
    let started = Instant::now();
    let processes = commands.iter_mut().map(|command| {
        let process = command.stdout(words.try_clone()?).stderr(words.try_clone()?).spawn();
        process.with_context(|| format!("starting {:?}", command.get_program()))
    });
    let mut processes: Vec<Child> = processes.collect::<Result<_>>()?;
    let mut cost = Cost::default();
    for process in &mut processes {
        let used = process.wait4()?;
        ensure!(used.status.success(), "{}: {}", used.status, last_lines(log)?);
        cost.cpu += (used.rusage.utime + used.rusage.stime).as_secs_f64();
        cost.peak = cost.peak.max(used.rusage.maxrss);
    }
    Ok(Cost { wall: started.elapsed().as_secs_f64(), ended: microseconds(SystemTime::now()), ..cost })
}

/// As much of what a process said as helps.
fn last_lines(log: &Path) -> Result<String> {
    let log = std::fs::read_to_string(log)?;
    let lines: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
    Ok(lines.iter().rev().take(LINES).rev().copied().collect::<Vec<_>>().join("\n"))
}
