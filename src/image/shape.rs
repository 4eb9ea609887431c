//! How large and how deep a document may be, looked at before it is parsed.
//!
//! A few bytes of JSON become many of memory: four megabytes of `{},` would be a hundred of empty structs. What no
//! image needs is refused, so that what a document takes is in proportion to what it says.

use super::InvalidDocument;
use crate::json::StringPart;

/// The most values that a document may have. Indexes of a thousand platforms and images of a thousand layers have
/// less than a fifth of it.
const MAX_VALUES: usize = 100_000;
/// The deepest nesting. Nothing in the formats goes beyond seven; what is deeper could not be read back from the facts.
const MAX_DEPTH: usize = 32;

/// Refuses what is no JSON object (serde would read an array field by field), and what is too large or too deep.
///
/// That the rest is JSON at all is for the parser to say.
pub(super) fn check(bytes: &[u8]) -> Result<(), InvalidDocument> {
    if bytes.iter().find(|b| !b.is_ascii_whitespace()) != Some(&b'{') {
        return Err(InvalidDocument::Malformed("it is no JSON object".to_owned()));
    }
    let (mut values, mut depth, mut rest) = (1_usize, 0_usize, bytes);
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'"' => {
                let StringPart::End(length) = StringPart::of(rest) else { break };
                rest = rest.get(length..).unwrap_or_default();
            }
            // Each value but the first of a list or an object has a comma before it.
            b',' => values += 1,
            b'{' | b'[' => (values, depth) = (values + 1, depth + 1),
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Err(InvalidDocument::Malformed(format!("it is nested deeper than {MAX_DEPTH} levels")));
        }
        if values > MAX_VALUES {
            return Err(InvalidDocument::TooLarge);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_image_needs_is_refused() {
        let malformed = |text: &str| matches!(check(text.as_bytes()), Err(InvalidDocument::Malformed(_)));
        let nested = |depth: usize| format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
        assert!(check(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert!(malformed(&nested(MAX_DEPTH + 1)));
        assert!(malformed("") && malformed("[]") && malformed("null") && malformed(" \n1"));
        let list = |item: &str| format!("{{\"a\":[{}]}}", vec![item; MAX_VALUES - 2].join(","));
        assert!(check(list("0").as_bytes()).is_ok());
        assert_eq!(check(list("{}").as_bytes()), Err(InvalidDocument::TooLarge));
    }

    #[test]
    fn strings_count_as_one_value() {
        let text = r#"{"a":"[[{\"}, \\"}"#.replace("[[", &"[{,".repeat(MAX_VALUES));
        assert_eq!(check(text.as_bytes()), Ok(()));
    }
}
