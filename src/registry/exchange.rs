//! One request and its answer: permits, pauses, time limits, redirects, and no more bytes than asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use tokio::sync::SetOnce;
use tokio::time::{Instant, sleep_until, timeout_at};
use url::Url;

use super::body::{self, Overflow};
use super::connection_fault::connection_fault;
use super::fault::Fault;
use super::host::{Host, Pauses};
use super::safety::{self, Guard, Reach, origin};
use super::transport::Transport;
use super::turns::{Turn, Turns};
use crate::clock::Clock;
use crate::event::Events;
use crate::limits::Limits;
use crate::stop::Stop;
use crate::vocabulary::ErrorClass;

/// How many redirects are followed: more than any registry needs (most have one, to where blobs lie).
const MAX_REDIRECTS: usize = 5;

/// The longest URL that is asked for, in bytes. Signed ones of object stores have some two thousand; what is longer
/// than 65,534 no client can ask for.
const LONGEST_URL: usize = 16 << 10;

/// What all requests of a run share.
pub(super) struct Wire {
    pub transport: Transport,
    pub limits: Limits,
    pub turns: Arc<Turns>,
    pub pauses: Pauses,
    pub clock: Clock,
    pub events: Events,
    pub stop: Stop,
}

/// What one image has used.
#[derive(Default)]
pub(super) struct Account {
    requests: AtomicU64,
    deadline: SetOnce<Instant>,
}

/// For whom a request is made.
#[derive(Clone, Copy)]
pub(super) struct Caller<'a> {
    pub wire: &'a Wire,
    pub account: &'a Account,
    pub host: &'a Host,
    /// for one request
    pub patience: Duration,
}

/// A request.
#[derive(Clone)]
pub(super) struct Ask {
    pub method: Method,
    pub url: Url,
    pub guard: Guard,
    pub accept: &'static str,
    pub authorization: Option<HeaderValue>,
    /// what a user wants this server to be sent; it may be secret
    pub headers: HeaderMap,
    /// a body, `application/x-www-form-urlencoded`
    pub form: Option<String>,
    /// the most bytes that a success may have
    pub cap: usize,
}

/// An answer that was read to its end. The body of one that is no success may be cut.
pub(super) struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// whether it answers a HEAD, so that it has no body whatever it means
    pub is_head: bool,
    /// who answered, after redirects
    pub url: Url,
    /// from how far away that server can be reached
    pub reach: Reach,
}

impl Account {
    /// Requests made so far.
    pub(super) fn requests(&self) -> u64 {
        self.requests.load(Relaxed)
    }

    /// Waits until the image's time is over.
    pub(super) async fn is_over(&self) {
        sleep_until(*self.deadline.wait().await).await;
    }
}

impl<'a> Caller<'a> {
    /// When the image must be done. Its time begins with its first request: it is not its fault when it has to wait
    /// for a permit, or for a pause that began before.
    pub(super) fn deadline(self) -> Instant {
        let run = self.wire.stop.deadline();
        self.account.deadline.get().map_or(run, |deadline| run.min(*deadline))
    }

    /// Waits until a request to the server at `origin` may be made.
    async fn turn(self, origin: &str) -> Result<Option<Turn>, Fault> {
        loop {
            match self.wire.pauses.until(origin) {
                Some(until) if until >= self.deadline() => return Err(paused(origin)),
                Some(until) => sleep_until(until).await,
                None => {
                    let turn = self.wire.turns.next(&self.host.name, self.host.permits).await;
                    if Instant::now() >= self.deadline() {
                        return Err(out_of_time(origin));
                    }
                    // A pause may have begun in the meantime.
                    if self.wire.pauses.until(origin).is_none() {
                        return Ok(turn);
                    }
                }
            }
        }
    }

    /// Counts a request, and says when it must be done.
    fn begin_request(self) -> Instant {
        let (now, limits, run) = (Instant::now(), &self.wire.limits, self.wire.stop.deadline());
        self.account.requests.fetch_add(1, Relaxed);
        self.host.count_request();
        // Only the first request begins the image's time.
        let _ = self.account.deadline.set(now.checked_add(limits.image_timeout).unwrap_or(run));
        now.checked_add(self.patience).unwrap_or(run).min(self.deadline())
    }
}

impl Answer {
    /// Scheme, host and port of who answered.
    pub(super) fn origin(&self) -> String {
        origin(&self.url)
    }

    /// The `Content-Type`.
    pub(super) fn content_type(&self) -> Option<&str> {
        self.headers.get(header::CONTENT_TYPE)?.to_str().ok()
    }

    /// Whether this is how a TLS server answers a plain request: Go, nginx and Apache do so with 400 and these words,
    /// and with 400 alone when it was a HEAD.
    pub(super) fn wants_tls(&self) -> bool {
        if self.status != StatusCode::BAD_REQUEST || self.url.scheme() != "http" {
            return false;
        }
        let text = String::from_utf8_lossy(&self.body).to_ascii_uppercase();
        self.is_head || text.contains("HTTPS") || text.contains("SSL")
    }

    fn redirect(&self) -> Option<&str> {
        let status = matches!(self.status.as_u16(), 301 | 302 | 303 | 307 | 308);
        self.headers.get(header::LOCATION).filter(|_| status)?.to_str().ok()
    }

    #[cfg(test)]
    pub(super) fn test(status: u16, body: &str) -> Self {
        Self {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: body.to_owned().into(),
            is_head: false,
            url: Url::parse("https://r.io/v2/a/manifests/1").unwrap(),
            reach: Reach::Public,
        }
    }
}

