//! How the run went: phases, requests, versions, settings.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde_with::skip_serializing_none;

use crate::facts::document::{Generator, RegistryRun, Time};
use crate::text::{clean, columns, duration};

/// What `execution-data/collection.json` says. As text it is `execution-data/summary.txt`.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Collection {
    /// the program that ran
    pub generator: Generator,
    /// when it began
    pub started_at: Time,
    /// milliseconds from start to the writing of the bundle
    pub duration_ms: u64,
    /// why it ended early, as in the `finished` event
    pub reason: Option<String>,
    /// in the order in which they began; they may overlap
    pub phases: Vec<Phase>,
    /// the registries that were asked, sorted by host
    pub registries: Vec<RegistryRun>,
    /// the settings that the run went by, under the long flags' names; never a secret
    pub settings: BTreeMap<String, serde_json::Value>,
}

/// A part of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Phase {
    /// `discover`, `resolve`, …
    pub name: &'static str,
    /// milliseconds from the start of the run
    pub start_ms: u64,
    /// milliseconds; of the writing until this was written, as the last of the bundle's files that take time
    pub duration_ms: u64,
}

impl fmt::Display for Collection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {}", self.generator.name, self.generator.version)?;
        writeln!(f, "started {}, took {}", self.started_at.0, duration(self.duration_ms))?;
        if let Some(reason) = &self.reason {
            writeln!(f, "ended early: {}", clean(reason))?;
        }
        let phases = self
            .phases
            .iter()
            .map(|phase| vec![phase.name.to_owned(), duration(phase.start_ms), duration(phase.duration_ms)]);
        section(f, &["PHASE", "AFTER", "DURATION"], phases)?;
        section(
            f,
            &["REGISTRY", "REFERENCES", "FAILED", "REQUESTS", "LIMIT", "LEFT"],
            self.registries.iter().map(row),
        )?;
        let settings =
            self.settings.iter().map(|(name, value)| vec![name.clone(), clean(&value.to_string()).into_owned()]);
        section(f, &["SETTING", "VALUE"], settings)
    }
}

/// A table, unless it would have no rows.
fn section(f: &mut fmt::Formatter<'_>, head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> fmt::Result {
    let mut table = vec![head.iter().map(|&title| title.to_owned()).collect()];
    table.extend(rows);
    if table.len() > 1 { write!(f, "\n{}", columns(&table)) } else { Ok(()) }
}

fn row(registry: &RegistryRun) -> Vec<String> {
    let RegistryRun { host, references, failed, requests, rate_limit } = registry;
    let quota = |amount: fn(&crate::facts::document::RateLimit) -> u64| {
        rate_limit.as_ref().map_or_else(|| "-".to_owned(), |limit| amount(limit).to_string())
    };
    vec![
        clean(host).into_owned(),
        references.to_string(),
        failed.to_string(),
        requests.to_string(),
        quota(|limit| limit.limit),
        quota(|limit| limit.remaining),
    ]
}
