//! The program in a place of its own: an empty directory, an empty home, and nothing of the tester's environment.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};

use super::Bundle;
use crate::fake_api::FakeApi;

/// No run takes as long; one that does hangs.
const HANGS: Duration = Duration::from_secs(60);

/// The program, ready to be run.
pub(crate) struct Program {
    place: Arc<TempDir>,
    environment: Vec<(String, String)>,
}

/// What a run left.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
    /// which lasts as long as anything that was left in it is asked for
    place: Arc<TempDir>,
}

impl Program {
    pub(crate) fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir(place.path().join("home")).unwrap();
        fs::create_dir(place.path().join("work")).unwrap();
        Self { place: Arc::new(place), environment: Vec::new() }
    }

    /// With `api` as its cluster. All other hosts lie behind a proxy that is down, so that no test leaves the machine.
    pub(crate) fn with_cluster(api: &FakeApi) -> Self {
        Self::new().with("KUBECONFIG", &api.kubeconfig().display().to_string()).offline()
    }

    /// Without any way to https hosts.
    pub(crate) fn offline(self) -> Self {
        let nobody = nobody();
        self.with("HTTPS_PROXY", &format!("http://{nobody}"))
    }

    /// With a variable in its environment.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Where it runs.
    pub(crate) fn directory(&self) -> PathBuf {
        directory(&self.place)
    }

    /// Its user's home.
    pub(crate) fn home(&self) -> PathBuf {
        self.place.path().join("home")
    }

    /// Writes a file where the program runs.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.directory().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// The names in the directory where it runs, hidden ones too.
    pub(crate) fn entries(&self) -> Vec<String> {
        entries(&self.directory())
    }

    /// The command for `arguments`, to be run in one's own way.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.command_of(Path::new(env!("CARGO_BIN_EXE_imagefacts")), arguments)
    }

    /// The same for another program, in the same place.
    pub(crate) fn command_of(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.directory()).kill_on_drop(true);
        command.env_clear().env("HOME", self.home()).env("PATH", "/usr/bin:/bin");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs it to its end.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Ran {
        self.end(self.command(arguments).spawn().unwrap()).await
    }

    /// Runs it with `input` on stdin.
    pub(crate) async fn run_with(&self, arguments: &[&str], input: impl AsRef<[u8]>) -> Ran {
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input.as_ref()).await.unwrap();
        drop(stdin);
        self.end(child).await
    }

    /// Waits for the end of a run.
    pub(crate) async fn end(&self, child: Child) -> Ran {
        let output = tokio::time::timeout(HANGS, child.wait_with_output()).await.expect("the program hangs").unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        Ran { code: output.status.code(), stdout: output.stdout, stderr, place: Arc::clone(&self.place) }
    }
}

impl Ran {
    /// Asserts how it ended.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout: {}\nstderr: {}", self.stdout(), self.stderr);
        self
    }

    /// Asserts that stderr contains each of `words`.
    #[track_caller]
    pub(crate) fn says(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.stderr.contains(word), "{word:?} is not in: {}", self.stderr);
        }
        self
    }

    pub(crate) fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// The path that stdout names, and nothing but that.
    #[track_caller]
    pub(crate) fn path(&self) -> PathBuf {
        let stdout = self.stdout();
        let path = stdout.strip_suffix('\n').expect("a line");
        assert!(!path.is_empty() && !path.contains('\n'), "{stdout:?}");
        directory(&self.place).join(path)
    }

    /// The bundle whose path stdout names.
    #[track_caller]
    pub(crate) fn bundle(&self) -> Bundle {
        Bundle::read(&fs::read(self.path()).unwrap())
    }

    /// The JSON lines on stdout.
    #[track_caller]
    pub(crate) fn events(&self) -> Vec<Value> {
        events(&self.stdout())
    }
}

fn directory(place: &TempDir) -> PathBuf {
    place.path().join("work")
}

/// JSON lines, each of which must be what the committed schema says; the last of them alone ends the run.
#[track_caller]
pub(crate) fn events(lines: &str) -> Vec<Value> {
    let schema: Value = serde_json::from_str(include_str!("../../../schema/progress.v1.schema.json")).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let events: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    for event in &events {
        let error = schema.iter_errors(event).next().map(|error| error.to_string());
        assert_eq!(error, None, "{event}");
    }
    let ends: Vec<bool> = events.iter().map(|e| e["event"] == "finished" || e["event"] == "failed").collect();
    let last = ends.len().checked_sub(1).expect("no events");
    assert_eq!(ends.iter().position(|ends| *ends), Some(last), "{lines}");
    events
}

/// The names in a directory, hidden ones too.
pub(crate) fn entries(directory: &Path) -> Vec<String> {
    let names = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

/// An address where nobody listens, and nobody will as long as the tests run: its port stays taken.
pub(crate) fn nobody() -> std::net::SocketAddr {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    std::mem::forget(socket);
    address
}
