//! Reads finished facts for the commands that report on them.

use std::path::Path;

use anyhow::Context;

use super::print;
use crate::bundle;
use crate::facts::document::{ImageFacts, SCHEMA_VERSION};

/// Reads the facts from the bundle or the facts.json at `path`; says on stderr what of a newer version was left out.
pub(super) fn facts(path: &Path) -> anyhow::Result<ImageFacts> {
    let file = bundle::read(path)?;
    let read = crate::facts::read::read(&file.bytes).with_context(|| file.name.clone())?;
    if read.left_out > 0 {
        print::message(&format!(
            "note: {} is of schema {}; this program knows {SCHEMA_VERSION}, and leaves out {} for which it has no words",
            file.name,
            read.facts.schema_version,
            match read.left_out {
                1 => "1 entry".to_owned(),
                many => format!("{many} entries"),
            }
        ));
    }
    Ok(read.facts)
}
