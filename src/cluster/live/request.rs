//! One GET at the API server, bounded in bytes and time. It is tried again when that is worth it.

use bytes::{Bytes, BytesMut};
use http::header::ACCEPT;
use http_body_util::BodyExt;
use kube::client::Body;
use tokio::time::{Instant, timeout_at};

use super::cause::{self, Cause};
use super::connect::Cluster;
use super::refusal::{Refusal, RequestError};
use super::tries::Tries;
use crate::stop::Stop;

/// How much of a refusal's body is read, in bytes.
const REFUSAL_BYTES: usize = 64 << 10;

/// What is asked for.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    /// path and query, encoded
    pub(super) path: String,
    /// the wanted media type
    pub(super) accept: &'static str,
    /// the largest answer that is read, in bytes
    pub(super) limit: usize,
}

/// An answer whose body is read as it comes. What is not read stays with the server.
pub(super) struct Answer<'a> {
    cluster: &'a Cluster,
    body: Body,
    limit: usize,
    /// bytes read so far
    read: usize,
    deadline: Instant,
}

impl Ask {
    /// A request for JSON of at most `limit` bytes.
    pub(super) fn json(path: String, limit: usize) -> Self {
        Self { path, accept: "application/json", limit }
    }
}

impl Cluster {
    /// Asks until there is an answer, a refusal that another try would not change, or no try left.
    pub(super) async fn get(&self, ask: &Ask, stop: &Stop) -> Result<Bytes, RequestError> {
        self.get_within(ask, stop, self.limits().tries).await
    }

    /// The same for the first request of all: who mistyped a server shall not wait long to learn it.
    pub(super) async fn first_contact(&self, ask: &Ask, stop: &Stop) -> Result<Bytes, RequestError> {
        self.get_within(ask, stop, self.limits().tries.min(2)).await
    }

    async fn get_within(&self, ask: &Ask, stop: &Stop, count: usize) -> Result<Bytes, RequestError> {
        let mut tries = Tries::new(self.limits(), count);
        loop {
            match stop.or(self.once(ask)).await {
                None => return Err(RequestError::Stopped),
                Some(Ok(body)) => return Ok(body),
                Some(Err(error)) => tries.wait_after(error, &ask.path, stop).await?,
            }
        }
    }

    async fn once(&self, ask: &Ask) -> Result<Bytes, RequestError> {
        self.open(ask).await?.whole().await
    }

    /// Asks once, and waits until the answer begins.
    pub(super) async fn open(&self, ask: &Ask) -> Result<Answer<'_>, RequestError> {
        let deadline = self.deadline();
        let request = http::Request::get(&ask.path).header(ACCEPT, ask.accept).body(Body::empty());
        let request = request.map_err(|error| RequestError::Broken(error.to_string()))?;
        let sent = timeout_at(deadline, self.client.send(request)).await.map_err(|_| self.timed_out())?;
        let (head, body) = sent.map_err(|error| self.failure(&error))?.into_parts();
        let answer = Answer { cluster: self, body, limit: ask.limit, read: 0, deadline };
        if head.status.is_success() {
            return Ok(answer);
        }
        // What matters of a refusal is its status; a body that breaks off or is too long says just less.
        let body = Answer { limit: REFUSAL_BYTES, ..answer }.whole().await.unwrap_or_default();
        Err(RequestError::Refused(Refusal::new(head.status, &head.headers, &body)))
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.limits().request_timeout
    }

    fn timed_out(&self) -> RequestError {
        RequestError::TimedOut(self.limits().request_timeout)
    }

    fn failure(&self, error: &kube::Error) -> RequestError {
        match cause::of(error, self.plugin()) {
            Cause::Credential(text) => RequestError::Credential(text),
            Cause::Tls(text) => RequestError::Tls(text),
            Cause::Setup(text) | Cause::Connection(text) => RequestError::Broken(text),
        }
    }
}

impl Answer<'_> {
    /// The next part of the body; `None` at its end.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, RequestError> {
        loop {
            let frame = timeout_at(self.deadline, self.body.frame()).await.map_err(|_| self.cluster.timed_out())?;
            let Some(frame) = frame else { return Ok(None) };
            let Ok(data) = frame.map_err(|error| self.cluster.failure(&error))?.into_data() else { continue };
            self.read = self.read.saturating_add(data.len());
            return if self.read > self.limit { Err(RequestError::TooLarge(self.limit)) } else { Ok(Some(data)) };
        }
    }

    /// Gives the body the time of a whole request from now on: until now it was not wanted.
    pub(super) fn with_fresh_time(self) -> Self {
        Self { deadline: self.cluster.deadline(), ..self }
    }

    async fn whole(mut self) -> Result<Bytes, RequestError> {
        let mut bytes = BytesMut::new();
        while let Some(chunk) = self.chunk().await? {
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes.freeze())
    }
}
