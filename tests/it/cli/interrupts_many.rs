//! Runs over a thousand images that are told to end at any moment, or are just killed.
#![cfg(unix)]

use std::io::{Read as _, Write as _};

use imagefacts::cache::Cache;
use imagefacts::clock::Clock;
use imagefacts::limits::Limits;
use serde_json::json;
use tokio::process::Child;

use super::bundle::{Facts, text};
use super::interrupts::{incomplete, signal, start, told, until};
use super::{Bundle, Program};
use crate::resolve::fake_registry::FakeRegistry;

const IMAGES: usize = 1000;

/// A registry of a thousand images, and the program with a pod for each in a file.
async fn scene() -> (FakeRegistry, Program) {
    let (registry, program) = (FakeRegistry::start().await, Program::new());
    let mut containers = Vec::new();
    for nth in 0..IMAGES {
        let name = format!("i{nth:03}");
        registry.put_image(&name, Some("1"), "linux/amd64", &name);
        containers.push(json!({"name": name, "image": format!("{}/{name}:1", registry.host())}));
    }
    let pods = containers.iter().map(|container| {
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": container["name"], "namespace": "n"},
            "spec": {"containers": [container]}})
    });
    let list = json!({"apiVersion": "v1", "kind": "List", "items": pods.collect::<Vec<_>>()});
    std::fs::write(program.home().join("pods.json"), list.to_string()).unwrap();
    (registry, program)
}

const COLLECT: [&str; 6] =
    ["--include-images", "--from", "../home/pods.json", "--platform", "linux/amd64", "--no-cache"];

/// Leaves all images from the `from`th on without an answer.
fn silence(registry: &FakeRegistry, from: usize) {
    (from..IMAGES).for_each(|nth| registry.silence(&format!("i{nth:03}/manifests/1")));
}

fn count(facts: &Facts, status: &str) -> usize {
    let images = facts.0["images"].as_array().unwrap();
    images.iter().filter(|image| image["status"] == status).count()
}

fn resolved(program: &Program) -> usize {
    told(program).matches("\"status\":\"resolved\"").count()
}

#[tokio::test]
async fn a_signal_leaves_a_bundle_of_what_was_known() {
    for (name, reason, code, answered) in [
        ("INT", "interrupted", 130, 0),
        ("TERM", "terminated", 143, 0),
        ("INT", "interrupted", 130, 500),
        ("TERM", "terminated", 143, 500),
    ] {
        let (registry, program) = scene().await;
        silence(&registry, answered);
        let child = start(&program, &COLLECT);
        // Those that are in flight then will never be answered.
        until(|| registry.log().len() >= 2 * answered + 32 && resolved(&program) == answered).await;
        signal(&child, name);
        program.end(child).await.exits(code);
        let facts = incomplete(&program, reason).facts();
        assert_eq!((count(&facts, "resolved"), count(&facts, "failed")), (answered, IMAGES - answered));
        let last = facts.image(&format!("{}/i999:1", registry.host())).clone();
        assert_eq!(text(&last["errors"][0]["class"]), "canceled");
        let bundle = bundles(&program).pop().unwrap();
        program.run(&["validate", &bundle]).await.exits(0);
    }
}

/// The names of the bundles where the program runs.
fn bundles(program: &Program) -> Vec<String> {
    program.entries().into_iter().filter(|name| name.ends_with(".tar.gz")).collect()
}

/// How often the thread that takes signals in has gone to sleep, where the system tells. A run that is over before it wakes
/// is ended by the signal.
fn sleeps(child: &Child) -> Option<u64> {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", child.id()?)).ok()?;
    let threads = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("status")).ok());
    let of_signals = threads.into_iter().find(|status| status.starts_with("Name:\tsignals\n"))?;
    of_signals.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")?.trim().parse().ok())
}

/// All has been collected by then: the bundle is whole, and says so, and so does the exit code.
#[tokio::test]
async fn a_signal_while_the_bundle_is_written_changes_nothing() {
    for name in ["INT", "TERM"] {
        let (_registry, program) = scene().await;
        let (mut reader, writer) = std::io::pipe().unwrap();
        let arguments = [&["collect", "-o", "-", "--progress", "json"], &COLLECT[..]].concat();
        let mut command = program.command(&arguments);
        // Into a file, as nobody reads it before the end.
        command.stdout(writer).stderr(std::fs::File::create(program.home().join("events")).unwrap());
        let child = command.spawn().unwrap();
        // It keeps the other end of the pipe.
        drop(command);
        let mut archive = vec![0];
        let (mut reader, first) = tokio::task::spawn_blocking(move || {
            reader.read_exact(&mut archive).unwrap();
            (reader, archive)
        })
        .await
        .unwrap();
        // More than a pipe holds is still to be written.
        let before = sleeps(&child);
        signal(&child, name);
        until(|| before.is_none() || sleeps(&child) > before).await;
        let rest = tokio::task::spawn_blocking(move || {
            let mut rest = Vec::new();
            reader.read_to_end(&mut rest).unwrap();
            rest
        });
        program.end(child).await.exits(0);
        let archive = [first, rest.await.unwrap()].concat();
        assert!(archive.len() > 1 << 16, "{}", archive.len());
        let facts = Bundle::read(&archive).facts();
        assert_eq!((&facts.0["complete"], count(&facts, "resolved")), (&json!(true), IMAGES));
        let told = told(&program);
        let last = told.lines().last().unwrap();
        assert!(last.contains("\"finished\"") && !last.contains("\"reason\""), "{last}");
    }
}

