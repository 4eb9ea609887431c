//! Writes on a thread of its own: a pipe that nobody reads, or a terminal that was stopped, holds up nothing of the run.

use std::io::{self, Write};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use tokio::sync::oneshot;

/// A writer that never waits: what it is given is written by its thread, in that order. All clones are one.
///
/// What cannot be written is let go: a reader that went away must not end the run.
#[derive(Clone)]
pub struct Relay(Sender<Parcel>);

enum Parcel {
    Bytes(Vec<u8>),
    /// to be told when all before it was written
    Mark(oneshot::Sender<()>),
}

impl Relay {
    /// Begins to write to `out`.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn to(out: impl Write + Send + 'static) -> io::Result<Self> {
        let (sender, receiver) = mpsc::channel();
        thread::Builder::new().name("progress".to_owned()).spawn(move || pass_on(&receiver, out))?;
        Ok(Self(sender))
    }

    /// Waits until all that was given so far is written, which may be never.
    pub async fn written(&self) {
        let (sender, receiver) = oneshot::channel();
        // Both fail only without the thread, and then there is nobody to wait for.
        if self.0.send(Parcel::Mark(sender)).is_ok() {
            let _ = receiver.await;
        }
    }
}

fn pass_on(parcels: &Receiver<Parcel>, mut out: impl Write) {
    for parcel in parcels {
        match parcel {
            Parcel::Bytes(bytes) => {
                let _ = out.write_all(&bytes).and_then(|()| out.flush());
            }
            // Whoever asked may have gone away.
            Parcel::Mark(sender) => drop(sender.send(())),
        }
    }
}

impl Write for Relay {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.send(Parcel::Bytes(bytes.to_owned())).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn a_full_pipe_holds_up_nobody_and_nothing_is_lost() {
        let (mut reader, writer) = io::pipe().unwrap();
        let mut relay = Relay::to(writer).unwrap();
        let lines: Vec<String> = (0..50_000).map(|n| format!("line {n}\n")).collect();
        lines.iter().for_each(|line| relay.write_all(line.as_bytes()).unwrap());
        assert!(timeout(Duration::from_millis(50), relay.written()).await.is_err(), "it is not written");
        let read = thread::spawn(move || {
            let mut text = String::new();
            reader.read_to_string(&mut text).map(|_| text)
        });
        relay.written().await;
        drop(relay);
        assert_eq!(read.join().unwrap().unwrap(), lines.concat());
    }

    #[tokio::test]
    async fn a_reader_that_went_away_is_nobody_to_wait_for() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let mut relay = Relay::to(writer).unwrap();
        relay.write_all(b"to nobody\n").unwrap();
        relay.written().await;
    }
}
