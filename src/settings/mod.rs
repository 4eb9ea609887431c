//! Flags and environment, resolved once into immutable settings that everything else reads.

mod cache;
mod certs_dir;
mod check;
mod config;
mod entry;
mod hosts_toml;
mod registries;
mod registries_conf;
mod registry;
mod usage;
mod words;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::{CommandFactory, FromArgMatches};

pub use cache::cache_directory;
pub use check::CheckSettings;
use config::Config;
pub use config::ConfigError;
pub use registries::RegistryTable;
pub use registry::RegistrySettings;

use crate::cli::{Cli, CollectArgs, InspectArgs, LimitArgs, PlatformArgs, RegistryArgs, ScopeArgs};
use crate::clock::Clock;
use crate::limits::Limits;
use crate::progress::ProgressMode;
use crate::resolve::Fallback;
use crate::vocabulary::RedactionMode;

/// The variable that fixes the clock.
pub const SOURCE_DATE_EPOCH: &str = "SOURCE_DATE_EPOCH";

/// The environment, as it was when the program started.
pub type Environment = BTreeMap<String, String>;

/// What was typed, with the configuration file's values where nothing was.
#[derive(Debug)]
pub struct Invocation {
    /// the command and its flags
    pub cli: Cli,
    /// what the configuration file says of single registries, by host
    pub registries: BTreeMap<String, RegistryTable>,
}

