//! Faults that are injected on purpose: what a broken, slow or hostile registry does.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header, request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::{StreamExt, stream};
use tokio_util::sync::CancellationToken;

/// Decides for each request whether, and how, it goes wrong.
pub type Intercept = Arc<dyn Fn(&request::Parts) -> Option<Fault> + Send + Sync>;

/// How a request goes wrong.
#[derive(Debug)]
pub enum Fault {
    /// This is answered; the registry does not see the request. Its body may be a stream that never ends.
    Answer(Response),
    /// The real answer comes this much later.
    Delay(Duration),
    /// The real answer breaks off after so many bytes of its body.
    Cut(usize),
    /// The real answer stops after so many bytes of its body, and the connection stays open.
    Stall(usize),
    /// The body of the real answer has a wrong byte; its headers are right.
    Corrupt,
    /// No answer ever comes.
    Hang,
}

impl Fault {
    /// An answer with this status and a JSON body.
    pub fn status(status: StatusCode, body: impl Into<Bytes>) -> Self {
        Self::Answer((status, [(header::CONTENT_TYPE, "application/json")], body.into()).into_response())
    }

    /// Waits end when the registry stops, so that none outlives it.
    pub(super) async fn apply(self, request: Request, next: Next, stopping: &CancellationToken) -> Response {
        match self {
            Self::Answer(response) => response,
            Self::Delay(time) => {
                stopping.run_until_cancelled(tokio::time::sleep(time)).await;
                next.run(request).await
            }
            Self::Hang => {
                stopping.cancelled().await;
                StatusCode::SERVICE_UNAVAILABLE.into_response()
            }
            // A pause, because hyper sends what it holds only while the body is not ready.
            Self::Cut(after) => break_off(next.run(request).await, after, tokio::task::yield_now()).await,
            Self::Stall(after) => break_off(next.run(request).await, after, stopping.clone().cancelled_owned()).await,
            Self::Corrupt => replace_body(next.run(request).await, |body| Body::from(corrupted(&body))).await,
        }
    }
}

/// Breaks the connection after so many bytes of the body, when `pause` is over.
async fn break_off(response: Response, after: usize, pause: impl Future<Output = ()> + Send + 'static) -> Response {
    let end = stream::once(async move {
        pause.await;
        Err(std::io::Error::other("broken off on purpose"))
    });
    replace_body(response, |body| {
        let head = body.slice(..after.min(body.len()));
        Body::from_stream(stream::iter([Ok(head)]).chain(end))
    })
    .await
}

/// Replaces the body of `response`, but leaves the length that was announced.
async fn replace_body(response: Response, replace: impl FnOnce(Bytes) -> Body) -> Response {
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = axum::body::to_bytes(body, usize::MAX).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    parts.headers.entry(header::CONTENT_LENGTH).or_insert_with(|| HeaderValue::from(bytes.len()));
    Response::from_parts(parts, replace(bytes))
}

fn corrupted(body: &Bytes) -> Vec<u8> {
    let mut bytes = body.to_vec();
    if let Some(last) = bytes.last_mut() {
        *last ^= 1;
    }
    bytes
}
