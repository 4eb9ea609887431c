//! Which requests came in, for tests that count them.

use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::Request;
use axum::http::{HeaderName, Method, header};

/// Notes every request in memory, when it arrives. Clones share their entries.
///
/// It grows with each request: it is for tests and for `demo`, not for a registry that runs for long.
#[derive(Debug, Clone, Default)]
pub struct AccessLog(Arc<Mutex<Vec<Access>>>);

/// A request, without anything secret of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// the method
    pub method: Method,
    /// the path as it was sent
    pub path: String,
    /// the query as it was sent
    pub query: Option<String>,
    /// the scheme of `Authorization` (`Basic`, `Bearer`), never what follows it
    pub authorization: Option<String>,
    /// `Accept`
    pub accept: Option<String>,
    /// `Range`
    pub range: Option<String>,
    /// `User-Agent`
    pub user_agent: Option<String>,
}

impl AccessLog {
    /// All requests so far, oldest first.
    pub fn entries(&self) -> Vec<Access> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many requests of `method` went to paths that contain `part`.
    pub fn count(&self, method: &Method, part: &str) -> usize {
        self.entries().iter().filter(|access| access.method == *method && access.path.contains(part)).count()
    }

    pub(super) fn note(&self, request: &Request) {
        let value = |name: HeaderName| request.headers().get(name)?.to_str().ok().map(str::to_owned);
        let access = Access {
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            query: request.uri().query().map(str::to_owned),
            authorization: request.headers().get(header::AUTHORIZATION).map(|value| scheme(value.as_bytes())),
            accept: value(header::ACCEPT),
            range: value(header::RANGE),
            user_agent: value(header::USER_AGENT),
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(access);
    }
}

/// The word before the first space; a value without one may be a secret as a whole.
fn scheme(authorization: &[u8]) -> String {
    match authorization.iter().position(|b| *b == b' ') {
        Some(end) => String::from_utf8_lossy(authorization.get(..end).unwrap_or_default()).into_owned(),
        None => "unknown".to_owned(),
    }
}