/// Why the program cannot start.
#[derive(Debug, thiserror::Error)]
pub enum UsageError {
    /// help, version, or what is wrong with the command line
    #[error(transparent)]
    CommandLine(#[from] clap::Error),
    /// what is wrong with the configuration file
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// Parses and checks the command line, the environment and the configuration file: the first that sets a flag counts.
///
/// # Errors
/// What clap prints (help, version, or what is wrong), or what is wrong with the configuration file.
pub fn parse(args: &[OsString], environment: &Environment) -> Result<Invocation, UsageError> {
    let plugin = args.first().is_some_and(|name| name.to_string_lossy().ends_with("kubectl-imagefacts"));
    let command = if plugin { Cli::command().bin_name("kubectl imagefacts") } else { Cli::command() };
    let mut matches = command.clone().try_get_matches_from(args)?;
    let mut config = Config::default();
    if let Some(file) = config_file(&matches, environment) {
        config = Config::read(&file, environment, &command)?;
        matches = config.apply(command).try_get_matches_from(args)?;
    }
    usage::check(&matches)?;
    Ok(Invocation { cli: Cli::from_arg_matches(&matches)?, registries: config.registries })
}

/// The configuration file of a command that takes one: what `--config` names, else the user's own.
fn config_file(matches: &clap::ArgMatches, environment: &Environment) -> Option<PathBuf> {
    let (_, matches) = usage::command(matches)?;
    let named = matches.try_get_one::<PathBuf>("config").ok()?;
    named.cloned().or_else(|| config::default_file(environment))
}

/// Reads the environment; what is no UTF-8 is left out, as no variable of ours can be.
pub fn environment() -> Environment {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// The clock of a run: fixed by `SOURCE_DATE_EPOCH` (<https://reproducible-builds.org/specs/source-date-epoch/>), which
/// makes bundles reproducible, else the system's.
///
/// # Errors
/// When the variable is set and no number of seconds.
pub fn clock(environment: &Environment) -> Result<Clock, String> {
    let Some(text) = environment.get(SOURCE_DATE_EPOCH) else { return Ok(Clock::System) };
    let seconds = text.parse().ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    seconds.map(Clock::Fixed).ok_or_else(|| {
        format!("SOURCE_DATE_EPOCH is {text:?}: expected seconds since 1970, such as 1767366245, or no such variable")
    })
}

/// Everything that decides how a cluster is collected.
#[derive(Debug, Clone)]
pub struct CollectSettings {
    /// whether registries are asked
    pub include_images: bool,
    /// where objects come from
    pub source: SourceSettings,
    /// only these namespaces; empty for all
    pub namespaces: Vec<String>,
    /// not these namespaces
    pub exclude_namespaces: Vec<String>,
    /// a label selector
    pub selector: Option<String>,
    /// whether images are looked for in custom resources
    pub custom_resources: bool,
    /// whether the pull secrets that pods name are read
    pub pull_secrets: bool,
    /// the platforms that were asked for; `None`: the nodes'
    pub platforms: Option<PlatformSettings>,
    /// how registries are reached
    pub registry: RegistrySettings,
    /// what the facts hold of an image that fails
    pub fallback: Fallback,
    /// the bounds
    pub limits: Limits,
    /// where to, and how to show it
    pub output: OutputSettings,
}

/// Where objects come from.
#[derive(Debug, Clone)]
pub enum SourceSettings {
    /// a live API server
    Cluster {
        /// the file; `None`: kubectl's rules
        kubeconfig: Option<PathBuf>,
        /// the context; `None`: the current one
        context: Option<String>,
        /// act as this user
        impersonate: Option<String>,
        /// act as a member of these groups
        impersonate_groups: Vec<String>,
    },
    /// files
    Files(Vec<PathBuf>),
}

/// The platforms that were asked for.
#[derive(Debug, Clone)]
pub enum PlatformSettings {
    /// each that an image offers
    All,
    /// these
    These(Vec<crate::image::Platform>),
}

/// Where to, and how to show it.
#[derive(Debug, Clone)]
pub struct OutputSettings {
    /// as typed
    pub output: Option<PathBuf>,
    /// the sink
    pub progress: ProgressMode,
    /// how secrets are masked
    pub redaction: RedactionMode,
    /// whether anything incomplete fails the run
    pub strict: bool,
}

impl CollectSettings {
    /// For the built-in sample: everything, with the usual bounds.
    pub fn for_sample(output: OutputSettings) -> Self {
        Self {
            include_images: true,
            source: SourceSettings::Files(Vec::new()),
            namespaces: Vec::new(),
            exclude_namespaces: Vec::new(),
            selector: None,
            custom_resources: true,
            pull_secrets: true,
            platforms: None,
            registry: RegistrySettings::new(
                RegistryArgs { no_cache: true, ..RegistryArgs::default() },
                BTreeMap::new(),
            ),
            fallback: Fallback::default(),
            limits: Limits::default(),
            output,
        }
    }

    /// What was typed, with what the configuration file says of registries.
    pub fn new(args: CollectArgs, hosts: BTreeMap<String, RegistryTable>) -> Self {
        let ScopeArgs { all_namespaces, namespace, exclude_namespace, selector, .. } = &args.scope;
        Self {
            include_images: args.include_images,
            // -A is typed; a namespace beside it can only come from the environment.
            namespaces: if *all_namespaces { Vec::new() } else { namespace.clone() },
            exclude_namespaces: exclude_namespace.clone(),
            selector: selector.clone(),
            custom_resources: !args.scope.no_custom_resources,
            pull_secrets: !args.scope.no_pull_secrets,
            source: args.scope.into(),
            platforms: args.platforms.into(),
            registry: RegistrySettings::new(args.registry, hosts),
            fallback: args.fallback.fallback.into(),
            limits: args.limits.into(),
            output: args.output.into(),
        }
    }
}

/// Everything that decides how images are looked at without a cluster.
#[derive(Debug, Clone)]
pub struct InspectSettings {
    /// the platforms that were asked for
    pub platforms: Option<PlatformSettings>,
    /// how secrets are masked
    pub redaction: RedactionMode,
    /// how registries are reached
    pub registry: RegistrySettings,
    /// the bounds
    pub limits: Limits,
}

impl InspectSettings {
    /// What was typed, with what the configuration file says of registries.
    pub fn new(args: InspectArgs, hosts: BTreeMap<String, RegistryTable>) -> Self {
        Self {
            platforms: args.platforms.into(),
            redaction: args.redact.into(),
            registry: RegistrySettings::new(args.registry, hosts),
            limits: args.limits.into(),
        }
    }
}

impl From<ScopeArgs> for SourceSettings {
    fn from(args: ScopeArgs) -> Self {
        if !args.from.is_empty() {
            return Self::Files(args.from);
        }
        Self::Cluster {
            kubeconfig: args.kubeconfig,
            context: args.context,
            impersonate: args.impersonate,
            impersonate_groups: args.impersonate_groups,
        }
    }
}

impl From<PlatformArgs> for Option<PlatformSettings> {
    fn from(args: PlatformArgs) -> Self {
        match (args.all_platforms, args.platform.is_empty()) {
            (true, _) => Some(PlatformSettings::All),
            (false, false) => Some(PlatformSettings::These(args.platform)),
            (false, true) => None,
        }
    }
}

impl From<LimitArgs> for Limits {
    fn from(args: LimitArgs) -> Self {
        let count = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
        Self {
            concurrency: count(args.concurrency),
            per_registry: args.per_registry.map(count),
            retries: args.retries,
            request_timeout: args.registry_timeout,
            image_timeout: args.image_timeout,
            run_timeout: args.timeout,
            ..Self::default()
        }
    }
}

impl From<crate::cli::OutputArgs> for OutputSettings {
    fn from(args: crate::cli::OutputArgs) -> Self {
        let redaction = args.redact.into();
        Self { output: args.output, progress: args.progress.into(), redaction, strict: args.strict }
    }
}

#[cfg(test)]
mod tests;
