//! One request and its answer: redirects, time limits, and no more bytes than asked for.

use std::borrow::Cow;
use std::mem;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use reqwest::RequestBuilder;
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::body::{self, Overflow};
use super::caller::{Caller, Due};
use super::connection_fault::connection_fault;
use super::fault::{Fault, OtherProtocol};
use super::safety::{self, Guard, Reach, origin};
use super::transport::Route;
use super::window::Sign;
use crate::vocabulary::ErrorClass;

/// How many redirects are followed: more than any registry needs (most have one, to where blobs lie).
const MAX_REDIRECTS: usize = 5;

/// The longest URL that is asked for, in bytes. Signed ones of object stores have some two thousand; what is longer
/// than 65,534 no client can ask for.
const LONGEST_URL: usize = 16 << 10;

/// How long a request takes at least from the others' turns when its connection breaks or finds no room. Some servers
/// bear a few connections and drop all others at once: what is asked for there in vain would, image after image, come to
/// nothing while the few are answered.
const PLACE_TAKEN: Duration = Duration::from_millis(400);

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

impl Answer {
    /// Scheme, host and port of who answered.
    pub(super) fn origin(&self) -> Cow<'_, str> {
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
    let mut ask = Cow::Borrowed(ask);
    for _ in 0..=MAX_REDIRECTS {
        let answer = hop(caller, &ask).await?;
        // What a form holds is meant for one server.
        let Some(location) = answer.redirect().filter(|_| ask.form.is_none()) else { return Ok(answer) };
        let target = safety::redirect(&ask.url, answer.reach, location)
            .map_err(|why| Fault::refused(&answer.origin(), "a redirect", &why))?;
        let next = ask.to_mut();
        if target.origin() != next.url.origin() {
            next.authorization = None;
            next.headers.clear();
            next.guard = Guard::SentBy(answer.reach);
        }
        next.url = target;
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
    let mut request = request.header(header::ACCEPT, HeaderValue::from_static(ask.accept));
    if let Some(authorization) = &ask.authorization {
        request = request.header(header::AUTHORIZATION, authorization);
    }
    if let Some(form) = &ask.form {
        request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(form.clone());
    }
    let mut turn = caller.turn(&at).await?;
    let due = caller.begin_request();
    tracing::debug!(method = %ask.method, server = %at, "request");
    let begun = Instant::now();
    let outcome = turn.answer(pin!(answered(caller, ask, route, request, due))).await;
    turn.note(sign(&outcome));
    if is_turned_away(&outcome) {
        turn.keep(begun + PLACE_TAKEN);
    }
    outcome
}

/// Sends `request` and reads its answer.
async fn answered(
    caller: Caller<'_>,
    ask: &Ask,
    route: Route,
    request: RequestBuilder,
    due: Due,
) -> Result<Answer, Fault> {
    let at = origin(&ask.url);
    let mut response = match timeout_at(due.at, request.send()).await {
        Ok(response) => response.map_err(|error| connection_fault(&error, &ask.url))?,
        Err(_) => return Err(late(&at, "does not answer in time", due)),
    };
    let (status, headers) = (response.status(), mem::take(response.headers_mut()));
    tracing::debug!(server = %at, status = status.as_u16(), "answer");
    let reach = route.reach(&ask.url, response.remote_addr());
    let (cap, overflow) = match status.is_success() {
        true => (ask.cap, Overflow::Refuse),
        false => (caller.wire.limits.error_bytes, Overflow::Cut),
    };
    let mut body = body::Reader::new(response, cap, overflow);
    let outcome = timeout_at(due.at, body.read()).await;
    caller.host.count_bytes(body.received());
    match outcome {
        Ok(Ok(())) => {}
        // What is no success is told by its status; its words are welcome as far as they came.
        _ if !status.is_success() => {}
        Ok(Err(body::ReadError::TooLarge)) => return Err(too_large(&at, cap)),
        Ok(Err(body::ReadError::Broken(error))) => return Err(connection_fault(&error, &ask.url)),
        Err(_) => return Err(late(&at, "does not end its answer in time", due)),
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

/// What the outcome tells of how the server bears what it is asked. A refusal is an answer as it should be.
fn sign(outcome: &Result<Answer, Fault>) -> Sign {
    match outcome {
        Ok(answer) if answer.status == StatusCode::TOO_MANY_REQUESTS => Sign::SlowDown,
        Ok(answer) if answer.status.is_server_error() || answer.status == StatusCode::REQUEST_TIMEOUT => Sign::Trouble,
        Ok(_) => Sign::Good,
        Err(fault) if fault.other_protocol != OtherProtocol::Unlikely => Sign::Nothing,
        Err(fault) => match fault.class {
            ErrorClass::Timeout | ErrorClass::Connect => Sign::Trouble,
            _ => Sign::Nothing,
        },
    }
}

/// Whether the server did not even look at the request, as far as that can be told.
fn is_turned_away(outcome: &Result<Answer, Fault>) -> bool {
    match outcome {
        Ok(answer) => answer.status == StatusCode::SERVICE_UNAVAILABLE,
        Err(fault) => fault.class == ErrorClass::Connect,
    }
}

fn late(origin: &str, what: &str, due: Due) -> Fault {
    let remedy = format!("check that it is up, or allow more with {}", due.limit);
    Fault::broken(ErrorClass::Timeout, origin, what, remedy)
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

    #[test]
    fn only_what_a_server_does_not_bear_is_trouble() {
        for (status, expected) in [
            (200, Sign::Good),
            (307, Sign::Good),
            (401, Sign::Good),
            (403, Sign::Good),
            (404, Sign::Good),
            (408, Sign::Trouble),
            (429, Sign::SlowDown),
            (500, Sign::Trouble),
            (503, Sign::Trouble),
        ] {
            assert_eq!(sign(&Ok(Answer::test(status, ""))), expected, "{status}");
        }
        for (class, expected) in [
            (ErrorClass::Timeout, Sign::Trouble),
            (ErrorClass::Connect, Sign::Trouble),
            (ErrorClass::Dns, Sign::Nothing),
            (ErrorClass::Tls, Sign::Nothing),
            (ErrorClass::TooLarge, Sign::Nothing),
        ] {
            let fault = Fault::broken(class, "https://r.io", "is broken", "mend it");
            assert_eq!(sign(&Err(fault.clone())), expected, "{class}");
            assert_eq!(
                sign(&Err(Fault { other_protocol: OtherProtocol::Possible, ..fault })),
                Sign::Nothing,
                "{class}"
            );
        }
    }
}
