//! SIGINT and SIGTERM: the first ends the run with what it has, a second ends the program at once.

use crate::exit::Exit;
use crate::stop::{Stop, StopReason};

/// Watches for signals until the program ends. Where the system does not let us, signals keep their default effect.
pub(super) fn watch(stop: &Stop) {
    let Ok(mut signals) = Signals::new() else { return };
    let stop = stop.clone();
    tokio::spawn(async move {
        stop.stop(signals.next().await);
        let reason = signals.next().await;
        quit(Exit::stopped(reason));
    });
}

#[expect(clippy::disallowed_methods, reason = "a second signal means: now, whatever is in the way")]
fn quit(exit: Exit) -> ! {
    std::process::exit(exit.code().into())
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) -> StopReason {
        tokio::select! {
            _ = self.interrupt.recv() => StopReason::Interrupted,
            _ = self.terminate.recv() => StopReason::Terminated,
        }
    }
}

#[cfg(not(unix))]
struct Signals(tokio::signal::windows::CtrlC);

#[cfg(not(unix))]
impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self(tokio::signal::windows::ctrl_c()?))
    }

    async fn next(&mut self) -> StopReason {
        let _ = self.0.recv().await;
        StopReason::Interrupted
    }
}
