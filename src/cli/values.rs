//! How single values are read.

use std::fmt::Display;
use std::time::Duration;

use crate::cluster::uses::Selector;

use clap::builder::{PossibleValuesParser, TypedValueParser};

/// Reads a duration such as `15s`, `1m30s`, `500ms`; it must be longer than none.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let help = "expected a duration longer than none, such as 500ms, 15s or 1m30s";
    let parsed: jiff::SignedDuration = text.parse().map_err(|_| help.to_owned())?;
    Duration::try_from(parsed).ok().filter(|duration| !duration.is_zero()).ok_or_else(|| help.to_owned())
}

/// Reads a number that is not 0.
pub(super) fn positive(text: &str) -> Result<u32, String> {
    text.parse().ok().filter(|n| *n > 0).ok_or_else(|| "expected a whole number from 1 on".to_owned())
}

/// Reads a number.
pub(super) fn whole(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| "expected a whole number from 0 on".to_owned())
}

/// Reads a label selector, so that a wrong one is known before anything is asked.
pub(super) fn selector(text: &str) -> Result<String, String> {
    Selector::parse(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}

/// Reads a namespace's name
/// (<https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names>). An empty one, as from a
/// variable that is not set, must not read as a namespace without images.
pub(super) fn namespace(text: &str) -> Result<String, String> {
    let is_inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_label = (1..=63).contains(&text.len()) && text.chars().all(is_inner);
    match is_label && !text.starts_with('-') && !text.ends_with('-') {
        true => Ok(text.to_owned()),
        false => Err("expected a namespace's name: up to 63 lower-case letters, digits and dashes".to_owned()),
    }
}

/// Reads a registry's host as image references name it. A URL would match none of them.
pub(super) fn host(text: &str) -> Result<String, String> {
    match text.is_empty() || text.contains(|c: char| c == '/' || c == '@' || c.is_whitespace()) {
        true => Err("expected a host as image references name it, such as registry.example.com:5000".to_owned()),
        false => Ok(text.to_owned()),
    }
}

/// Reads a word of a public list, as it stands in facts.
pub(super) fn word<T: Copy + Display + Send + Sync + 'static>(all: &'static [T]) -> impl TypedValueParser<Value = T> {
    let words: Vec<String> = all.iter().map(T::to_string).collect();
    PossibleValuesParser::new(words)
        .try_map(move |text| all.iter().copied().find(|word| word.to_string() == text).ok_or("it is not in the list"))
}

/// Reads what something costs.
pub(super) fn cost(text: &str) -> Result<f64, String> {
    let cost = text.parse().ok().filter(|cost: &f64| cost.is_finite() && *cost >= 0.0);
    cost.ok_or_else(|| "expected a number from 0 on, such as 0.09".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("1m30s"), Ok(Duration::from_secs(90)));
        for text in ["", "0s", "-1s", "10", "soon", "1 fortnight"] {
            assert!(duration(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn costs_are_read() {
        assert_eq!((cost("0"), cost("0.09"), cost("2")), (Ok(0.0), Ok(0.09), Ok(2.0)));
        for text in ["", "-1", "inf", "NaN", "0,09", "1e999", "free"] {
            assert!(cost(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn namespaces_and_hosts_are_read() {
        for (text, is_namespace, is_host) in [
            ("shop", true, true),
            ("kube-system2", true, true),
            ("", false, false),
            ("Shop", false, true),
            ("-shop", false, true),
            ("shop-", false, true),
            ("sh_op/..", false, false),
            ("r.io:5000", false, true),
            ("[fd00::1]:5000", false, true),
            ("https://r.io", false, false),
            ("r.io/team", false, false),
            ("r io", false, false),
        ] {
            assert_eq!((namespace(text).is_ok(), host(text).is_ok()), (is_namespace, is_host), "{text:?}");
        }
        assert!(namespace(&"a".repeat(63)).is_ok() && namespace(&"a".repeat(64)).is_err());
    }
}
