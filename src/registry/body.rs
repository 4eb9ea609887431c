//! Reads the body of an answer, up to a cap.

use bytes::{Bytes, BytesMut};

/// What happens with a body that is larger than the cap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Overflow {
    /// it is refused
    Refuse,
    /// its start is kept
    Cut,
}

/// Why a body cannot be had.
#[derive(Debug)]
pub(super) enum ReadError {
    /// it is larger than the cap
    TooLarge,
    /// the connection broke
    Broken(reqwest::Error),
}

/// Reads one body. What was read is kept when reading is given up in between.
pub(super) struct Reader {
    response: reqwest::Response,
    cap: usize,
    overflow: Overflow,
    bytes: BytesMut,
    received: usize,
}

impl Reader {
    /// A reader that keeps at most `cap` bytes.
    pub(super) fn new(response: reqwest::Response, cap: usize, overflow: Overflow) -> Self {
        Self { response, cap, overflow, bytes: BytesMut::new(), received: 0 }
    }

    /// Reads to the end, or to the cap. Nothing is read of a body that announces to be larger and is to be refused.
    pub(super) async fn read(&mut self) -> Result<(), ReadError> {
        let announced = self.response.content_length().is_some_and(|length| length > self.cap as u64);
        if announced && self.overflow == Overflow::Refuse {
            return Err(ReadError::TooLarge);
        }
        while let Some(chunk) = self.response.chunk().await.map_err(ReadError::Broken)? {
            self.received += chunk.len();
            let room = self.cap.saturating_sub(self.bytes.len());
            self.bytes.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
            if chunk.len() > room {
                return match self.overflow {
                    Overflow::Refuse => Err(ReadError::TooLarge),
                    Overflow::Cut => Ok(()),
                };
            }
        }
        Ok(())
    }

    /// Bytes that came in, also those that were not kept.
    pub(super) fn received(&self) -> usize {
        self.received
    }

    /// What was read.
    pub(super) fn into_bytes(self) -> Bytes {
        self.bytes.freeze()
    }
}
