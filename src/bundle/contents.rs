//! What is in a bundle: troubleshoot's layout, with the facts beside.

use std::io::{self, Write};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::archive::Archive;
use super::execution::Collection;
use crate::facts::PackedManifests;
use crate::facts::document::ImageFacts;

/// The facts' place below the top directory.
pub(super) const FACTS: &str = "image-facts/facts.json";

/// The contents of a bundle. All but the facts are small.
#[derive(Clone, Copy)]
pub struct Contents<'a> {
    /// `image-facts/facts.json`
    pub facts: &'a ImageFacts<PackedManifests>,
    /// `image-facts/facts.schema.json`
    pub schema: &'a [u8],
    /// `image-facts/summary.txt`
    pub summary: &'a str,
    /// `image-facts/redactions.json`
    pub redactions: &'a [u8],
    /// `analysis.json`
    pub analysis: &'a [u8],
    /// the API server's `/version`, for `cluster-info/cluster_version.json`; `None` when it is not known
    pub cluster_version: Option<&'a Value>,
    /// `execution-data/`; asked for when all else is written, so that it can tell how long that took
    pub collection: &'a dyn Fn() -> Collection,
}

/// troubleshoot's form of the cluster's version: what was answered, and its short name.
#[derive(Serialize)]
struct ClusterVersion<'a> {
    info: &'a Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    string: Option<&'a str>,
}

impl Contents<'_> {
    /// Writes the archive to `out`: all files below the directory `top`, sorted by name but for those that tell how the
    /// run went, made at `at`.
    pub(super) fn write(&self, top: &str, at: Timestamp, out: impl Write) -> io::Result<()> {
        let mut archive = Archive::new(top, at, out)?;
        archive.bytes("analysis.json", self.analysis)?;
        if let Some(info) = self.cluster_version {
            let string = info.get("gitVersion").and_then(Value::as_str);
            archive.json("cluster-info/cluster_version.json", &ClusterVersion { info, string })?;
        }
        let facts = self.facts.text()?;
        archive.file(FACTS, facts.len(), |out| facts.write(out))?;
        archive.bytes("image-facts/facts.schema.json", self.schema)?;
        archive.bytes("image-facts/redactions.json", self.redactions)?;
        archive.bytes("image-facts/summary.txt", self.summary.as_bytes())?;
        archive.bytes("version.yaml", version_yaml().as_bytes())?;
        let collection = (self.collection)();
        archive.json("execution-data/collection.json", &collection)?;
        archive.bytes("execution-data/summary.txt", collection.to_string().as_bytes())?;
        archive.finish()
    }
}

/// The file by which troubleshoot knows a bundle.
fn version_yaml() -> String {
    format!(
        "apiVersion: troubleshoot.sh/v1beta2\nkind: SupportBundle\nspec:\n  versionNumber: {}\n",
        env!("CARGO_PKG_VERSION")
    )
}
