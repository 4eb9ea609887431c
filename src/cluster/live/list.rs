//! A list, page by page.

use std::future::poll_fn;
use std::pin::pin;

use tokio::task::yield_now;
use url::form_urlencoded;

use super::ahead::Ahead;
use super::connect::Cluster;
use super::refusal::RequestError;
use super::request::Ask;
use super::split::{Item, Splitter};
use super::tries::Tries;
use crate::stop::Stop;

/// How often in a row a list may expire before any page of it comes.
const EXPIRIES: usize = 3;

/// How many bytes of a page are decoded before others have their turn.
const DECODED_AT_ONCE: usize = 16 << 10;

/// What is listed.
#[derive(Debug, Clone)]
pub(super) struct Listing {
    /// the collection's path
    pub(super) path: String,
    /// `labelSelector`, `fieldSelector`
    pub(super) selectors: Vec<(&'static str, String)>,
}

/// What comes of a list, in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// an entry; after a page that broke off, and after a 410, it may come twice
    Item(Item<'a>),
    /// the end of a page that had so many entries; each page ends once
    PageEnd(u64),
}

/// How a list ended.
#[derive(Debug)]
pub(super) struct Listed {
    /// whether it shows more than one moment: its token expired on the way
    pub(super) inconsistent: bool,
    /// whether it came to its end
    pub(super) end: Result<(), RequestError>,
}

/// Where a list stands.
#[derive(Default)]
struct Position {
    token: Option<String>,
    restarted: bool,
    expired: usize,
    inconsistent: bool,
}

/// Reads all pages of `listing`, and hands to `take` what comes of them while they arrive.
///
/// There is no `resourceVersion` in the requests: with 0 the API server would ignore the limit.
pub(super) async fn list(cluster: &Cluster, listing: &Listing, stop: &Stop, mut take: impl FnMut(Part<'_>)) -> Listed {
    let mut position = Position::default();
    let pages = read_pages(cluster, listing, stop, &mut position, &mut take);
    let end = stop.or(pages).await.unwrap_or(Err(RequestError::Stopped));
    Listed { inconsistent: position.inconsistent, end }
}

async fn read_pages(
    cluster: &Cluster,
    listing: &Listing,
    stop: &Stop,
    position: &mut Position,
    take: &mut impl FnMut(Part<'_>),
) -> Result<(), RequestError> {
    let limits = cluster.limits();
    let mut tries = Tries::new(limits, limits.tries);
    let mut ahead = None;
    loop {
        let page = ahead.take().unwrap_or_else(|| Ahead::ask(cluster, listing, position.token.clone()));
        match read_page(cluster, listing, page, take).await {
            Ok(None) => return Ok(()),
            // A list whose pages lead back to themselves has no end.
            Ok(Some(next)) if next.token() == position.token.as_deref() => {
                return Err(RequestError::Unreadable("its page is followed by itself".to_owned()));
            }
            Ok(Some(next)) => {
                position.arrive_at(next.token());
                tries = Tries::new(limits, limits.tries);
                ahead = Some(next);
            }
            Err(error) if position.recover(&error) => {}
            Err(error) => tries.wait_after(error, &listing.path, stop).await?,
        }
    }
}

/// Reads one page, and asks for the next as soon as its token has come: the server works on it meanwhile. Returns what
/// was asked for; `None` after the last page.
async fn read_page<'a>(
    cluster: &'a Cluster,
    listing: &Listing,
    page: Ahead<'a>,
    take: &mut impl FnMut(Part<'_>),
) -> Result<Option<Ahead<'a>>, RequestError> {
    let mut answer = page.answer().await?;
    let mut splitter = Splitter::new(cluster.limits().object_bytes);
    let mut next: Option<Ahead<'a>> = None;
    let mut decoded = 0;
    while let Some(chunk) = beside(next.as_mut(), answer.chunk()).await? {
        splitter.push(&chunk, &mut |item| take(Part::Item(item)))?;
        decoded += chunk.len();
        if let (None, Some(token)) = (&next, splitter.next_token()) {
            next = Some(Ahead::ask(cluster, listing, Some(token.to_owned())));
            decoded = DECODED_AT_ONCE;
        }
        // What sends the request are several tasks, which may be next on this very thread: they go before the page is decoded.
        if next.is_some() && decoded >= DECODED_AT_ONCE {
            beside(next.as_mut(), yield_now()).await;
            decoded = 0;
        }
    }
    take(Part::PageEnd(splitter.finish()?));
    Ok(next)
}

/// Waits for `work`, while the request for the next page goes its way.
async fn beside<T>(mut next: Option<&mut Ahead<'_>>, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    poll_fn(|context| {
        if let Some(next) = &mut next {
            next.go_on(context);
        }
        work.as_mut().poll(context)
    })
    .await
}

impl Listing {
    /// The request for the page that `token` stands for; for the first page without one.
    pub(super) fn page(&self, cluster: &Cluster, token: Option<&str>) -> Ask {
        let limits = cluster.limits();
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("limit", &limits.page_items.to_string());
        for (name, selector) in &self.selectors {
            query.append_pair(name, selector);
        }
        if let Some(token) = token {
            query.append_pair("continue", token);
        }
        Ask::json(format!("{}?{}", self.path, query.finish()), limits.page_bytes)
    }
}

impl Position {
    /// Moves on to the page of `token`.
    fn arrive_at(&mut self, token: Option<&str>) {
        self.token = token.map(str::to_owned);
        self.expired = 0;
    }

    /// Moves on after a 410: with the fresh token that it carries, else once from the start. Never without pages.
    fn recover(&mut self, error: &RequestError) -> bool {
        let RequestError::Refused(refusal) = error else { return false };
        if refusal.code != http::StatusCode::GONE || self.expired >= EXPIRIES {
            return false;
        }
        self.expired += 1;
        if refusal.fresh_token.is_none() && std::mem::replace(&mut self.restarted, true) {
            return false;
        }
        self.token.clone_from(&refusal.fresh_token);
        self.inconsistent = true;
        true
    }
}
