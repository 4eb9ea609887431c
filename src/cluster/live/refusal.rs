//! Why there is no answer: what a request came to grief over, and whether another try may go better.

use std::time::Duration;

use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use thiserror::Error;

use super::split::NoList;

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

impl From<NoList> for RequestError {
    fn from(why: NoList) -> Self {
        match why {
            // As well as a connection, whoever stands between may break off an answer.
            NoList::Truncated => Self::Broken(why.to_string()),
            NoList::Syntax(_) | NoList::Field | NoList::Other => Self::Unreadable(why.to_string()),
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
    pub(super) fn asked_pause(&self) -> Option<Duration> {
        match self {
            Self::Refused(refusal) if self.may_pass() => refusal.retry_after,
            _ => None,
        }
    }

    /// Whether another try may go better.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.code.is_server_error() || refusal.code == StatusCode::TOO_MANY_REQUESTS,
            Self::Broken(_) | Self::TimedOut(_) => true,
            Self::Tls(_) | Self::Credential(_) | Self::TooLarge(_) | Self::Unreadable(_) | Self::Stopped => false,
        }
    }
}

impl Refusal {
    /// The refusal that an answer of `code` is.
    pub(super) fn new(code: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
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
