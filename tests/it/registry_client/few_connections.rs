//! A server that bears a few connections, and turns all others away.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use imagefacts::credentials::Credential;
use imagefacts::event::Events;
use imagefacts::image::Repository;
use imagefacts::limits::Limits;
use imagefacts::registry::RegistryOptions;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::client_with;
use super::server::{document, repository};

const BORNE: usize = 8;
const BUSY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// Answers on as many connections as it bears, each request after a while, and `busy` on all others.
async fn start(busy: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let places = Arc::new(Semaphore::new(BORNE));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            match Arc::clone(&places).try_acquire_owned() {
                Err(_) => drop(tokio::spawn(turn_away(stream, busy))),
                Ok(place) => drop(tokio::spawn(async move {
                    serve(stream).await;
                    drop(place);
                })),
            }
        }
    });
    address
}

async fn serve(stream: TcpStream) {
    let answer = service_fn(|_| async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        Ok::<_, Infallible>(hyper::Response::new(document().0.to_owned()))
    });
    // It ends when the client goes away.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
}

async fn turn_away(mut stream: TcpStream, busy: &[u8]) {
    let _ = stream.read(&mut [0; 4096]).await;
    let _ = stream.write_all(busy).await;
}

#[tokio::test]
async fn all_is_read_from_a_server_that_bears_few_connections() {
    for busy in [BUSY, b""] {
        let address = start(busy).await;
        // Which of them are turned away, and how often, is a matter of chance.
        let limits = Limits { retries: 6, ..Limits::default() };
        let client = client_with(&RegistryOptions::default(), &limits, Events::none());
        let repositories = (0..300).map(|nth| repository(&format!("{address}/a{nth}")));
        let ask = |repository: Repository| {
            let session = client.session();
            async move { session.manifest(&repository, "1", &Credential::Anonymous).await.map(drop) }
        };
        let outcomes = repositories.map(ask).collect::<JoinSet<_>>().join_all().await;
        let failed: Vec<_> = outcomes.into_iter().filter_map(Result::err).collect();
        assert!(failed.is_empty(), "{} failed: {:?}", failed.len(), failed.first());
    }
}
