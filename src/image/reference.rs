//! Image references as the kubelet reads them: normalized, and valid by construction.

use std::{fmt, str::FromStr, sync::Arc};

use super::digest::{Digest, is_hex};
use crate::text::cut;

/// The registry that a reference without one means.
const DOCKER_HUB: &str = "docker.io";
/// The tag that a reference without tag and digest means.
const DEFAULT_TAG: &str = "latest";
/// The longest repository name (distribution `reference.NameTotalLengthMax`).
const NAME_MAX: usize = 255;

/// How many characters of what is no reference a message shows.
const LONGEST_QUOTE: usize = 300;

/// A repository at a registry, without tag or digest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Repository {
    registry: Arc<str>,
    path: Arc<str>,
}

/// A normalized reference: a repository with a tag, a digest, or both.
///
/// With both, a pull goes by the digest.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference(Arc<Parts>);

/// In one place, however often the reference is held: a run has a dozen maps by reference.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Parts {
    repository: Repository,
    tag: Option<Box<str>>,
    digest: Option<Digest>,
}

/// What a reference is made of, as it was written.
struct Written<'a> {
    registry: &'a str,
    path: &'a str,
    tag: Option<&'a str>,
    digest: Option<Digest>,
}

/// Why a string is no reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} is not a valid image reference: {why}", quoted(.text))]
pub struct InvalidReference {
    /// the string, as it was written
    pub text: String,
    /// what is wrong with it
    pub why: &'static str,
}

fn quoted(text: &str) -> String {
    format!("{:?}", cut(text, LONGEST_QUOTE))
}

impl Repository {
    /// The registry's host as the reference names it, with its port: `docker.io`, `localhost:5000`.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The path at the registry: `library/nginx`.
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl Reference {
    /// Parses and normalizes a reference by the grammar and the defaults of
    /// <https://github.com/distribution/reference>: `nginx` is `docker.io/library/nginx:latest`.
    pub fn parse(text: &str) -> Result<Self, InvalidReference> {
        Written::parse(text).map(Self::from).map_err(|why| InvalidReference { text: text.to_owned(), why })
    }

    /// Whether `text` is a reference.
    pub fn is_valid(text: &str) -> bool {
        Written::parse(text).is_ok()
    }

    /// The repository.
    pub fn repository(&self) -> &Repository {
        &self.0.repository
    }

    /// The registry's host, with its port.
    pub fn registry(&self) -> &str {
        self.repository().registry()
    }

    /// Holds the name of its registry in common with others that are handed the same; any other than its own is ignored.
    pub fn share_registry(&mut self, registry: &Arc<str>) {
        if self.0.repository.registry == *registry {
            Arc::make_mut(&mut self.0).repository.registry = Arc::clone(registry);
        }
    }

    /// The tag; `latest` when neither a tag nor a digest was written.
    pub fn tag(&self) -> Option<&str> {
        self.0.tag.as_deref()
    }

    /// The digest, when one was written.
    pub fn digest(&self) -> Option<&Digest> {
        self.0.digest.as_ref()
    }

    /// Whether `text` can be a tag.
    pub fn is_tag(text: &str) -> bool {
        check_tag(text).is_ok()
    }

    /// What a registry is asked for: the digest where there is one, else the tag.
    pub fn target(&self) -> &str {
        match (self.digest(), self.tag()) {
            (Some(digest), _) => digest.as_str(),
            (None, Some(tag)) => tag,
            (None, None) => DEFAULT_TAG,
        }
    }
}

impl<'a> Written<'a> {
    fn parse(text: &'a str) -> Result<Self, &'static str> {
        if text.is_empty() {
            return Err("it is empty");
        }
        if text.contains("://") {
            return Err("it is a URL; a reference has no scheme");
        }
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => {
                let digest = Digest::parse(digest).map_err(|_| "the part after @ is no sha256 or sha512 digest")?;
                (name, Some(digest))
            }
            None => (text, None),
        };
        let (name, tag) = match name.rsplit_once(':') {
            // A colon before the last slash belongs to the registry's port.
            Some((name, tag)) if !tag.contains('/') && !name.is_empty() => (name, Some(tag)),
            _ => (name, None),
        };
        if let Some(tag) = tag {
            check_tag(tag)?;
        }
        if digest.is_none() && name.ends_with("sha256") && tag.is_some_and(is_hex64) {
            return Err("it is an image ID, not a name");
        }
        if tag.is_none() && digest.is_none() && is_hex64(name) {
            return Err("64 hex digits are an image ID, not a name");
        }
        let (registry, path) = split_registry(name);
        check_registry(registry)?;
        check_path(path)?;
        Ok(Self { registry, path, tag, digest })
    }
}

impl From<Written<'_>> for Reference {
    fn from(Written { registry, path, tag, digest }: Written<'_>) -> Self {
        let registry = if registry == "index.docker.io" { DOCKER_HUB } else { registry };
        let path =
            if registry == DOCKER_HUB && !path.contains('/') { format!("library/{path}").into() } else { path.into() };
        let tag = tag.or(digest.is_none().then_some(DEFAULT_TAG)).map(Into::into);
        Self(Arc::new(Parts { repository: Repository { registry: registry.into(), path }, tag, digest }))
    }
}

