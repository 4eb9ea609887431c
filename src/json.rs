//! What can be told of JSON without parsing it: where its strings end.

/// What bytes hold of a string that began before them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StringPart {
    /// its end: so many bytes, the closing quote among them
    End(usize),
    /// nothing else, and more of it is to come
    Open,
    /// nothing else, and the last byte is a backslash that escapes the next
    Escaping,
}

impl StringPart {
    /// What `bytes`, which come after an opening quote, hold of the string.
    pub fn of(bytes: &[u8]) -> Self {
        let mut at = 0;
        loop {
            match memchr::memchr2(b'"', b'\\', bytes.get(at..).unwrap_or_default()) {
                None if at > bytes.len() => return Self::Escaping,
                None => return Self::Open,
                Some(length) if bytes.get(at + length) == Some(&b'"') => return Self::End(at + length + 1),
                Some(length) => at += length + 2,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_string_ends_at_the_first_quote_that_is_not_escaped() {
        use StringPart::{End, Escaping, Open};
        for (bytes, expected) in [
            (&br#"abc", 1"#[..], End(4)),
            (br#"""#, End(1)),
            (br#"a\"b""#, End(5)),
            (br#"a\\","#, End(4)),
            (b"", Open),
            (br#"a\"b"#, Open),
            (br#"a\""#, Open),
            (br"a\\", Open),
            (br"a\", Escaping),
            (br"a\\\", Escaping),
        ] {
            assert_eq!(StringPart::of(bytes), expected, "{}", String::from_utf8_lossy(bytes));
        }
    }

    proptest! {
        #[test]
        fn any_string_ends_where_its_json_does(text: String, after: String) {
            let json = serde_json::to_string(&text).unwrap();
            let bytes = format!("{json}{after}").into_bytes();
            prop_assert_eq!(StringPart::of(&bytes[1..]), StringPart::End(json.len() - 1));
        }
    }
}
