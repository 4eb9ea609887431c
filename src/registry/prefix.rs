//! The tables of a registries.conf (containers-registries.conf(5)): which one is for an image, and what it makes of its
//! name. Pure.

use std::path::PathBuf;

use super::options::Serves;
use crate::image::Reference;

/// What a `[[registry]]` table says of images whose names begin alike.
#[derive(Debug, Clone)]
pub struct PrefixRule {
    /// a host, `*.` and the end of one, or the beginning of a name; for images whose name goes on with `/`, `:` or `@`
    pub prefix: String,
    /// whether such images may not be pulled
    pub blocked: bool,
    /// what stands in the place of the prefix at the registry itself; absent when names stay as they are
    pub location: Option<String>,
    /// asked before it, in order
    pub mirrors: Vec<Location>,
    /// the file that says so
    pub file: PathBuf,
}

/// A mirror in a registries.conf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// what stands there in the place of the prefix
    pub location: String,
    /// what it is asked for
    pub serves: Serves,
}

/// The rule whose prefix is the longest of those that `name`, a reference, begins with, and how much of the name that
/// is.
pub(super) fn rule_for<'a>(rules: &'a [PrefixRule], name: &str) -> Option<(&'a PrefixRule, usize)> {
    let matching = rules.iter().filter_map(|rule| Some((rule, matched(&rule.prefix, name)?)));
    matching.reduce(|best, next| if next.0.prefix.len() > best.0.prefix.len() { next } else { best })
}

/// How much of `name` a prefix stands for; `None` when it is for other names.
fn matched(prefix: &str, name: &str) -> Option<usize> {
    let end = match prefix.strip_prefix('*') {
        Some(suffix) => {
            let host = name.split(['/', ':']).next().unwrap_or_default();
            host.ends_with(suffix).then_some(host.len())?
        }
        None => name.starts_with(prefix).then_some(prefix.len())?,
    };
    let rest = name.get(end..)?;
    (rest.is_empty() || rest.starts_with(['/', ':', '@'])).then_some(end)
}

/// The reference that `name` becomes at a location; `None` when that is no name of an image.
pub(super) fn relocate(location: &str, name: &str, matched: usize) -> Option<Reference> {
    let moved = format!("{location}{}", name.get(matched..)?);
    // What has no host of its own would be read as Docker Hub's.
    let host = moved.split('/').next().filter(|host| *host != moved)?;
    Reference::parse(&moved).ok().filter(|reference| reference.registry() == host)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rule(prefix: &str) -> PrefixRule {
        PrefixRule {
            prefix: prefix.to_owned(),
            blocked: false,
            location: None,
            mirrors: Vec::new(),
            file: PathBuf::new(),
        }
    }

    #[test]
    fn a_prefix_ends_where_a_part_of_the_name_ends() {
        for (prefix, name, rest) in [
            ("r.io", "r.io/a:1", Some("/a:1")),
            ("r.io", "r.io:5000/a:1", Some(":5000/a:1")),
            ("r.io:5000", "r.io:5000/a:1", Some("/a:1")),
            ("r.io/a", "r.io/a/b:1", Some("/b:1")),
            ("r.io/a", "r.io/a:1", Some(":1")),
            ("r.io/a", "r.io/a@sha256:00", Some("@sha256:00")),
            ("r.io/a:1", "r.io/a:1", Some("")),
            ("r.io/a:1", "r.io/a:10", None),
            ("r.io/a", "r.io/ab:1", None),
            ("r.io", "r.io.evil/a:1", None),
            ("*.r.io", "a.r.io/x:1", Some("/x:1")),
            ("*.r.io", "a.b.r.io:5000/x:1", Some(":5000/x:1")),
            ("*.r.io", "a.r.io.r.io/x:1", Some("/x:1")),
            ("*.r.io", "r.io/x:1", None),
            ("*.r.io", "evil.io/a.r.io:1", None),
            ("*.r.io", "a.r.iot/x:1", None),
        ] {
            let found = matched(prefix, name).map(|end| &name[end..]);
            assert_eq!(found, rest, "{prefix} {name}");
        }
    }

    #[test]
    fn the_longest_prefix_counts() {
        let rules = ["r.io", "r.io/a", "*.io", "r.io/a/b/c", "r.io/a"].map(rule);
        for (name, expected) in [("r.io/a/b:1", 1), ("r.io/x:1", 0), ("x.io/a:1", 2), ("r.io/a/b/c@sha256:00", 3)] {
            let (found, _) = rule_for(&rules, name).unwrap();
            assert!(std::ptr::eq(found, &rules[expected]), "{name}: {}", found.prefix);
        }
        assert!(rule_for(&rules, "r.example/a:1").is_none());
    }

    #[test]
    fn a_name_moves_to_its_location() {
        for (location, name, matched, expected) in [
            ("m.io/cache", "r.io/a/b:1", 4, Some("m.io/cache/a/b:1")),
            ("m.io:5000", "docker.io/library/nginx:1", 9, Some("m.io:5000/library/nginx:1")),
            ("m.io/x", "r.io/a:1", 6, Some("m.io/x:1")),
            ("m.io/x:2", "r.io/a:1", 8, Some("m.io/x:2")),
            ("m.io", "r.io:5000/a:1", 4, Some("m.io:5000/a:1")),
            ("m.io", "r.io/a:1", 6, None),
            ("mirror", "r.io/a:1", 4, None),
        ] {
            let moved = relocate(location, name, matched).map(|reference| reference.to_string());
            assert_eq!(moved.as_deref(), expected, "{location} {name}");
        }
    }

    proptest! {
        #[test]
        fn no_name_breaks_it(prefix in any::<String>(), name in any::<String>(), location in any::<String>()) {
            if let Some(end) = matched(&prefix, &name) {
                prop_assert!(end <= name.len());
                let _ = relocate(&location, &name, end);
            }
        }
    }
}
