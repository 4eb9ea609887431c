//! An API server over plain HTTP that thinks for a while about every page.

use std::collections::HashMap;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, HeaderName};
use http::{HeaderValue, Request};
use hyper::body::Incoming;
use serde::{Deserialize, Serialize};

use crate::control;
use crate::made_up::cluster::{Collection, PAGE, collections, namespaces, page_of};
use crate::options::ClusterOptions;
use crate::server::{Answer, Answers, Service};

const VERSION: &str = r#"{"major":"1","minor":"36","gitVersion":"v1.36.2","platform":"linux/amd64"}"#;
const GROUPS: &str =
    r#"{"kind":"APIGroupDiscoveryList","apiVersion":"apidiscovery.k8s.io/v2","metadata":{},"items":[]}"#;
const ACCOUNT: &str = r#"{"kind":"ServiceAccount","apiVersion":"v1","metadata":{"name":"default"}}"#;
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// What an API server says of itself when it has started.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Hello {
    pub(crate) address: SocketAddr,
    /// the first pages of all lists, with the queries that clients use
    pub(crate) lists: Vec<String>,
    /// requests that it takes to read all lists
    pub(crate) pages: u64,
    /// namespaces, each with a ServiceAccount that may name pull secrets
    pub(crate) namespaces: u64,
}

struct Page {
    plain: Bytes,
    gzipped: Bytes,
    /// how long the server seems to work on it
    after: Duration,
}

struct Lists {
    pages: HashMap<&'static str, Vec<Page>>,
}

/// Serves until stdin ends.
pub(crate) fn run(options: &ClusterOptions) -> Result<()> {
    let collections = collections(&options.cluster);
    let pages = collections.iter().map(|list| Ok((list.path, pages(list, options)?))).collect::<Result<_>>()?;
    let answers = Lists { pages };
    let service = Arc::new(Service { answers, tally: control::Tally::default(), tls: None });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let address = runtime.block_on(service.start(options.listen))?;
    let lists = collections.iter().map(|list| format!("{}?limit={PAGE}{}", list.path, list.query)).collect();
    let pages = collections.iter().map(|list| list.pages() as u64).sum();
    control::attend(&Hello { address, lists, pages, namespaces: namespaces(&options.cluster) as u64 }, &service.tally)
}

/// The pages of a list, made by all processors.
fn pages(list: &Collection, options: &ClusterOptions) -> Result<Vec<Page>> {
    let processors = std::thread::available_parallelism()?.get();
    let numbers: Vec<usize> = (0..list.pages()).collect();
    let chunks = numbers.chunks(list.pages().div_ceil(processors));
    std::thread::scope(|scope| {
        let make =
            |numbers: &[usize]| numbers.iter().map(|number| page(list, *number, options)).collect::<Result<Vec<_>>>();
        let workers: Vec<_> = chunks.map(|numbers| scope.spawn(move || make(numbers))).collect();
        let mut pages = Vec::new();
        for worker in workers {
            pages.extend(worker.join().map_err(|_| anyhow::anyhow!("a page could not be made"))??);
        }
        Ok(pages)
    })
}

fn page(list: &Collection, number: usize, options: &ClusterOptions) -> Result<Page> {
    let text = list.page(number);
    // As API servers do.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes())?;
    let of_full = (text.len() as f64 / (PAGE * options.cluster.pod_bytes) as f64).clamp(0.02, 1.0);
    let full = Duration::from_millis(options.page_ms);
    let after = if options.in_proportion { full.mul_f64(of_full) } else { full };
    Ok(Page { plain: text.into(), gzipped: encoder.finish()?.into(), after })
}

impl Answers for Lists {
    fn answer(&self, request: &Request<Incoming>) -> Answer {
        let says = |name: HeaderName, word: &str| {
            request.headers().get(name).and_then(|value| value.to_str().ok()).is_some_and(|value| value.contains(word))
        };
        let path = request.uri().path();
        let Some(pages) = self.pages.get(path) else {
            return match path {
                "/version" => Answer::new("application/json", Bytes::from_static(VERSION.as_bytes()), Duration::ZERO),
                "/apis" if says(ACCEPT, AGGREGATED) => {
                    Answer::new(AGGREGATED, Bytes::from_static(GROUPS.as_bytes()), Duration::ZERO)
                }
                _ if path.ends_with("/serviceaccounts/default") => {
                    Answer::new("application/json", Bytes::from_static(ACCOUNT.as_bytes()), Duration::ZERO)
                }
                _ => Answer::not_found(),
            };
        };
        let query = request.uri().query().unwrap_or_default();
        let token = query.split('&').find_map(|pair| pair.strip_prefix("continue="));
        let Some(page) = pages.get(token.and_then(page_of).unwrap_or(0)) else { return Answer::not_found() };
        if says(ACCEPT_ENCODING, "gzip") {
            let mut answer = Answer::new("application/json", page.gzipped.clone(), page.after);
            answer.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            return answer;
        }
        Answer::new("application/json", page.plain.clone(), page.after)
    }
}
