//! Where the bundle goes, and what happens when it cannot go there.

use std::fs;
use std::path::Path;

use super::files::POD;
use super::{Bundle, Program};

fn program() -> Program {
    let program = Program::new();
    program.write("pod.yaml", POD);
    program
}

const COLLECT: [&str; 3] = ["collect", "--from", "pod.yaml"];

fn to(output: &str) -> Vec<&str> {
    [&COLLECT[..], &["-o", output]].concat()
}

#[tokio::test]
async fn a_path_a_directory_and_a_file_that_is_there() {
    let program = program();
    fs::create_dir(program.directory().join("out")).unwrap();
    program.write("old.tar.gz", "what was there before");
    let path = program.run(&to("new.tar.gz")).await.exits(0);
    assert_eq!((path.stdout().as_str(), path.bundle().top.as_str()), ("new.tar.gz\n", "new"));
    let directory = program.run(&to("out")).await.exits(0);
    assert!(directory.stdout().starts_with("out/support-bundle-"), "{}", directory.stdout());
    assert_eq!(format!("out/{}.tar.gz\n", directory.bundle().top), directory.stdout());
    let replaced = program.run(&to("old.tar.gz")).await.exits(0);
    assert_eq!(replaced.bundle().facts().references().len(), 2);
    assert_eq!(program.entries(), ["new.tar.gz", "old.tar.gz", "out", "pod.yaml"]);
}

#[tokio::test]
async fn a_name_that_is_taken_gets_a_number() {
    let program = program().with("SOURCE_DATE_EPOCH", "1767366245");
    let name = "support-bundle-2026-01-02T15_04_05";
    for (number, expected) in ["", " (1)", " (2)"].into_iter().enumerate() {
        let ran = program.run(&COLLECT).await.exits(0);
        assert_eq!(ran.stdout(), format!("./{name}{expected}.tar.gz\n"), "{number}");
        assert_eq!(ran.bundle().facts().references().len(), 2);
    }
    let stdout = program.run(&to("-")).await.exits(0);
    assert_eq!(Bundle::read(&stdout.stdout).top, name);
}

#[tokio::test]
async fn a_place_that_does_not_exist() {
    let program = program();
    for (output, says) in [
        ("nowhere/b.tar.gz", &["there is no directory nowhere", "--output"][..]),
        ("nowhere/", &["nowhere", "--output"]),
        ("pod.yaml/b.tar.gz", &["pod.yaml", "--output"]),
        ("/dev/null", &["/dev/null is no regular file", "--output -"]),
    ] {
        program.run(&to(output)).await.exits(1).says(&["error: "]).says(says);
    }
    assert_eq!(program.entries(), ["pod.yaml"]);
}

/// Writes end with an error when a file would grow beyond `blocks` of 512 bytes, as on a disk that is full.
async fn with_little_space(program: &Program, blocks: u32, command: &str) -> super::Ran {
    let limited = format!("trap '' XFSZ; ulimit -f {blocks}; exec '{}' {command}", env!("CARGO_BIN_EXE_imagefacts"));
    let child = program.command_of(Path::new("/bin/sh"), &["-c", &limited]).spawn().unwrap();
    program.end(child).await
}

#[cfg(unix)]
#[tokio::test]
async fn a_bundle_that_does_not_fit_leaves_nothing() {
    let program = program();
    program.write("old.tar.gz", "what was there before");
    let before = program.entries();
    for command in ["collect --from pod.yaml", "collect --from pod.yaml -o old.tar.gz", "demo"] {
        let ran = with_little_space(&program, 1, command).await.exits(1).says(&["the bundle", "--output"]);
        assert_eq!((ran.stdout().as_str(), program.entries()), ("", before.clone()), "{command}");
    }
    assert_eq!(fs::read_to_string(program.directory().join("old.tar.gz")).unwrap(), "what was there before");
    let ran = with_little_space(&program, 1, "collect --from pod.yaml --progress json").await.exits(1);
    assert_eq!(ran.events().last().unwrap()["event"], "failed");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_disk_is_said_to_be_full() {
    let program = program();
    let full = || std::process::Stdio::from(fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
    let child = program.command(&to("-")).stdout(full()).spawn().unwrap();
    program.end(child).await.exits(1).says(&["no space is left to write the bundle to stdout"]);
    let child = program.command(&["schema", "facts"]).stdout(full()).spawn().unwrap();
    program.end(child).await.exits(1).says(&["stdout cannot be written"]);
    assert_eq!(program.entries(), ["pod.yaml"]);
}

/// A bad name makes a failed image, whose line is red where colours are wanted.
#[tokio::test]
async fn colour_follows_the_environment() {
    let (escape, forced) = ("\u{1b}[", [("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]);
    let broken = POD.replace("image: ", "image: Bad");
    for (variables, is_coloured) in [(&forced[..0], false), (&forced[..1], true), (&forced[1..], false)] {
        let program = variables.iter().fold(Program::new(), |program, (name, value)| program.with(name, value));
        program.write("pod.yaml", &broken);
        let ran = program.run(&[&COLLECT[..], &["--include-images", "--progress", "plain"]].concat()).await.exits(0);
        assert_eq!(ran.stderr.contains(escape), is_coloured, "{variables:?}: {}", ran.stderr);
    }
}
