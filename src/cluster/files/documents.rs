//! The documents of a file, YAML or JSON, each as JSON.

use serde_json::Value;
use serde_json::value::RawValue;

/// Why a file has no documents. It quotes no line of the file, which may hold secrets.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unparsable {
    /// A `.tar.gz`, or anything else that is gzipped.
    #[error("is an archive; --from reads manifests and what kubectl prints, and imagefacts show reads bundles")]
    Archive,
    /// Binary, or text in another encoding.
    #[error("is not UTF-8 text (line {line}); expected YAML or JSON")]
    Encoding {
        /// from 1
        line: usize,
    },
    /// Neither YAML nor JSON.
    #[error("is not valid {format}: {message}")]
    Syntax {
        /// `YAML` or `JSON`
        format: &'static str,
        /// what is wrong, and in which line and column
        message: String,
    },
}

/// Hands each document of a file to `take`, as JSON. Text that starts with `{` is JSON, as for kubectl, and may be
/// several documents one after another; from the first `---` on it is YAML.
pub(super) fn for_each(bytes: &[u8], take: impl FnMut(&RawValue)) -> Result<(), Unparsable> {
    if bytes.starts_with(&[0x1f, 0x8b]) {
        return Err(Unparsable::Archive);
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
        Unparsable::Encoding { line: valid.split(|byte| *byte == b'\n').count() }
    })?;
    let text = text.trim_start_matches('\u{feff}');
    if text.trim_start().starts_with('{') { json(text, take) } else { yaml(text, take) }
}

/// The whole documents that a file begins with of which `bytes` were read.
pub(super) fn beginning(bytes: &[u8]) -> &[u8] {
    let text = bytes.utf8_chunks().next().map(|chunk| chunk.valid()).unwrap_or_default();
    let is_json = text.trim_start_matches('\u{feff}').trim_start().starts_with('{');
    // Whatever follows the last border may go on.
    let end = match text.rfind("\n---") {
        Some(border) => border,
        None if is_json => {
            let mut documents = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
            while let Some(Ok(_)) = documents.next() {}
            documents.byte_offset()
        }
        None => 0,
    };
    bytes.get(..end).unwrap_or_default()
}

fn json(text: &str, mut take: impl FnMut(&RawValue)) -> Result<(), Unparsable> {
    let mut documents = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    let mut read = 0;
    while let Some(document) = documents.next() {
        let rest = text.get(read..).unwrap_or_default().trim_start();
        match document {
            Ok(document) => take(document),
            Err(_) if rest.starts_with("---") => return yaml(rest, take),
            Err(error) => return Err(Unparsable::Syntax { format: "JSON", message: error.to_string() }),
        }
        read = documents.byte_offset();
    }
    Ok(())
}

fn yaml(text: &str, mut take: impl FnMut(&RawValue)) -> Result<(), Unparsable> {
    let syntax = |message| Unparsable::Syntax { format: "YAML", message };
    let documents: Vec<Value> =
        serde_saphyr::from_multiple_with_options(text, options()).map_err(|error| syntax(error.to_string()))?;
    for document in documents {
        let document = serde_json::value::to_raw_value(&document).map_err(|error| syntax(error.to_string()))?;
        take(&document);
    }
    Ok(())
}

/// How YAML is read. What a file spells out is bounded by the file itself: a dump of a large cluster is in order.
/// What its aliases stand for is not, so that stays limited.
fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: usize::MAX,
            max_nodes: usize::MAX,
            max_documents: usize::MAX,
            max_total_scalar_bytes: usize::MAX,
            max_total_comment_bytes: usize::MAX,
            max_depth: MAX_DEPTH,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: MAX_ALIASED },
        // It would quote the lines around an error.
        with_snippet: false,
    }
}

