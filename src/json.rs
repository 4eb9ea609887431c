//! What can be told of JSON without parsing it: where its strings end.

pub mod indented;

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

/// How many bytes are looked at together.
const WORD: usize = size_of::<u64>();

/// From how many words on a string is worth the call of a search that is fast with long ones.
const LONG: usize = 4;

impl StringPart {
    /// What `bytes`, which come after an opening quote, hold of the string.
    // Where it is called, it is for each string of megabytes.
    #[inline(always)]
    pub fn of(bytes: &[u8]) -> Self {
        let mut at = 0;
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            match mark(rest) {
                None if at > bytes.len() => return Self::Escaping,
                None => return Self::Open,
                Some(length) if rest.get(length) == Some(&b'"') => return Self::End(at + length + 1),
                Some(length) => at += length + 2,
            }
        }
    }
}

/// Where the first quote or backslash stands. Most strings of an object are shorter than a word or two.
#[inline(always)]
fn mark(bytes: &[u8]) -> Option<usize> {
    let (words, _) = bytes.as_chunks::<WORD>();
    let words = words.get(..LONG).unwrap_or(words);
    for (at, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let marks = equal_to(b'"', word) | equal_to(b'\\', word);
        if marks != 0 {
            return Some(at * WORD + marks.trailing_zeros() as usize / 8);
        }
    }
    let at = words.len() * WORD;
    memchr::memchr2(b'"', b'\\', bytes.get(at..)?).map(|found| at + found)
}

/// The highest bit of the first byte of `word` that is `byte`, and maybe of bytes after it
/// (<https://graphics.stanford.edu/~seander/bithacks.html#ZeroInWord>).
#[inline(always)]
fn equal_to(byte: u8, word: u64) -> u64 {
    const LOWEST: u64 = u64::from_le_bytes([0x01; WORD]);
    const HIGHEST: u64 = u64::from_le_bytes([0x80; WORD]);
    let zero_where_equal = word ^ (LOWEST * u64::from(byte));
    zero_where_equal.wrapping_sub(LOWEST) & !zero_where_equal & HIGHEST
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
            (br#"seven b""#, End(8)),
            (br#"eight by""#, End(9)),
            (br#"eight b\"" "#, End(10)),
            (br#"eight by\"" "#, End(11)),
            (br"eight b\", Escaping),
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
