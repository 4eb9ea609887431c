//! stub
use crate::{cluster::inventory::Inventory, facts::document::Finding, resolve::Resolution};
pub(super) fn find(_: &Inventory, _: Option<&Resolution>) -> Vec<Finding> {
    Vec::new()
}