/// The schemas of CustomResourceDefinitions nest deeper than anything else, some 60 levels.
const MAX_DEPTH: usize = 120;
/// How many values aliases may stand for in one file.
const MAX_ALIASED: usize = 100_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn documents(text: &str) -> Result<Vec<String>, Unparsable> {
        let mut documents = Vec::new();
        for_each(text.as_bytes(), |document| documents.push(document.get().to_owned())).map(|()| documents)
    }

    #[test]
    fn yaml_and_json_are_told_apart() {
        for (text, expected) in [
            ("kind: A", vec![r#"{"kind":"A"}"#]),
            ("# nothing\n---\nkind: A\n---\n\n---\nkind: B\n...\n", vec![r#"{"kind":"A"}"#, r#"{"kind":"B"}"#]),
            ("\u{feff} {\"kind\":\"A\"}\n{\"kind\":\"B\"}", vec![r#"{"kind":"A"}"#, r#"{"kind":"B"}"#]),
            (
                "{\"kind\":\"A\"}\n---\n{\"kind\":\"B\"}\n---\nkind: C",
                vec![r#"{"kind":"A"}"#, r#"{"kind":"B"}"#, r#"{"kind":"C"}"#],
            ),
            ("base: &b {x: 1}\nkind: {<<: *b, y: on}", vec![r#"{"base":{"x":1},"kind":{"y":true,"x":1}}"#]),
            ("", vec![]),
            ("just words", vec![r#""just words""#]),
        ] {
            assert_eq!(documents(text).unwrap(), expected, "{text:?}");
        }
    }

    #[test]
    fn errors_name_the_line_and_quote_nothing() {
        for (text, format) in [
            ("kind: A\npassword: \"s3cr3t\n\nx: [", "YAML"),
            ("a: 1\npassword: s3cr3t: b", "YAML"),
            ("a: 1\na: s3cr3t", "YAML"),
            ("{\"a\":\n s3cr3t}", "JSON"),
            ("{\"a\": 1}\n{\"b\": \"s3cr3t\"", "JSON"),
        ] {
            let error = documents(text).unwrap_err();
            let message = error.to_string();
            assert!(matches!(error, Unparsable::Syntax { format: found, .. } if found == format), "{message}");
            assert!(message.contains("line ") && !message.contains("s3cr3t"), "{message}");
        }
        let latin = for_each(b"a: 1\nb: \xe9", |_| {});
        assert_eq!(latin, Err(Unparsable::Encoding { line: 2 }));
        assert_eq!(for_each(&[0x1f, 0x8b, 8], |_| {}), Err(Unparsable::Archive));
    }

    #[test]
    fn a_beginning_is_whole_documents() {
        for (text, expected) in [
            ("kind: A\n---\nkind: B", "kind: A"),
            ("kind: A\n---\nkind: B\n---", "kind: A\n---\nkind: B"),
            ("kind: A", ""),
            ("{\"a\": 1}\n{\"b\": 2}\n{\"c\"", "{\"a\": 1}\n{\"b\": 2}\n"),
            ("{\"kind\": \"List\", \"items\": [{}, {}", ""),
            ("{\"a\": 1}\n---\nkind: B", "{\"a\": 1}"),
            ("", ""),
        ] {
            assert_eq!(beginning(text.as_bytes()), expected.as_bytes(), "{text:?}");
        }
        assert_eq!(beginning(b"kind: A\n---\nkind: \xc3"), b"kind: A");
    }

    #[test]
    fn a_large_dump_is_in_order_and_a_bomb_is_not() {
        let mut dump = "items:\n".to_owned();
        for n in 0..300_000 {
            dump.push_str(&format!("- {n}\n"));
        }
        assert_eq!(documents(&dump).unwrap().len(), 1);
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for n in 1..12 {
            let list = vec![format!("*a{}", n - 1); 10].join(", ");
            bomb.push_str(&format!("a{n}: &a{n} [{list}]\n"));
        }
        assert!(documents(&bomb).is_err());
        assert!(documents(&"[".repeat(100_000)).is_err());
        assert!(documents(&"- ".repeat(100_000)).is_err());
        assert!(documents(&"{\"a\":".repeat(100_000)).is_err());
    }

    proptest! {
        #[test]
        fn any_file_is_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "[-{}\\[\\]:&*#a \n\"']{0,60}") {
            let _ = for_each(&bytes, |_| {});
            let _ = for_each(text.as_bytes(), |_| {});
        }
    }
}
