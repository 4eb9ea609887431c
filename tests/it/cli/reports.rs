//! `imagefacts show`, `diff` and `optimize` on the sample's bundle, and on what others may hand us.

use imagefacts::sample::CANARIES;
use serde_json::{Value, json};

use super::Program;
use super::bundle::{FACTS, assert_none_of};

const BUNDLE: &str = "demo.tar.gz";

/// A program beside the sample's bundle, and that bundle's facts.
async fn with_the_sample() -> (Program, Value) {
    let program = Program::new();
    let ran = program.run(&["demo", "-q", "-o", BUNDLE]).await.exits(0);
    let facts = serde_json::from_str(ran.bundle().text(FACTS)).unwrap();
    (program, facts)
}

/// What a report prints, which must be all that it does.
async fn report(program: &Program, arguments: &[&str]) -> String {
    let ran = program.run(arguments).await.exits(0);
    assert_eq!(ran.stderr, "", "{arguments:?}");
    ran.stdout()
}

async fn json_report(program: &Program, arguments: &[&str]) -> Value {
    serde_json::from_str(&report(program, &[arguments, &["-o", "json"]].concat()).await).unwrap()
}

/// Asserts that no line is too long, but for a single long word, and that nothing acts on a terminal.
#[track_caller]
fn assert_fits(text: &str) {
    assert!(!text.is_empty());
    for line in text.lines() {
        let is_one_word = !line.trim().contains(' ');
        assert!(is_one_word || line.chars().count() <= 80, "{line}");
        assert!(!line.chars().any(|c| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c)), "{line:?}");
    }
}

/// The references in a report, without the sample's registry.
fn references(report: &Value, list: &str) -> Vec<String> {
    let name = |image: &Value| image["reference"].as_str().unwrap().split_once('/').unwrap().1.to_owned();
    report[list].as_array().unwrap().iter().map(name).collect()
}

#[tokio::test]
async fn a_page_tells_a_tired_engineer_what_is_wrong() {
    let (program, _) = with_the_sample().await;
    let page = report(&program, &["show", BUNDLE]).await;
    assert_fits(&page);
    for expected in ["24 in 21 repositories", "pull-not-found", "-> kubectl -n shop", "What could not be resolved"] {
        assert!(page.contains(expected), "{expected:?} is not in {page}");
    }
    let page = report(&program, &["show", BUNDLE, "--finding", "slow-pull"]).await;
    assert!(page.starts_with("Only finding slow-pull:\n") && !page.contains("pull-not-found"), "{page}");
}

#[tokio::test]
async fn every_table_fits_80_columns() {
    let (program, mut facts) = with_the_sample().await;
    let long = format!("registry.example/{}/app:1", "a-long-name/".repeat(20));
    facts["images"][0]["reference"] = json!(format!("{long}\u{1b}]0;title\u{7}"));
    facts["findings"][0]["image"] = json!(format!("{long}\u{1b}[2J\u{202e}"));
    facts["findings"][0]["message"] = json!("one\nforged: line\r\u{1b}[31m");
    facts["manifests"][0]["layers"][0]["createdBy"] = json!("RUN \u{1b}[8mhide");
    program.write("hostile.json", facts.to_string());
    for section in [&[][..], &["--images"], &["--findings"], &["--layers"]] {
        assert_fits(&report(&program, &[&["show", "hostile.json"], section].concat()).await);
    }
    assert_fits(&report(&program, &["optimize", "hostile.json", "--cost-per-gib", "0.09"]).await);
    let ran = program.run(&["diff", BUNDLE, "hostile.json"]).await.exits(3);
    assert_fits(&ran.stdout());
}

#[tokio::test]
async fn worst_images_come_first_and_filters_choose() {
    let (program, facts) = with_the_sample().await;
    let images = report(&program, &["show", BUNDLE, "--images"]).await;
    let rows: Vec<&str> = images.lines().collect();
    assert!(rows[0].starts_with("REFERENCE") && rows[1].contains("invalid-image-name"), "{images}");
    assert!(rows[24].ends_with('-') && rows.last().unwrap().starts_with("24 images: 21 resolved"), "{images}");

    let show = |flags: &'static [&'static str]| {
        let program = &program;
        async move { json_report(program, &[&["show", BUNDLE], flags].concat()).await }
    };
    let failed = show(&["--images", "--status", "failed"]).await;
    assert_eq!(references(&failed, "images"), ["Acme/Toolbox:1.0", "acme/checkout:1.8.0", "acme/recommender:v0.9"]);
    let payments = show(&["--images", "-n", "payments", "--severity", "warning,info"]).await;
    assert_eq!(references(&payments, "images"), ["acme/fraud-model:2026-10", "acme/ledger:1.0"]);
    let drift = show(&["--findings", "--finding", "tag-drift"]).await;
    assert_eq!(drift["findings"].as_array().unwrap().len(), 2);
    assert_eq!(drift["findings"][0], facts["findings"][6]);
    let nowhere = show(&["--registry", "ghcr.io"]).await;
    assert_eq!((&nowhere["images"], &nowhere["manifests"], &nowhere["findings"]), (&json!([]), &json!([]), &json!([])));
    let all = show(&[]).await;
    for part in ["schemaVersion", "images", "manifests", "findings", "gaps", "summary"] {
        assert_eq!(all[part], facts[part], "{part}");
    }
}

