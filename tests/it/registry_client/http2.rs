//! A server that refuses requests unread, as HTTP/2 lets it (RFC 9113, section 8.7).

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use imagefacts::credentials::Credential;
use imagefacts::event::Events;
use imagefacts::limits::Limits;
use imagefacts::registry::RegistryOptions;
use imagefacts::vocabulary::ErrorClass;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::certificates::{authority, named, server_config};
use super::client_with;
use super::server::{document, repository};

const PREFACE: usize = 24;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// `:status 200`, as HPACK has it
const OK: &[u8] = &[0x88];

/// What is answered to a request on this stream.
type Reply = fn(u32) -> Vec<u8>;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// That no stream was processed, and that there is no error.
fn go_away(_: u32) -> Vec<u8> {
    frame(GOAWAY, 0, 0, &[0; 8])
}

/// That this stream was not processed.
fn refuse(stream: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &7_u32.to_be_bytes())
}

/// That something went wrong with this stream.
fn fail(stream: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &2_u32.to_be_bytes())
}

fn answer(stream: u32) -> Vec<u8> {
    [frame(HEADERS, END_HEADERS, stream, OK), frame(DATA, END_STREAM, stream, document().0.as_bytes())].concat()
}

/// Answers the first request that comes to a server with `first`, and all others as it should.
async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    requests: &AtomicUsize,
    first: Reply,
) -> std::io::Result<()> {
    stream.read_exact(&mut [0; PREFACE]).await?;
    stream.write_all(&frame(SETTINGS, 0, 0, &[])).await?;
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await?;
        let [a, b, c, kind, flags, s1, s2, s3, s4] = head;
        let length = u32::from_be_bytes([0, a, b, c]);
        stream.read_exact(&mut vec![0; usize::try_from(length).unwrap()]).await?;
        let id = u32::from_be_bytes([s1, s2, s3, s4]);
        let reply = match kind {
            SETTINGS if flags & ACK == 0 => frame(SETTINGS, ACK, 0, &[]),
            HEADERS if requests.fetch_add(1, SeqCst) == 0 => first(id),
            HEADERS => answer(id),
            _ => continue,
        };
        stream.write_all(&reply).await?;
        stream.flush().await?;
    }
}

#[tokio::test]
async fn what_a_server_refused_unread_is_sent_again_and_counts_once() {
    let refusals: [(Reply, _, _); 3] = [(go_away, 2, None), (refuse, 2, None), (fail, 1, Some(ErrorClass::Connect))];
    for (first, arrived, class) in refusals {
        let authority = authority("Corp Root");
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(authority.pem().as_bytes()).unwrap();
        let mut config = server_config(&authority, named("localhost"));
        config.alpn_protocols = vec![b"h2".to_vec()];
        let (listener, tls) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), TlsAcceptor::from(Arc::new(config)));
        let repository = repository(&format!("localhost:{}/a", listener.local_addr().unwrap().port()));
        let requests = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, count) = (tls.clone(), Arc::clone(&count));
                tokio::spawn(async move { serve(tls.accept(stream).await.ok()?, &count, first).await.ok() });
            }
        });
        let options = RegistryOptions { ca_files: vec![file.path().to_owned()], ..RegistryOptions::default() };
        let client = client_with(&options, &Limits { retries: 0, ..Limits::default() }, Events::none());
        let session = client.session();
        let outcome = session.manifest(&repository, "1", &Credential::Anonymous).await;
        assert_eq!(outcome.err().map(|failure| failure.class), class);
        assert_eq!(requests.load(SeqCst), arrived);
        // A loopback registry is asked by plain http first.
        assert_eq!(session.requests(), 2);
    }
}
