//! Patterns that are looked for only where one of their words stands: a text is read once to know which may fit.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use aho_corasick::AhoCorasick;
use regex::bytes::{Regex, RegexBuilder};

use super::record::Rule;

/// A rule, words of which each text that fits holds one, and what it must fit.
pub(super) type Source = (Rule, &'static [&'static str], &'static str);

/// Patterns, ready to be looked for.
pub(super) struct Patterns {
    /// finds the words of all patterns
    words: AhoCorasick,
    /// the place of the pattern that each word belongs to
    owners: Vec<usize>,
    each: Vec<Pattern>,
}

struct Pattern {
    rule: Rule,
    source: &'static str,
    /// Most are never needed, and all of them take a while and megabytes. `None` when it does not compile: that all do is
    /// a test's business.
    compiled: OnceLock<Option<Regex>>,
}

impl Patterns {
    /// `None` when there are more words than can be looked for.
    pub(super) fn of(sources: impl Iterator<Item = &'static Source>) -> Option<Self> {
        let (mut words, mut owners, mut each) = (Vec::<&str>::new(), Vec::new(), Vec::new());
        for (rule, its_words, source) in sources {
            words.extend(*its_words);
            owners.resize(words.len(), each.len());
            each.push(Pattern { rule: *rule, source, compiled: OnceLock::new() });
        }
        Some(Self { words: AhoCorasick::new(words).ok()?, owners, each })
    }

    /// Those that `text` may fit, in their order.
    pub(super) fn near(&self, text: &str) -> impl Iterator<Item = (Rule, &Regex)> {
        // One word may lie in another.
        let found = self.words.find_overlapping_iter(text);
        let places: BTreeSet<usize> =
            found.filter_map(|word| self.owners.get(word.pattern().as_usize()).copied()).collect();
        places.into_iter().filter_map(|place| self.each.get(place)).filter_map(Pattern::compiled)
    }

    /// All of them.
    #[cfg(test)]
    pub(super) fn all(&self) -> impl Iterator<Item = (Rule, &Regex)> {
        self.each.iter().filter_map(Pattern::compiled)
    }
}

impl Pattern {
    fn compiled(&self) -> Option<(Rule, &Regex)> {
        let regex = self.compiled.get_or_init(|| compile(self.source));
        Some((self.rule, regex.as_ref()?))
    }
}

fn compile(source: &str) -> Option<Regex> {
    RegexBuilder::new(source).unicode(false).size_limit(32 << 20).dfa_size_limit(16 << 20).build().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_near_where_one_of_its_words_stands() {
        const SOURCES: &[Source] = &[
            (Rule::Jwt, &["ab", "x"], "a+b"),
            (Rule::AwsKey, &["abc"], "abc"),
            (Rule::AzureKey, &["bcd"], "bcd"),
            (Rule::GoogleKey, &["never"], "never"),
        ];
        let patterns = Patterns::of(SOURCES.iter()).unwrap();
        for (text, expected) in [
            ("", &[][..]),
            ("-x-", &[Rule::Jwt]),
            ("abcd", &[Rule::Jwt, Rule::AwsKey, Rule::AzureKey]),
            ("bcd x", &[Rule::Jwt, Rule::AzureKey]),
            ("nevet", &[]),
        ] {
            let near: Vec<Rule> = patterns.near(text).map(|(rule, _)| rule).collect();
            assert_eq!(near, expected, "{text}");
        }
        assert!(patterns.each.iter().any(|pattern| pattern.compiled.get().is_none()), "what is not needed");
    }
}
