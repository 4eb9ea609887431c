//! One image with all that a person asks about it.

use super::{Manifests, errors, show};
use crate::facts::document::{Access, Build, Config, Image, Manifest, Variant};
use crate::text::{clean, columns, count, size};

/// The image, then each of its platforms, then what went wrong.
pub(super) fn detail(image: &Image, manifests: &Manifests<'_>) -> String {
    let mut text = head(image, manifests);
    for variant in image.variants.iter().flatten() {
        text.push_str(&format!("\n{}\n", show(&variant.platform)));
        let fields = platform(variant, manifests.get(&variant.digest));
        text.extend(fields.lines().map(|line| format!("  {line}\n")));
    }
    let errors: String = errors(image).map(|error| format!("  {error}\n")).collect();
    if !errors.is_empty() {
        text.push_str(&format!("\nErrors:\n{errors}"));
    }
    text
}

/// Labels with their values; a label of several values stands at the first.
#[derive(Default)]
struct Fields(Vec<Vec<String>>);

impl Fields {
    fn add(&mut self, label: &str, values: impl IntoIterator<Item = impl AsRef<str>>) {
        let labels = std::iter::once(format!("{label}:")).chain(std::iter::repeat(String::new()));
        let rows = labels.zip(values).map(|(label, value)| vec![label, clean(value.as_ref()).into_owned()]);
        self.0.extend(rows);
    }

    fn text(&self) -> String {
        columns(&self.0)
    }
}

fn head(image: &Image, manifests: &Manifests<'_>) -> String {
    let mut fields = Fields::default();
    fields.add("Reference", [&image.reference]);
    fields.add("Status", [image.status.as_str()]);
    if let Some(resolved) = &image.resolved {
        fields.add("Digest", [resolved.digest.as_str()]);
        fields.add("From", [format!("{} ({})", resolved.endpoint, resolved.via)]);
        fields.add("As of", resolved.as_of.map(|time| time.0.to_string()));
        if let Some(manifest) = manifests.get(&resolved.digest) {
            fields.add("Media type", [&manifest.media_type]);
            let offered = manifest.entries.iter().flatten().filter_map(|entry| entry.platform.as_ref());
            let offered: Vec<_> = offered.map(show).collect();
            fields.add("Platforms", (!offered.is_empty()).then(|| offered.join(", ")));
        }
    }
    fields.add("Access", image.access.iter().flatten().map(access));
    fields.text()
}

fn access(access: &Access) -> String {
    let name = access.name.as_deref().map_or_else(String::new, |name| format!(" {name}"));
    let class = access.class.map_or_else(String::new, |class| format!(" ({class})"));
    format!("{}{name}: {}{class}", access.source, access.outcome)
}

fn platform(variant: &Variant, manifest: Option<&Manifest>) -> String {
    let mut fields = Fields::default();
    fields.add("Digest", [variant.digest.as_str()]);
    let layers = count(variant.layers, "layer");
    fields.add("Size", [format!("{} in {layers}, compressed", size(variant.compressed_bytes))]);
    if let Some(manifest) = manifest {
        fields.add("Created", manifest.created.map(|time| time.0.to_string()));
        fields.add("OS version", &manifest.os_version);
        if let Some(config) = &manifest.config {
            add_config(&mut fields, config);
        }
        if let Some(build) = &manifest.build {
            add_build(&mut fields, build);
        }
        fields.add(
            "Layers",
            manifest.layers.iter().flatten().map(|layer| {
                let size = layer.size.map_or_else(|| "size unknown".to_owned(), size);
                format!("{}  {size}", layer.digest)
            }),
        );
    }
    fields.text()
}

fn add_config(fields: &mut Fields, config: &Config) {
    fields.add("User", &config.user);
    fields.add("Entrypoint", words(&config.entrypoint));
    fields.add("Cmd", words(&config.cmd));
    fields.add("Directory", &config.working_dir);
    fields.add("Stop signal", &config.stop_signal);
    fields.add("Ports", &config.exposed_ports);
    fields.add("Volumes", &config.volumes);
    fields.add("Env", &config.env);
    fields.add("Labels", config.labels.iter().map(|(name, value)| format!("{name}={value}")));
}

fn add_build(fields: &mut Fields, build: &Build) {
    fields.add("Source", &build.source);
    fields.add("Revision", &build.revision);
    fields.add("Version", &build.version);
    fields.add("Base", &build.base_name);
}

/// A command as a list, so that its words can be told apart.
fn words(command: &[String]) -> Option<String> {
    (!command.is_empty()).then(|| format!("{command:?}"))
}
