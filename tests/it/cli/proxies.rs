//! `HTTPS_PROXY` and `NO_PROXY`, IPv6 hosts too.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use super::{Program, Ran};
use crate::registry_client::certificates::{acceptor, authority, named};
use crate::registry_client::server::{Server, document, reply};

/// A proxy that connects whoever has its password to one server, whatever host they ask for.
struct Proxy {
    address: SocketAddr,
    /// what it was asked to connect to
    asked: Arc<Mutex<Vec<String>>>,
}

const PASSWORD: &str = "s3cr3t-canary-of-the-proxy";

impl Proxy {
    async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, asked) = (listener.local_addr().unwrap(), Arc::<Mutex<Vec<String>>>::default());
        let log = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(connect(stream, server, Arc::clone(&log)));
            }
        });
        Self { address, asked }
    }

    fn url(&self, login: &str) -> String {
        format!("http://{login}{}", self.address)
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn connect(mut client: TcpStream, server: SocketAddr, log: Arc<Mutex<Vec<String>>>) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    log.lock().unwrap().push(head.lines().next()?.to_owned());
    let login =
        head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("proxy-authorization: ").map(|_| line));
    let is_right = login.is_none_or(|line| line.ends_with(&STANDARD.encode(format!("me:{PASSWORD}"))));
    let answer = if is_right { "200 OK" } else { "407 Proxy Authentication Required" };
    client.write_all(format!("HTTP/1.1 {answer}\r\n\r\n").as_bytes()).await.ok()?;
    if !is_right {
        return None;
    }
    copy_bidirectional(&mut client, &mut TcpStream::connect(server).await.ok()?).await.ok()?;
    Some(())
}

/// A registry for `name`, a proxy to it, and a program that trusts it.
async fn behind_proxy(name: &str) -> (Server, Proxy, Program) {
    let authority = authority("Corp Root");
    let server = Server::https(acceptor(&authority, named(name)), |_| reply(200, document().0)).await;
    let (proxy, program) = (Proxy::to(server.address).await, Program::new());
    program.write("ca.pem", authority.pem());
    (server, proxy, program)
}

async fn inspect(program: &Program, reference: &str) -> Ran {
    let limits = ["--retries", "0", "--registry-timeout", "5s"];
    program.run(&[&["inspect", "-vvv", "-o", "json", "--ca-file", "ca.pem", reference], &limits[..]].concat()).await
}

fn image(ran: &Ran) -> Value {
    let report: Value = serde_json::from_slice(&ran.stdout).unwrap_or_else(|_| panic!("{}", ran.stderr));
    report["images"][0].clone()
}

#[tokio::test]
async fn registries_are_asked_through_the_proxy() {
    for (name, host, authority) in [
        ("registry.test", "registry.test", "registry.test:443"),
        ("registry.test", "registry.test:8443", "registry.test:8443"),
        ("192.0.2.1", "192.0.2.1:5000", "192.0.2.1:5000"),
    ] {
        let (server, proxy, program) = behind_proxy(name).await;
        let program = program.with("HTTPS_PROXY", &proxy.url(""));
        let ran = inspect(&program, &format!("{host}/app:1")).await;
        let resolved = &image(&ran)["resolved"];
        assert_eq!(resolved["digest"], document().1.to_string(), "{}{}", ran.stdout(), ran.stderr);
        assert_eq!(resolved["endpoint"], format!("https://{host}"));
        assert!(
            proxy.asked().iter().all(|line| *line == format!("CONNECT {authority} HTTP/1.1")),
            "{:?}",
            proxy.asked()
        );
        assert_eq!(server.lines(), ["GET /v2/app/manifests/1"]);
    }
}

/// This holds as long as the HTTP client cannot do it. The proxy itself can.
#[tokio::test]
async fn an_ipv6_address_behind_a_proxy_is_told_for_what_it_is() {
    let (server, proxy, program) = behind_proxy("fd00::1").await;
    let program = program.with("HTTPS_PROXY", &proxy.url(""));
    let error = &image(&inspect(&program, "[fd00::1]:5000/app:1").await)["errors"][0];
    assert_eq!((error["class"].as_str(), error["attempts"].as_u64()), (Some("connect"), Some(0)));
    assert!(error["message"].as_str().unwrap().contains("name the address in NO_PROXY"), "{error}");
    assert_eq!((proxy.asked(), server.lines().len()), (vec!["CONNECT [fd00::1]:5000 HTTP/1.1".to_owned()], 0));
}

#[tokio::test]
async fn no_proxy_is_asked_where_none_is_wanted() {
    for (name, host, without) in [
        ("registry.test", "registry.test", "localhost,registry.test"),
        ("registry.test", "registry.test", ".test"),
        ("fd00::1", "[fd00::1]:5000", "fd00::/16"),
        ("fd00::1", "[fd00::1]:5000", "fd00::1"),
    ] {
        let (server, proxy, program) = behind_proxy(name).await;
        let program = program.with("HTTPS_PROXY", &proxy.url("")).with("NO_PROXY", without);
        let ran = inspect(&program, &format!("{host}/app:1")).await;
        let class = image(&ran)["errors"][0]["class"].as_str().unwrap().to_owned();
        assert!(["dns", "connect", "timeout"].contains(&class.as_str()), "{class}");
        assert_eq!((proxy.asked().len(), server.lines().len()), (0, 0), "{without}");
    }
}

#[tokio::test]
async fn the_proxys_password_is_shown_nowhere() {
    for (login, accepted) in [(format!("me:{PASSWORD}@"), true), (format!("you:{PASSWORD}@"), false)] {
        let (server, proxy, program) = behind_proxy("registry.test").await;
        let program = program.with("HTTPS_PROXY", &proxy.url(&login));
        let ran = inspect(&program, "registry.test/app:1").await;
        assert_eq!(image(&ran)["resolved"].is_object(), accepted, "{}", ran.stderr);
        assert_eq!(server.lines().len(), usize::from(accepted));
        assert!(!proxy.asked().is_empty());
        let shown = format!("{}{}", ran.stdout(), ran.stderr);
        assert!(!shown.contains(PASSWORD) && !shown.contains(&STANDARD.encode(format!("me:{PASSWORD}"))), "{shown}");
        if !accepted {
            let error = &image(&ran)["errors"][0];
            assert_eq!(error["class"], "connect");
            assert!(error["message"].as_str().unwrap().contains("the proxy settings"), "{error}");
        }
    }
}
