//! Which entries of an index are wanted, and for whom. Pure.

use std::collections::BTreeMap;

use super::WantedPlatforms;
use crate::image::{Index, IndexEntry, MediaType, NodePlatform};

/// An entry that is to be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Choice {
    /// the entry
    pub(super) entry: IndexEntry,
    /// what is wanted of it
    pub(super) wanted: WantedPlatforms,
}

/// Chooses the entries of `index` for `wanted` platforms, in the index's order.
///
/// Of each wanted platform it is the entry that fits best, of equals the first. Attestations never are one. An entry
/// that says no platform is chosen for what nothing else serves, if it is an index itself or the only entry.
pub(super) fn choose(index: &Index, wanted: &WantedPlatforms) -> Vec<Choice> {
    let entries: Vec<&IndexEntry> = index.entries.iter().filter(|entry| !entry.is_attestation()).collect();
    let is_open = |entry: &IndexEntry| {
        let is_index =
            matches!(MediaType::parse(&entry.descriptor.media_type), MediaType::OciIndex | MediaType::DockerList);
        entry.platform.is_none() && (is_index || entries.len() == 1)
    };
    let WantedPlatforms::These(nodes) = wanted else {
        let offered = entries.iter().filter(|entry| entry.platform.is_some() || is_open(entry));
        return offered.map(|entry| Choice { entry: (*entry).clone(), wanted: WantedPlatforms::All }).collect();
    };
    let mut served: BTreeMap<usize, Vec<NodePlatform>> = BTreeMap::new();
    let mut unserved = Vec::new();
    for node in &**nodes {
        let fits = |entry: &IndexEntry| node.distance_to(entry.platform.as_ref()?, entry.os_version.as_deref());
        let distances = entries.iter().enumerate().filter_map(|(at, entry)| Some((fits(entry)?, at)));
        match distances.min() {
            Some((_, at)) => served.entry(at).or_default().push(node.clone()),
            None => unserved.push(node.clone()),
        }
    }
    if !unserved.is_empty() {
        let open = entries.iter().enumerate().filter(|(_, entry)| is_open(entry));
        served.extend(open.map(|(at, _)| (at, unserved.clone())));
    }
    let chosen = served.into_iter().filter_map(|(at, nodes)| {
        Some(Choice { entry: (*entries.get(at)?).clone(), wanted: WantedPlatforms::These(nodes.into()) })
    });
    chosen.collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::image::{Descriptor, Digest, Platform};

    const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    const INDEX: &str = "application/vnd.oci.image.index.v1+json";

    /// An entry written as `os/arch[/variant][@os.version]`, as `-` (no platform), `index` or `attestation`.
    fn entry(at: usize, text: &str) -> IndexEntry {
        let (platform, os_version) = text.split_once('@').map_or((text, None), |(p, v)| (p, Some(v.to_owned())));
        let annotations = match text {
            "attestation" => {
                BTreeMap::from([("vnd.docker.reference.type".to_owned(), "attestation-manifest".to_owned())])
            }
            _ => BTreeMap::new(),
        };
        let media_type = if text == "index" { INDEX } else { MANIFEST }.into();
        let digest = Digest::of(&at.to_be_bytes());
        IndexEntry {
            descriptor: Descriptor { media_type, digest, size: 1 },
            platform: platform.parse().ok(),
            os_version,
            annotations,
            artifact_type: None,
        }
    }

    fn node(text: &str) -> NodePlatform {
        let (platform, os_version) = text.split_once('@').map_or((text, None), |(p, v)| (p, Some(v.to_owned())));
        NodePlatform { platform: platform.parse::<Platform>().unwrap(), os_version }
    }

    fn chosen(entries: &[&str], wanted: &WantedPlatforms) -> Vec<String> {
        let entries = entries.iter().enumerate().map(|(at, text)| entry(at, text)).collect::<Vec<_>>();
        let index = Index { entries: entries.clone(), annotations: BTreeMap::new(), skipped: Vec::new() };
        let shown = |choice: &Choice| {
            let at = entries.iter().position(|entry| *entry == choice.entry).unwrap();
            match &choice.wanted {
                WantedPlatforms::All => at.to_string(),
                WantedPlatforms::These(nodes) => {
                    let nodes: Vec<String> = nodes.iter().map(|node| node.platform.to_string()).collect();
                    format!("{at}: {}", nodes.join(" "))
                }
            }
        };
        choose(&index, wanted).iter().map(shown).collect()
    }

    #[test]
    fn each_node_is_given_what_fits_it_best() {
        let windows = &["windows/amd64@10.0.17763.1", "windows/amd64@10.0.20348.1", "windows/amd64@10.0.20348.9"];
        for (entries, nodes, expected) in [
            (&["linux/amd64", "linux/arm64"][..], &["linux/amd64"][..], &["0: linux/amd64"][..]),
            (&["linux/arm64", "linux/amd64"], &["linux/amd64", "linux/arm64"], &["0: linux/arm64", "1: linux/amd64"]),
            (&["linux/arm64"], &["linux/amd64"], &[]),
            (&["linux/arm/v5", "linux/arm/v7", "linux/arm/v6"], &["linux/arm/v7"], &["1: linux/arm/v7"]),
            (&["linux/arm/v5", "linux/arm/v6"], &["linux/arm/v7"], &["1: linux/arm/v7"]),
            (&["linux/amd64"], &["linux/amd64", "linux/amd64/v3"], &["0: linux/amd64 linux/amd64/v3"]),
            (&["linux/amd64", "linux/amd64"], &["linux/amd64"], &["0: linux/amd64"]),
            (windows, &["windows/amd64@10.0.20348.9"], &["2: windows/amd64"]),
            (windows, &["windows/amd64@10.0.20348.5"], &["1: windows/amd64"]),
            (windows, &["windows/amd64@10.0.26100.1"], &[]),
            (&["attestation", "linux/amd64", "attestation"], &["linux/amd64"], &["1: linux/amd64"]),
            (&["attestation"], &["linux/amd64"], &[]),
            (&["-"], &["linux/amd64"], &["0: linux/amd64"]),
            (&["-", "attestation"], &["linux/amd64"], &["0: linux/amd64"]),
            (&["-", "-"], &["linux/amd64"], &[]),
            (&["-", "linux/arm64"], &["linux/amd64"], &[]),
            (&["index", "linux/arm64"], &["linux/amd64", "linux/arm64"], &["0: linux/amd64", "1: linux/arm64"]),
            (&["index", "linux/amd64"], &["linux/amd64"], &["1: linux/amd64"]),
            (&["linux/amd64"], &[], &[]),
        ] {
            let wanted = WantedPlatforms::These(nodes.iter().map(|text| node(text)).collect());
            assert_eq!(chosen(entries, &wanted), expected, "{entries:?} for {nodes:?}");
        }
    }

    #[test]
    fn all_is_every_image() {
        for (entries, expected) in [
            (&["linux/amd64", "attestation", "windows/amd64@10.0.1.1", "-", "index"][..], &["0", "2", "4"][..]),
            (&["-"], &["0"]),
            (&[], &[]),
        ] {
            assert_eq!(chosen(entries, &WantedPlatforms::All), expected, "{entries:?}");
        }
    }
}
