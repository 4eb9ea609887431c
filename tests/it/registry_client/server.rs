//! A small server over a real socket that answers as a test says, and remembers what it was asked.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use imagefacts::image::{Digest, Reference, Repository};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A request that came in.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// how many came before
    pub(crate) nth: usize,
    pub(crate) method: String,
    /// with its query
    pub(crate) path: String,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn authorization(&self) -> Option<&str> {
        self.headers.get("authorization").map(String::as_str)
    }
}

/// What is answered.
#[derive(Clone)]
pub(crate) enum Reply {
    /// an answer as it should be
    Full(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// these bytes, and then the connection is closed
    Raw(&'static str),
    /// the same
    Bytes(Vec<u8>),
    /// these bytes, and then nothing
    Stall(&'static str),
    /// this head, and a body without end
    Endless(&'static str),
    /// the first, and then the second again and again
    Flood(Vec<u8>, Vec<u8>),
    /// the first at once, and the second a byte each second
    Drip(Vec<u8>, Vec<u8>),
    /// what another server answers
    Forward(Forward),
}

/// Another server, and how it is asked.
#[derive(Clone)]
pub(crate) struct Forward {
    pub(crate) client: reqwest::Client,
    /// scheme, host and port
    pub(crate) to: String,
    /// how long the way there takes
    pub(crate) after: Duration,
}

impl Forward {
    /// Asks for what `seen` asks for.
    async fn answer(&self, seen: &Seen) -> Option<Reply> {
        tokio::time::sleep(self.after).await;
        let mut request = self.client.request(seen.method.parse().ok()?, format!("{}{}", self.to, seen.path));
        for name in ["accept", "authorization"] {
            request = seen.headers.get(name).into_iter().fold(request, |request, value| request.header(name, value));
        }
        let response = request.send().await.ok()?;
        let status = response.status().as_u16();
        let names = ["content-type", "docker-content-digest", "www-authenticate"];
        let value = |name| Some((name, response.headers().get(name)?.to_str().ok()?.to_owned()));
        let headers = names.into_iter().filter_map(value).collect();
        Some(Reply::Full(status, headers, response.bytes().await.ok()?.to_vec()))
    }
}

/// An answer with a JSON body.
pub(crate) fn reply(status: u16, body: impl Into<Vec<u8>>) -> Reply {
    Reply::Full(status, vec![("content-type", "application/json".to_owned())], body.into())
}

impl Reply {
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        if let Self::Full(_, headers, _) = &mut self {
            headers.push((name, value.into()));
        }
        self
    }
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    connections: Arc<AtomicUsize>,
}

impl Server {
    /// A server that speaks plain http.
    pub(crate) async fn http(answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        Self::start(None, "127.0.0.1:0", answer).await
    }

    /// A server that speaks https.
    pub(crate) async fn https(tls: TlsAcceptor, answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        Self::https_at("127.0.0.1:0", tls, answer).await
    }

    /// The same at another address of this machine.
    pub(crate) async fn https_at(
        address: &str,
        tls: TlsAcceptor,
        answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::start(Some(tls), address, answer).await
    }

    async fn start(
        tls: Option<TlsAcceptor>,
        address: &str,
        answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let connections = Arc::<AtomicUsize>::default();
        let (answer, log, count) = (Arc::new(answer), Arc::clone(&seen), Arc::clone(&connections));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, SeqCst);
                let (answer, log, tls) = (Arc::clone(&answer), Arc::clone(&log), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, &*answer, &log).await,
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => serve(stream, &*answer, &log).await,
                            Err(_) => None,
                        },
                    }
                });
            }
        });
        Self { address, seen, connections }
    }

    /// How often it was connected to so far, whether or not anything was asked then.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(SeqCst)
    }

    /// All that it was asked so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Method and path of all that it was asked so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.seen().iter().map(|seen| format!("{} {}", seen.method, seen.path)).collect()
    }

    /// How often a path that starts so was asked for.
    pub(crate) fn count(&self, path: &str) -> usize {
        self.seen().iter().filter(|seen| seen.path.starts_with(path)).count()
    }

    /// A repository at this server.
    pub(crate) fn repository(&self, path: &str) -> Repository {
        repository(&format!("{}/{path}", self.address))
    }
}

pub(crate) fn repository(name: &str) -> Repository {
    Reference::parse(name).unwrap().repository().clone()
}

/// A body that is some manifest, and its digest.
pub(crate) fn document() -> (&'static str, Digest) {
    const BODY: &str = r#"{"schemaVersion":2,"manifests":[]}"#;
    (BODY, Digest::of(BODY.as_bytes()))
}

/// Answers one request.
pub(crate) async fn serve<S>(
    mut stream: S,
    answer: &(impl Fn(&Seen) -> Reply + ?Sized),
    log: &Mutex<Vec<Seen>>,
) -> Option<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut seen = read_request(&mut stream).await?;
    let reply = {
        let mut log = log.lock().unwrap();
        seen.nth = log.len();
        log.push(seen.clone());
        drop(log);
        answer(&seen)
    };
    let reply = match reply {
        Reply::Forward(forward) => forward.answer(&seen).await?,
        reply => reply,
    };
    match reply {
        Reply::Forward(_) => return None,
        Reply::Full(status, headers, body) => {
            let mut head = format!("HTTP/1.1 {status} Status\r\nconnection: close\r\n");
            for (name, value) in headers {
                head += &format!("{name}: {value}\r\n");
            }
            head += &format!("content-length: {}\r\n\r\n", body.len());
            stream.write_all(head.as_bytes()).await.ok()?;
            if seen.method != "HEAD" {
                stream.write_all(&body).await.ok()?;
            }
        }
        Reply::Raw(text) => stream.write_all(text.as_bytes()).await.ok()?,
        Reply::Bytes(bytes) => stream.write_all(&bytes).await.ok()?,
        Reply::Stall(text) => {
            stream.write_all(text.as_bytes()).await.ok()?;
            tokio::time::sleep(Duration::from_secs(600)).await;
        }
        Reply::Endless(head) => {
            stream.write_all(head.as_bytes()).await.ok()?;
            let chunk = format!("8000\r\n{}\r\n", " ".repeat(0x8000));
            loop {
                stream.write_all(chunk.as_bytes()).await.ok()?;
            }
        }
        Reply::Flood(head, chunk) => {
            stream.write_all(&head).await.ok()?;
            loop {
                stream.write_all(&chunk).await.ok()?;
                // Endless, but not so fast that nothing else could be done on this machine.
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        Reply::Drip(head, body) => {
            stream.write_all(&head).await.ok()?;
            for byte in body {
                stream.write_all(&[byte]).await.ok()?;
                stream.flush().await.ok()?;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
    stream.shutdown().await.ok()
}

async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<Seen> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        let mut chunk = [0; 4096];
        let length = stream.read(&mut chunk).await.ok().filter(|length| *length > 0)?;
        bytes.extend_from_slice(&chunk[..length]);
        // A TLS handshake: this is a server of plain http.
        if bytes.first() == Some(&0x16) {
            return None;
        }
    };
    let text = String::from_utf8(bytes[..head].to_vec()).ok()?;
    let mut lines = text.lines();
    let mut first = lines.next()?.split(' ');
    let (method, path) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: HashMap<_, _> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut body = bytes[head + 4..].to_vec();
    let length: usize = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    while body.len() < length {
        let mut chunk = [0; 4096];
        let length = stream.read(&mut chunk).await.ok().filter(|length| *length > 0)?;
        body.extend_from_slice(&chunk[..length]);
    }
    Some(Seen { nth: 0, method, path, headers, body: String::from_utf8(body).ok()? })
}
