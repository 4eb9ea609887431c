//! `imagefacts registry …`

use clap::{Args, Subcommand};

use super::{LimitArgs, RegistryArgs, ReportFormat};
use crate::check::Target;

/// Ask registries about themselves.
#[derive(Debug, Subcommand)]
#[expect(missing_docs, reason = "a comment here would take the place of the command's own help")]
pub enum RegistryCommand {
    Check(Box<CheckArgs>),
}

/// Check whether registries can be pulled from, with your own credentials.
///
/// Each server that would be asked for an image is looked at: the mirrors, then the registry itself. With a
/// repository, every credential that applies is tried on it until one is accepted. Nothing is pulled.
#[derive(Debug, Args)]
#[command(after_help = CHECK_EXAMPLES)]
pub struct CheckArgs {
    /// A registry, a repository in it, or an image
    #[arg(required = true, value_name = "HOST[/REPO]")]
    pub targets: Vec<Target>,
    /// As a list for a person, or as JSON
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: ReportFormat,
    /// How to reach registries
    #[command(flatten)]
    pub registry: RegistryArgs,
    /// How much, how often and how long
    #[command(flatten)]
    pub limits: LimitArgs,
}

const CHECK_EXAMPLES: &str = "\
Examples:
  imagefacts registry check ghcr.io
  imagefacts registry check docker.io/library/nginx ghcr.io/acme/web
  imagefacts registry check -o json harbor.example.com/team/app | jq '.registries[].endpoints[].access'

Exit codes:
  0 all can be pulled from    1 nothing was done    2 wrong usage    3 one cannot be pulled from";
