//! Which entry of a docker configuration applies to which repository. Pure.
//!
//! Two rules: the kubelet's, which tries every match ([`Keyring`]), and that of docker and podman, which takes the
//! most specific one ([`LocalKey`]).

use percent_encoding::percent_decode_str;

use crate::image::Repository;

/// Docker Hub, as references name it.
pub(super) const DOCKER_HUB: &str = "docker.io";
/// The key that the kubelet falls back to for Docker Hub.
const DOCKER_HUB_INDEX: &str = "index.docker.io";

/// Entries of docker configurations, in the order in which the kubelet tries them
/// (kubernetes `pkg/credentialprovider/keyring.go`).
#[derive(Debug, Clone)]
pub struct Keyring<T>(Vec<(KubeletKey, T)>);

impl<T> Keyring<T> {
    /// Orders entries by key, last first, and leaves those of one key as they come. A key that is no URL is dropped.
    pub fn new<'a>(entries: impl IntoIterator<Item = (&'a str, T)>) -> Self {
        let parsed = entries.into_iter().filter_map(|(written, entry)| Some((KubeletKey::parse(written)?, entry)));
        let mut entries: Vec<_> = parsed.collect();
        entries.sort_by(|(a, _), (b, _)| b.whole.cmp(&a.whole));
        Self(entries)
    }

    /// Every entry that applies to `repository`; the kubelet tries one after the other.
    ///
    /// For Docker Hub alone, and only if nothing matches, those under `index.docker.io`. (The kubelet does that for
    /// any host without dot and port too, `localhost` say. We do not: it would show one host's password to another.)
    pub fn lookup(&self, repository: &Repository) -> Vec<&T> {
        let found: Vec<&T> = self.select(|key| key.matches(repository));
        if found.is_empty() && repository.registry() == DOCKER_HUB {
            return self.select(|key| key.whole == DOCKER_HUB_INDEX);
        }
        found
    }

    fn select(&self, applies: impl Fn(&KubeletKey) -> bool) -> Vec<&T> {
        self.0.iter().filter(|(key, _)| applies(key)).map(|(_, entry)| entry).collect()
    }
}

/// A pattern of `matchImages`, by which the kubelet chooses the credential providers that it asks for an image
/// (kubernetes `pkg/credentialprovider/plugin`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ImagePattern(KubeletKey);

impl ImagePattern {
    /// `None` for what is no URL.
    pub(super) fn parse(written: &str) -> Option<Self> {
        KubeletKey::parse_url(written).filter(|key| !key.host.is_empty()).map(Self)
    }

    /// Whether images of `repository` are meant.
    pub(super) fn matches(&self, repository: &Repository) -> bool {
        self.0.matches(repository)
    }
}

/// A key as the kubelet reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct KubeletKey {
    whole: String,
    host: String,
    path: String,
}

impl KubeletKey {
    /// Reads a key of a docker configuration: drops a leading `/v1` or `/v2` when something follows.
    fn parse(written: &str) -> Option<Self> {
        let Self { host, path, .. } = Self::parse_url(written)?;
        let path = match path.strip_prefix("/v1").or_else(|| path.strip_prefix("/v2")) {
            Some(rest) if rest.starts_with('/') => rest,
            _ => &path,
        };
        let path = if path == "/" { "" } else { path };
        Some(Self { whole: format!("{host}{path}"), path: path.to_owned(), host })
    }

