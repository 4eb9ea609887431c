//! Secrets in a command that stands as a list of words, which tell more together than alone: `-u user:password`,
//! `--password hunter2`.

use super::names;
use super::record::Rule;
use super::secrets;
use super::span::{Span, merged};

/// The secrets in each of `words`.
pub(super) fn find(words: &[&str]) -> Vec<Vec<Span>> {
    let joined = merged(secrets(&words.join(" ")));
    // In the words' order: what lies before a word is not looked at again.
    let (mut left, mut offset, mut after_secret_flag) = (joined.as_slice(), 0, None);
    let mut of_word = |word: &&str| {
        let end = offset + word.len();
        let rule = std::mem::replace(&mut after_secret_flag, secret_flag(word));
        let rule = rule.filter(|_| !word.starts_with('-') && !names::is_harmless(word));
        let mut spans = secrets(word);
        spans.extend(rule.map(|rule| Span { start: 0, end: word.len(), rule }));
        while left.first().is_some_and(|span| span.end <= offset) {
            left = left.get(1..).unwrap_or_default();
        }
        let here = left.iter().take_while(|span| span.start < end);
        spans.extend(here.map(|span| Span {
            start: span.start.saturating_sub(offset),
            end: span.end.min(end) - offset,
            rule: span.rule,
        }));
        offset = end + 1;
        spans
    };
    words.iter().map(&mut of_word).collect()
}

/// The rule for the word after `word`, if that is a flag whose value is secret.
fn secret_flag(word: &str) -> Option<Rule> {
    let flag = word.strip_prefix('-').filter(|flag| !flag.contains('='))?;
    names::rule(flag.trim_start_matches('-')).filter(|rule| *rule == Rule::SecretName)
}

/// Every secret in the commands that stand in `text` in exec form, as `CMD ["a","b"]`, or as Docker prints them, without commas.
pub(super) fn find_in_lists(text: &str, spans: &mut Vec<Span>) {
    let (mut at, mut steps) = (0, text.len().saturating_mul(2));
    while let Some(start) = text.get(at..).and_then(|rest| rest.find('[')).map(|found| at + found + 1) {
        let (places, end) = list(text, start);
        // What is no list may hold one; but no text is read many times over.
        steps = steps.saturating_sub(end - start);
        at = if places.is_some() || steps == 0 { end } else { start };
        let places = places.unwrap_or_default();
        let words: Vec<&str> = places.iter().map(|(from, to)| text.get(*from..*to).unwrap_or_default()).collect();
        for ((from, _), found) in places.iter().zip(find(&words)) {
            spans.extend(found.into_iter().map(|span| Span { start: from + span.start, end: from + span.end, ..span }));
        }
    }
}

/// Where the words stand of the list that begins at `start`, if it is one, and how far it was read.
fn list(text: &str, start: usize) -> (Option<Vec<(usize, usize)>>, usize) {
    let (mut places, mut at) = (Vec::new(), start);
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let next = rest.trim_start_matches([' ', '\t', '\n', ',']);
        at += rest.len() - next.len();
        match next.bytes().next() {
            Some(b']') => return (Some(places), at + 1),
            Some(b'"') => {
                let Some(length) = closing(next.get(1..).unwrap_or_default()) else { return (None, text.len()) };
                places.push((at + 1, at + 1 + length));
                at += length + 2;
            }
            _ => return (None, at),
        }
    }
}

/// Where the quote stands that ends a string in JSON.
fn closing(inner: &str) -> Option<usize> {
    let mut is_escaped = false;
    inner.bytes().position(|byte| {
        let ends = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        ends
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::span::masked;
    use super::*;

    fn hidden(text: &str) -> String {
        let mut spans = Vec::new();
        find_in_lists(text, &mut spans);
        masked(text, &merged(spans))
    }

    #[test]
    fn commands_in_exec_form_are_read_word_by_word() {
        for (text, expected) in [
            (r#"CMD ["x","--password","hunter2"]"#, r#"CMD ["x","--password","***HIDDEN***"]"#),
            (r#"CMD ["mysql","-uroot","-phunter2"]"#, r#"CMD ["mysql","-uroot","-p***HIDDEN***"]"#),
            (r#"CMD ["mysql" "-uroot" "-phunter2"]"#, r#"CMD ["mysql" "-uroot" "-p***HIDDEN***"]"#),
            (
                r#"ENTRYPOINT [ "curl", "-u", "bob:hunter2" ]"#,
                r#"ENTRYPOINT [ "curl", "-u", "***HIDDEN***:***HIDDEN***" ]"#,
            ),
            (r#"["redis-server","--requirepass","hunter2"]"#, r#"["redis-server","--requirepass","***HIDDEN***"]"#),
            (r#"[[ -f x ]] && CMD ["x","--token","a\"b"]"#, r#"[[ -f x ]] && CMD ["x","--token","***HIDDEN***"]"#),
            (r#"echo '["' ; CMD ["x","--password","hunter2"]"#, r#"echo '["' ; CMD ["x","--password","***HIDDEN***"]"#),
            (r#"CMD ["/bin/sh" "-c" "exec nginx"]"#, r#"CMD ["/bin/sh" "-c" "exec nginx"]"#),
            (r#"CMD ["x","--password","$PASSWORD"]"#, r#"CMD ["x","--password","$PASSWORD"]"#),
            (r#"COPY ["a b", "c"] and [1, 2]"#, r#"COPY ["a b", "c"] and [1, 2]"#),
        ] {
            assert_eq!(hidden(text), expected);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in r#"[\[\]", a\\é-]{0,60}"#) {
            hidden(&text);
        }
    }
}
