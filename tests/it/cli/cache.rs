//! The disk cache of the built program: where it is, what it spares, and that it outlives whoever used it.

use std::fs;
use std::path::{Path, PathBuf};

use axum::http::{Method, request};
use imagefacts::cache::Cache;
use imagefacts::clock::Clock;
use imagefacts::image::Reference;
use imagefacts::limits::Limits;
use imagefacts::serve::{AccessLog, Fault, Running};
use serde_json::Value;

use super::bundle::{classes, text};
use super::registries::registry;
use super::{Program, Ran};

/// Every file below `directory`; none when it is not there.
fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten();
    let below = |path: PathBuf| if path.is_dir() { files(&path) } else { vec![path] };
    entries.flat_map(|entry| below(entry.unwrap().path())).collect()
}

fn user_cache(program: &Program) -> PathBuf {
    program.home().join(".cache/imagefacts")
}

/// How many entries lie in the cache in `directory` by now.
fn entries(directory: &Path) -> u64 {
    Cache::at(directory, &Limits::default(), Clock::System).size().unwrap().entries
}

fn image(registry: &Running) -> String {
    format!("{}/acme/web:v3.2.1", registry.host())
}

/// How often anything was asked for by HEAD and by GET.
fn counts(log: &AccessLog) -> (usize, usize) {
    (log.count(&Method::HEAD, "/acme/"), log.count(&Method::GET, "/acme/"))
}

async fn inspect(program: &Program, image: &str, more: &[&str]) -> Ran {
    program.run(&[&["inspect", "-o", "json", "--retries", "0", image], more].concat()).await
}

fn report(ran: &Ran) -> Value {
    serde_json::from_slice(&ran.stdout).unwrap()
}

#[tokio::test]
async fn a_second_run_asks_once() {
    let (registry, log) = registry(|_| None).await;
    let program = Program::new();
    let cold = inspect(&program, &image(&registry), &[]).await.exits(0);
    let (heads, gets) = counts(&log);
    assert!(heads == 0 && gets > 2);
    let warm = inspect(&program, &image(&registry), &[]).await.exits(0);
    assert_eq!(counts(&log), (1, gets));
    assert_eq!(report(&warm), report(&cold));
    assert_eq!(entries(&user_cache(&program)), gets as u64 + 1, "each document, and what the reference named");
    assert_eq!(files(&user_cache(&program)).len(), 2, "one for each run");
}

#[tokio::test]
async fn without_a_cache_nothing_is_used_and_nothing_written() {
    let (registry, log) = registry(|_| None).await;
    let program = Program::new();
    inspect(&program, &image(&registry), &["--no-cache"]).await.exits(0);
    let (_, cold) = counts(&log);
    inspect(&program, &image(&registry), &["--no-cache"]).await.exits(0);
    assert_eq!(counts(&log), (0, 2 * cold));
    program.run(&["demo"]).await.exits(0);
    assert_eq!(files(&program.home()), [] as [PathBuf; 0]);
}

#[tokio::test]
async fn it_is_shown_and_cleared() {
    let (registry, _log) = registry(|_| None).await;
    let program = Program::new();
    let directory = program.home().join("kept");
    fs::create_dir(&directory).unwrap();
    fs::write(directory.join("mine"), "mine").unwrap();
    let named = ["--cache-dir", directory.to_str().unwrap()];
    let own = program.run(&["cache", "dir"]).await.exits(0);
    assert_eq!(own.stdout(), format!("{}\n", user_cache(&program).display()));
    assert_eq!(program.run(&["cache", "size"]).await.exits(0).stdout(), "0 B in 0 entries\n");

    inspect(&program, &image(&registry), &named).await.exits(0);
    let entries = entries(&directory);
    let size = program.run(&[&["cache", "size"], &named[..]].concat()).await.exits(0).stdout();
    assert!(size.ends_with(&format!(" in {entries} entries\n")), "{size}");
    let cleared = program.run(&[&["cache", "clear"], &named[..]].concat()).await.exits(0).stdout();
    assert_eq!(cleared, format!("removed {size}"));
    assert_eq!(files(&directory), [directory.join("mine")]);
    assert!(!user_cache(&program).exists());
}

#[tokio::test]
async fn a_configuration_file_says_where_it_is() {
    let program = Program::new();
    program.write("config.toml", "cache-dir = \"/somewhere\"\n");
    let ran = program.run(&["cache", "dir", "--config", "config.toml"]).await.exits(0);
    assert_eq!(ran.stdout(), "/somewhere\n");
}

#[tokio::test]
async fn a_place_that_cannot_be_used_is_done_without() {
    let (registry, _log) = registry(|_| None).await;
    let program = Program::new();
    program.write("file", "");
    inspect(&program, &image(&registry), &["--cache-dir", "file", "-v"])
        .await
        .exits(0)
        .says(&["the cache cannot be used"]);
    let quiet = inspect(&program, &image(&registry), &["--cache-dir", "file"]).await.exits(0);
    assert_eq!(quiet.stderr, "");
}

