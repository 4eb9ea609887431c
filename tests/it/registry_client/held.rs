//! A registry that holds every request until a test lets it be answered, and knows how many it holds.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use axum::http::{StatusCode, Version};
use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_rustls::TlsAcceptor;

use super::server::document;

/// A server that answers when it is told to.
pub(super) struct Held {
    pub(super) address: SocketAddr,
    hall: Arc<Hall>,
}

struct Hall {
    waiting: Mutex<VecDeque<oneshot::Sender<StatusCode>>>,
    /// whether everything is answered at once from now on
    is_open: watch::Sender<bool>,
    in_flight: watch::Sender<usize>,
    most: AtomicUsize,
    versions: Mutex<Vec<Version>>,
    connections: Arc<AtomicUsize>,
}

impl Held {
    /// Speaks plain http, or TLS and what is agreed on there.
    pub(super) async fn start(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::<AtomicUsize>::default();
        let hall = Arc::new(Hall {
            waiting: Mutex::default(),
            is_open: watch::Sender::new(false),
            in_flight: watch::Sender::new(0),
            most: AtomicUsize::new(0),
            versions: Mutex::default(),
            connections: Arc::clone(&connections),
        });
        let (inside, listener) = (Arc::clone(&hall), Connections::of(listener, tls, connections));
        let answer = move |request: axum::extract::Request| {
            let hall = Arc::clone(&inside);
            async move { (hall.hold(request.version()).await, document().0) }
        };
        tokio::spawn(axum::serve(listener, axum::Router::new().fallback(answer)).into_future());
        Self { address, hall }
    }

    /// Waits until it holds `count` requests, and gives time for more to come, which must not.
    pub(super) async fn holds(&self, count: usize) {
        self.hall.in_flight.subscribe().wait_for(|now| *now >= count).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(30)).await;
        assert_eq!(*self.hall.in_flight.borrow(), count);
    }

    /// Answers `count` of those that it holds.
    pub(super) fn answer(&self, count: usize, status: u16) {
        let first: Vec<_> = self.hall.waiting.lock().unwrap().drain(..count).collect();
        self.hall.in_flight.send_modify(|now| *now -= count);
        for held in first {
            held.send(StatusCode::from_u16(status).unwrap()).unwrap();
        }
    }

    /// Answers all that it holds and that will come, as it should.
    pub(super) fn open(&self) {
        self.hall.is_open.send_replace(true);
    }

    /// The most requests that it held at once.
    pub(super) fn most(&self) -> usize {
        self.hall.most.load(SeqCst)
    }

    /// How often it was connected to.
    pub(super) fn connections(&self) -> usize {
        self.hall.connections.load(SeqCst)
    }

    /// The versions of HTTP in which it was asked.
    pub(super) fn versions(&self) -> Vec<Version> {
        let mut versions = self.hall.versions.lock().unwrap().clone();
        versions.dedup();
        versions
    }
}

impl Hall {
    async fn hold(&self, version: Version) -> StatusCode {
        self.versions.lock().unwrap().push(version);
        let (sender, receiver) = oneshot::channel();
        self.waiting.lock().unwrap().push_back(sender);
        self.in_flight.send_modify(|now| *now += 1);
        self.most.fetch_max(*self.in_flight.borrow(), SeqCst);
        let mut is_open = self.is_open.subscribe();
        tokio::select! {
            status = receiver => status.unwrap(),
            _ = is_open.wait_for(|open| *open) => {
                self.in_flight.send_modify(|now| *now -= 1);
                StatusCode::OK
            }
        }
    }
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Connections that are ready to be spoken over. One that is slow to shake hands holds up no other.
struct Connections(mpsc::UnboundedReceiver<(Box<dyn Stream>, SocketAddr)>, SocketAddr);

impl Connections {
    fn of(listener: TcpListener, tls: Option<TlsAcceptor>, count: Arc<AtomicUsize>) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel::<(Box<dyn Stream>, SocketAddr)>();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, peer)) = listener.accept().await {
                count.fetch_add(1, SeqCst);
                let (tls, sender) = (tls.clone(), sender.clone());
                tokio::spawn(async move {
                    let stream: Box<dyn Stream> = match tls {
                        None => Box::new(stream),
                        Some(tls) => Box::new(tls.accept(stream).await.ok()?),
                    };
                    sender.send((stream, peer)).ok()
                });
            }
        });
        Self(receiver, address)
    }
}

impl Listener for Connections {
    type Io = Box<dyn Stream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.0.recv().await {
            Some(connection) => connection,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        Ok(self.1)
    }
}
