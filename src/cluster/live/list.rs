//! A list, page by page.

use serde_json::value::RawValue;
use url::form_urlencoded;

use super::connect::Cluster;
use super::request::{Ask, RequestError};
use crate::cluster::objects::List;
use crate::stop::Stop;

/// How often in a row a list may expire before any page of it comes.
const EXPIRIES: usize = 3;

/// What is listed.
#[derive(Debug, Clone)]
pub(super) struct Listing {
    /// the collection's path
    pub(super) path: String,
    /// `labelSelector`, `fieldSelector`
    pub(super) selectors: Vec<(&'static str, String)>,
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

/// Reads all pages of `listing`, and hands each page's objects to `take`. After a 410 some may come twice.
///
/// There is no `resourceVersion` in the requests: with 0 the API server would ignore the limit. A page's bytes are let
/// go before the next page is asked for.
pub(super) async fn list(
    cluster: &Cluster,
    listing: &Listing,
    stop: &Stop,
    mut take: impl FnMut(&[&RawValue]),
) -> Listed {
    let mut position = Position::default();
    let end = loop {
        let page = match cluster.get(&listing.page(cluster, position.token.as_deref()), stop).await {
            Ok(page) => page,
            Err(error) if position.recover(&error) => continue,
            Err(error) => break Err(error),
        };
        let list: List<'_> = match serde_json::from_slice(&page) {
            Ok(list) => list,
            Err(error) => break Err(RequestError::Unreadable(error.to_string())),
        };
        // Every list tells its version; what has neither that nor objects is something else, not an empty list.
        if list.items.is_empty() && list.metadata.resource_version.is_none() {
            break Err(RequestError::Unreadable("it is no list".to_owned()));
        }
        take(&list.items);
        position.expired = 0;
        position.token = list.metadata.continue_token.filter(|token| !token.is_empty());
        if position.token.is_none() {
            break Ok(());
        }
    };
    Listed { inconsistent: position.inconsistent, end }
}

impl Listing {
    fn page(&self, cluster: &Cluster, token: Option<&str>) -> Ask {
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
    /// Moves on after a 410: with the fresh token that it carries, else once from the start. Never without pages.
    fn recover(&mut self, error: &RequestError) -> bool {
        let RequestError::Refused(refusal) = error else { return false };
        self.expired += 1;
        if refusal.code != http::StatusCode::GONE || self.expired > EXPIRIES {
            return false;
        }
        self.token.clone_from(&refusal.fresh_token);
        if self.token.is_none() && std::mem::replace(&mut self.restarted, true) {
            return false;
        }
        self.inconsistent = true;
        true
    }
}