#[tokio::test]
async fn a_home_is_not_needed() {
    let (registry, _log) = registry(|_| None).await;
    let program = Program::new().with("HOME", "");
    inspect(&program, &image(&registry), &["-v"]).await.exits(0).says(&["no cache is used"]);
    program.run(&["cache", "size"]).await.exits(1).says(&["HOME is not set", "--cache-dir"]);
}

#[tokio::test]
async fn flags_that_contradict_each_other_are_refused() {
    let program = Program::new();
    for arguments in [
        &["inspect", "a", "--no-cache", "--cache-dir", "x"][..],
        &["collect", "--include-images", "--no-cache", "--fallback", "cached"],
    ] {
        program.run(arguments).await.exits(2).says(&["--no-cache"]);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn whoever_is_killed_leaves_a_cache_that_works() {
    let hang = |request: &request::Parts| request.uri.path().contains("/acme/api/").then_some(Fault::Hang);
    let (registry, log) = registry(hang).await;
    let program = Program::new();
    let hanging = format!("{}/acme/api:v2.4", registry.host());
    let mut child = program.command(&["inspect", &image(&registry), &hanging]).spawn().unwrap();
    // While it runs it writes what it has.
    let reference = Reference::parse(&image(&registry)).unwrap();
    let is_kept = || Cache::at(&user_cache(&program), &Limits::default(), Clock::System).knows(&reference);
    while !is_kept() || log.count(&Method::GET, "/acme/api/") == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    child.kill().await.unwrap();
    let fresh = Program::new();
    let expected = inspect(&fresh, &image(&registry), &[]).await.exits(0);
    let (segment, whole) = killed(&program);
    // As if it had been killed over a write, of whatever; at last with nothing lost.
    for length in [0, 1, 80, whole.len() / 2, whole.len() - 1, whole.len()] {
        fs::remove_dir_all(segment.parent().unwrap()).unwrap();
        fs::create_dir(segment.parent().unwrap()).unwrap();
        fs::write(&segment, &whole[..length]).unwrap();
        let gets = log.count(&Method::GET, "/acme/web/");
        for _ in 0..2 {
            let ran = inspect(&program, &image(&registry), &[]).await.exits(0);
            assert_eq!(report(&ran), report(&expected));
        }
        assert_eq!(log.count(&Method::GET, "/acme/web/") == gets, length == whole.len());
    }
}

/// The only file of the cache, and what it holds.
fn killed(program: &Program) -> (PathBuf, Vec<u8>) {
    let [segment] = &files(&user_cache(program))[..] else { panic!("one run, one file") };
    (segment.clone(), fs::read(segment).unwrap())
}

#[tokio::test]
async fn two_programs_side_by_side_share_it() {
    let (registry, log) = registry(|_| None).await;
    let (program, image) = (Program::new(), image(&registry));
    let (a, b) = tokio::join!(inspect(&program, &image, &[]), inspect(&program, &image, &[]));
    assert_eq!(report(&a.exits(0)), report(&b.exits(0)));
    let (heads, gets) = counts(&log);
    inspect(&program, &image, &[]).await.exits(0);
    assert_eq!(counts(&log), (heads + 1, gets));
}

#[tokio::test]
async fn an_earlier_answer_is_marked_in_the_bundle() {
    let (registry, _log) = registry(|_| None).await;
    let (program, image) = (Program::new().offline(), image(&registry));
    let pod = serde_json::json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"containers": [{"name": "web", "image": image}]},
    });
    program.write("pod.json", pod.to_string());
    let arguments = [
        "collect",
        "--include-images",
        "--from",
        "pod.json",
        "--retries",
        "0",
        "--fallback",
        "cached",
        "-o",
        "b.tar.gz",
    ];
    let cold = program.run(&arguments).await.exits(0).bundle().facts();
    registry.stop().await;
    let facts = program.run(&[&arguments[..], &["--strict"]].concat()).await.exits(3).bundle().facts();
    let (then, now) = (cold.image(&image), facts.image(&image));
    assert_eq!((text(&then["status"]), text(&then["resolved"]["via"])), ("resolved", "registry"));
    assert_eq!((text(&now["status"]), text(&now["resolved"]["via"])), ("partial", "cache"));
    assert!(then["resolved"]["asOf"].is_null() && now["resolved"]["asOf"].is_string());
    assert_eq!(now["resolved"]["digest"], then["resolved"]["digest"]);
    assert_eq!((&now["variants"], classes(now)), (&then["variants"], vec!["connect"]));
    assert_eq!(facts.0["manifests"], cold.0["manifests"]);
    assert!(facts.0["run"]["cacheHits"].as_u64().unwrap() > 0);
}
