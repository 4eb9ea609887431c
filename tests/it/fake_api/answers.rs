//! How the server answers: as planned, or with a fault; compressed or not.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::Response;
use futures::{Stream, StreamExt as _, stream};

use super::{Asked, Fault, Shared};

pub(super) async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let asked = Asked {
        path: request.uri().path().to_owned(),
        query: request.uri().query().unwrap_or_default().to_owned(),
        headers: request.headers().clone(),
    };
    shared.log.lock().unwrap().push(asked.clone());
    match shared.fault(&asked) {
        None => {
            let (status, body) = shared.look_up(&asked);
            respond(&shared, status, &asked, stream::iter(body))
        }
        Some(Fault::Answer { status, headers, body }) => {
            let mut response = Response::builder().status(status);
            for (name, value) in headers {
                response = response.header(name, value);
            }
            response.body(Body::from(body)).unwrap()
        }
        Some(Fault::BreakOff) => {
            let (half, _) = shared.halves(&asked);
            let parts = [Ok(half), Err(std::io::Error::other("broken off"))];
            Response::new(Body::from_stream(stream::iter(parts)))
        }
        Some(Fault::HoldBack(requests)) => {
            let (half, rest) = shared.halves(&asked);
            let (waiting, path) = (Arc::clone(&shared), asked.path.clone());
            let rest = stream::once(async move {
                while waiting.log.lock().unwrap().iter().filter(|asked| asked.path == path).count() < requests {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                rest
            });
            respond(&shared, StatusCode::OK, &asked, stream::iter([half]).chain(rest))
        }
        Some(Fault::Silence) => std::future::pending().await,
        Some(Fault::Once(is_so)) => {
            while !is_so() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            let (status, body) = shared.look_up(&asked);
            respond(&shared, status, &asked, stream::iter(body))
        }
    }
}

/// As a real one, the server compresses when the client can read it.
fn respond(
    shared: &Arc<Shared>,
    status: StatusCode,
    asked: &Asked,
    body: impl Stream<Item = Bytes> + Send + 'static,
) -> Response {
    let mut response = Response::builder().status(status).header(header::CONTENT_TYPE, "application/json");
    let accepted = asked.headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    let is_gzipped = shared.plan.is_gzip_known && accepted.unwrap_or_default().contains("gzip");
    if is_gzipped {
        response = response.header(header::CONTENT_ENCODING, "gzip");
    }
    let body = if is_gzipped { gzipped(body).boxed() } else { body.boxed() };
    let shared = Arc::clone(shared);
    let counted = body.map(move |part| {
        shared.sent.fetch_add(part.len() as u64, Ordering::Relaxed);
        Ok::<_, std::io::Error>(part)
    });
    response.body(Body::from_stream(counted)).unwrap()
}

/// `body` compressed, each part of which can be read as soon as it has come.
fn gzipped(body: impl Stream<Item = Bytes> + Send + 'static) -> impl Stream<Item = Bytes> + Send {
    let encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let parts = body.map(Some).chain(stream::iter([None]));
    parts.scan(Some(encoder), |encoder, part| {
        let compressed = match (part, encoder.as_mut()) {
            (Some(part), Some(encoder)) => {
                encoder.write_all(&part).unwrap();
                encoder.flush().unwrap();
                std::mem::take(encoder.get_mut())
            }
            _ => encoder.take().map(|encoder| encoder.finish().unwrap()).unwrap_or_default(),
        };
        std::future::ready(Some(Bytes::from(compressed)))
    })
}