/// Sends `ask` and follows where it is redirected to, as far as that is safe.
pub(super) async fn exchange(caller: Caller<'_>, ask: &Ask) -> Result<Answer, Fault> {
    let mut ask = ask.clone();
    for _ in 0..=MAX_REDIRECTS {
        let answer = hop(caller, &ask).await?;
        // What a form holds is meant for one server.
        let Some(location) = answer.redirect().filter(|_| ask.form.is_none()) else { return Ok(answer) };
        let target = safety::redirect(&ask.url, answer.reach, location)
            .map_err(|why| Fault::refused(&answer.origin(), "a redirect", &why))?;
        if target.origin() != ask.url.origin() {
            ask.authorization = None;
            ask.headers.clear();
            ask.guard = Guard::SentBy(answer.reach);
        }
        ask.url = target;
    }
    const REMEDY: &str = "check the registry's settings";
    Err(Fault::final_answer(ErrorClass::Refused, &origin(&ask.url), "is the end of too many redirects", REMEDY))
}

async fn hop(caller: Caller<'_>, ask: &Ask) -> Result<Answer, Fault> {
    let at = origin(&ask.url);
    if ask.url.as_str().len() > LONGEST_URL {
        return Err(too_long(&at));
    }
    let route = caller.wire.transport.route(&ask.url, ask.guard);
    let client = caller.wire.transport.client(route).map_err(|error| connection_fault(&error, &ask.url))?;
    let request = client.request(ask.method.clone(), ask.url.clone()).headers(ask.headers.clone());
    let mut request = request.header(header::ACCEPT, ask.accept);
    if let Some(authorization) = &ask.authorization {
        request = request.header(header::AUTHORIZATION, authorization);
    }
    if let Some(form) = &ask.form {
        request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(form.clone());
    }
    let _turn = caller.turn(&at).await?;
    let deadline = caller.begin_request();
    tracing::debug!(method = %ask.method, server = %at, "request");
    let response = match timeout_at(deadline, request.send()).await {
        Ok(response) => response.map_err(|error| connection_fault(&error, &ask.url))?,
        Err(_) => return Err(late(&at, "does not answer in time")),
    };
    let (status, headers) = (response.status(), response.headers().clone());
    tracing::debug!(server = %at, status = status.as_u16(), "answer");
    let reach = route.reach(&ask.url, response.remote_addr());
    let (cap, overflow) = match status.is_success() {
        true => (ask.cap, Overflow::Refuse),
        false => (caller.wire.limits.error_bytes, Overflow::Cut),
    };
    let mut body = body::Reader::new(response, cap, overflow);
    let outcome = timeout_at(deadline, body.read()).await;
    caller.host.count_bytes(body.received());
    match outcome {
        Ok(Ok(())) => {}
        // What is no success is told by its status; its words are welcome as far as they came.
        _ if !status.is_success() => {}
        Ok(Err(body::ReadError::TooLarge)) => return Err(too_large(&at, cap)),
        Ok(Err(body::ReadError::Broken(error))) => return Err(connection_fault(&error, &ask.url)),
        Err(_) => return Err(late(&at, "does not end its answer in time")),
    }
    Ok(Answer {
        status,
        headers,
        body: body.into_bytes(),
        is_head: ask.method == Method::HEAD,
        url: ask.url.clone(),
        reach,
    })
}

fn late(origin: &str, what: &str) -> Fault {
    Fault::broken(ErrorClass::Timeout, origin, what, "check that it is up, or allow more with --registry-timeout")
}

fn too_long(origin: &str) -> Fault {
    let what = format!("would have to be asked for a URL of more than {LONGEST_URL} bytes");
    const REMEDY: &str = "this was not followed, for safety; check the registry's settings";
    Fault { sent: false, ..Fault::final_answer(ErrorClass::Refused, origin, what, REMEDY) }
}

fn too_large(origin: &str, cap: usize) -> Fault {
    let what = format!("gives more than {cap} bytes, the most that is read of such content");
    Fault::final_answer(ErrorClass::TooLarge, origin, what, "check what was pushed there")
}

fn out_of_time(origin: &str) -> Fault {
    const WHAT: &str = "was not asked any more: the time for this image is over";
    const REMEDY: &str = "allow more with --image-timeout";
    Fault { sent: false, ..Fault::final_answer(ErrorClass::Timeout, origin, WHAT, REMEDY) }
}

fn paused(origin: &str) -> Fault {
    const WHAT: &str = "asked for a pause that is longer than the time left";
    const REMEDY: &str = "ask again later, or allow more time with --timeout";
    Fault { sent: false, ..Fault::final_answer(ErrorClass::RateLimited, origin, WHAT, REMEDY) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tls_server_is_known_by_its_answer_to_a_plain_request() {
        for (scheme, status, body, expected) in [
            ("http", 400, "Client sent an HTTP request to an HTTPS server.\n", true),
            ("http", 400, "<title>400 The plain HTTP request was sent to HTTPS port</title>", true),
            ("http", 400, "You're speaking plain HTTP to an SSL-enabled server port.", true),
            ("http", 400, "", false),
            ("http", 400, r#"{"errors":[{"code":"NAME_INVALID"}]}"#, false),
            ("http", 404, "", false),
            ("https", 400, "", false),
        ] {
            let url = Url::parse(&format!("{scheme}://localhost:5000/v2/a/manifests/1")).unwrap();
            let answer = Answer { url, ..Answer::test(status, body) };
            assert_eq!(answer.wants_tls(), expected, "{scheme} {status} {body}");
            let head = Answer { is_head: true, ..answer };
            assert_eq!(head.wants_tls(), scheme == "http" && status == 400, "HEAD {scheme} {status}");
        }
    }
}
