//! Files that are pipes: a run waits for who writes into them, but not beyond its end.
#![cfg(unix)]

use std::process::Stdio;

use super::Program;
use super::interrupts::{incomplete, signal, start, told, until};
use super::registries::{cluster, registry};
use crate::fake_api::Plan;

/// Makes a pipe with a name where the program runs.
fn pipe(program: &Program, name: &str) -> String {
    let path = program.directory().parent().unwrap().join(name);
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    path.display().to_string()
}

const FLAGS: [&str; 4] = ["--authfile", "--ca-file", "--registries-conf", "--kubeconfig"];

#[tokio::test]
async fn a_pipe_into_which_nobody_writes_holds_up_no_signal() {
    for (flag, name, reason, code) in
        FLAGS.iter().flat_map(|flag| [(*flag, "INT", "interrupted", 130), (*flag, "TERM", "terminated", 143)])
    {
        let api = Plan::recorded().start().await;
        let program = Program::with_cluster(&api);
        let path = pipe(&program, "pipe");
        let child = start(&program, &["--include-images", flag, &path]);
        until(|| told(&program).contains("started")).await;
        signal(&child, name);
        program.end(child).await.exits(code);
        incomplete(&program, reason);
        let bundle = program.entries().pop().unwrap();
        program.run(&["validate", &bundle]).await.exits(0);
    }
}

#[tokio::test]
async fn a_pipe_into_which_nobody_writes_holds_up_no_deadline() {
    for flag in FLAGS {
        let api = Plan::recorded().start().await;
        let program = Program::with_cluster(&api);
        let path = pipe(&program, "pipe");
        program.end(start(&program, &["--include-images", "--timeout", "1s", flag, &path])).await.exits(0);
        incomplete(&program, "timeout");
    }
}

#[tokio::test]
async fn a_pipe_of_a_directory_of_certificates_holds_up_no_signal() {
    let api = Plan::recorded().start().await;
    let program = Program::with_cluster(&api);
    std::fs::create_dir_all(program.home().join("certs/r.example")).unwrap();
    pipe(&program, "home/certs/r.example/hosts.toml");
    let certs = program.home().join("certs").display().to_string();
    let child = start(&program, &["--include-images", "--certs-dir", &certs]);
    until(|| told(&program).contains("started")).await;
    signal(&child, "INT");
    program.end(child).await.exits(130);
    incomplete(&program, "interrupted");
}

#[tokio::test]
async fn without_a_bundle_a_signal_just_ends_it() {
    let program = Program::new();
    let path = pipe(&program, "pipe");
    for arguments in [&["inspect", "r.example/a:1"][..], &["registry", "check", "r.example"]] {
        let arguments = [arguments, &["--authfile", &path]].concat();
        let child = program.command(&arguments).stdout(Stdio::piped()).spawn().unwrap();
        // Signals are watched by then.
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        signal(&child, "INT");
        program.end(child).await.exits(130).says(&["the run ended before"]);
    }
}

/// As the shell makes it of `<(…)`.
#[tokio::test]
async fn a_pipe_with_a_slow_writer_is_read() {
    let (registry, _log) = registry(|_| None).await;
    let image = format!("{}/acme/web:v3.2.1", registry.host());
    let api = cluster(std::slice::from_ref(&image)).start().await;
    let program = Program::with_cluster(&api);
    let path = pipe(&program, "pipe");
    let child = start(&program, &["--include-images", "--authfile", &path]);
    until(|| told(&program).contains("started")).await;
    let write = move || {
        std::thread::sleep(std::time::Duration::from_millis(300));
        std::fs::write(path, "{}").unwrap();
    };
    tokio::task::spawn_blocking(write).await.unwrap();
    program.end(child).await.exits(0);
    assert!(told(&program).contains("\"complete\":true"), "{}", told(&program));
}
