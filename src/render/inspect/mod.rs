//! What `inspect` shows of images: one in detail, several as a table.

mod detail;
mod list;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::facts::document::{Image, ImageError, Manifest};
use crate::image::{Digest, Platform};
use crate::text::clean;

/// `images` for a person, with what `manifests` tell of them: a single one in detail, several as a table of at most
/// `width` columns.
pub fn inspect(images: &[Box<Image>], manifests: &[Manifest], width: usize) -> String {
    let manifests = Manifests(manifests.iter().map(|manifest| (&manifest.digest, manifest)).collect());
    match images {
        [image] => detail::detail(image, &manifests),
        images => list::list(images, &manifests, width),
    }
}

/// Documents by digest.
struct Manifests<'a>(BTreeMap<&'a Digest, &'a Manifest>);

impl<'a> Manifests<'a> {
    fn get(&self, digest: &Digest) -> Option<&'a Manifest> {
        self.0.get(digest).copied()
    }
}

/// An image's errors, a line each.
fn errors(image: &Image) -> impl Iterator<Item = String> {
    image.errors.iter().flatten().map(|ImageError { stage, class, platform, message, .. }| {
        let platform = platform.as_ref().map_or_else(String::new, |wanted| format!(" for {}", show(wanted)));
        format!("{stage}{platform}: {class}: {}", clean(message))
    })
}

/// A platform comes from an image, so it may hold anything.
fn show(platform: &Platform) -> String {
    clean(&platform.to_string()).into_owned()
}
