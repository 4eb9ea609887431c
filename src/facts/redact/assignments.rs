//! Secrets that a text assigns to a name: `NAME=value`, `"name": "value"`, `--name value`, build arguments.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use regex::{Regex, RegexBuilder};

use super::names;
use super::record::Rule;
use super::span::Span;

/// A name and what assigns to it. The value is read by hand after it, and only when the name sounds secret, so that a
/// text is read once however it is made. Without counts, which would make it slow.
static HEADS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    RegexBuilder::new(
        r#"(?xm)
        (?P<equals>[A-Za-z_][A-Za-z0-9_.-]*)[\ \t]*=[\ \t]*
        |\\?["'](?P<quoted>[A-Za-z_.][A-Za-z0-9_./-]*)\\?["']\s*:\s*
        |^[\ \t-]*(?P<yaml>[A-Za-z_][A-Za-z0-9_.-]*):[\ \t]+
        |(?P<snake>[A-Za-z]+(?:_[A-Za-z0-9]+)+):[\ ]*
        |\bsetx?[\ \t]+(?P<set>[A-Za-z_./:][A-Za-z0-9_./:-]*)[\ \t]+
        |(?:^|[\s"'\[])--?(?P<flag>[A-Za-z][A-Za-z0-9-]+)["']?,?[\ \t]+"#,
    )
    .unicode(false)
    .size_limit(16 << 20)
    .build()
    .ok()
});

/// An entry of a Kubernetes env list in JSON.
static NAME_VALUE: LazyLock<Option<regex::bytes::Regex>> = LazyLock::new(|| {
    regex::bytes::RegexBuilder::new(
        r#"\\?"name\\?"\s*:\s*\\?"([^"\\]{1,256})\\?"\s*,\s*\\?"value\\?"\s*:\s*\\?"([^"\\]*)"#,
    )
    .unicode(false)
    .build()
    .ok()
});

/// Every secret in `text`, which may hold a secret's name, that is told by the name it is assigned to.
pub(super) fn find(text: &str, spans: &mut Vec<Span>) {
    let Some(heads) = HEADS.as_ref() else { return };
    let mut at = 0;
    while let Some(found) = heads.captures_at(text, at) {
        let Some(whole) = found.get(0) else { break };
        at = whole.end().max(at + 1);
        let Some(name) = found.iter().skip(1).flatten().next() else { continue };
        let is_flag = found.name("flag").is_some();
        // The last part of an image's name, and its tag.
        if found.name("snake").is_some() && text.get(..whole.start()).is_some_and(|before| before.ends_with('/')) {
            continue;
        }
        // `--user` names whom to run as, far more often than whom to log in as.
        let rule = names::rule(name.as_str()).filter(|rule| !is_flag || *rule == Rule::SecretName);
        let Some(rule) = rule else { continue };
        let Some((start, end)) = value_at(text, whole.end()) else { continue };
        let value = text.get(start..end).unwrap_or_default();
        // Not a value: a list or an object in JSON, a comparison, the next flag.
        let is_none = match value.chars().next() {
            Some('[' | '{') => found.name("quoted").is_some(),
            Some('=') => true,
            Some('-') => is_flag,
            _ => false,
        };
        if is_none || names::is_harmless(value) {
            continue;
        }
        spans.push(Span { start, end, rule });
        at = end;
    }
    for found in NAME_VALUE.iter().flat_map(|regex| regex.captures_iter(text.as_bytes())) {
        let (Some(name), Some(value)) = (found.get(1), found.get(2)) else { continue };
        let name = text.get(name.range()).unwrap_or_default();
        let value = |rule| Span::new(text, value.start(), value.end(), rule);
        spans.extend(names::rule(name).map(value).filter(|value| !names::is_harmless(value.of(text))));
    }
}

/// The value that begins at `at`: up to the closing quote, else up to what ends a word in a shell or a query.
fn value_at(text: &str, at: usize) -> Option<(usize, usize)> {
    let rest = text.get(at..)?;
    for quote in ["\\\"", "\"", "'"] {
        if let Some(inner) = rest.strip_prefix(quote) {
            let start = at + quote.len();
            return Some((start, start + closing(inner, quote)));
        }
    }
    let length = rest.find(|c: char| c.is_whitespace() || "\"'`;&|<>".contains(c)).unwrap_or(rest.len());
    (length > 0).then_some((at, at + length))
}

/// Where the closing quote stands; the end of a text that was cut before it.
fn closing(inner: &str, quote: &str) -> usize {
    if quote != "\"" {
        return inner.find(quote).unwrap_or(inner.len());
    }
    let mut escaped = false;
    let is_closing = |c: char| {
        let closes = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        closes
    };
    inner.find(is_closing).unwrap_or(inner.len())
}

/// Every secret among the build arguments and the variables of a build step, whose values may hold spaces:
/// `|2 TOKEN=a b OTHER=c /bin/sh -c make`, `ENV TOKEN=a b`, `ENV TOKEN a b`.
pub(super) fn find_in_step(step: &str, spans: &mut Vec<Span>) {
    let Some((from, to)) = assigned(step).filter(|_| names::may_be_in(step)) else { return };
    let region = step.get(from..to).unwrap_or_default();
    let mut names: Vec<(usize, usize)> = Vec::new();
    let mut at = 0;
    for word in region.split(' ') {
        if let Some((name, _)) = word.split_once('=').filter(|(name, _)| is_name(name)) {
            names.push((at, at + name.len()));
        }
        at += word.len() + 1;
    }
    if names.is_empty()
        && let Some((name, value)) = region.split_once(' ').filter(|(name, _)| is_name(name))
    {
        let start = from + name.len() + 1;
        spans.extend(secret(name, value).map(|rule| Span { start, end: start + value.len(), rule }));
    }
    for (at, (start, end)) in names.iter().enumerate() {
        let next = names.get(at + 1).map_or(region.len(), |(next, _)| next.saturating_sub(1));
        let name = region.get(*start..*end).unwrap_or_default();
        let value = region.get(end + 1..next).unwrap_or_default();
        spans.extend(secret(name, value).map(|rule| Span { start: from + end + 1, end: from + next, rule }));
    }
}

/// What Docker's classic builder writes before an instruction that runs nothing.
static NOP: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("#(nop)"));

