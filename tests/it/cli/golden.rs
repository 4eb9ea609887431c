//! Whole documents, as they were read through line by line: a change in any field shows in review.
//!
//! After a wanted change, `IMAGEFACTS_BLESS=1 cargo test golden` writes them anew.

use std::fs;
use std::path::Path;

use super::demo::sample;
use super::{Program, Ran};
use crate::fake_api::Plan;

/// Compares the facts with the committed ones, without `run` and with `host` by another name.
fn is_golden(ran: &Ran, host: &str, name: &str) {
    let facts = ran.bundle().facts().without_run();
    let actual = format!("{facts:#}\n").replace(host, "registry.example:5000");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/golden").join(name);
    if std::env::var_os("IMAGEFACTS_BLESS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &actual).unwrap();
    }
    let golden = fs::read_to_string(&path).unwrap_or_default();
    let differs = golden.lines().zip(actual.lines()).position(|(golden, actual)| golden != actual);
    assert!(
        golden == actual,
        "{} is out of date from line {:?} on; if that is meant, run the tests with IMAGEFACTS_BLESS=1",
        path.display(),
        differs.map(|line| line + 1)
    );
}

#[tokio::test]
async fn the_recorded_cluster() {
    let api = Plan::recorded().start().await;
    let ran = Program::with_cluster(&api).run(&["collect"]).await.exits(0);
    is_golden(&ran, "nobody.example", "recorded.json");
}

#[tokio::test]
async fn the_sample() {
    let program = Program::new();
    let registry = sample(&program).await;
    let ran = program.run(&["collect", "--include-images", "--from", "sample"]).await.exits(0);
    is_golden(&ran, &registry.host(), "sample.json");
}
