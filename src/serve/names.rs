//! Names as they stand in requests: valid by construction, so that they are safe as parts of a path.

use std::fmt;
use std::sync::Arc;

use crate::image::{Digest, InvalidDigest};

/// The longest repository name that common registries and clients take.
const NAME_MAX: usize = 255;

/// A repository's name: `acme/web`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepositoryName(Arc<str>);

/// A tag: `v3.2.1`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(Arc<str>);

/// What a manifest is asked for by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// the manifest that a tag names now
    Tag(Tag),
    /// the manifest itself
    Digest(Digest),
}

/// A text that is no name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// Not a repository's name.
    #[error("{0:?} is not a repository name: expected lower-case words joined by slashes, such as acme/web")]
    Repository(String),
    /// Not a tag.
    #[error("{0:?} is not a tag: expected 1 to 128 letters, digits, dots, dashes and underscores")]
    Tag(String),
    /// Not a digest that can be verified.
    #[error(transparent)]
    Digest(#[from] InvalidDigest),
}

/// As much of a text as an error needs.
fn excerpt(text: &str) -> String {
    text.chars().take(80).collect()
}

impl RepositoryName {
    /// Parses `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`, joined by slashes (distribution-spec, "Pulling manifests").
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        if text.len() <= NAME_MAX && text.split('/').all(is_component) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidName::Repository(excerpt(text)))
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_component(text: &str) -> bool {
    let is_word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let ends = |b: Option<&u8>| b.is_some_and(|b| is_word(*b));
    let mut gaps = text.as_bytes().split(|b| is_word(*b));
    ends(text.as_bytes().first())
        && ends(text.as_bytes().last())
        && gaps.all(|gap| matches!(gap, b"." | b"_" | b"__") || gap.iter().all(|b| *b == b'-'))
}

impl Tag {
    /// Parses `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let is_word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        let valid = (1..=128).contains(&text.len())
            && text.bytes().all(|b| is_word(b) || b == b'.' || b == b'-')
            && text.bytes().next().is_some_and(is_word);
        if valid { Ok(Self(text.into())) } else { Err(InvalidName::Tag(excerpt(text))) }
    }

    /// The tag.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Target {
    /// Parses a tag, or a digest, which alone has a colon.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        if text.contains(':') { Ok(Self::Digest(Digest::parse(text)?)) } else { Tag::parse(text).map(Self::Tag) }
    }
}

impl fmt::Display for RepositoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => tag.fmt(f),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_would_leave_the_store_is_no_name() {
        for text in ["", "/", "a/", "/a", "a//b", ".", "..", "a/../b", "_a", "a_", "a___b", "A", "a\0", "a b", "ä"] {
            assert!(RepositoryName::parse(text).is_err(), "{text:?}");
        }
        for text in ["", ".", "..", "-a", ".a", "a/b", "a:b", "ä", "a\n", &"a".repeat(129)] {
            assert!(Tag::parse(text).is_err(), "{text:?}");
        }
        assert!(RepositoryName::parse(&"a".repeat(256)).is_err());
    }

    proptest! {
        /// The reference parser of oci-client is an independent implementation of the same grammar.
        #[test]
        fn another_parser_takes_the_same_names(name in "[a-c._/-]{1,12}", tag in "[a-cA-C0-9._/-]{1,6}") {
            let other = format!("host.io/{name}:t").parse::<oci_client::Reference>();
            prop_assert_eq!(RepositoryName::parse(&name).is_ok(), other.is_ok(), "{}", name);
            let other = format!("host.io/a:{tag}").parse::<oci_client::Reference>();
            prop_assert_eq!(Tag::parse(&tag).is_ok(), other.is_ok(), "{}", tag);
        }
    }
}
