//! The images that are used, each with its draft.

use std::collections::BTreeMap;

use foldhash::fast::RandomState;
use indexmap::IndexMap;

use super::draft::{Common, Draft, Loans};
use super::names::{Names, number};
use super::pods::image_name;
use crate::cluster::inventory::{ImageName, ImageUse};

/// The images so far.
#[derive(Debug, Default)]
pub(super) struct Images {
    /// what specs call them: of the many that name an image, most do it in the same words
    spellings: IndexMap<Box<str>, ImageId, RandomState>,
    drafts: IndexMap<ImageName, Box<Draft>, RandomState>,
    registries: Names,
}

/// The number of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ImageId(u32);

impl Images {
    /// The image that a spec calls `spelling`, which is there from now on; `None` when it is empty.
    pub(super) fn spelt(&mut self, spelling: &str) -> Option<ImageId> {
        if let Some(image) = self.spellings.get(spelling) {
            return Some(*image);
        }
        let image = self.id(image_name(spelling)?);
        self.spellings.insert(spelling.into(), image);
        Some(image)
    }

    /// The number of an image, which is there from now on.
    pub(super) fn id(&mut self, mut name: ImageName) -> ImageId {
        let place = self.drafts.get_index_of(&name).unwrap_or_else(|| {
            if let ImageName::Valid(reference) = &mut name {
                reference.share_registry(&self.registries.shared(reference.registry()));
            }
            self.drafts.insert_full(name, Box::default()).0
        });
        ImageId(number(place))
    }

    /// The number of an image that is there.
    pub(super) fn find(&self, name: &ImageName) -> Option<ImageId> {
        self.drafts.get_index_of(name).map(|place| ImageId(number(place)))
    }

    /// An image of a number that was given out here, with its draft.
    pub(super) fn get(&self, ImageId(id): ImageId) -> Option<(&ImageName, &Draft)> {
        self.drafts.get_index(id as usize).map(|(name, draft)| (name, &**draft))
    }

    /// The draft of an image.
    pub(super) fn draft(&mut self, ImageId(id): ImageId) -> &mut Draft {
        &mut self.drafts[id as usize]
    }

    /// The uses of all images by top owner.
    pub(super) fn finish(mut self, mut common: Common, loans: &Loans) -> BTreeMap<ImageName, Box<ImageUse>> {
        for (spelling, image) in std::mem::take(&mut self.spellings) {
            self.draft(image).written_as.insert(spelling.into());
        }
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