    /// Reads `written` as a URL and drops its scheme.
    fn parse_url(written: &str) -> Option<Self> {
        let rest = written.strip_prefix("https://").or_else(|| written.strip_prefix("http://")).unwrap_or(written);
        let rest = rest.split(['?', '#']).next().unwrap_or_default();
        let (authority, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        if !is_host(host) {
            return None;
        }
        let path = percent_decode_str(path).decode_utf8().ok()?.into_owned();
        Some(Self { whole: format!("{host}{path}"), host: host.to_owned(), path })
    }

    /// Ports are equal as strings, hosts match part by part, and the path is a plain prefix, not by segments.
    fn matches(&self, repository: &Repository) -> bool {
        let ((pattern, port), (host, target_port)) = (split_port(&self.host), split_port(repository.registry()));
        let (patterns, parts) = (pattern.split('.'), host.split('.'));
        port == target_port
            && patterns.clone().count() == parts.clone().count()
            && self.path.strip_prefix('/').is_none_or(|prefix| repository.path().starts_with(prefix))
            && patterns.zip(parts).all(|(pattern, part)| glob(pattern.as_bytes(), part.as_bytes()))
    }
}

/// Whether Go's `url.Parse` takes `text` as host and port: no letters that need escaping, and a port of digits.
fn is_host(text: &str) -> bool {
    let port = text.rsplit_once(':').filter(|(_, port)| !port.contains(']')).map_or("", |(_, port)| port);
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || !b.is_ascii() || b"-_.~!$&'()*+,;=:[]<>\"".contains(&b);
    text.bytes().all(is_plain) && port.bytes().all(|b| b.is_ascii_digit())
}

/// Go's `net.SplitHostPort`: what has no port, or more colons than one, is all host.
fn split_port(text: &str) -> (&str, &str) {
    match text.strip_prefix('[').and_then(|rest| rest.split_once("]:")) {
        Some((address, port)) => (address, port),
        None => match text.split_once(':') {
            Some((host, port)) if !port.contains(':') => (host, port),
            _ => (text, ""),
        },
    }
}

/// A shell glob, as far as it can stand in a host: `*` and `[…]`. (`?` begins a URL's query, `\` is no host's.)
fn glob(mut pattern: &[u8], mut text: &[u8]) -> bool {
    // What follows the last star, and the text from which it is tried: only the last star ever needs to take more.
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        if let [b'*', rest @ ..] = pattern {
            (pattern, retry) = (rest, Some((rest, text)));
        } else if let [letter, tail @ ..] = text
            && let Some(rest) = step(pattern, *letter)
        {
            (pattern, text) = (rest, tail);
        } else if pattern.is_empty() && text.is_empty() {
            return true;
        } else if let Some((rest, [_, tail @ ..])) = retry {
            (pattern, text, retry) = (rest, tail, Some((rest, tail)));
        } else {
            return false;
        }
    }
}

/// What remains of `pattern` when its first element, a letter or a class, takes `letter`.
fn step(pattern: &[u8], letter: u8) -> Option<&[u8]> {
    match pattern {
        [b'[', class @ ..] => {
            // A class has a member at least, so that a bracket right after the first is one.
            let end = class.iter().skip(1).position(|b| *b == b']')? + 1;
            let (members, rest) = class.split_at_checked(end)?;
            if has_member(members, letter) { rest.get(1..) } else { None }
        }
        [first, rest @ ..] if *first == letter => Some(rest),
        _ => None,
    }
}

/// Whether a class of single letters and of ranges has `letter`. (`^` is no host's, so that no class is negated.)
fn has_member(mut members: &[u8], letter: u8) -> bool {
    while let [low, tail @ ..] = members {
        let (high, tail) = match tail {
            [b'-', high, tail @ ..] => (high, tail),
            _ => (low, tail),
        };
        if (*low..=*high).contains(&letter) {
            return true;
        }
        members = tail;
    }
    false
}

/// A key as docker and podman read it: a host, and perhaps a path that narrows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalKey {
    host: String,
    path: String,
}

impl LocalKey {
    /// Reads `r.io`, `https://r.io/v2/`, `r.io/team`. Docker Hub has several names, and is one.
    pub fn parse(written: &str) -> Self {
        let rest = written.strip_prefix("https://").or_else(|| written.strip_prefix("http://")).unwrap_or(written);
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let host = match host {
            DOCKER_HUB_INDEX | "registry-1.docker.io" => DOCKER_HUB,
            host => host,
        };
        let path = path.trim_end_matches('/');
        let path = match path.split_once('/') {
            Some(("v1" | "v2", rest)) => rest,
            None if matches!(path, "v1" | "v2") => "",
            _ => path,
        };
        Self { host: host.to_owned(), path: path.to_owned() }
    }

    /// How specific it is for `repository`: `None` when it does not apply, else more is better.
    ///
    /// Hosts are equal as strings, paths match by whole segments (containers/image `pkg/docker/config`).
    pub fn specificity(&self, repository: &Repository) -> Option<usize> {
        let below = repository.path().strip_prefix(&self.path)?;
        let applies =
            self.host == repository.registry() && (self.path.is_empty() || below.is_empty() || below.starts_with('/'));
        applies.then_some(self.path.len())
    }
}

/// The entry that docker or podman would use for `repository`: the most specific one.
pub(super) fn most_specific<'a, T>(
    entries: impl IntoIterator<Item = (&'a str, T)>,
    repository: &Repository,
) -> Option<T> {
    let found = entries
        .into_iter()
        .filter_map(|(key, entry)| Some((LocalKey::parse(key).specificity(repository)?, entry)))
        // Of equals the first counts, as it stands first in the file.
        .reduce(|best, next| if next.0 > best.0 { next } else { best });
    found.map(|(_, entry)| entry)
}

#[cfg(test)]
mod tests;
