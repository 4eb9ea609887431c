//! The floors: clients that know beforehand what to ask for, and do nothing with what they get.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use futures::{TryStreamExt as _, stream};

use crate::measure::this_program;
use crate::registry::{CA_FILE, TAGS, URLS};

/// Requests in flight.
const PARALLEL: usize = 64;
/// A page's token stands in its first bytes.
const HEAD: usize = 1024;
const CONTINUE: &str = "\"continue\":\"";

/// The bare client of an API server.
pub(crate) fn of_lists(address: SocketAddr, lists: &[String]) -> Result<Command> {
    let mut command = Command::new(this_program()?);
    command.arg("read-lists").arg(address.to_string()).args(lists);
    Ok(command)
}

/// The bare client of a registry whose files lie in `dir`: curl, or one of our own where there is none.
pub(crate) fn of_registry(dir: &Path, head: bool) -> Result<Command> {
    let (urls, ca_file) = (dir.join(if head { TAGS } else { URLS }), dir.join(CA_FILE));
    let mut command = if is_curl_there() {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--fail", "--http2", "--parallel", "--parallel-max", "64"]);
        curl.arg("--cacert").arg(ca_file).arg("--config").arg(urls);
        curl
    } else {
        let mut own = Command::new(this_program()?);
        own.arg("fetch-urls").arg(urls).arg("--ca-file").arg(ca_file);
        own
    };
    command.args(head.then_some("--head"));
    Ok(command)
}

/// Whether curl can be run.
pub(crate) fn is_curl_there() -> bool {
    let mut curl = Command::new("curl");
    curl.arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// Reads lists over one connection, page after page and one after another, as JSON that is not compressed.
pub(crate) fn read_lists(address: SocketAddr, lists: &[String]) -> Result<()> {
    let mut connection = BufReader::with_capacity(64 << 10, TcpStream::connect(address)?);
    let mut page = Vec::new();
    for list in lists {
        let mut token = Some(String::new());
        while let Some(more) = token {
            // In one piece, or the system holds back the rest until the first is acknowledged.
            let request = format!("GET {list}{more} HTTP/1.1\r\nhost: {address}\r\naccept: application/json\r\n\r\n");
            connection.get_mut().write_all(request.as_bytes())?;
            page.resize(read_head(&mut connection)?, 0);
            connection.read_exact(&mut page)?;
            token = next(&page).map(|token| format!("&continue={token}"));
        }
    }
    Ok(())
}

/// How long the body is that follows.
fn read_head(connection: &mut BufReader<TcpStream>) -> Result<usize> {
    let (mut line, mut length) = (String::new(), None);
    connection.read_line(&mut line)?;
    ensure!(line.contains(" 200 "), "the server answered {line:?}");
    while line.trim_end() != "" {
        line.clear();
        connection.read_line(&mut line)?;
        if let Some(("content-length", value)) = line.trim_end().split_once(": ") {
            length = Some(value.parse()?);
        }
    }
    length.context("a body without a length")
}

fn next(page: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(page.get(..HEAD).unwrap_or(page)).into_owned();
    let (_, token) = head.split_once(CONTINUE)?;
    Some(token.split_once('"')?.0.to_owned())
}

/// Fetches all URLs of a file that is written for curl.
pub(crate) fn fetch_urls(urls: &Path, ca_file: &Path, head: bool) -> Result<()> {
    let authority = reqwest::Certificate::from_pem(&std::fs::read(ca_file)?)?;
    let client = reqwest::Client::builder().tls_certs_only([authority]).build()?;
    let lines = BufReader::new(File::open(urls)?).lines();
    let urls = lines.filter_map(|line| match line {
        Ok(line) => Some(Ok(line.strip_prefix("url = \"")?.trim_end_matches('"').to_owned())),
        Err(error) => Some(Err(error)),
    });
    let fetch = async |url: String| {
        let request = if head { client.head(&url) } else { client.get(&url) };
        let answer = request.send().await?;
        if !answer.status().is_success() {
            bail!("{url}: {}", answer.status());
        }
        answer.bytes().await?;
        Ok(())
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let fetched = stream::iter(urls).map_err(anyhow::Error::from).try_for_each_concurrent(PARALLEL, fetch);
    runtime.block_on(fetched)
}
