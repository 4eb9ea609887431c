//! A page that is asked for while the one before it is still read.

use std::task::{Context, Poll};

use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::connect::Cluster;
use super::list::Listing;
use super::refusal::RequestError;
use super::request::Answer;

/// A page that was asked for. Of its body nothing is read before it is wanted, so that it waits at the server.
pub(super) struct Ahead<'a> {
    token: Option<String>,
    answer: Pending<'a>,
}

enum Pending<'a> {
    Asked(BoxFuture<'a, Result<Answer<'a>, RequestError>>),
    Begun(Result<Answer<'a>, RequestError>),
}

impl<'a> Ahead<'a> {
    /// Asks once for the page of `token`, from the first [`Ahead::go_on`] or [`Ahead::answer`] on.
    pub(super) fn ask(cluster: &'a Cluster, listing: &Listing, token: Option<String>) -> Self {
        let ask = listing.page(cluster, token.as_deref());
        let answer = async move { cluster.open(&ask).await };
        Self { token, answer: Pending::Asked(answer.boxed()) }
    }

    /// What the page was asked for with; `None` for the first.
    pub(super) fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// Sends the request, and notes when the answer begins.
    pub(super) fn go_on(&mut self, context: &mut Context<'_>) {
        if let Pending::Asked(answer) = &mut self.answer
            && let Poll::Ready(answer) = answer.poll_unpin(context)
        {
            self.answer = Pending::Begun(answer);
        }
    }

    /// Waits until the answer begins, which may have been long ago.
    pub(super) async fn answer(self) -> Result<Answer<'a>, RequestError> {
        match self.answer {
            Pending::Asked(answer) => answer.await,
            Pending::Begun(answer) => answer.map(Answer::with_fresh_time),
        }
    }
}
