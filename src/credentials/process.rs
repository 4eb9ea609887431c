//! Programs that give credentials: run with a time limit, and no more of their output read than a credential needs.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};

/// How much of a program's output is read, in bytes.
const OUTPUT_LIMIT: u64 = 256 << 10;

/// Why a program gave no answer. Holds nothing that it said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProcessError {
    /// it cannot be started; the system's word
    Start(std::io::ErrorKind),
    /// it took too long, and was ended
    Time,
    /// its output broke off
    Broken(std::io::ErrorKind),
}

/// What a program answered. Shows nothing of itself.
pub(super) struct Answered {
    pub(super) status: ExitStatus,
    pub(super) output: Vec<u8>,
}

/// Runs `command` with `input` on its stdin. What it says on stderr is thrown away: it may show what must not be shown.
pub(super) async fn run(mut command: Command, input: &[u8], time_limit: Duration) -> Result<Answered, ProcessError> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let child = command.spawn().map_err(|error| ProcessError::Start(error.kind()))?;
    let answered = tokio::time::timeout(time_limit, ask(child, input)).await.map_err(|_| ProcessError::Time)?;
    answered.map_err(|error| ProcessError::Broken(error.kind()))
}

async fn ask(mut child: Child, input: &[u8]) -> std::io::Result<Answered> {
    if let Some(mut stdin) = child.stdin.take() {
        // A program that ends without reading has said all the same what it had to say.
        let _ = stdin.write_all(input).await;
    }
    let mut output = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        stdout.take(OUTPUT_LIMIT).read_to_end(&mut output).await?;
    }
    Ok(Answered { status: child.wait().await?, output })
}
