//! Shows facts, and what was computed from them, to people and programs.
//!
//! What is rendered here is text without control sequences; whatever came from outside is cleaned.

mod check;
mod diff;
mod inspect;
mod json;
mod optimize;
mod show;
#[cfg(test)]
mod tests;

pub use check::{Marks, check};
pub use diff::diff;
pub use inspect::inspect;
pub use json::json;
pub use optimize::optimize;
pub use show::{findings, images, layers, page};

use crate::facts::document::Subject;
use crate::image::Digest;
use crate::text::{clean, wrap};
use crate::vocabulary::ImageStatus;

/// A reference is not cut shorter than this.
const SHORTEST_REFERENCE: usize = 20;

/// What is worse comes first.
fn rank(status: ImageStatus) -> u8 {
    match status {
        ImageStatus::Failed => 0,
        ImageStatus::Partial => 1,
        ImageStatus::Unqueried => 2,
        ImageStatus::Resolved => 3,
    }
}

/// As much of a digest as tells it from others.
fn short(digest: &Digest) -> String {
    digest.hex().chars().take(12).collect()
}

/// A reference, cleaned; of a digest in it as much as tells it from others.
fn reference(text: &str) -> String {
    let digest = text.rsplit_once('@').and_then(|(name, digest)| Some((name, digest.split_once(':')?)));
    match digest {
        Some((name, (algorithm, hex))) => {
            clean(&format!("{name}@{algorithm}:{}", hex.chars().take(12).collect::<String>())).into_owned()
        }
        None => clean(text).into_owned(),
    }
}

/// `Deployment shop/web`
fn subject(subject: &Subject) -> String {
    let namespace = subject.namespace.as_ref().map(|namespace| format!("{namespace}/")).unwrap_or_default();
    clean(&format!("{} {namespace}{}", subject.kind, subject.name)).into_owned()
}

fn number(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// The first of several, and how many more there are: `Deployment shop/web +2`.
fn first(words: impl IntoIterator<Item = String>) -> Option<String> {
    let mut words = words.into_iter();
    let first = words.next()?;
    Some(match words.count() {
        0 => first,
        more => format!("{first} +{more}"),
    })
}

/// Adds `line` to `text`, cleaned, and wrapped with its indentation.
fn add_line(text: &mut String, indent: usize, line: &str, width: usize) {
    for line in wrap(&clean(line), width.saturating_sub(indent)) {
        text.push_str(&format!("{:indent$}{}\n", "", line.trim_end()));
    }
}
