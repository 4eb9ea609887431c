//! Patterns that are looked for only where one of their words stands: a text is read once to know which may fit.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use regex::bytes::{Regex, RegexBuilder};

use super::record::Rule;

/// A rule, words of which each text that fits holds one, and what it must fit.
pub(super) type Source = (Rule, &'static [&'static str], &'static str);

/// Patterns, ready to be looked for.
pub(super) struct Patterns {
    /// finds the words of all patterns, and those of names
    words: Option<AhoCorasick>,
    /// what each word hints at
    hints: Vec<(&'static str, Hint)>,
    each: Vec<Pattern>,
}

/// What a word in a text hints at.
enum Hint {
    /// the pattern at this place may fit
    Pattern(usize),
    /// it may be a name
    Name,
}

/// What a text's words hint at.
pub(super) struct Near<'a> {
    patterns: &'a Patterns,
    places: BTreeSet<usize>,
    /// whether something may be a secret's name
    pub has_name: bool,
}

struct Pattern {
    rule: Rule,
    source: &'static str,
    /// Most are never needed, and all of them take a while and megabytes. `None` when it does not compile: that all do is
    /// a test's business.
    compiled: OnceLock<Option<Regex>>,
}

impl Patterns {
    /// Patterns, and words that names are made of: those are looked for in the same go, in any case.
    pub(super) fn of(
        sources: impl Iterator<Item = &'static Source>,
        names: impl Iterator<Item = &'static str>,
    ) -> Self {
        let (mut hints, mut each) = (Vec::new(), Vec::new());
        for (rule, words, source) in sources {
            hints.extend(words.iter().map(|word| (*word, Hint::Pattern(each.len()))));
            each.push(Pattern { rule: *rule, source, compiled: OnceLock::new() });
        }
        hints.extend(names.map(|name| (name, Hint::Name)));
        Self { words: automaton(hints.iter().map(|(word, _)| *word)), hints, each }
    }

    /// What `text` may hold: everything, if that cannot be told.
    pub(super) fn near(&self, text: &str) -> Near<'_> {
        let Some(words) = &self.words else {
            return Near { patterns: self, places: (0..self.each.len()).collect(), has_name: true };
        };
        let mut near = Near { patterns: self, places: BTreeSet::new(), has_name: false };
        // One word may lie in another.
        for found in words.find_overlapping_iter(text) {
            match self.hints.get(found.pattern().as_usize()) {
                Some((word, Hint::Pattern(place))) if text.get(found.range()) == Some(word) => {
                    near.places.insert(*place);
                }
                Some((_, Hint::Name)) => near.has_name |= ends_word(text, found.end()),
                _ => {}
            }
        }
        near
    }

    /// All of them.
    #[cfg(test)]
    pub(super) fn all(&self) -> impl Iterator<Item = (Rule, &Regex)> {
        self.each.iter().filter_map(Pattern::compiled)
    }
}

impl<'a> Near<'a> {
    /// The patterns that may fit, in their order.
    pub(super) fn patterns(&self) -> impl Iterator<Item = (Rule, &'a Regex)> {
        let each = &self.patterns.each;
        self.places.iter().filter_map(|place| each.get(*place)).filter_map(Pattern::compiled)
    }
}

/// Finds `words`, in any case.
pub(super) fn automaton(words: impl Iterator<Item = &'static str>) -> Option<AhoCorasick> {
    AhoCorasick::builder().kind(Some(AhoCorasickKind::DFA)).ascii_case_insensitive(true).build(words).ok()
}

/// Whether a word ends at `end`: one that goes on in small letters is another one.
pub(super) fn ends_word(text: &str, end: usize) -> bool {
    !text.as_bytes().get(end).is_some_and(u8::is_ascii_lowercase)
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
        let patterns = Patterns::of(SOURCES.iter(), ["bc", "word"].into_iter());
        for (text, expected, has_name) in [
            ("", &[][..], false),
            ("-x-", &[Rule::Jwt], false),
            ("-X-", &[], false),
            ("abcd", &[Rule::Jwt, Rule::AwsKey, Rule::AzureKey], false),
            ("bcd x", &[Rule::Jwt, Rule::AzureKey], false),
            ("nevet", &[], false),
            ("a WORD", &[], true),
            ("WordS", &[], true),
            ("words", &[], false),
            ("swords, word", &[], true),
        ] {
            let near = patterns.near(text);
            let rules: Vec<Rule> = near.patterns().map(|(rule, _)| rule).collect();
            assert_eq!((rules.as_slice(), near.has_name), (expected, has_name), "{text}");
        }
        let unknown = Patterns { words: None, ..Patterns::of(SOURCES.iter(), std::iter::empty()) };
        assert!(unknown.near("").has_name && unknown.near("").patterns().count() == SOURCES.len());
        assert!(patterns.each.iter().any(|pattern| pattern.compiled.get().is_none()), "what is not needed");
    }
}
