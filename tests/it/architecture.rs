//! Holds the lines between the rooms: who may name which crate, and in which direction data flows.

use std::fs;
use std::path::{Path, PathBuf};

/// A crate that only some rooms may name, as paths below `src/`.
const CRATES: &[(&str, &[&str])] = &[
    ("reqwest", &["registry"]),
    ("http_auth", &["registry"]),
    ("kube", &["cluster/live"]),
    ("k8s_openapi", &["cluster/live"]),
    ("indicatif", &["progress/console"]),
    ("axum", &["serve"]),
    ("tar", &["bundle", "sample"]),
    ("flate2", &["bundle", "sample", "packed"]),
    ("tempfile", &["bundle", "cache", "serve", "packed"]),
    ("clap", &["cli", "main", "commands", "settings"]),
    ("anyhow", &["main", "commands"]),
    ("jsonschema", &["facts"]),
];

/// Rooms that a room may not know, as paths below `src/`.
const BLIND: &[(&str, &[&str])] = &[
    ("image", &["cluster", "credentials", "registry", "resolve", "facts", "bundle", "progress", "commands", "serve"]),
    ("cluster", &["resolve", "registry", "facts", "bundle", "progress", "commands", "serve", "render"]),
    ("credentials", &["registry", "resolve", "facts", "bundle", "progress", "commands", "serve"]),
    (
        "cache",
        &[
            "cluster",
            "credentials",
            "registry",
            "resolve",
            "facts",
            "bundle",
            "progress",
            "commands",
            "serve",
            "settings",
        ],
    ),
    ("registry", &["facts", "bundle", "progress", "commands", "serve", "render"]),
    ("resolve", &["facts", "bundle", "progress", "commands", "serve", "render"]),
    ("check", &["resolve", "analyze", "bundle", "progress", "commands", "serve", "render", "cli"]),
    ("facts", &["registry", "analyze", "bundle", "progress", "commands", "serve", "render", "settings", "cli"]),
    ("bundle", &["cluster", "registry", "resolve", "progress", "commands", "serve", "render", "settings", "cli"]),
    ("progress", &["cluster", "registry", "resolve", "facts", "bundle", "commands", "serve", "settings", "cli"]),
    (
        "analyze",
        &["cluster", "registry", "resolve", "bundle", "progress", "commands", "serve", "render", "settings", "cli"],
    ),
    ("render", &["cluster", "registry", "resolve", "bundle", "commands", "serve", "settings", "cli"]),
    ("serve", &["cluster", "credentials", "registry", "resolve", "facts", "bundle", "progress", "commands", "event"]),
];

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// Every source file, by its path below `src/` without the ending, with its code (comments and tests left out).
fn rooms() -> Vec<(String, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    files
        .into_iter()
        .map(|path| {
            let room = path.strip_prefix(&src).unwrap().with_extension("").to_str().unwrap().to_owned();
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
            let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
            (room, lines.collect::<Vec<_>>().join("\n"))
        })
        .filter(|(room, _)| !room.ends_with("tests"))
        .collect()
}

fn is_in(room: &str, place: &str) -> bool {
    room == place || room.strip_prefix(place).is_some_and(|rest| rest.starts_with('/'))
}

/// Whether `code` names the path `name::`, not as the end of a longer word or path.
fn names(code: &str, name: &str) -> bool {
    let wanted = format!("{name}::");
    code.match_indices(&wanted).any(|(at, _)| {
        let before = code[..at].chars().next_back().unwrap_or(' ');
        !before.is_alphanumeric() && before != '_' && before != ':'
    })
}

#[test]
fn only_its_room_names_a_crate() {
    let mut wrong = Vec::new();
    for (room, code) in rooms() {
        for (name, allowed) in CRATES {
            if names(&code, name) && !allowed.iter().any(|place| is_in(&room, place)) {
                wrong.push(format!("src/{room}.rs names {name}, which belongs to {allowed:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn data_flows_one_way() {
    let mut wrong = Vec::new();
    for (room, code) in rooms() {
        for (place, unknown) in BLIND.iter().filter(|(place, _)| is_in(&room, place)) {
            for other in *unknown {
                if code.contains(&format!("crate::{other}::")) || code.contains(&format!("crate::{{{other}")) {
                    wrong.push(format!("src/{room}.rs ({place}) knows {other}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_module_says_what_it_is_for() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    let mute: Vec<_> = files.iter().filter(|path| !fs::read_to_string(path).unwrap().starts_with("//! ")).collect();
    assert!(mute.is_empty(), "without a //! header: {mute:?}");
}
