//! SIGINT and SIGTERM: the first ends the run with what it has, a second ends the program at once.

use std::sync::{Arc, OnceLock};

use crate::bundle::Unfinished;
use crate::exit::Exit;
use crate::stop::{Stop, StopReason};

/// What is done about signals.
pub(super) struct Watch {
    unfinished: Arc<OnceLock<Unfinished>>,
}

/// Watches for signals until the program ends. Where the system does not let us, signals keep their default effect.
pub(super) fn watch(stop: &Stop) -> Watch {
    let watch = Watch { unfinished: Arc::default() };
    let Ok(mut signals) = Signals::new() else { return watch };
    let (stop, unfinished) = (stop.clone(), Arc::clone(&watch.unfinished));
    tokio::spawn(async move {
        stop.stop(signals.next().await);
        let reason = signals.next().await;
        if let Some(unfinished) = unfinished.get() {
            unfinished.remove();
        }
        quit(Exit::stopped(reason));
    });
    watch
}

impl Watch {
    /// Lets a second signal remove `unfinished`.
    pub(super) fn cleans_up(&self, unfinished: Option<Unfinished>) {
        if let Some(unfinished) = unfinished {
            // A run writes one bundle.
            let _ = self.unfinished.set(unfinished);
        }
    }
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