#[tokio::test]
async fn layers_are_counted_once() {
    let (program, facts) = with_the_sample().await;
    let layers = json_report(&program, &["show", BUNDLE, "--layers"]).await;
    assert_eq!(layers["total"], facts["summary"]["layers"]);
    let base = &layers["bases"][0];
    assert_eq!((&base["platform"], base["layers"].as_array().unwrap().len()), (&json!("linux/amd64"), 1));
    assert!(base["images"].as_array().unwrap().len() > 10, "{base}");
    assert_eq!(layers["layers"][0]["digest"], base["layers"][0]);
}

#[tokio::test]
async fn a_difference_is_told_and_exits_3() {
    let (program, mut facts) = with_the_sample().await;
    assert_eq!(report(&program, &["diff", BUNDLE, BUNDLE]).await, "no difference\n");
    facts["run"]["durationMs"] = json!(1_000_000);
    program.write("same.json", facts.to_string());
    assert_eq!(report(&program, &["diff", BUNDLE, "same.json"]).await, "no difference\n");

    let at = facts["images"].as_array().unwrap().iter().position(|image| image["tag"] == "v3.2.1").unwrap();
    let newer = facts["images"][at]["reference"].as_str().unwrap().replace("v3.2.1", "v4");
    facts["images"][at]["reference"] = json!(newer);
    facts["findings"].as_array_mut().unwrap().remove(0);
    program.write("new.json", facts.to_string());
    let told = program.run(&["diff", BUNDLE, "new.json"]).await.exits(3).stdout();
    assert!(told.contains("  Deployment shop/web\n    web  ") && told.contains("acme/web:v3.2.1 → v4\n"), "{told}");
    assert!(told.contains("Findings that went\n  error  invalid-image-name"), "{told}");
    let ran = program.run(&["diff", BUNDLE, "new.json", "-o", "json"]).await.exits(3);
    let diff: Value = serde_json::from_str(&ran.stdout()).unwrap();
    assert_eq!(
        (references(&diff, "gone"), references(&diff, "new")),
        (vec!["acme/web:v3.2.1".to_owned()], vec!["acme/web:v4".to_owned()])
    );
    assert_eq!((&diff["changed"], diff["workloads"].as_array().unwrap().len()), (&json!([]), 1));
}

#[tokio::test]
async fn where_bytes_are_spent_can_be_worked_out_again() {
    let (program, _) = with_the_sample().await;
    let spent = json_report(&program, &["optimize", BUNDLE, "--pulls-per-day", "10", "--cost-per-gib", "0.5"]).await;
    let model = &spent["images"][0];
    assert!(model["reference"].as_str().unwrap().ends_with("acme/fraud-model:2026-10"), "{model}");
    let bytes = model["compressedBytes"].as_u64().unwrap();
    assert_eq!(model["basis"], json!({"source": "assumed", "pulls": 10, "seconds": 86_400}));
    assert_eq!(model["transferredBytesPerDay"], json!(bytes * 10));
    let kinds: Vec<&str> = spent["savings"].as_array().unwrap().iter().map(|s| s["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["large-layer", "unused-on-nodes", "pulled-always"]);
    let table = report(&program, &["optimize", BUNDLE]).await;
    assert!(table.contains("PULLS/DAY") && !table.contains("COST") && table.contains("crictl rmi"), "{table}");
}

#[tokio::test]
async fn no_secret_shows_in_a_report() {
    let (program, _) = with_the_sample().await;
    for arguments in [&["show", BUNDLE][..], &["show", BUNDLE, "-o", "json"], &["optimize", BUNDLE, "-o", "json"]] {
        assert_none_of("a report", &report(&program, arguments).await, &CANARIES);
    }
}

#[tokio::test]
async fn what_a_newer_version_wrote_is_shown_without_what_has_no_word_here() {
    let (program, mut facts) = with_the_sample().await;
    facts["schemaVersion"] = json!("1.9");
    facts["findings"][0]["code"] = json!("pull-by-pigeon");
    facts["novelty"] = json!([1]);
    program.write("newer.json", facts.to_string());
    let ran = program.run(&["show", "newer.json", "--findings"]).await.exits(0);
    let ran = ran.says(&["note: newer.json is of schema 1.9", "1.0", "leaves out 1 entry"]);
    assert!(ran.stdout().contains("10 findings:"), "{}", ran.stdout());
    facts["schemaVersion"] = json!("1.0");
    program.write("wrong.json", facts.to_string());
    facts["schemaVersion"] = json!("2.0");
    program.write("later.json", facts.to_string());
    for (path, says) in
        [("wrong.json", "imagefacts validate"), ("later.json", "\"2.0\""), ("missing.tar.gz", "cannot read")]
    {
        for command in [&["show", path][..], &["optimize", path], &["diff", path, BUNDLE], &["diff", BUNDLE, path]] {
            let ran = program.run(command).await.exits(1).says(&["error: ", path, says]);
            assert_eq!(ran.stdout(), "", "{command:?}");
        }
    }
}

#[tokio::test]
async fn wrong_usage_is_refused_before_anything_is_read() {
    let program = Program::new();
    for arguments in [
        &["show"][..],
        &["show", BUNDLE, "--images", "--layers"],
        &["show", BUNDLE, "--status", "fine"],
        &["show", BUNDLE, "--finding", "pull-by-pigeon"],
        &["show", BUNDLE, "--registry", "https://ghcr.io"],
        &["show", BUNDLE, "-o", "html"],
        &["diff", BUNDLE],
        &["optimize", BUNDLE, "--cost-per-gib=-1"],
        &["optimize", BUNDLE, "--pulls-per-day", "often"],
    ] {
        program.run(arguments).await.exits(2).says(&["error: "]);
    }
}
