//! To whom a server opens: each credential is tried in turn, as for an image.

use super::{AccessCheck, Target};
use crate::credentials::{Candidate, Credential};
use crate::image::Failure;
use crate::registry::{Greeting, Login, Server};
use crate::vocabulary::{ErrorClass, Via};

/// A server that has answered, and what it is tried for.
pub(super) struct Trial<'a> {
    pub(super) server: &'a Server<'a>,
    pub(super) target: &'a Target,
    pub(super) greeting: &'a Greeting,
}

impl Trial<'_> {
    /// Tries one candidate after the other until one is accepted.
    pub(super) async fn run(&self, candidates: &[Candidate]) -> Vec<AccessCheck> {
        let own = self.server.mirrors_login();
        let candidates = own.as_ref().map_or(candidates, std::slice::from_ref);
        let mut tried = Vec::new();
        for candidate in candidates.iter().filter(|candidate| self.applies(candidate)) {
            let access = self.opens_to(candidate).await;
            let is_enough = access.accepted;
            tried.push(access);
            if is_enough {
                break;
            }
        }
        tried
    }

    fn applies(&self, candidate: &Candidate) -> bool {
        let is_anonymous = matches!(candidate.credential, Credential::Anonymous);
        match (self.target.is_repository(), self.server.via()) {
            // What was given for a registry never goes to its mirrors.
            (true, Via::Mirror) => is_anonymous || self.server.mirrors_login().is_some(),
            (false, Via::Mirror) => false,
            // What a token server gives to everyone depends on the repository.
            (false, _) => !is_anonymous || !matches!(self.greeting.login, Login::Bearer { .. }),
            (true, _) => true,
        }
    }

    async fn opens_to(&self, candidate: &Candidate) -> AccessCheck {
        let (repository, credential) = (self.target.repository(), &candidate.credential);
        if !self.target.is_repository() {
            return AccessCheck::of(candidate, self.server.log_in(repository, credential).await);
        }
        match self.server.may_read(repository, self.target.item(), credential).await {
            Ok(()) => AccessCheck { found: Some(true), ..AccessCheck::of(candidate, Ok(())) },
            Err(failure) if self.is_mere_absence(&failure) => {
                AccessCheck { found: Some(false), ..AccessCheck::of(candidate, Ok(())) }
            }
            Err(failure) => AccessCheck::of(candidate, Err(failure)),
        }
    }

    /// Whether a registry let somebody look and has nothing there, which is no refusal when nobody said that it must.
    fn is_mere_absence(&self, failure: &Failure) -> bool {
        failure.class == ErrorClass::NotFound
            && !self.target.is_explicit()
            && self.server.via() == Via::Registry
            && self.greeting.is_a_registrys()
    }
}
