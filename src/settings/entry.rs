//! A value in a TOML file, with its place: what is wrong with it is told with file, line and key.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::config::{ConfigError, Source};

/// A value, and how it is reached from the top of its file.
pub(super) struct Entry<'a> {
    source: &'a Source<'a>,
    place: String,
    value: &'a Spanned<DeValue<'a>>,
}

impl<'a> Entry<'a> {
    /// The entries of a whole file, in its order.
    pub(super) fn all(source: &'a Source<'a>, table: &'a DeTable<'a>) -> Vec<(&'a str, Self)> {
        Self::of_table(source, "", table)
    }

    fn of_table(source: &'a Source<'a>, place: &str, table: &'a DeTable<'a>) -> Vec<(&'a str, Self)> {
        let mut keys: Vec<_> = table.iter().collect();
        keys.sort_by_key(|(key, _)| key.span().start);
        let entry = |(key, value): (&'a Spanned<_>, &'a Spanned<DeValue<'a>>)| {
            let key: &'a std::borrow::Cow<'a, str> = key.get_ref();
            let is_bare = key.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
            let shown = if is_bare { key.to_string() } else { format!("{key:?}") };
            let place = if place.is_empty() { shown } else { format!("{place}.{shown}") };
            (key.as_ref(), Self { source, place, value })
        };
        keys.into_iter().map(entry).collect()
    }

    /// An error about it.
    pub(super) fn wrong(&self, why: impl std::fmt::Display) -> ConfigError {
        self.source.error(Some(self.value.span()), format!("{}: {why}", self.place))
    }

    /// Tells that it does nothing here.
    pub(super) fn is_ignored(&self) {
        tracing::warn!("{}", self.wrong("this has no effect here"));
    }

    /// A string.
    pub(super) fn text(&self) -> Result<&'a str, ConfigError> {
        self.value.get_ref().as_str().ok_or_else(|| self.wrong("expected a string"))
    }

    /// `true` or `false`.
    pub(super) fn flag(&self) -> Result<bool, ConfigError> {
        self.value.get_ref().as_bool().ok_or_else(|| self.wrong("expected true or false"))
    }

    /// The entries of a list; of one that is none, itself.
    pub(super) fn items(&self) -> Vec<Entry<'a>> {
        let entry = |value| Entry { source: self.source, place: self.place.clone(), value };
        match self.value.get_ref().as_array() {
            Some(items) => items.iter().map(entry).collect(),
            None => vec![entry(self.value)],
        }
    }

    /// A string, or a list of strings.
    pub(super) fn texts(&self) -> Result<Vec<&'a str>, ConfigError> {
        self.items().iter().map(Entry::text).collect()
    }

    /// Whether it is a list.
    pub(super) fn is_list(&self) -> bool {
        self.value.get_ref().is_array()
    }

    /// The entries of a table, in the file's order.
    pub(super) fn table(&self) -> Result<Vec<(&'a str, Entry<'a>)>, ConfigError> {
        let table = self.value.get_ref().as_table().ok_or_else(|| self.wrong("expected a table"))?;
        Ok(Self::of_table(self.source, &self.place, table))
    }
}
