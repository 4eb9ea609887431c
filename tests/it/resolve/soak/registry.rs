//! A registry that does to each request what the plan says, under many names, and knows who is connected to it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use imagefacts::image::Digest;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::super::fake_registry::{CONFIG, INDEX, MANIFEST};
use super::plan::{Fate, fate};

/// A registry that serves until the test ends.
pub(super) struct Registry {
    pub(super) hosts: Vec<SocketAddr>,
    shelf: Arc<Shelf>,
}

#[derive(Default)]
struct Shelf {
    /// media type and bytes, by path
    content: HashMap<String, (&'static str, Vec<u8>)>,
    /// how often each path was asked for, those who were sent away for a token left out
    asked: Mutex<HashMap<String, u32>>,
    requests: AtomicUsize,
    /// connections that are open
    open: AtomicUsize,
}

/// A connection that is open as long as this lives.
struct Open<'a>(&'a AtomicUsize);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

/// One of the images, and the paths that lead to all of it, in order.
pub(super) struct Image {
    pub(super) repository: String,
    pub(super) paths: Vec<String>,
    /// whether the first request is sent away for a token
    pub(super) wants_token: bool,
}

impl Image {
    /// Every third has an index; every fourth wants a token.
    fn put(nth: usize, content: &mut HashMap<String, (&'static str, Vec<u8>)>) -> Self {
        let (repository, wants_token) = (format!("r{nth}"), wants_token(nth));
        let mut paths = Vec::new();
        let mut put = |target: &str, media_type, bytes: Vec<u8>| {
            let path = format!("/v2/{repository}/{target}");
            content.insert(path.clone(), (media_type, bytes));
            paths.push(path);
        };
        let described = |media_type: &str, bytes: &[u8]| json!({"mediaType": media_type, "digest": Digest::of(bytes), "size": bytes.len()});
        let bytes = |document: Value| document.to_string().into_bytes();
        let config = bytes(json!({"os": "linux", "architecture": "amd64", "config": {"Labels": {"name": repository}}}));
        let descriptor = described(CONFIG, &config);
        let manifest = bytes(json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": descriptor, "layers": []}));
        let mut entry = described(MANIFEST, &manifest);
        entry["platform"] = json!({"os": "linux", "architecture": "amd64"});
        put(&format!("blobs/{}", Digest::of(&config)), "application/octet-stream", config);
        if nth.is_multiple_of(3) {
            put(&format!("manifests/{}", Digest::of(&manifest)), MANIFEST, manifest);
            put("manifests/1", INDEX, bytes(json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]})));
        } else {
            put("manifests/1", MANIFEST, manifest);
        }
        if wants_token {
            paths.push(token_path(&repository));
        }
        paths.reverse();
        Self { repository, paths, wants_token }
    }
}

fn wants_token(nth: usize) -> bool {
    nth % 4 == 1
}

fn token_path(repository: &str) -> String {
    format!("/token?service=soak&scope=repository%3A{repository}%3Apull")
}

impl Registry {
    /// Starts it under `hosts` names, with so many images.
    pub(super) async fn start(hosts: usize, images: usize) -> (Self, Vec<Image>) {
        let mut shelf = Shelf::default();
        let images = (0..images).map(|nth| Image::put(nth, &mut shelf.content)).collect();
        let (shelf, mut addresses) = (Arc::new(shelf), Vec::new());
        for _ in 0..hosts {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            addresses.push(listener.local_addr().unwrap());
            let shelf = Arc::clone(&shelf);
            tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let shelf = Arc::clone(&shelf);
                    shelf.open.fetch_add(1, SeqCst);
                    tokio::spawn(async move {
                        let _open = Open(&shelf.open);
                        shelf.serve(stream).await;
                    });
                }
            });
        }
        (Self { hosts: addresses, shelf }, images)
    }

    /// Requests that came in.
    pub(super) fn requests(&self) -> usize {
        self.shelf.requests.load(SeqCst)
    }

    /// Connections that are open.
    pub(super) fn open(&self) -> usize {
        self.shelf.open.load(SeqCst)
    }
}

impl Shelf {
    /// Answers one request after the other until either side has enough.
    async fn serve(&self, mut stream: TcpStream) -> Option<()> {
        loop {
            let head = read_head(&mut stream).await?;
            self.requests.fetch_add(1, SeqCst);
            let path = head.split(' ').nth(1)?;
            let nth = path.strip_prefix("/v2/r").and_then(|rest| rest.split('/').next()?.parse().ok());
            if nth.is_some_and(wants_token) && !head.contains("authorization: Bearer ") {
                let host = head.lines().find_map(|line| line.strip_prefix("host: "))?;
                let scope = format!("repository:r{}:pull", nth?);
                let challenge = format!("Bearer realm=\"http://{host}/token\",service=\"soak\",scope=\"{scope}\"");
                write(&mut stream, 401, &format!("www-authenticate: {challenge}\r\n"), b"{}", 2).await?;
                continue;
            }
            self.meet(&mut stream, path).await?;
        }
    }

    /// Does what the plan says; `None` where that ends the connection.
    async fn meet(&self, stream: &mut TcpStream, path: &str) -> Option<()> {
        let nth = {
            let mut asked = self.asked.lock().unwrap();
            let count = asked.entry(path.to_owned()).or_default();
            *count += 1;
            *count - 1
        };
        let token = ("application/json", br#"{"token":"shown","expires_in":3600}"#.to_vec());
        let (media_type, body) = if path.starts_with("/token") { &token } else { self.content.get(path)? };
        let mut headers = format!("content-type: {media_type}\r\n");
        if path.contains("/manifests/") {
            headers += &format!("docker-content-digest: {}\r\n", Digest::of(body));
        }
        let mut wrong = body.clone();
        wrong[0] ^= 1;
        let half = body.len() / 2;
        match fate(path, nth) {
            Fate::Good => write(stream, 200, &headers, body, body.len()).await,
            Fate::Limited(None) => write(stream, 429, "", b"{}", 2).await,
            Fate::Limited(Some(after)) => write(stream, 429, &format!("retry-after: {after}\r\n"), b"{}", 2).await,
            Fate::Broken(status) => write(stream, status, "", b"{}", 2).await,
            Fate::Cut => None,
            Fate::CutInBody => {
                write(stream, 200, &headers, &body[..half], body.len()).await;
                None
            }
            // Until the other side has enough.
            Fate::Slow => stream.read(&mut [0]).await.ok().filter(|read| *read > 0).map(drop),
            Fate::WrongDigest => write(stream, 200, &headers, &wrong, wrong.len()).await,
            Fate::Truncated => write(stream, 200, &headers, &body[..half], half).await,
            Fate::Garbage => write(stream, 200, "content-type: text/html\r\n", b"<html>Log in</html>", 19).await,
        }
    }
}

async fn write(stream: &mut TcpStream, status: u16, headers: &str, body: &[u8], length: usize) -> Option<()> {
    let head = format!("HTTP/1.1 {status} Status\r\ncontent-length: {length}\r\n{headers}\r\n");
    stream.write_all(&[head.as_bytes(), body].concat()).await.ok()
}

/// The head of the next request, in which names are in lower case; nobody sends a body here.
async fn read_head(stream: &mut TcpStream) -> Option<String> {
    let (mut bytes, mut chunk) = (Vec::new(), [0; 2048]);
    while !bytes.ends_with(b"\r\n\r\n") {
        let read = stream.read(&mut chunk).await.ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&chunk[..read]);
    }
    String::from_utf8(bytes).ok()
}
