//! A registry over TLS, HTTP/2 and HTTP/1.1, that thinks for a while about every answer.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use http::{HeaderValue, Request};
use hyper::body::Incoming;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use serde::{Deserialize, Serialize};
use tokio_rustls::TlsAcceptor;

use crate::control;
use crate::made_up::images::{Document, Image, requests};
use crate::options::RegistryOptions;
use crate::server::{Answer, Answers, Service};

/// The authority's certificate, in the directory that the registry was given.
pub(crate) const CA_FILE: &str = "ca.pem";
/// The URLs of all documents, as a configuration of curl.
pub(crate) const URLS: &str = "documents.curl";
/// The same of all tags.
pub(crate) const TAGS: &str = "tags.curl";

/// What a registry says of itself when it has started.
#[derive(Serialize, Deserialize)]
pub(crate) struct Hello {
    /// `localhost:port`
    pub(crate) host: String,
    /// requests that it takes to read all images
    pub(crate) requests: u64,
}

struct Store {
    answers: HashMap<String, Answer>,
}

/// Serves until stdin ends.
pub(crate) fn run(options: &RegistryOptions) -> Result<()> {
    let after = Duration::from_millis(options.latency_ms);
    let images: Vec<Image> = (0..options.images).map(|number| Image::new(number, options.shape)).collect();
    let authority = Authority::new()?;
    std::fs::write(options.dir.join(CA_FILE), authority.0.pem())?;
    let answers = Store::new(&images, after);
    let service = Arc::new(Service { answers, tally: control::Tally::default(), tls: Some(authority.acceptor()?) });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let address = runtime.block_on(service.start(options.listen))?;
    write_urls(&options.dir, address, &images)?;
    drop(images);
    let requests = requests(options.images, options.shape);
    control::attend(&Hello { host: host(address), requests }, &service.tally)
}

fn host(address: SocketAddr) -> String {
    format!("localhost:{}", address.port())
}

fn write_urls(dir: &Path, address: SocketAddr, images: &[Image]) -> Result<()> {
    let host = host(address);
    let (mut urls, mut tags) = (create(&dir.join(URLS))?, create(&dir.join(TAGS))?);
    for image in images {
        write_url(&mut tags, &host, &image.path())?;
        for path in image.paths() {
            write_url(&mut urls, &host, &path)?;
        }
    }
    urls.flush()?;
    Ok(tags.flush()?)
}

fn write_url(into: &mut impl Write, host: &str, path: &str) -> Result<()> {
    Ok(writeln!(into, "url = \"https://{host}{path}\"\noutput = \"/dev/null\"")?)
}

fn create(path: &Path) -> Result<BufWriter<File>> {
    Ok(BufWriter::new(File::create(path)?))
}

impl Store {
    fn new(images: &[Image], after: Duration) -> Self {
        let mut answers = HashMap::new();
        for image in images {
            let mut put = |place: &str, reference: &str, document: &Document| {
                let mut answer = Answer::new(document.media_type, document.bytes.clone(), after);
                if let Ok(digest) = HeaderValue::from_str(&document.digest) {
                    answer.headers.insert("docker-content-digest", digest);
                }
                answers.insert(format!("/v2/{}/{place}/{reference}", image.repository), answer);
            };
            if let Some(top) = image.top() {
                put("manifests", &image.tag, top);
                put("manifests", &top.digest, top);
            }
            for (manifest, config) in &image.variants {
                put("manifests", &manifest.digest, manifest);
                put("blobs", &config.digest, config);
            }
        }
        answers.insert("/v2/".to_owned(), Answer::new("application/json", Bytes::from_static(b"{}"), after));
        Self { answers }
    }
}

impl Answers for Store {
    fn answer(&self, request: &Request<Incoming>) -> Answer {
        self.answers.get(request.uri().path()).cloned().unwrap_or_else(Answer::not_found)
    }
}

/// An authority that no system knows.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Result<Self> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // With the name that the server's certificate has by default, curl would take that one for self-signed.
        params.distinguished_name.push(DnType::CommonName, "An authority for benchmarks");
        Ok(Self(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?))
    }

    /// A server of `localhost`.
    fn acceptor(&self) -> Result<TlsAcceptor> {
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(vec!["localhost".to_owned()])?.signed_by(&key, &self.0)?;
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        let mut config = rustls::ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key.into())?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}
