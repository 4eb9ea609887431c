//! An HTTP server whose answers lie ready.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::control::Tally;

/// What is answered.
#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// how long the server seems to think before the first byte
    pub(crate) after: Duration,
}

impl Answer {
    pub(crate) fn new(content_type: &'static str, body: Bytes, after: Duration) -> Self {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content_type))]);
        Self { status: StatusCode::OK, headers, body, after }
    }

    pub(crate) fn not_found() -> Self {
        let body = Bytes::from_static(b"404 page not found\n");
        Self { status: StatusCode::NOT_FOUND, ..Self::new("text/plain", body, Duration::ZERO) }
    }
}

/// Knows what to answer, at once.
pub(crate) trait Answers: Send + Sync + 'static {
    fn answer(&self, request: &Request<Incoming>) -> Answer;
}

/// A server, and what it counts.
pub(crate) struct Service<A> {
    pub(crate) answers: A,
    pub(crate) tally: Tally,
    pub(crate) tls: Option<TlsAcceptor>,
}

impl<A: Answers> Service<A> {
    /// Begins to serve at a place that is told.
    pub(crate) async fn start(self: &Arc<Self>, listen: SocketAddr) -> Result<SocketAddr> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        tokio::spawn(Arc::clone(self).accept(listener));
        Ok(address)
    }

    async fn accept(self: Arc<Self>, listener: TcpListener) {
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            self.tally.connected();
            let _ = stream.set_nodelay(true);
            let service = Arc::clone(&self);
            tokio::spawn(async move {
                match &service.tls {
                    None => Arc::clone(&service).serve(stream).await,
                    Some(tls) => {
                        if let Ok(stream) = tls.accept(stream).await {
                            Arc::clone(&service).serve(stream).await;
                        }
                    }
                }
            });
        }
    }

    /// Serves a connection until it is closed, in whatever way.
    async fn serve(self: Arc<Self>, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let service = service_fn(move |request| {
            let service = Arc::clone(&self);
            async move { Ok::<_, Infallible>(service.respond(&request).await) }
        });
        let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
    }

    async fn respond(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        self.tally.asked();
        let Answer { status, mut headers, mut body, after } = self.answers.answer(request);
        headers.insert(CONTENT_LENGTH, body.len().into());
        if request.method() == Method::HEAD {
            body.clear();
        }
        if !after.is_zero() {
            tokio::time::sleep(after).await;
        }
        self.tally.answered(body.len());
        let mut response = Response::new(Full::new(body));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }
}
