//! One GET at the API server: bounded in bytes and time, tried again when it is worth it.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT, DATE, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use kube::client::Body;
use serde::Deserialize;
use thiserror::Error;
use tokio::time::Instant;
use tracing::debug;

use super::cause::{self, Cause};
use super::connect::Cluster;
use crate::stop::Stop;

/// How much of a refusal's body is read, in bytes.
const REFUSAL_BYTES: usize = 64 << 10;
/// The longest pause between tries, unless the server asks for a longer one.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

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

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum RequestError {
    #[error("{0}")]
    Refused(Refusal),
    #[error("{0}")]
    Broken(String),
    #[error("{0}")]
    Tls(String),
    #[error("{0}")]
    Credential(String),
    #[error("no answer within {} ms", .0.as_millis())]
    TimedOut(Duration),
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
    #[error("the answer is not what an API server sends: {0}")]
    Unreadable(String),
    #[error("the run ended first")]
    Stopped,
}

/// An answer that says no.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub(super) struct Refusal {
    pub(super) code: StatusCode,
    /// the server's words
    pub(super) message: String,
    /// of a 410 amid a list: the token to go on with
    pub(super) fresh_token: Option<String>,
    retry_after: Option<Duration>,
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

    async fn get_within(&self, ask: &Ask, stop: &Stop, tries: usize) -> Result<Bytes, RequestError> {
        let limits = self.limits();
        let mut patience = limits.patience;
        let mut pauses = ExponentialBuilder::new()
            .with_jitter()
            .with_min_delay(limits.first_pause)
            .with_max_delay(LONGEST_PAUSE)
            .with_max_times(tries.saturating_sub(1))
            .build();
        loop {
            let error = match stop.or(self.within_time(ask)).await {
                None => return Err(RequestError::Stopped),
                Some(Ok(body)) => return Ok(body),
                Some(Err(error)) => error,
            };
            let pause = match error.asked_pause() {
                Some(pause) if patience > 0 => {
                    patience -= 1;
                    Some(pause)
                }
                _ if error.may_pass() => pauses.next(),
                _ => None,
            };
            // A pause that outlasts the run is none: the failure is final, and the rest of the run gets the time.
            let left = stop.deadline().saturating_duration_since(Instant::now());
            let Some(pause) = pause.filter(|pause| *pause < left) else { return Err(error) };
            debug!(path = ask.path, %error, ?pause, "trying again");
            if stop.or(tokio::time::sleep(pause)).await.is_none() {
                return Err(RequestError::Stopped);
            }
        }
    }

    async fn within_time(&self, ask: &Ask) -> Result<Bytes, RequestError> {
        let limit = self.limits().request_timeout;
        tokio::time::timeout(limit, self.once(ask)).await.unwrap_or(Err(RequestError::TimedOut(limit)))
    }

    async fn once(&self, ask: &Ask) -> Result<Bytes, RequestError> {
        let request = http::Request::get(&ask.path).header(ACCEPT, ask.accept).body(Body::empty());
        let request = request.map_err(|error| RequestError::Broken(error.to_string()))?;
        let (head, body) = self.client.send(request).await.map_err(|error| self.failure(&error))?.into_parts();
        if head.status.is_success() {
            return self.read(body, ask.limit).await;
        }
        // What matters of a refusal is its status; a body that breaks off or is too long says just less.
        let body = self.read(body, REFUSAL_BYTES).await.unwrap_or_default();
        Err(RequestError::Refused(Refusal::new(head.status, &head.headers, &body)))
    }

    async fn read(&self, mut body: Body, limit: usize) -> Result<Bytes, RequestError> {
        let mut bytes = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| self.failure(&error))?;
            let Ok(data) = frame.into_data() else { continue };
            if bytes.len().saturating_add(data.len()) > limit {
                return Err(RequestError::TooLarge(limit));
            }
            bytes.extend_from_slice(&data);
        }
        Ok(bytes.freeze())
    }

    fn failure(&self, error: &kube::Error) -> RequestError {
        match cause::of(error, self.plugin()) {
            Cause::Credential(text) => RequestError::Credential(text),
            Cause::Tls(text) => RequestError::Tls(text),
            Cause::Setup(text) | Cause::Connection(text) => RequestError::Broken(text),
        }
    }
}

