//! SIGINT and SIGTERM: the first ends the run with what it has, a second ends the program at once.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock, mpsc};
use std::thread;

use crate::bundle::Unfinished;
use crate::exit::Exit;
use crate::stop::{Stop, StopReason};

/// What is done about signals. It is dropped when the run is over: from then on the first signal ends the program at once.
pub(super) struct Watch {
    unfinished: Arc<OnceLock<Unfinished>>,
    is_over: Arc<AtomicBool>,
}

/// Watches for signals until the program ends. Where the system does not let us, signals keep their default effect.
///
/// It has a thread of its own: a runtime's thread may be held up by a full pipe or a slow disk, and a signal is what such
/// a run is ended with.
pub(super) fn watch(stop: &Stop) -> Watch {
    let watch = Watch { unfinished: Arc::default(), is_over: Arc::default() };
    let (stop, unfinished, is_over) = (stop.clone(), Arc::clone(&watch.unfinished), Arc::clone(&watch.is_over));
    let (ready, is_ready) = mpsc::channel();
    let watching = move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        runtime.block_on(async {
            let Ok(mut signals) = Signals::new() else { return };
            // Nobody waits for it who has gone away.
            let _ = ready.send(());
            let mut reason = signals.next().await;
            if !is_over.load(Relaxed) {
                stop.stop(reason);
                reason = signals.next().await;
            }
            if let Some(unfinished) = unfinished.get() {
                unfinished.remove();
            }
            quit(Exit::stopped(reason));
        });
    };
    if thread::Builder::new().name("signals".to_owned()).spawn(watching).is_ok() {
        // Fails when there is nothing to wait for.
        let _ = is_ready.recv();
    }
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

impl Drop for Watch {
    fn drop(&mut self) {
        self.is_over.store(true, Relaxed);
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
