//! Text of an object that is only looked at while the object is.

use std::borrow::{Borrow, Cow};
use std::ops::Deref;

use serde::Deserialize;

/// Text as it stands in an object's JSON, or a copy of it where it is written with escapes.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(transparent)]
pub struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Text<'_> {
    fn borrow(&self) -> &str {
        self
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(text.into())
    }
}

impl From<Text<'_>> for String {
    fn from(text: Text<'_>) -> Self {
        text.0.into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_escaped_is_copied() {
        for (json, text, is_copied) in
            [(r#""web""#, "web", false), (r#""a\"b""#, "a\"b", true), (r#""\u0061""#, "a", true)]
        {
            let read: Text<'_> = serde_json::from_str(json).unwrap();
            assert_eq!((&*read, matches!(read.0, Cow::Owned(_))), (text, is_copied), "{json}");
        }
    }
}
