//! The commands that read finished bundles.

use std::fmt::Display;
use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::ReportFormat;
use crate::vocabulary::{FindingCode, ImageStatus, Severity};

/// Show what is in a bundle.
///
/// Without a section: a page with the counts, the worst findings with their remedies, failed images, and what could not
/// be looked at.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  imagefacts show support-bundle.tar.gz
  imagefacts show support-bundle.tar.gz --namespace shop --severity error
  imagefacts show support-bundle.tar.gz --images --status failed --status partial
  imagefacts show support-bundle.tar.gz --findings -o json | jq -r '.findings[].remedy'
  imagefacts show support-bundle.tar.gz --layers

Exit codes:
  0 shown    1 it could not be read    2 wrong usage")]
pub struct ShowArgs {
    /// A bundle (.tar.gz), or a facts.json; - for stdin
    #[arg(value_name = "BUNDLE|facts.json")]
    pub path: PathBuf,
    /// Which part
    #[command(flatten)]
    pub section: SectionArgs,
    /// What of it
    #[command(flatten)]
    pub filter: FilterArgs,
    /// As a table for a person, or as JSON
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: ReportFormat,
}

/// Which part of a bundle.
#[derive(Debug, Args)]
#[group(multiple = false)]
#[command(next_help_heading = "Sections")]
pub struct SectionArgs {
    /// The images, those with the worst findings first
    #[arg(long)]
    pub images: bool,
    /// The findings, worst first
    #[arg(long)]
    pub findings: bool,
    /// The layers that images share, and the bases below several images
    #[arg(long)]
    pub layers: bool,
}

/// Which images and findings.
#[derive(Debug, Args)]
#[command(next_help_heading = "Filters")]
pub struct FilterArgs {
    /// Only what is used in this namespace (repeatable)
    #[arg(short, long, value_name = "NS", env = "IMAGEFACTS_NAMESPACE", value_delimiter = ',')]
    pub namespace: Vec<String>,
    /// Only images of this registry, such as ghcr.io (repeatable)
    #[arg(long, value_name = "HOST", env = "IMAGEFACTS_REGISTRY", value_delimiter = ',')]
    pub registry: Vec<String>,
    /// Only images that were resolved this far (repeatable)
    #[arg(long, value_parser = word(ImageStatus::ALL), env = "IMAGEFACTS_STATUS", value_delimiter = ',')]
    pub status: Vec<ImageStatus>,
    /// Only this finding, and the images that it is about (repeatable)
    #[arg(long, value_name = "CODE", value_parser = word(FindingCode::ALL), hide_possible_values = true,
          env = "IMAGEFACTS_FINDING", value_delimiter = ',')]
    pub finding: Vec<FindingCode>,
    /// Only findings that matter this much, and the images that they are about (repeatable)
    #[arg(long, value_parser = word(Severity::ALL), env = "IMAGEFACTS_SEVERITY", value_delimiter = ',')]
    pub severity: Vec<Severity>,
}

/// Compare two bundles.
///
/// Tells which images came and went, which tags name or run another digest than before and what is different in it, which
/// workloads run other images, and which findings came and went. What differs between any two runs (times, durations,
/// requests) is never compared.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  imagefacts diff yesterday.tar.gz today.tar.gz
  imagefacts diff yesterday.tar.gz today.tar.gz -o json | jq '.workloads'
  imagefacts diff before.tar.gz after.tar.gz > /dev/null && echo 'nothing changed'

Exit codes:
  0 no difference    1 one could not be read    2 wrong usage    3 they differ")]
pub struct DiffArgs {
    /// The older bundle (.tar.gz), or facts.json
    #[arg(value_name = "OLD")]
    pub old: PathBuf,
    /// The newer bundle (.tar.gz), or facts.json
    #[arg(value_name = "NEW")]
    pub new: PathBuf,
    /// As a table for a person, or as JSON
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: ReportFormat,
}

/// Tell where bytes are spent, and what could be saved.
///
/// For each image its bytes, the nodes that hold it, how often it is pulled a day (as the cluster's events tell), what that
/// transfers and costs; then what could be saved, and how. With -o json each figure stands beside what it was computed from.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  imagefacts optimize support-bundle.tar.gz
  imagefacts optimize support-bundle.tar.gz --pulls-per-day 20 --cost-per-gib 0.09
  imagefacts optimize support-bundle.tar.gz -o json | jq '.savings[0]'

Exit codes:
  0 done    1 it could not be read    2 wrong usage")]
pub struct OptimizeArgs {
    /// A bundle (.tar.gz), or a facts.json; - for stdin
    #[arg(value_name = "BUNDLE|facts.json")]
    pub path: PathBuf,
    /// Assume that each image in use is pulled so often a day, in place of what events tell
    #[arg(long, value_name = "N", env = "IMAGEFACTS_PULLS_PER_DAY")]
    pub pulls_per_day: Option<u32>,
    /// What it costs to transfer a GiB (2^30 bytes), in any currency
    #[arg(long, value_name = "X", env = "IMAGEFACTS_COST_PER_GIB", value_parser = cost)]
    pub cost_per_gib: Option<f64>,
    /// As a table for a person, or as JSON
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: ReportFormat,
}

/// Reads a word of a public list, as it stands in facts.
fn word<T: Copy + Display + Send + Sync + 'static>(all: &'static [T]) -> impl TypedValueParser<Value = T> {
    let words: Vec<String> = all.iter().map(T::to_string).collect();
    PossibleValuesParser::new(words)
        .try_map(move |text| all.iter().copied().find(|word| word.to_string() == text).ok_or("it is not in the list"))
}

fn cost(text: &str) -> Result<f64, String> {
    let cost = text.parse().ok().filter(|cost: &f64| cost.is_finite() && *cost >= 0.0);
    cost.ok_or_else(|| "expected a number from 0 on, such as 0.09".to_owned())
}
