//! `imagefacts demo`, and that two runs over the same give the same.

use std::fs;

use imagefacts::sample::{CANARIES, Sample};
use imagefacts::serve::{Options, Registry, Running, Store};
use serde_json::Value;

use super::bundle::{FACTS, assert_none_of, text};
use super::program::events;
use super::{Bundle, Program};

/// What is wrong in the sample, by the image's name below its registry.
const PROBLEMS: [&str; 11] = [
    "gone-from-registry acme/checkout:1.8.0",
    "invalid-image-name Acme/Toolbox:1.0",
    "large-image acme/fraud-model:2026-10",
    "legacy-manifest acme/ledger:1.0",
    "mutable-tag acme/cache:latest",
    "node-disagreement acme/worker:stable",
    "pull-not-found acme/recommender:v0.9",
    "pull-platform acme/reports:2026.11",
    "slow-pull acme/fraud-model:2026-10",
    "tag-drift acme/api:v2.4",
    "tag-drift acme/worker:stable",
];

/// The registry that the facts are about.
fn host(facts: &Value) -> String {
    text(&facts["run"]["registries"][0]["host"]).to_owned()
}

#[tokio::test]
async fn it_gives_a_valid_bundle_that_names_the_problems() {
    let program = Program::new();
    let ran = program.run(&["demo"]).await.exits(0);
    let name = ran.stdout();
    assert!(name.starts_with("./support-bundle-") && name.ends_with(".tar.gz\n"), "{name}");
    assert_eq!(program.entries(), [name.trim().trim_start_matches("./")]);
    assert!(!ran.stderr.contains('\u{1b}') && !ran.stderr.contains('\r'), "{}", ran.stderr);
    let bundle = ran.bundle();
    assert_eq!(format!("./{}.tar.gz\n", bundle.top), name);
    let facts = bundle.facts();
    let host = host(&facts.0);
    let mut problems: Vec<String> = facts.findings().iter().map(|f| f.replace(&format!("{host}/"), "")).collect();
    problems.sort();
    assert_eq!(problems, PROBLEMS);
    let summary = ["24 images: 21 resolved, 3 failed", "11 findings: 3 errors, 5 warnings, 3 info", "pull-not-found"];
    let ran = ran.says(&summary);
    let page = bundle.text("image-facts/summary.txt");
    assert!(page.contains("acme/recommender:v0.9") && page.contains("gone-from-registry"), "{page}");

    program.run(&["validate", name.trim()]).await.exits(0);
    program.write("facts.json", bundle.text(FACTS));
    let valid = program.run(&["validate", "facts.json"]).await.exits(0);
    assert_eq!((valid.stdout().as_str(), valid.stderr.as_str()), ("facts.json: valid\n", ""));
    assert!(ran.stderr.lines().count() < 40, "{}", ran.stderr);
}

#[tokio::test]
async fn the_bundle_has_the_promised_files() {
    let program = Program::new();
    let bundle = program.run(&["demo"]).await.exits(0).bundle();
    let files: Vec<&str> = bundle.files.keys().map(String::as_str).collect();
    let promised = [
        "analysis.json",
        "execution-data/collection.json",
        "execution-data/summary.txt",
        "image-facts/facts.json",
        "image-facts/facts.schema.json",
        "image-facts/redactions.json",
        "image-facts/summary.txt",
        "version.yaml",
    ];
    assert_eq!(files, promised);
    let version = bundle.text("version.yaml");
    assert!(version.contains("apiVersion: troubleshoot.sh/v1beta2") && version.contains("kind: SupportBundle"));
    let schema: Value = serde_json::from_str(bundle.text("image-facts/facts.schema.json")).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = schema.iter_errors(&bundle.facts().0).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    let analysis: Value = serde_json::from_str(bundle.text("analysis.json")).unwrap();
    assert_eq!(analysis.as_array().unwrap().len(), PROBLEMS.len());
}

#[tokio::test]
async fn no_secret_shows_anywhere() {
    let program = Program::new();
    for mode in ["default", "strict"] {
        let ran = program.run(&["demo", "-vv", "--redact", mode]).await.exits(0);
        ran.bundle().has_none_of(&CANARIES);
        assert_none_of("stdout", &ran.stdout(), &CANARIES);
        assert_none_of("stderr", &ran.stderr, &CANARIES);
        assert!(ran.stderr.contains("DEBUG"), "{}", ran.stderr);
    }
    // What is not masked is there: else this test would see nothing.
    let bundle = program.run(&["demo", "--redact", "off"]).await.exits(0).bundle();
    assert!(bundle.text(FACTS).contains(CANARIES[0]) && bundle.text(FACTS).contains(CANARIES[1]));
    bundle.has_none_of(&CANARIES[2..]);
}

