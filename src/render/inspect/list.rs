//! Several images as a table, worst first.

use super::super::{SHORTEST_REFERENCE, rank, reference, short};
use super::{Manifests, errors, show};
use crate::facts::document::{Image, Variant};
use crate::text::{clean, columns, keep_end, shorten, size, width as width_of};

const TITLES: [&str; 7] = ["REFERENCE", "STATUS", "DIGEST", "PLATFORMS", "SIZE", "LAYERS", "CREATED"];
/// The columns that are shown however narrow the terminal is.
const ALWAYS: usize = 5;

/// A row for each image, then what went wrong.
pub(super) fn list(images: &[Box<Image>], manifests: &Manifests<'_>, width: usize) -> String {
    let mut images: Vec<_> = images.iter().collect();
    images.sort_by_key(|image| (rank(image.status), &image.reference));
    let mut rows = vec![TITLES.map(str::to_owned).to_vec()];
    rows.extend(images.iter().map(|image| row(image, manifests)));
    fit(&mut rows, width);

    let mut text = columns(&rows);
    let errors: Vec<_> = images
        .iter()
        .flat_map(|image| errors(image).map(|error| format!("{}: {error}\n", clean(&image.reference))))
        .collect();
    if !errors.is_empty() {
        text.push('\n');
        text.extend(errors);
    }
    text
}

/// Size, layers and date are those of the largest of the image's platforms.
fn row(image: &Image, manifests: &Manifests<'_>) -> Vec<String> {
    let unknown = || "-".to_owned();
    let variants = image.variants.as_deref().unwrap_or_default();
    let largest = variants.iter().max_by_key(|variant| variant.compressed_bytes);
    let created = largest.and_then(|variant| manifests.get(&variant.digest)?.created);
    vec![
        reference(&image.reference),
        image.status.to_string(),
        image.resolved.as_ref().map_or_else(unknown, |resolved| short(&resolved.digest)),
        platforms(variants).unwrap_or_else(unknown),
        largest.map_or_else(unknown, |variant| size(variant.compressed_bytes)),
        largest.map_or_else(unknown, |variant| variant.layers.to_string()),
        created.map_or_else(unknown, |time| time.0.strftime("%Y-%m-%d").to_string()),
    ]
}

/// The first platform, and how many more there are.
fn platforms(variants: &[Variant]) -> Option<String> {
    let (first, more) = variants.split_first()?;
    let more = if more.is_empty() { String::new() } else { format!(" +{}", more.len()) };
    Some(show(&first.platform) + &more)
}

/// Leaves out what does not fit into `width`: whole columns first, then the beginnings of references.
fn fit(rows: &mut [Vec<String>], width: usize) {
    if width_of(rows) > width {
        rows.iter_mut().for_each(|row| row.truncate(ALWAYS));
    }
    shorten(rows, (0, SHORTEST_REFERENCE), keep_end, width);
}
