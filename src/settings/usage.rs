//! Which flags do not go together. Only what was typed is held against the user: a variable that the environment
//! sets for every run loses against a flag without a word.

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, CommandFactory};

use crate::cli::{Cli, FallbackArg, FallbackArgs, LimitArgs, RegistryArgs};

/// Pairs of flags that contradict each other.
const CONFLICTS: &[(&str, &str)] = &[
    ("all_namespaces", "namespace"),
    ("platform", "all_platforms"),
    ("cache_dir", "no_cache"),
    ("from", "kubeconfig"),
    ("from", "context"),
    ("from", "impersonate"),
    ("from", "impersonate_groups"),
];

/// Flags that need another, each with the one that it needs.
const PAIRS: &[(&str, &str)] = &[
    ("image_credential_provider_config", "image_credential_provider_bin_dir"),
    ("image_credential_provider_bin_dir", "image_credential_provider_config"),
];

/// Refuses combinations of flags that contradict each other, or that would do nothing.
pub(super) fn check(matches: &ArgMatches) -> Result<(), clap::Error> {
    let Some((name, matches)) = command(matches) else { return Ok(()) };
    let typed = |id: &str| {
        matches.ids().any(|known| known.as_str() == id) && matches.value_source(id) == Some(ValueSource::CommandLine)
    };
    if let Some((a, b)) = CONFLICTS.iter().find(|(a, b)| typed(a) && typed(b)) {
        let message = format!("{} cannot be used with {}", flag(name, a), flag(name, b));
        return Err(error(name, ErrorKind::ArgumentConflict, message));
    }
    if typed("impersonate_groups") && !is_set(matches, "impersonate") {
        let message = "--as-group needs --as USER: the API server takes groups only together with a user".to_owned();
        return Err(error(name, ErrorKind::MissingRequiredArgument, message));
    }
    let is_cached = || matches.get_one::<FallbackArg>("fallback") == Some(&FallbackArg::Cached);
    if typed("fallback") && typed("no_cache") && is_cached() {
        let message =
            "--fallback cached cannot be used with --no-cache: there would be nothing to fall back to".to_owned();
        return Err(error(name, ErrorKind::ArgumentConflict, message));
    }
    let is_set = |id: &str| is_set(matches, id);
    if let Some((given, missing)) = PAIRS.iter().find(|(a, b)| is_set(a) && !is_set(b)) {
        let message = format!("{} needs {}", flag(name, given), flag(name, missing));
        return Err(error(name, ErrorKind::MissingRequiredArgument, message));
    }
    let asks_registries = name != "collect" || matches.get_flag("include_images");
    if let Some(id) = registry_flags().into_iter().find(|id| !asks_registries && typed(id)) {
        let message = format!("{} needs --include-images: without it no registry is asked", flag(name, &id));
        return Err(error(name, ErrorKind::MissingRequiredArgument, message));
    }
    Ok(())
}

/// The command that was typed, which may stand within a group, and its flags.
pub(super) fn command(matches: &ArgMatches) -> Option<(&str, &ArgMatches)> {
    let (name, matches) = matches.subcommand()?;
    command(matches).or(Some((name, matches)))
}

fn is_set(matches: &ArgMatches, id: &str) -> bool {
    matches.ids().any(|known| known.as_str() == id) && matches.value_source(id).is_some()
}

/// The ids of the flags that only matter when registries are asked.
fn registry_flags() -> Vec<String> {
    let command = FallbackArgs::augment_args(LimitArgs::augment_args(RegistryArgs::augment_args(Command::new("x"))));
    command.get_arguments().map(|arg| arg.get_id().to_string()).collect()
}

/// How a flag is typed.
fn flag(command: &str, id: &str) -> String {
    let cli = Cli::command();
    let long = cli.find_subcommand(command).and_then(|command| {
        command.get_arguments().find(|arg| arg.get_id() == id).and_then(|arg| arg.get_long().map(str::to_owned))
    });
    format!("--{}", long.unwrap_or_else(|| id.replace('_', "-")))
}

fn error(subcommand: &str, kind: ErrorKind, message: String) -> clap::Error {
    let mut cli = Cli::command();
    cli.build();
    match cli.find_subcommand_mut(subcommand) {
        Some(command) => command.error(kind, message),
        None => cli.error(kind, message),
    }
}