impl RequestError {
    /// The status of a refusal.
    pub(super) fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Refused(refusal) => Some(refusal.code),
            _ => None,
        }
    }

    /// How long the server asked us to stay away.
    fn asked_pause(&self) -> Option<Duration> {
        match self {
            Self::Refused(refusal) if self.may_pass() => refusal.retry_after,
            _ => None,
        }
    }

    /// Whether another try may go better.
    fn may_pass(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.code.is_server_error() || refusal.code == StatusCode::TOO_MANY_REQUESTS,
            Self::Broken(_) | Self::TimedOut(_) => true,
            Self::Tls(_) | Self::Credential(_) | Self::TooLarge(_) | Self::Unreadable(_) | Self::Stopped => false,
        }
    }
}

impl Refusal {
    fn new(code: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        /// What is read of a `Status` object; proxies on the way answer other things.
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Status {
            message: String,
            metadata: Metadata,
        }
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Metadata {
            r#continue: Option<String>,
        }
        let status: Status = serde_json::from_slice(body).unwrap_or_default();
        let message = if status.message.is_empty() { format!("the server answered {code}") } else { status.message };
        let fresh_token = status.metadata.r#continue.filter(|token| !token.is_empty());
        Self { code, message, fresh_token, retry_after: retry_after(headers) }
    }
}

/// `Retry-After` in seconds, or as a date (RFC 9110), which is measured against the answer's own `Date`.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let after = text(RETRY_AFTER)?;
    if let Ok(seconds) = after.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = |text| jiff::fmt::rfc2822::parse(text).ok().map(|date| date.timestamp());
    let pause = date(after)?.duration_since(date(text(DATE)?)?);
    Some(Duration::try_from(pause).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_read_in_both_forms() {
        const NOW: &str = "Fri, 20 Nov 2026 15:00:00 GMT";
        for (after, date, pause) in [
            ("7", None, Some(7)),
            (" 0 ", None, Some(0)),
            ("Fri, 20 Nov 2026 15:00:09 GMT", Some(NOW), Some(9)),
            ("Fri, 20 Nov 2026 14:00:00 GMT", Some(NOW), Some(0)),
            ("Fri, 20 Nov 2026 15:00:09 GMT", None, None),
            ("soon", Some(NOW), None),
            ("-1", Some(NOW), None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, after.parse().unwrap());
            if let Some(date) = date {
                headers.insert(DATE, date.parse().unwrap());
            }
            assert_eq!(retry_after(&headers), pause.map(Duration::from_secs), "{after}");
        }
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let refused = |code: u16| {
            RequestError::Refused(Refusal::new(StatusCode::from_u16(code).unwrap(), &HeaderMap::new(), b"oops"))
        };
        for code in [429, 500, 502, 503, 504] {
            assert!(refused(code).may_pass(), "{code}");
        }
        for code in [400, 401, 403, 404, 410] {
            assert!(!refused(code).may_pass(), "{code}");
        }
        assert!(RequestError::TimedOut(Duration::ZERO).may_pass());
        assert!(!RequestError::Tls(String::new()).may_pass());
    }

    #[test]
    fn a_refusal_tells_the_servers_words_or_its_status() {
        let told = br#"{"kind":"Status","message":"too old","metadata":{"continue":"fresh"},"code":410}"#;
        let refusal = Refusal::new(StatusCode::GONE, &HeaderMap::new(), told);
        assert_eq!((refusal.message.as_str(), refusal.fresh_token.as_deref()), ("too old", Some("fresh")));
        let plain = Refusal::new(StatusCode::NOT_FOUND, &HeaderMap::new(), b"404 page not found\n");
        assert_eq!((plain.message.as_str(), plain.fresh_token), ("the server answered 404 Not Found", None));
    }
}
