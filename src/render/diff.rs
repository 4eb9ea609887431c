//! What `diff` shows: what came and is wrong first.

use super::show::finding_row;
use super::{SHORTEST_REFERENCE, add_line, first, reference, short, subject};
use crate::analyze::{
    Change, ConfigChange, ContainerChange, Diff, ImageChange, Names, PlatformChange, Used, WorkloadChange,
};
use crate::facts::document::{Finding, Gap};
use crate::text::{columns, keep_end, shorten, size};

/// How far lines below their heading are indented.
const INDENT: usize = 2;

/// What changed, for a person.
pub fn diff(diff: &Diff, width: usize) -> String {
    if diff.is_empty() {
        return "no difference\n".to_owned();
    }
    let mut text = String::new();
    section(&mut text, "Findings that came", &findings(&diff.findings_came, width));
    section(&mut text, "Workloads with other images", &workloads(&diff.workloads, width));
    section(&mut text, "Changed images", &changed(&diff.changed, width));
    section(&mut text, "New images", &used(&diff.new, width));
    section(&mut text, "Gone images", &used(&diff.gone, width));
    section(&mut text, "Findings that went", &findings(&diff.findings_went, width));
    section(&mut text, "Could be looked at before, and now could not", &gaps(&diff.gaps_came, width));
    section(&mut text, "Could not be looked at before", &gaps(&diff.gaps_went, width));
    text
}

fn section(text: &mut String, title: &str, body: &str) {
    if !body.is_empty() {
        let gap = if text.is_empty() { "" } else { "\n" };
        text.push_str(&format!("{gap}{title}\n{body}"));
    }
}

fn findings(findings: &[Finding], width: usize) -> String {
    let mut rows: Vec<_> = findings.iter().map(finding_row).collect();
    shorten(&mut rows, (2, SHORTEST_REFERENCE), keep_end, width.saturating_sub(INDENT));
    shorten(&mut rows, (3, SHORTEST_REFERENCE), keep_end, width.saturating_sub(INDENT));
    indented(&rows)
}

fn used(images: &[Used], width: usize) -> String {
    let row =
        |image: &Used| vec![reference(&image.reference), first(image.used_by.iter().map(subject)).unwrap_or_default()];
    let mut rows: Vec<_> = images.iter().map(row).collect();
    shorten(&mut rows, (0, SHORTEST_REFERENCE), keep_end, width.saturating_sub(INDENT));
    shorten(&mut rows, (1, SHORTEST_REFERENCE), keep_end, width.saturating_sub(INDENT));
    indented(&rows)
}

fn indented(rows: &[Vec<String>]) -> String {
    columns(rows).lines().map(|line| format!("{:INDENT$}{line}\n", "")).collect()
}

fn gaps(gaps: &[Gap], width: usize) -> String {
    let mut text = String::new();
    for gap in gaps {
        let what = [&gap.resource, &gap.namespace, &gap.host].into_iter().flatten().cloned().collect::<Vec<_>>();
        add_line(&mut text, INDENT, &format!("{} ({}): {}", what.join(" "), gap.reason, gap.message), width);
    }
    text
}

fn workloads(workloads: &[WorkloadChange], width: usize) -> String {
    let mut text = String::new();
    for WorkloadChange { kind, namespace, name, containers, .. } in workloads {
        let place: Vec<&str> = namespace.iter().chain(name).map(String::as_str).collect();
        add_line(&mut text, INDENT, &format!("{kind} {}", place.join("/")), width);
        for ContainerChange { name, old, new } in containers {
            let images = match (old.as_slice(), new.as_slice()) {
                ([old], [new]) => replaced(old, new),
                (old, new) => arrow(&old.join(", "), &new.join(", ")),
            };
            add_line(&mut text, 2 * INDENT, &format!("{name}  {images}"), width);
        }
    }
    text
}

/// `ghcr.io/acme/web:v3 → v4`: the repository is not repeated.
fn replaced(old: &str, new: &str) -> String {
    let repository = |reference: &str| {
        let path = reference.rfind('/').unwrap_or(0);
        let end = reference.get(path..).and_then(|name| name.find([':', '@'])).map(|at| path + at);
        end.and_then(|end| Some((reference.get(..end)?.to_owned(), reference.get(end + 1..)?.to_owned())))
    };
    match (repository(old), repository(new)) {
        (Some((before, _)), Some((now, version))) if before == now => format!("{old} → {version}"),
        _ => arrow(old, new),
    }
}

fn arrow(old: &str, new: &str) -> String {
    let shown = |side: &str| if side.is_empty() { "none".to_owned() } else { side.to_owned() };
    format!("{} → {}", shown(old), shown(new))
}

fn changed(images: &[ImageChange], width: usize) -> String {
    let mut text = String::new();
    for image in images {
        let users = first(image.used_by.iter().map(subject)).map(|users| format!(" ({users})")).unwrap_or_default();
        add_line(&mut text, INDENT, &format!("{}{users}", image.reference), width);
        let mut add = |name: &str, change: Option<String>| {
            if let Some(change) = change {
                add_line(&mut text, 2 * INDENT, &format!("{name:<10}{change}"), width);
            }
        };
        add("status", image.status.as_ref().map(|status| sides(status, ToString::to_string)));
        add("digest", image.resolved.as_ref().map(|resolved| sides(resolved, short)));
        let digests = |digests: &Vec<_>| digests.iter().map(short).collect::<Vec<_>>().join(" ");
        add("running", image.running.as_ref().map(|running| sides(running, digests)));
        for platform in &image.platforms {
            add_platform(&mut text, platform, width);
        }
    }
    text
}

fn add_platform(text: &mut String, change: &PlatformChange, width: usize) {
    let digest = sides(&change.digest, short);
    let bytes = change.compressed_bytes.as_ref().map(|bytes| format!(", {}", sides(bytes, |bytes| size(*bytes))));
    let line = format!("{}  {digest}{}", change.platform, bytes.unwrap_or_default());
    add_line(text, 2 * INDENT, &line, width);
    for (name, change) in change.config.iter().flat_map(config) {
        add_line(text, 3 * INDENT, &format!("{name:<12}{change}"), width);
    }
}

/// What changed in a config, each with its name.
fn config(change: &ConfigChange) -> Vec<(&'static str, String)> {
    let command = |words: &Vec<String>| format!("{words:?}");
    let changes = [
        ("user", change.user.as_ref().map(|user| sides(user, Clone::clone))),
        ("entrypoint", change.entrypoint.as_ref().map(|words| sides(words, command))),
        ("cmd", change.cmd.as_ref().map(|words| sides(words, command))),
        ("directory", change.working_dir.as_ref().map(|directory| sides(directory, Clone::clone))),
        ("env", change.env.as_ref().map(names)),
        ("ports", change.exposed_ports.as_ref().map(names)),
        ("volumes", change.volumes.as_ref().map(names)),
        ("labels", change.labels.as_ref().map(names)),
    ];
    changes.into_iter().filter_map(|(name, change)| Some((name, change?))).collect()
}

fn sides<T>(change: &Change<T>, show: impl Fn(&T) -> String) -> String {
    let side = |side: &Option<T>| side.as_ref().map(&show).unwrap_or_default();
    arrow(&side(&change.old), &side(&change.new))
}

/// `+ADDED -REMOVED ~CHANGED`
fn names(names: &Names) -> String {
    let signed = |sign: char, names: &[String]| names.iter().map(|name| format!("{sign}{name}")).collect::<Vec<_>>();
    [signed('+', &names.added), signed('-', &names.removed), signed('~', &names.changed)].concat().join(" ")
}
