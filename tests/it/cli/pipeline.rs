//! Images are resolved while pages of lists are still being read.

use std::fs::{self, File};
use std::sync::Arc;

use serde_json::Value;

use super::bundle::text;
use super::program::events;
use super::registries::{cluster, registry};
use super::{Bundle, Program};
use crate::fake_api::Fault;

#[tokio::test]
async fn images_are_told_of_before_the_last_list_was_read() {
    let (running, log) = registry(|_| None).await;
    let images = ["library/busybox:1.37", "acme/reports:2026.11"].map(|name| format!("{}/{name}", running.host()));
    let api = cluster(&images).start().await;
    let program = Program::with_cluster(&api);
    let told = program.home().join("events");
    // This list is answered only when both images were told of.
    let read = told.clone();
    let are_told = move || fs::read_to_string(&read).unwrap().matches(r#""event":"image""#).count() == images.len();
    api.fail("/apis/apps/v1/deployments", "", 1, Fault::Once(Arc::new(are_told)));

    let arguments = ["collect", "--include-images", "--progress", "json"];
    let child = program.command(&arguments).stdout(File::create(&told).unwrap()).spawn().unwrap();
    program.end(child).await.exits(0);
    let events = events(&fs::read_to_string(&told).unwrap());
    let names: Vec<&str> = events.iter().map(|event| text(&event["event"])).collect();
    let places = |name: &str| {
        names.iter().enumerate().filter(|(_, event)| **event == name).map(|(place, _)| place).collect::<Vec<_>>()
    };
    let (told_at, discovered_at) = (places("image"), places("discovered"));
    assert_eq!((told_at.len(), discovered_at.len()), (2, 1), "{names:?}");
    assert!(told_at.iter().all(|place| *place < discovered_at[0]), "{names:?}");
    // An index, a manifest and a config each, and nothing again when all was known.
    assert_eq!(log.entries().len(), 6, "{:?}", log.entries());

    let bundle = fs::read(program.directory().join(text(&events.last().unwrap()["bundle"]))).unwrap();
    let collection: Value = serde_json::from_str(Bundle::read(&bundle).text("execution-data/collection.json")).unwrap();
    let phases = collection["phases"].as_array().unwrap();
    let names: Vec<&str> = phases.iter().map(|phase| text(&phase["name"])).collect();
    assert_eq!(names, ["discover", "resolve", "assemble", "write"]);
    let [discover, resolve] = [0, 1].map(|n| phases[n]["startMs"].as_u64().unwrap());
    assert!(resolve <= discover + phases[0]["durationMs"].as_u64().unwrap(), "{phases:?}");
}