#[tokio::test]
async fn a_second_signal_leaves_nothing_unfinished() {
    let (registry, program) = scene().await;
    silence(&registry, 0);
    for target in ["bundle.tar.gz", "."] {
        let child = start(&program, &[&COLLECT[..], &["-o", target]].concat());
        until(|| program.entries().iter().any(|name| name.ends_with(".tmp")) && !registry.log().is_empty()).await;
        // Both are there when it goes on, so that no time is left to write a bundle.
        ["STOP", "INT", "TERM", "CONT"].iter().for_each(|name| signal(&child, name));
        let ended = child.wait_with_output().await.unwrap();
        assert!(matches!(ended.status.code(), Some(130 | 143)), "{ended:?}");
        assert!(!program.entries().iter().any(|name| name.ends_with(".tmp")), "{:?}", program.entries());
    }
}

/// A pipe that is full and that nobody reads: nothing that happens can be told.
#[tokio::test]
async fn a_reader_that_does_not_read_holds_up_nothing() {
    let (_reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(&[0; 1 << 16]).unwrap();
    for (progress, more, code, reason) in [
        ("json", &[][..], 130, "interrupted"),
        ("plain", &[], 130, "interrupted"),
        ("none", &["-vv"], 130, "interrupted"),
        ("json", &["--timeout", "1s"], 0, "timeout"),
        ("plain", &["--timeout", "1s"], 0, "timeout"),
        ("none", &["-vv", "--timeout", "1s"], 0, "timeout"),
    ] {
        let (registry, program) = scene().await;
        silence(&registry, 500);
        let arguments = [&["collect", "--progress", progress, "-o", "bundle.tar.gz"], &COLLECT[..], more].concat();
        let mut command = program.command(&arguments);
        match progress {
            "json" => command.stdout(writer.try_clone().unwrap()),
            _ => command.stderr(writer.try_clone().unwrap()),
        };
        let child = command.spawn().unwrap();
        if reason == "interrupted" {
            until(|| registry.log().len() >= 2 * 500 + 32).await;
            signal(&child, "INT");
        }
        program.end(child).await.exits(code);
        let bundle = Bundle::read(&std::fs::read(program.directory().join("bundle.tar.gz")).unwrap());
        assert!(bundle.text("execution-data/collection.json").contains(&format!("\"reason\": \"{reason}\"")));
        let facts = bundle.facts();
        // Some were asked for, and not answered yet.
        assert_eq!(facts.0["complete"], false);
        assert!((1..=500).contains(&count(&facts, "resolved")), "{}", facts.0["summary"]);
    }
}

/// The bundle is there; only its name cannot be told.
#[tokio::test]
async fn a_run_whose_result_nobody_reads_is_ended_by_the_first_signal() {
    let (_reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(&[0; 1 << 16]).unwrap();
    let (_registry, program) = scene().await;
    let arguments = ["collect", "--from", "../home/pods.json", "--progress", "none", "-o", "bundle.tar.gz"];
    let child = program.command(&arguments).stdout(writer).spawn().unwrap();
    until(|| program.entries() == ["bundle.tar.gz"]).await;
    // Until then the signal would be for the run.
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    signal(&child, "INT");
    program.end(child).await.exits(130);
    assert_eq!(program.entries(), ["bundle.tar.gz"]);
}

#[tokio::test]
async fn a_run_that_is_killed_leaves_no_bundle_and_a_cache_that_works() {
    let (registry, program) = scene().await;
    let cached = &COLLECT[..5];
    silence(&registry, 500);
    let mut child = start(&program, &[cached, &["-o", "bundle.tar.gz"]].concat());
    until(|| resolved(&program) == 500).await;
    // It does not wait for its end to write what it has: a manifest, a config, and what was named.
    let cache = || Cache::at(&program.home().join(".cache/imagefacts"), &Limits::default(), Clock::System);
    until(|| cache().size().unwrap().entries == 3 * 500).await;
    child.kill().await.unwrap();
    assert_eq!(bundles(&program), [""; 0]);
    registry.speak();
    registry.heads_and_gets();
    let ran = program.run(&[&["collect", "-o", "bundle.tar.gz"], cached].concat()).await.exits(0);
    let facts = ran.bundle().facts();
    assert_eq!((&facts.0["complete"], count(&facts, "resolved")), (&json!(true), IMAGES));
    // What was resolved before was kept.
    assert_eq!(registry.heads_and_gets(), (500, 2 * 500));
}
