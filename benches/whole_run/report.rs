//! The table, and the file of all figures.

use std::fs::File;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use imagefacts::text::columns;

use crate::floor;
use crate::options::Options;
use crate::scenarios::{Row, Unit};
use crate::scene::Round;

/// What begins a block of text on a page.
const BLOCK: &str = "```text\n";
const HEADER: [&str; 10] = [
    "WHAT",
    "TIME",
    "BARE CLIENT",
    "RATIO",
    "AT REGISTRY",
    "CPU",
    "CPU OF EACH",
    "PEAK",
    "AFTER LAST ANSWER",
    "REQUESTS, BYTES",
];

/// Prints the table and writes the file that was asked for.
///
/// # Errors
/// When a file cannot be written, or what was measured did not do what it must.
pub(crate) fn write(options: &Options, rows: &[Row]) -> Result<()> {
    let header = HEADER.map(str::to_owned).to_vec();
    let table: Vec<_> = [header].into_iter().chain(rows.iter().map(cells)).collect();
    let table = columns(&table);
    let surroundings = surroundings(options)?;
    println!("{table}\n{surroundings}");
    if let Some(page) = &options.page {
        put(&format!("{table}\n{surroundings}\n"), page)?;
    }
    if let Some(path) = &options.json {
        serde_json::to_writer_pretty(File::create(path)?, rows)?;
    }
    let wrong: Vec<_> = rows.iter().filter_map(|row| Some(format!("{}: {}", row.what, row.wrong.as_ref()?))).collect();
    if !wrong.is_empty() {
        bail!("not as it must be:\n{}", wrong.join("\n"));
    }
    Ok(())
}

/// Puts `results` in the place of the first block of text of a page.
fn put(results: &str, page: &Path) -> Result<()> {
    let text = std::fs::read_to_string(page)?;
    let (before, rest) = text.split_once(BLOCK).context("no block of text on the page")?;
    let (_, after) = rest.split_once("```\n").context("a block without an end")?;
    Ok(std::fs::write(page, format!("{before}{BLOCK}{results}```\n{after}"))?)
}

fn surroundings(options: &Options) -> Result<String> {
    let bytes = std::fs::metadata(&options.program)?.len();
    let curl = if floor::is_curl_there() { "curl" } else { "a bare client of our own, as there is no curl" };
    Ok(format!(
        "medians of {} rounds on {} processors, over loopback\n\
         pages after {} ms, answers of the registry after {} ms\n\
         the registry's bare client is {curl}\n\
         the program has {}",
        options.rounds,
        std::thread::available_parallelism()?,
        options.page_ms,
        options.latency_ms,
        mebibytes(bytes as f64)
    ))
}

fn cells(row: &Row) -> Vec<String> {
    let cpu = row.median(|round| round.program.cpu);
    let each = match row.unit {
        Some(Unit::Images(count)) => cpu.map(|cpu| format!("{:.2} ms/image", cpu * 1e3 / count as f64)),
        Some(Unit::Pods(count)) => cpu.map(|cpu| format!("{:.1} µs/pod", cpu * 1e6 / count as f64)),
        None => None,
    };
    let cell = |value: Option<f64>, show: fn(f64) -> String| value.map_or_else(|| "-".to_owned(), show);
    vec![
        row.what.clone(),
        cell(row.median(|round| round.program.wall), seconds),
        cell(row.median_of_some(|round| Some(round.bare?.wall)), seconds),
        cell(row.median_of_some(|round| Some(round.program.wall / round.bare?.wall)), |ratio| format!("{ratio:.2}")),
        cell(row.median_of_some(at_registry), |ratio| format!("{ratio:.2}")),
        cell(cpu, seconds),
        each.unwrap_or_else(|| "-".to_owned()),
        cell(row.median(|round| round.program.peak as f64), mebibytes),
        cell(row.median_of_some(after_last_answer), seconds),
        requests(row),
    ]
}

/// How long the registry was busy with the program, beside how long it was with the bare client.
fn at_registry(round: &Round) -> Option<f64> {
    Some(round.registry.span()? / round.bare_registry.span()?)
}

/// Seconds from the last answer of a server to the end of the program.
fn after_last_answer(round: &Round) -> Option<f64> {
    let last = round.api.last_answer.max(round.registry.last_answer);
    (last > 0).then(|| round.program.ended.saturating_sub(last) as f64 / 1e6)
}

fn requests(row: &Row) -> String {
    let Some(Round { api, registry, .. }) = row.rounds.last() else { return "-".to_owned() };
    let both = [api, registry].into_iter().filter(|counts| counts.requests > 0);
    let told = both.map(|counts| format!("{} ({})", counts.requests, mebibytes(counts.bytes as f64)));
    let told: Vec<_> = told.collect();
    if told.is_empty() { "-".to_owned() } else { told.join(" + ") }
}

fn seconds(seconds: f64) -> String {
    if seconds < 1.0 { format!("{:.1} ms", seconds * 1e3) } else { format!("{seconds:.2} s") }
}

fn mebibytes(bytes: f64) -> String {
    format!("{:.1} MiB", bytes / f64::from(1 << 20))
}
