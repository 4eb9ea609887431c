//! `imagefacts inspect`: images without a cluster.

use imagefacts::sample::CANARIES;
use serde_json::{Value, json};

use super::Program;
use super::bundle::{assert_none_of, classes};
use super::program::nobody;
use super::registries::registry;

#[tokio::test]
async fn a_table_is_for_people_and_json_for_programs() {
    let (registry, _) = registry(|_| None).await;
    let image = format!("{}/acme/billing:5.1.2", registry.host());
    let program = Program::new();
    let ran = program.run(&["inspect", &image]).await.exits(0);
    for word in [image.as_str(), "linux/amd64", "linux/arm64", "sha256:", "BILLING_REGION"] {
        assert!(ran.stdout().contains(word), "{word} in {}", ran.stdout());
    }
    assert_none_of("stdout", &ran.stdout(), &CANARIES);
    assert_eq!(ran.stderr, "");

    let ran = program.run(&["inspect", "-o", "json", "-vv", &image]).await.exits(0);
    let report: Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!(report["schemaVersion"], "1.0");
    assert_eq!(
        (&report["images"][0]["reference"], &report["images"][0]["status"]),
        (&json!(image), &json!("resolved"))
    );
    assert_eq!(report["manifests"].as_array().unwrap().len(), 3, "an index and two manifests");
    assert_none_of("stdout", &ran.stdout(), &CANARIES);
    assert_none_of("stderr", &ran.stderr, &CANARIES);
    let plain = program.run(&["inspect", "-o", "json", "--redact", "off", &image]).await.exits(0).stdout();
    assert!(plain.contains(CANARIES[0]) && plain.contains(CANARIES[1]));
    assert!(program.entries().is_empty());
}

#[tokio::test]
async fn one_that_fails_is_told_by_the_exit_code_and_the_others_are_shown() {
    let (registry, _) = registry(|_| None).await;
    let (good, gone) = (format!("{}/acme/web:v3.2.1", registry.host()), format!("{}/acme/web:gone", registry.host()));
    let down = format!("{}/acme/web:v1", nobody());
    let program = Program::new();
    let arguments = ["inspect", "-o", "json", "--retries", "0", &good, &gone, &down, "Not/Valid"];
    let report: Value = serde_json::from_slice(&program.run(&arguments).await.exits(3).stdout).unwrap();
    let image = |name: &str| report["images"].as_array().unwrap().iter().find(|i| i["reference"] == name).unwrap();
    assert_eq!(image(&good)["status"], "resolved");
    for (name, class) in [(gone.as_str(), "not-found"), (down.as_str(), "connect"), ("Not/Valid", "invalid-reference")]
    {
        assert_eq!((&image(name)["status"], classes(image(name))), (&json!("failed"), vec![class]));
    }
    let table = program.run(&["inspect", "--retries", "0", &gone]).await.exits(3).stdout();
    assert!(table.contains("not-found"), "{table}");
}

#[tokio::test]
async fn platforms_are_chosen() {
    let (registry, _) = registry(|_| None).await;
    let image = format!("{}/library/busybox:1.37", registry.host());
    let program = Program::new();
    let count = async |arguments: &[&str]| {
        let ran = program.run(&[&["inspect", "-o", "json", &image], arguments].concat()).await;
        let report: Value = serde_json::from_slice(&ran.exits(0).stdout).unwrap();
        report["images"][0]["variants"].as_array().unwrap().len()
    };
    assert_eq!(count(&["--platform", "linux/arm/v7"]).await, 1);
    assert_eq!(count(&["--all-platforms"]).await, 3);
}
