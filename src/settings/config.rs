//! The configuration file: its keys are the long flags' names, its values become their defaults.
//!
//! A value goes through the very parser that a typed one goes through, so that both accept the same.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use clap::builder::OsStr;
use clap::{Arg, ArgAction, Command};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Environment;
use super::registries::RegistryTable;

/// Flags that a configuration file cannot set: they choose it, or mean this one call.
const NOT_KEYS: &[&str] = &["config", "help", "version", "quiet", "verbose"];

/// A configuration file that cannot be used: names file, line and key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{}: {why}", file.display(), line.map(|line| format!(":{line}")).unwrap_or_default())]
pub struct ConfigError {
    /// the file
    pub file: PathBuf,
    /// counted from 1; absent when the whole file is concerned
    pub line: Option<usize>,
    /// what is wrong, with the key
    pub why: String,
}

/// What a configuration file says, checked.
#[derive(Debug, Default)]
pub(super) struct Config {
    /// by the flag's long name
    defaults: BTreeMap<String, Vec<String>>,
    /// by host
    pub(super) registries: BTreeMap<String, RegistryTable>,
}

/// A file while it is read: knows where a span stands.
pub(super) struct Source<'a> {
    pub(super) file: &'a Path,
    pub(super) text: &'a str,
    pub(super) environment: &'a Environment,
}

impl<'a> Source<'a> {
    /// The tables and values of the file.
    pub(super) fn parse(&self) -> Result<DeTable<'a>, ConfigError> {
        // The error's own Display would show the line, which may hold a password.
        let document = DeTable::parse(self.text)
            .map_err(|error| self.error(error.span(), format!("it is no TOML: {}", error.message())))?;
        Ok(document.into_inner())
    }

    /// An error at `span`.
    pub(super) fn error(&self, span: Option<Range<usize>>, why: impl Into<String>) -> ConfigError {
        let line = span.map(|span| 1 + self.text.bytes().take(span.start).filter(|b| *b == b'\n').count());
        ConfigError { file: self.file.to_owned(), line, why: why.into() }
    }
}

impl ConfigError {
    /// An error about a whole file.
    pub(super) fn file(file: &Path, why: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line: None, why: why.into() }
    }
}

/// The text of a file.
pub(super) fn load(file: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(file).map_err(|error| ConfigError::file(file, format!("it cannot be read: {error}")))
}

/// The file that is read when `--config` names none, if it exists.
pub(super) fn default_file(environment: &Environment) -> Option<PathBuf> {
    let set = |name: &str| environment.get(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = set("XDG_CONFIG_HOME").or_else(|| Some(set("HOME")?.join(".config")))?;
    Some(home.join("imagefacts/config.toml")).filter(|file| file.exists())
}

impl Config {
    /// Reads a file and checks its every key and value against `command`'s flags.
    pub(super) fn read(file: &Path, environment: &Environment, command: &Command) -> Result<Self, ConfigError> {
        let text = load(file)?;
        let source = Source { file, text: &text, environment };
        let mut config = Self::default();
        for (key, value) in source.parse()? {
            match key.get_ref().as_ref() {
                "registries" => config.registries = RegistryTable::read_all(&source, &value)?,
                _ => {
                    let words = flag_value(&source, command, &key, &value)?;
                    config.defaults.insert(key.into_inner().into_owned(), words);
                }
            }
        }
        Ok(config)
    }

    /// Makes the file's values the defaults of the flags that they name.
    pub(super) fn apply(&self, command: Command) -> Command {
        command.mut_subcommands(|subcommand| {
            let mut subcommand = self.apply(subcommand);
            for (key, words) in &self.defaults {
                // A flag of the same name may mean something else elsewhere: `--output` is a path, or a format.
                let taken = find(&subcommand, key).filter(|arg| accepts(arg, key, words).is_ok());
                if let Some(id) = taken.map(|arg| arg.get_id().clone()) {
                    let words: Vec<OsStr> = words.iter().map(OsStr::from).collect();
                    subcommand = subcommand.mut_arg(id, |arg| arg.default_values(words));
                }
            }
            subcommand
        })
    }
}

/// The first command at or below `command` that has the flag.
fn find_below<'a>(command: &'a Command, key: &str) -> Option<&'a Arg> {
    find(command, key).or_else(|| command.get_subcommands().find_map(|subcommand| find_below(subcommand, key)))
}

fn find<'a>(command: &'a Command, key: &str) -> Option<&'a Arg> {
    command.get_arguments().find(|arg| arg.get_long() == Some(key)).filter(|_| !NOT_KEYS.contains(&key))
}

/// The value of a flag as it would be typed, after the flag's own parser accepted it.
fn flag_value(
    source: &Source<'_>,
    command: &Command,
    key: &Spanned<std::borrow::Cow<'_, str>>,
    value: &Spanned<DeValue<'_>>,
) -> Result<Vec<String>, ConfigError> {
    let name = key.get_ref().as_ref();
    let Some(arg) = find_below(command, name) else {
        return Err(source.error(Some(key.span()), format!("unknown key {name:?}: keys are the long flags' names")));
    };
    let wrong = |why: String| source.error(Some(value.span()), format!("{name}: {why}"));
    let words = words(value.get_ref()).ok_or_else(|| wrong(format!("a flag has no {}", value.get_ref().type_str())))?;
    let is_list = value.get_ref().is_array();
    match arg.get_action() {
        ArgAction::SetTrue if !value.get_ref().is_bool() => return Err(wrong("expected true or false".to_owned())),
        ArgAction::Set if is_list => return Err(wrong("expected one value, not a list".to_owned())),
        ArgAction::SetTrue => {}
        _ => {
            accepts(arg, name, &words).map_err(|error| wrong(first_line(&error)))?;
        }
    }
    Ok(words)
}

/// Whether `arg` takes `words`, by its own parser.
fn accepts(arg: &Arg, name: &str, words: &[String]) -> Result<(), clap::Error> {
    if matches!(arg.get_action(), ArgAction::SetTrue) {
        return Ok(());
    }
    let mut typed = vec!["imagefacts".to_owned()];
    typed.extend(words.iter().map(|word| format!("--{name}={word}")));
    let alone = Command::new("imagefacts").arg(arg.clone().required(false));
    alone.try_get_matches_from(typed).map(|_| ())
}

fn words(value: &DeValue<'_>) -> Option<Vec<String>> {
    match value {
        DeValue::String(text) => Some(vec![text.to_string()]),
        DeValue::Integer(number) => Some(vec![number.as_str().to_owned()]),
        DeValue::Boolean(flag) => Some(vec![flag.to_string()]),
        DeValue::Array(items) => items
            .iter()
            .map(|item| if item.get_ref().is_array() { None } else { words(item.get_ref()) })
            .collect::<Option<Vec<_>>>()
            .map(|lists| lists.concat()),
        _ => None,
    }
}

fn first_line(error: &clap::Error) -> String {
    let text = error.to_string();
    text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
}
