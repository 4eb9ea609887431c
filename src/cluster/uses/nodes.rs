//! Nodes as they report themselves, and the images that lie on them.

use std::sync::Arc;

use super::names::Names;
use crate::cluster::inventory::{Node, NodeImage};
use crate::cluster::objects::{self, Text};
use crate::image::{NodePlatform, Platform};

/// How many images a kubelet reports at most (`nodeStatusMaxImages`).
const REPORTED_IMAGES: usize = 50;
/// The label that holds a Windows node's build when its kernel version does not.
const WINDOWS_BUILD_LABEL: &str = "node.kubernetes.io/windows-build";

/// What matters of a node; `None` for one that does not say its platform, as one that has only just registered.
pub(super) fn node(node: &objects::Node<'_>, name: &Arc<str>) -> Option<Node> {
    let platform = platform(node)?;
    let os_version = if platform.os() == "windows" { windows_build(node) } else { None };
    let runtime = node.status.node_info.container_runtime_version.as_deref();
    Some(Node {
        name: Arc::clone(name),
        platform: NodePlatform { platform, os_version },
        runtime: runtime.unwrap_or_default().to_owned(),
        labels: node.metadata.labels.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect(),
        images_truncated: node.status.images.len() >= REPORTED_IMAGES,
    })
}

fn platform(node: &objects::Node<'_>) -> Option<Platform> {
    let info = &node.status.node_info;
    let of_label = |key: &str| node.metadata.labels.get(key).map(|value| &**value);
    let os = filled(&info.operating_system).or_else(|| of_label("kubernetes.io/os"))?;
    let architecture = filled(&info.architecture).or_else(|| of_label("kubernetes.io/arch"))?;
    format!("{os}/{architecture}").parse().ok()
}

/// The images that `node` reports; those without any name are what pulls left behind, and left out.
pub(super) fn images(node: &objects::Node<'_>, name: &Arc<str>, known: &mut Names) -> Vec<NodeImage> {
    let named = node.status.images.iter().filter_map(|image| {
        let names = image.names.iter().filter(|name| !name.contains("<none>"));
        let names: Vec<_> = names.map(|name| known.shared(name)).collect();
        let size_bytes = u64::try_from(image.size_bytes.unwrap_or_default()).unwrap_or_default();
        (!names.is_empty()).then(|| NodeImage { node: name.clone(), names, size_bytes })
    });
    named.collect()
}

fn filled<'a>(text: &'a Option<Text<'_>>) -> Option<&'a str> {
    text.as_deref().filter(|text| !text.is_empty())
}

/// `10.0.20348.2582` of a kernel version such as `10.0.20348.2582` or `10.0.20348 20348.1.amd64fre…`, else the label.
fn windows_build(node: &objects::Node<'_>) -> Option<String> {
    let kernel = node.status.node_info.kernel_version.as_deref();
    let label = node.metadata.labels.get(WINDOWS_BUILD_LABEL).map(|build| &**build);
    kernel.into_iter().chain(label).filter_map(|text| text.split_whitespace().next()).find_map(|version| {
        let is_build = version.strip_prefix("10.0.").is_some_and(|rest| {
            rest.split('.').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
        });
        is_build.then(|| version.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(kernel: &str, label: &str) -> Option<String> {
        let node_info = objects::NodeInfo {
            operating_system: Some("windows".into()),
            architecture: Some("amd64".into()),
            kernel_version: Some(kernel.into()),
            container_runtime_version: None,
        };
        let labels = [(WINDOWS_BUILD_LABEL.into(), label.into())].into();
        let metadata = objects::Metadata { name: Some("w".into()), labels, ..Default::default() };
        let status = objects::NodeStatus { node_info, images: Vec::new() };
        node(&objects::Node { metadata, status }, &"w".into()).unwrap().platform.os_version
    }

    #[test]
    fn a_windows_node_tells_its_build() {
        for (kernel, label, build) in [
            ("10.0.20348.2582", "", Some("10.0.20348.2582")),
            ("10.0.20348 20348.1.amd64fre.fe_release.210507-1500", "", Some("10.0.20348")),
            ("6.12.1", "10.0.17763", Some("10.0.17763")),
            ("6.12.1", "", None),
            ("", "10.0.x", None),
        ] {
            assert_eq!(windows(kernel, label).as_deref(), build, "{kernel:?} {label:?}");
        }
    }

    #[test]
    fn a_node_says_its_platform_itself_or_by_its_labels() {
        for (os, architecture, labels, expected) in [
            ("linux", "amd64", "", Some("linux/amd64")),
            ("linux", "amd64", "windows/arm64", Some("linux/amd64")),
            ("", "", "linux/arm64", Some("linux/arm64")),
            ("linux", "", "windows/arm64", Some("linux/arm64")),
            ("linux", "", "", None),
            ("", "amd64", "", None),
            ("", "", "", None),
            ("linux", "x y", "", None),
            ("linux", "\u{e9}", "linux/amd64", None),
        ] {
            let node_info = objects::NodeInfo {
                operating_system: Some(os.into()),
                architecture: Some(architecture.into()),
                ..Default::default()
            };
            let mut metadata = objects::Metadata::default();
            if let Some((os, architecture)) = labels.split_once('/') {
                metadata.labels = [("kubernetes.io/os", os), ("kubernetes.io/arch", architecture)]
                    .map(|(key, value)| (key.into(), value.into()))
                    .into();
            }
            let status = objects::NodeStatus { node_info, images: Vec::new() };
            let platform = platform(&objects::Node { metadata, status }).map(|platform| platform.to_string());
            assert_eq!(platform.as_deref(), expected, "{os}/{architecture} {labels}");
        }
    }

    #[test]
    fn fifty_images_may_be_a_cut_list() {
        let image = objects::ReportedImage { names: vec!["a:1".into(), "<none>:<none>".into()], size_bytes: Some(-1) };
        for (count, cut) in [(49, false), (50, true)] {
            let status = objects::NodeStatus { images: vec![image.clone(); count], ..Default::default() };
            let labels = [("kubernetes.io/os", "linux"), ("kubernetes.io/arch", "arm64")];
            let labels = labels.map(|(key, value)| (key.into(), value.into())).into();
            let metadata = objects::Metadata { name: Some("n".into()), labels, ..Default::default() };
            let reported = objects::Node { metadata, status };
            assert_eq!(node(&reported, &"n".into()).unwrap().images_truncated, cut, "{count}");
            let expected = NodeImage { node: "n".into(), names: vec!["a:1".into()], size_bytes: 0 };
            assert_eq!(images(&reported, &"n".into(), &mut Names::default()), vec![expected; count]);
        }
    }
}
