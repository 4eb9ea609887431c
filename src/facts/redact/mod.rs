//! Masks secrets in a document, and tells what was masked where.

mod assignments;
mod command;
mod names;
mod patterns;
mod record;
mod shapes;
mod span;
#[cfg(test)]
mod tests;
mod tokens;
mod walk;

pub use record::{Redaction, Redactions, Rule};

use std::fmt::Arguments;

use super::document::{Attachment, ImageFacts, Manifest};
use crate::image::Reference;
use crate::vocabulary::RedactionMode;
pub(super) use record::Hidden;
use record::Recorder;
use span::{Span, masked, merged};

/// What stands in a secret's place, as in troubleshoot's bundles.
pub const MASK: &str = "***HIDDEN***";

/// Masks the secrets in `facts`, as its `redaction.mode` says.
pub fn redact(facts: &mut ImageFacts) -> Redactions {
    let mut redactor = Redactor::new(facts.redaction.mode);
    redactor.begin(facts);
    for (at, manifest) in facts.manifests.iter_mut().enumerate() {
        redactor.manifest(at, hide(facts.redaction.mode, manifest));
    }
    redactor.end(facts);
    redactor.finish()
}

/// Masks the secrets in a document and writes down which, part after part in the document's order. What was masked in a
/// manifest may have been found long before its turn comes.
pub(super) struct Redactor {
    mode: RedactionMode,
    recorder: Recorder,
}

impl Redactor {
    pub(super) fn new(mode: RedactionMode) -> Self {
        Self { mode, recorder: Recorder::new() }
    }

    /// What stands before the manifests.
    pub(super) fn begin<M>(&mut self, facts: &mut ImageFacts<M>) {
        let hidden = mask(self.mode, |masker| walk::begin(facts, masker));
        self.recorder.record("", hidden);
    }

    /// What was hidden in the manifest that stands at place `at`.
    pub(super) fn manifest(&mut self, at: usize, hidden: Vec<Hidden>) {
        if !hidden.is_empty() {
            self.recorder.record(&format!("/manifests/{at}"), hidden);
        }
    }

    /// What stands after the manifests.
    pub(super) fn end<M>(&mut self, facts: &mut ImageFacts<M>) {
        let hidden = mask(self.mode, |masker| walk::end(facts, masker));
        self.recorder.record("", hidden);
    }

    /// What was masked.
    pub(super) fn finish(self) -> Redactions {
        self.recorder.finish(self.mode)
    }
}

/// Masks the secrets in a manifest, wherever it will stand.
pub(super) fn hide(mode: RedactionMode, manifest: &mut Manifest) -> Vec<Hidden> {
    mask(mode, |masker| walk::manifest(manifest, masker))
}

/// Masks the secrets in what is attached to a manifest.
pub(super) fn hide_attached(mode: RedactionMode, attachments: &mut [Attachment]) -> Vec<Hidden> {
    mask(mode, |masker| walk::attachments(attachments, masker))
}

fn mask(mode: RedactionMode, walk: impl FnOnce(&mut Masker)) -> Vec<Hidden> {
    let mut masker = Masker { strict: mode == RedactionMode::Strict, hidden: Vec::new() };
    if mode != RedactionMode::Off {
        walk(&mut masker);
    }
    masker.hidden
}

/// Masks one text after the other, in the document's order.
struct Masker {
    strict: bool,
    hidden: Vec<Hidden>,
}

impl Masker {
    /// Words: a message, a reference, a command.
    fn text(&mut self, place: Arguments<'_>, text: &mut String) {
        let spans = secrets(text);
        self.apply(place, text, spans);
    }

    /// What names an image: where to fetch it is no secret, unless it is no reference at all.
    fn reference(&mut self, place: Arguments<'_>, text: &mut String) {
        if !is_reference(text) {
            self.text(place, text);
        }
    }

