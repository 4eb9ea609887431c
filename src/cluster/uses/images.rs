//! The images that are used, each with its draft.

use std::collections::BTreeMap;

use super::draft::{Common, Draft, Loans};
use super::names::Names;
use crate::cluster::inventory::{ImageName, ImageUse};

/// The images so far.
#[derive(Debug, Default)]
pub(super) struct Images {
    drafts: BTreeMap<ImageName, Box<Draft>>,
    registries: Names,
}

impl Images {
    /// The draft of an image, which is there from now on.
    pub(super) fn draft(&mut self, mut name: ImageName) -> &mut Draft {
        if let ImageName::Valid(reference) = &mut name {
            reference.share_registry(&self.registries.shared(reference.registry()));
        }
        self.drafts.entry(name).or_default()
    }

    /// The draft of an image, if there is one.
    pub(super) fn get(&self, name: &ImageName) -> Option<&Draft> {
        self.drafts.get(name).map(|draft| &**draft)
    }

    /// The uses of all images by top owner.
    pub(super) fn finish(mut self, mut common: Common, loans: &Loans) -> BTreeMap<ImageName, Box<ImageUse>> {
        if !loans.is_empty() {
            self.drafts.values_mut().for_each(|draft| draft.lend(loans, &mut common.manners));
        }
        self.drafts.retain(|_, draft| draft.is_used());
        self.drafts.values().for_each(|draft| draft.mark_busy(&mut common.owners));
        let finished = self.drafts.into_iter().map(|(name, draft)| (name, Box::new(draft.finish(&common))));
        let images: Vec<_> = finished.collect();
        drop(common);
        images.into_iter().collect()
    }
}
