//! Where in a text secrets stand.

use super::MASK;
use super::record::Rule;

/// A secret: bytes `start..end` of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) rule: Rule,
}

impl Span {
    /// Bytes `start..end` of `text`, widened to whole characters: patterns know bytes only.
    pub(super) fn new(text: &str, start: usize, end: usize, rule: Rule) -> Self {
        Self { start: text.floor_char_boundary(start), end: text.ceil_char_boundary(end), rule }
    }

    /// The secret itself.
    pub(super) fn of<'t>(&self, text: &'t str) -> &'t str {
        text.get(self.start..self.end).unwrap_or_default()
    }
}

/// The spans in order, those that overlap as one: what two rules hold for a secret is masked as a whole.
pub(super) fn merged(mut spans: Vec<Span>) -> Vec<Span> {
    spans.retain(|span| span.start < span.end);
    spans.sort_by_key(|span| (span.start, std::cmp::Reverse(span.end), span.rule));
    let mut merged: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        match merged.last_mut() {
            Some(last) if span.start < last.end => last.end = last.end.max(span.end),
            _ => merged.push(span),
        }
    }
    merged
}

/// The text with the mask in place of each of its spans, which are in order.
pub(super) fn masked(text: &str, spans: &[Span]) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut at = 0;
    for span in spans {
        masked.push_str(text.get(at..span.start).unwrap_or_default());
        masked.push_str(MASK);
        at = span.end;
    }
    masked.push_str(text.get(at..).unwrap_or_default());
    masked
}
