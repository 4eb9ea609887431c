//! The commands that read finished bundles.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::values::{cost, host, namespace, whole, word};
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
    #[arg(short, long, value_name = "NS", value_parser = namespace, env = "IMAGEFACTS_NAMESPACE", value_delimiter = ',')]
    pub namespace: Vec<String>,
    /// Only images of this registry, such as ghcr.io (repeatable)
    #[arg(long, value_name = "HOST", value_parser = host, env = "IMAGEFACTS_REGISTRY", value_delimiter = ',')]
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
    #[arg(long, value_name = "N", env = "IMAGEFACTS_PULLS_PER_DAY", value_parser = whole)]
    pub pulls_per_day: Option<u32>,
    /// What it costs to transfer a GiB (2^30 bytes), in any currency
    #[arg(long, value_name = "X", env = "IMAGEFACTS_COST_PER_GIB", value_parser = cost)]
    pub cost_per_gib: Option<f64>,
    /// As a table for a person, or as JSON
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: ReportFormat,
}

/// Check a bundle, or a facts.json, against the schema; says where and why it is not valid.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  imagefacts validate support-bundle-2026-11-20T15_10_00.tar.gz
  imagefacts collect --include-images -o - | imagefacts validate -

Exit codes:
  0 valid    1 it could not be read    2 wrong usage    3 not valid")]
pub struct ValidateArgs {
    /// A bundle (.tar.gz), or a facts.json; - for stdin
    #[arg(value_name = "BUNDLE|facts.json")]
    pub path: PathBuf,
}

/// The form of a report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// for a person
    #[default]
    Table,
    /// for a program
    Json,
}