fn is_hex64(text: &str) -> bool {
    text.len() == 64 && is_hex(text)
}

/// Splits `name` at its first slash when what stands before it is a host: it has a dot, a colon or an upper-case
/// letter, or is `localhost` (distribution `splitDockerDomain`).
fn split_registry(name: &str) -> (&str, &str) {
    match name.split_once('/') {
        Some((host, path))
            if host == "localhost" || host.bytes().any(|b| matches!(b, b'.' | b':' | b'[' | b'A'..=b'Z')) =>
        {
            (host, path)
        }
        _ => (DOCKER_HUB, name),
    }
}

fn check_registry(registry: &str) -> Result<(), &'static str> {
    const BAD: Result<(), &str> = Err("the registry's host is not valid");
    let (host, port) = match registry.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, "")) => (address, None),
            Some((address, port)) => (address, Some(port.strip_prefix(':').unwrap_or("-"))),
            None => return BAD,
        },
        None => registry.split_once(':').map_or((registry, None), |(host, port)| (host, Some(port))),
    };
    if port.is_some_and(|p| p.parse::<u16>().is_err() || !p.bytes().all(|b| b.is_ascii_digit())) {
        return Err("the registry's port is not a number from 0 to 65535");
    }
    if registry.starts_with('[') {
        return if host.parse::<std::net::Ipv6Addr>().is_ok() { Ok(()) } else { BAD };
    }
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    if host.split('.').all(is_label) { Ok(()) } else { BAD }
}

fn check_path(path: &str) -> Result<(), &'static str> {
    if path.is_empty() {
        return Err("it has no repository");
    }
    if path.len() > NAME_MAX {
        return Err("the repository's name is longer than 255 characters");
    }
    if path.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err("the repository's name must be lower case");
    }
    if path.split('/').all(is_component) {
        Ok(())
    } else {
        Err("the repository's name may hold lower-case letters, digits, and single separators (. _ __ -) between them")
    }
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn is_component(text: &str) -> bool {
    let is_word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = text.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return false };
    is_word(*first)
        && is_word(*last)
        && bytes
            .split(|b| is_word(*b))
            .all(|gap| matches!(gap, b"" | b"." | b"_" | b"__") || gap.iter().all(|b| *b == b'-'))
}

/// `[\w][\w.-]{0,127}`
fn check_tag(tag: &str) -> Result<(), &'static str> {
    let is_word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let valid =
        tag.len() <= 128 && tag.bytes().enumerate().all(|(at, b)| is_word(b) || (at > 0 && (b == b'.' || b == b'-')));
    if valid && !tag.is_empty() {
        Ok(())
    } else {
        Err("a tag has 1 to 128 letters, digits, underscores, dots and dashes, and starts with none of the last two")
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in [&self.registry, "/", &self.path] {
            f.write_str(part)?;
        }
        Ok(())
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.repository(), f)?;
        let (tag, digest) = (self.tag().map(|tag| [":", tag]), self.digest().map(|digest| ["@", digest.as_str()]));
        tag.into_iter().chain(digest).flatten().try_for_each(|part| f.write_str(part))
    }
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Reference {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests;