#[tokio::test]
async fn progress_as_json_names_the_bundle_last() {
    let program = Program::new();
    let ran = program.run(&["demo", "--progress", "json"]).await.exits(0);
    let events = ran.events();
    assert_none_of("progress", &ran.stdout(), &CANARIES);
    assert_eq!((&events[0]["event"], &events[0]["includeImages"]), (&"started".into(), &true.into()));
    let last = events.last().unwrap();
    let counts = ["resolved", "partial", "failed", "unqueried"].map(|name| last[name].as_u64().unwrap());
    assert_eq!(counts, [21, 0, 3, 0]);
    assert_eq!(last["complete"], true);
    let of = |name: &str| events.iter().filter(|event| event["event"] == name).collect::<Vec<_>>();
    assert_eq!((of("image").len(), of("finding").len(), of("discovered").len()), (23, PROBLEMS.len(), 1));
    let path = program.directory().join(text(&last["bundle"]));
    assert_eq!(Bundle::read(&fs::read(path).unwrap()).facts().references().len(), 24);
}

#[tokio::test]
async fn the_bundle_goes_to_stdout_and_json_then_to_stderr() {
    let program = Program::new();
    let ran = program.run(&["demo", "--progress", "json", "-o", "-"]).await.exits(0);
    assert_eq!(events(&ran.stderr).last().unwrap()["bundle"], "-");
    let bundle = Bundle::read(&ran.stdout);
    assert!(bundle.top.starts_with("support-bundle-"), "{}", bundle.top);
    assert_eq!(bundle.facts().references().len(), 24);
    assert!(program.entries().is_empty());
}

#[tokio::test]
async fn quiet_says_nothing_but_the_path() {
    let program = Program::new();
    let ran = program.run(&["demo", "-q"]).await.exits(0);
    assert_eq!(ran.stderr, "");
    assert!(ran.path().is_file());
    let ran = program.run(&["demo", "--progress", "none"]).await.exits(0);
    assert!(ran.path().is_file());
}

/// The sample's registry and, in `sample/`, its cluster's objects.
pub(super) async fn sample(program: &Program) -> Running {
    let (sample, store) = (Sample::new().unwrap(), Store::memory());
    sample.fill(&store).unwrap();
    let registry = Registry::start(Options::new(store)).await.unwrap();
    for (name, text) in sample.objects(&registry.host()) {
        program.write(&format!("sample/{name}"), text);
    }
    registry
}

#[tokio::test]
async fn two_runs_differ_only_in_run() {
    let program = Program::new();
    let _registry = sample(&program).await;
    let mut facts = Vec::new();
    for _ in 0..2 {
        let ran = program.run(&["collect", "--include-images", "--from", "sample"]).await.exits(0);
        facts.push(ran.bundle().facts().without_run());
    }
    assert_eq!(facts[0], facts[1]);
}

#[tokio::test]
async fn with_a_fixed_clock_bundles_are_the_same_byte_for_byte() {
    let program = Program::new().with("SOURCE_DATE_EPOCH", "1767366245");
    let _registry = sample(&program).await;
    // What is cached by the first run would spare the second one requests, which are counted in the bundle.
    let collect = ["collect", "--include-images", "--no-cache", "--from", "sample", "-o"];
    let mut bundles = Vec::new();
    for name in ["one/b.tar.gz", "two/b.tar.gz"] {
        program.write(name, "");
        let ran = program.run(&[&collect[..], &[name]].concat()).await.exits(0);
        bundles.push(fs::read(ran.path()).unwrap());
    }
    assert!(bundles[0] == bundles[1], "the bundles differ");
    let time = &Bundle::read(&bundles[0]).facts().0["run"]["generatedAt"];
    assert!(text(time).starts_with("2026-01-02T15:04:05"), "{time}");
    let ran = program.run(&collect[..5]).await.exits(0);
    assert_eq!(ran.stdout(), "./support-bundle-2026-01-02T15_04_05.tar.gz\n");
}

#[tokio::test]
async fn a_clock_that_is_none_is_told() {
    let program = Program::new().with("SOURCE_DATE_EPOCH", "yesterday");
    program.run(&["demo"]).await.exits(1).says(&["SOURCE_DATE_EPOCH", "yesterday", "seconds since 1970"]);
    assert!(program.entries().is_empty());
}