/// The part of a build step that holds assignments only.
fn assigned(step: &str) -> Option<(usize, usize)> {
    let shell = step.strip_prefix("RUN ").unwrap_or(step);
    if let Some(arguments) = shell.strip_prefix('|') {
        let from = step.len() - arguments.len() + arguments.find(' ')? + 1;
        let rest = step.get(from..)?;
        let command =
            [" /bin/", " /busybox/", " cmd ", " powershell", " pwsh"].iter().filter_map(|c| rest.find(c)).min();
        return Some((from, command.map_or(step.len(), |at| from + at)));
    }
    let instruction = NOP.find(step.as_bytes()).and_then(|at| step.get(at + NOP.needle().len()..)).unwrap_or(step);
    let instruction = instruction.trim_start();
    let rest = ["ENV ", "ARG ", "LABEL "].iter().find_map(|word| instruction.strip_prefix(word))?.trim_start();
    Some((step.len() - rest.len(), step.len()))
}

fn secret(name: &str, value: &str) -> Option<Rule> {
    names::rule(name).filter(|_| !names::is_harmless(value.trim_matches(['"', '\''])))
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::super::span::{masked, merged};
    use super::*;

    fn step(text: &str) -> String {
        let mut spans = Vec::new();
        find_in_step(text, &mut spans);
        masked(text, &merged(spans))
    }

    #[test]
    fn build_arguments_may_hold_spaces() {
        for (text, expected) in [
            ("|2 TOKEN=a b c OTHER=d e /bin/sh -c make", "|2 TOKEN=***HIDDEN*** OTHER=d e /bin/sh -c make"),
            (
                "RUN |1 DB_PASSWORD=x /bin/sh -c make # buildkit",
                "RUN |1 DB_PASSWORD=***HIDDEN*** /bin/sh -c make # buildkit",
            ),
            ("/bin/sh -c #(nop)  ENV DB_PASSWORD=a b", "/bin/sh -c #(nop)  ENV DB_PASSWORD=***HIDDEN***"),
            ("ENV DB_PASSWORD a b", "ENV DB_PASSWORD ***HIDDEN***"),
            ("ENV A=b PATH=/bin", "ENV A=b PATH=/bin"),
            ("RUN make TOKEN=x", "RUN make TOKEN=x"),
        ] {
            assert_eq!(step(text), expected);
        }
    }

    #[test]
    fn long_texts_are_read_once() {
        assert!(HEADS.is_some() && NAME_VALUE.is_some());
        for text in
            ["a=".repeat(500_000), "token=\"".repeat(100_000), "\"name\":\"".repeat(100_000), "-".repeat(1_000_000)]
        {
            let mut spans = Vec::new();
            find(&text, &mut spans);
            assert!(spans.len() <= 100_000);
        }
    }
}
