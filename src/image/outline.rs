//! Documents without what makes them large. Of thousands of images most bytes are layers, history, environment and
//! labels, which nobody asks for again once they were described.

use super::{Descriptor, Digest, Document, ImageConfig, Index, Manifest, Platform};
use crate::vocabulary::ManifestKind;

/// What is asked of a document more than once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outline {
    /// all of it: it is small
    Index(Index),
    /// an image
    Image(ImageOutline),
    /// something else in an image's form
    Artifact(LayerOutline),
    /// Docker schema 1, which tells no sizes
    Legacy {
        /// the architecture that it names
        platform: Option<Platform>,
        /// how many layers there are
        layers: usize,
    },
}

/// What is asked of an image's manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageOutline {
    /// its config
    pub config: Descriptor,
    /// its layers
    pub layers: LayerOutline,
}

/// What is asked of layers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerOutline {
    /// how many there are
    pub count: usize,
    /// their bytes, compressed
    pub compressed_bytes: u64,
    /// the largest, and its place among them
    pub largest: Option<(usize, Digest, u64)>,
}

/// What is asked of a config.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConfigOutline {
    /// what the image is for
    pub platform: Option<Platform>,
    /// Windows: the build
    pub os_version: Option<String>,
    /// the instruction that made the largest layer, where that is certain
    pub largest_by: Option<String>,
}

impl Outline {
    /// Of all of a document.
    pub fn of(document: &Document) -> Self {
        match document {
            Document::Index(index) => Self::Index(index.clone()),
            Document::Image(manifest) => {
                Self::Image(ImageOutline { config: manifest.config.clone(), layers: LayerOutline::of(manifest) })
            }
            Document::Artifact(manifest) => Self::Artifact(LayerOutline::of(manifest)),
            Document::Legacy(manifest) => {
                Self::Legacy { platform: manifest.platform.clone(), layers: manifest.layers.len() }
            }
        }
    }

    /// What the document is.
    pub fn kind(&self) -> ManifestKind {
        match self {
            Self::Index(_) => ManifestKind::Index,
            Self::Image(_) => ManifestKind::Image,
            Self::Artifact(_) => ManifestKind::Artifact,
            Self::Legacy { .. } => ManifestKind::Legacy,
        }
    }

    /// An image's config.
    pub fn config(&self) -> Option<&Descriptor> {
        match self {
            Self::Image(image) => Some(&image.config),
            _ => None,
        }
    }

    /// The layers of an image or an artifact.
    pub fn layers(&self) -> Option<&LayerOutline> {
        match self {
            Self::Image(ImageOutline { layers, .. }) | Self::Artifact(layers) => Some(layers),
            Self::Index(_) | Self::Legacy { .. } => None,
        }
    }
}

impl LayerOutline {
    fn of(manifest: &Manifest) -> Self {
        let largest = manifest.layers.iter().enumerate().max_by_key(|(_, layer)| layer.size);
        Self {
            count: manifest.layers.len(),
            compressed_bytes: manifest.compressed_bytes(),
            largest: largest.map(|(at, layer)| (at, layer.digest.clone(), layer.size)),
        }
    }
}

impl ConfigOutline {
    /// Of all of a config, which belongs to an image with these `layers`.
    pub fn of(config: &ImageConfig, layers: Option<&LayerOutline>) -> Self {
        let largest_by = layers.and_then(|layers| {
            let (at, _, _) = layers.largest.as_ref()?;
            config.steps_of(layers.count)?.nth(*at)?.created_by.clone()
        });
        Self { platform: config.platform.clone(), os_version: config.os_version.clone(), largest_by }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::History;

    fn step(created_by: &str, empty_layer: bool) -> History {
        History { created_by: Some(created_by.to_owned()), empty_layer, ..History::default() }
    }

    #[test]
    fn the_largest_layer_is_told_with_its_step_where_steps_and_layers_agree() {
        let layer = |size| Descriptor { media_type: "".into(), digest: Digest::of(&[size]), size: size.into() };
        let (annotations, artifact_type, subject) = Default::default();
        let layers = [1, 9, 9, 3].map(layer).into();
        let manifest = Manifest { config: layer(0), layers, annotations, artifact_type, subject };
        let layers = LayerOutline::of(&manifest);
        assert_eq!((layers.count, layers.compressed_bytes), (4, 22));
        assert_eq!(layers.largest, Some((2, Digest::of(&[9]), 9)), "of equals the last");
        let history = vec![step("a", false), step("b", false), step("env", true), step("c", false)];
        let mut config = ImageConfig { history, ..ImageConfig::default() };
        assert_eq!(ConfigOutline::of(&config, Some(&layers)).largest_by, None);
        config.history.push(step("d", false));
        assert_eq!(ConfigOutline::of(&config, Some(&layers)).largest_by.as_deref(), Some("c"));
        assert_eq!(ConfigOutline::of(&config, None).largest_by, None);
    }
}
