//! A short file for each command: joins the parts, prints the result, holds no logic of its own.

mod cache;
mod collect;
mod demo;
mod diff;
mod inspect;
mod logging;
mod masked;
mod optimize;
mod print;
mod read;
mod registry;
mod schema;
mod show;
mod signals;
mod validate;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::future::Future;
use std::time::Duration;

use anyhow::Context;
use futures::future::join_all;

use crate::cli::{Command, RegistryCommand};
use crate::collect::CollectError;
use crate::exit::Exit;
use crate::progress::Relay;
use crate::settings::{self, Environment, Invocation, RegistryTable, UsageError};
use crate::stop::Stop;
use crate::task;

/// What every command is told.
pub(crate) struct Told {
    /// the environment, as it was at the start
    environment: Environment,
    /// what the configuration file says of single registries, by host
    registries: BTreeMap<String, RegistryTable>,
    /// `-q`
    quiet: bool,
    /// how many `-v`
    verbose: u8,
    /// what writes the log, if it is one of a run
    log: Option<Relay>,
}

/// How long a run that was told to end waits for somebody to read its last words.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Runs the program: its arguments in, its exit out.
pub fn main(args: &[OsString]) -> Exit {
    let environment = settings::environment();
    let (cli, registries) = match settings::parse(args, &environment) {
        Ok(Invocation { cli, registries }) => (cli, registries),
        Err(UsageError::CommandLine(error)) => {
            // A closed pipe is no reason to fail: somebody read as much of the help as they wanted.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Done };
        }
        Err(UsageError::Config(error)) => {
            print::error(&error.into());
            return Exit::Usage;
        }
    };
    let is_run =
        matches!(cli.command, Command::Collect(_) | Command::Inspect(_) | Command::Registry(_) | Command::Demo(_));
    let log = logging::start(cli.verbose, is_run);
    let told = Told { environment, registries, quiet: cli.quiet, verbose: cli.verbose, log };
    let done = match cli.command {
        Command::Collect(args) => run(collect::run(*args, told)),
        Command::Inspect(args) => run(inspect::run(*args, told)),
        Command::Registry(RegistryCommand::Check(args)) => run(registry::check(*args, told)),
        Command::Show(args) => show::run(args),
        Command::Diff(args) => diff::run(&args),
        Command::Optimize(args) => optimize::run(&args),
        Command::Validate(args) => validate::run(&args),
        Command::Schema(args) => schema::run(&args),
        Command::Cache(args) => cache::run(args, &told),
        Command::Demo(args) => run(demo::run(args, told)),
    };
    done.unwrap_or_else(|error| {
        print::error(&error);
        match error.downcast_ref() {
            Some(CollectError::Ended(Some(reason))) if reason.is_signal() => Exit::stopped(*reason),
            _ => Exit::Nothing,
        }
    })
}

/// One thread, and up to four where there are many processors. A run mostly waits, and one thread reads some two thousand images in a
/// second. Of two threads each image costs a fifth more, as they wait for one another's memory and wake each other.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = (processors / 4).clamp(1, 4);
    tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()
}

/// Waits until all was shown that was given to `relays`, but not for ever once the run was told to end.
async fn last_words<'a>(relays: impl IntoIterator<Item = &'a Relay>, stop: &Stop) {
    let no_longer = async {
        stop.stopped().await;
        tokio::time::sleep(LAST_WORDS).await;
    };
    tokio::select! {
        _ = join_all(relays.into_iter().map(Relay::written)) => {}
        () = no_longer => {}
    }
}

/// Runs what waits for the network.
fn run(work: impl Future<Output = anyhow::Result<Exit>> + Send + 'static) -> anyhow::Result<Exit> {
    let runtime = runtime().context("the threads of this program cannot be started")?;
    let done = task::outcome(runtime.block_on(runtime.spawn(work)));
    // A thread may still wait for stdin or a name server; nothing that it could bring matters any more.
    runtime.shutdown_background();
    done.context("the run was given up. This is a bug of imagefacts")?
}