    /// A value that the image's author chose: strict mode masks it all.
    fn value(&mut self, place: Arguments<'_>, text: &mut String) {
        let spans = if self.strict { whole(text, 0, Rule::Strict) } else { secrets(text) };
        self.apply(place, text, spans);
    }

    /// A build step.
    fn step(&mut self, place: Arguments<'_>, text: &mut String) {
        let mut spans = if self.strict { whole(text, 0, Rule::Strict) } else { secrets(text) };
        if !self.strict {
            assignments::find_in_step(text, &mut spans);
            command::find_in_lists(text, &mut spans);
        }
        self.apply(place, text, spans);
    }

    /// The value of something with a name: a label or an annotation.
    fn named(&mut self, place: Arguments<'_>, name: &str, text: &mut String) {
        // Whom a label names is no secret: only a program's own accounts are masked.
        let rule = names::rule(name).filter(|rule| *rule != Rule::AccountName);
        let spans = self.of_pair(rule, text, 0);
        self.apply(place, text, spans);
    }

    /// `NAME=value`
    fn variable(&mut self, place: Arguments<'_>, text: &mut String) {
        let Some((name, value)) = text.split_once('=') else { return self.value(place, text) };
        let spans = self.of_pair(names::rule(name), value, name.len() + 1);
        self.apply(place, text, spans);
    }

    /// The words of a command.
    fn arguments(&mut self, place: Arguments<'_>, words: &mut [String]) {
        let found = match self.strict {
            true => words.iter().map(|word| whole(word, 0, Rule::Strict)).collect(),
            false => command::find(&words.iter().map(String::as_str).collect::<Vec<_>>()),
        };
        for (at, (word, spans)) in words.iter_mut().zip(found).enumerate() {
            self.apply(format_args!("{place}/{at}"), word, spans);
        }
    }

    /// The secrets of a value whose name fell under `rule`, or under none; `offset` is where it begins.
    fn of_pair(&self, rule: Option<Rule>, value: &str, offset: usize) -> Vec<Span> {
        if self.strict {
            return whole(value, offset, Rule::Strict);
        }
        let mut spans = secrets(value);
        for span in &mut spans {
            (span.start, span.end) = (span.start + offset, span.end + offset);
        }
        if let Some(rule) = rule.filter(|_| !names::is_harmless(value)) {
            spans.extend(whole(value, offset, rule));
        }
        spans
    }

    fn apply(&mut self, place: Arguments<'_>, text: &mut String, spans: Vec<Span>) {
        let spans = merged(spans);
        if spans.is_empty() {
            return;
        }
        for span in &spans {
            self.hidden.push(Hidden { rule: span.rule, place: place.to_string().into(), value: span.of(text).into() });
        }
        *text = masked(text, &spans);
    }
}

/// Compiles the patterns, which the first text would have to wait for.
pub(super) fn prepare() {
    // It hints at a secret by name and by shape.
    secrets("PASSWORD=");
}

/// A text as it will be, without writing down what was masked: for what is shown before a document is made.
pub fn hidden(text: &str) -> String {
    masked(text, &merged(secrets(text)))
}

/// Every secret in a text, by name and by shape.
fn secrets(text: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    let near = shapes::near(text);
    if near.has_name {
        assignments::find(text, &mut spans);
    }
    shapes::find(text, &near, &mut spans);
    spans
}

/// All of a text that begins at `offset`; what is masked already, or empty, is left.
fn whole(text: &str, offset: usize, rule: Rule) -> Vec<Span> {
    if text.is_empty() || text == MASK {
        return Vec::new();
    }
    vec![Span { start: offset, end: offset + text.len(), rule }]
}

/// The same for what names an image. A valid reference stays as it is, however much it sounds like a secret
/// (`acme/db_user:2`): masked, it would be the same as others, and name nothing.
pub fn hidden_reference(text: &str) -> String {
    if is_reference(text) { text.to_owned() } else { hidden(text) }
}

fn is_reference(text: &str) -> bool {
    Reference::is_valid(text)
}
