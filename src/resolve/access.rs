//! Which credential opens a reference: each candidate is tried on the top document, in turn.

use super::head::head;
use super::{Access, Named};
use crate::credentials::{Candidate, Candidates, Credential};
use crate::image::{Failure, Reference};
use crate::registry::{Fetched, Session};
use crate::sorted::SortedSet;
use crate::vocabulary::{AccessOutcome, AccessSource, ErrorClass, Via};

/// What candidates there are for a reference, and what became of those that were tried.
#[derive(Default)]
pub(super) struct Attempts {
    candidates: Candidates,
    tried: Vec<Try>,
    /// the most telling refusal, and whether it was of a pull secret
    refusal: Option<(bool, Failure)>,
    /// whether what the reference names is asked for before it is fetched
    head_first: bool,
}

/// A credential that was tried.
struct Try {
    credential: Credential,
    outcome: Outcome,
    /// whether it would have been tried if all that is known now had been known before: when something was found, and
    /// how soon, shall not show in what is told
    counts: bool,
}

/// What the registry said to a credential: `Err` with the class of its refusal.
type Outcome = Result<(), ErrorClass>;

/// What a reference names, and how it may be read.
pub(super) struct Opened {
    pub(super) top: Top,
    pub(super) credential: Credential,
}

/// The document that a reference names.
pub(super) struct Top {
    pub(super) named: Named,
    /// absent where only its digest was asked for
    pub(super) fetched: Option<Fetched>,
}

impl Attempts {
    /// Goes on with `candidates` in place of those that were known before; what was tried stays tried.
    pub(super) fn choose_from(&mut self, candidates: Candidates) {
        self.candidates = candidates;
        self.tried.iter_mut().for_each(|tried| tried.counts = false);
    }

    /// Of a reference that was opened before: tries those that would have come before the one that was accepted.
    /// Returns failures that say nothing about a credential.
    pub(super) async fn open_again(&mut self, session: &Session, reference: &Reference) -> Vec<Failure> {
        let mut failures = Vec::new();
        for candidate in self.candidates.list.clone() {
            if self.is_accepted(session, reference, &candidate.credential, &mut failures).await {
                break;
            }
        }
        failures
    }

    /// Tries one candidate after the other until one is accepted. With `head_first` what the reference names is asked
    /// for before it is fetched, as the document may be known.
    ///
    /// An answer that is not about the credential ends it. When all are refused, the most telling refusal is returned;
    /// none if there is nothing to try.
    pub(super) async fn open(
        &mut self,
        session: &Session,
        reference: &Reference,
        head_first: bool,
    ) -> Result<Opened, Option<Failure>> {
        self.head_first = head_first;
        for candidate in self.candidates.list.clone() {
            if self.count(&candidate.credential).is_some() {
                continue;
            }
            match self.attempt(session, reference, &candidate.credential).await {
                Ok(top) => return Ok(Opened { top, credential: candidate.credential }),
                Err(failure) if is_refusal(failure.class) => {
                    let next = (candidate.source == AccessSource::PullSecret, failure);
                    let is_better = |best: &(bool, Failure)| weight(&next) > weight(best);
                    if self.refusal.as_ref().is_none_or(is_better) {
                        self.refusal = Some(next);
                    }
                }
                Err(failure) => return Err(Some(failure)),
            }
        }
        Err(self.refusal.as_ref().map(|(_, failure)| failure.clone()))
    }

    /// Once a reference is open: tries what failing pods would use, and whether a refused pull secret is needed at
    /// all. Returns failures that say nothing about a credential.
    pub(super) async fn try_the_kubelets(&mut self, session: &Session, reference: &Reference) -> Vec<Failure> {
        let mut failures = Vec::new();
        for places in self.candidates.failing.clone() {
            for place in places {
                let Some(candidate) = self.candidates.list.get(place).cloned() else { continue };
                // The kubelet goes on only while it is refused.
                if self.is_accepted(session, reference, &candidate.credential, &mut failures).await {
                    break;
                }
            }
        }
        let is_kubelets = |candidate: &&Candidate| candidate.source == AccessSource::PullSecret;
        let outcomes = self.candidates.list.iter().filter(is_kubelets).map(|own| self.counted(&own.credential));
        let (refused, accepted) = outcomes.fold((false, false), |(refused, accepted), outcome| {
            (refused || matches!(outcome, Some(Err(_))), accepted || outcome == Some(Ok(())))
        });
        if refused && !accepted {
            self.is_accepted(session, reference, &Credential::Anonymous, &mut failures).await;
        }
        failures
    }

    /// The credential for which the registry said that it does not have the reference: it let somebody look.
    pub(super) fn knows_of_nothing(&self) -> Option<&Credential> {
        let found = self.tried.iter().find(|tried| tried.outcome == Err(ErrorClass::NotFound));
        found.map(|tried| &tried.credential)
    }

    /// What is told of it: every source whose credential was tried, under whichever name, in order.
    pub(super) fn access(&self) -> Vec<Access> {
        let mut told: Vec<Access> = Vec::new();
        for candidate in &self.candidates.list {
            let Some(outcome) = self.counted(&candidate.credential) else { continue };
            let access = Access {
                source: candidate.source,
                name: candidate.name.clone(),
                namespaces: SortedSet::new(),
                kubelet: candidate.kubelet,
                outcome: if outcome.is_ok() { AccessOutcome::Accepted } else { AccessOutcome::Refused },
                class: outcome.err(),
            };
            let same = |known: &Access| Access { namespaces: SortedSet::new(), ..known.clone() } == access;
            match told.iter_mut().find(|known| same(known)) {
                Some(known) => known.namespaces.extend(candidate.namespace.clone()),
                None => told.push(Access { namespaces: candidate.namespace.iter().cloned().collect(), ..access }),
            }
        }
        told.shrink_to_fit();
        told
    }

    /// Sources that should have given a credential, and could not.
    pub(super) fn failures(&self) -> &[Failure] {
        &self.candidates.failures
    }

    async fn is_accepted(
        &mut self,
        session: &Session,
        reference: &Reference,
        credential: &Credential,
        failures: &mut Vec<Failure>,
    ) -> bool {
        if let Some(outcome) = self.count(credential) {
            return outcome.is_ok();
        }
        match self.attempt(session, reference, credential).await {
            Ok(_) => return true,
            Err(failure) if is_refusal(failure.class) => {}
            Err(failure) => failures.push(failure),
        }
        false
    }

    async fn attempt(
        &mut self,
        session: &Session,
        reference: &Reference,
        credential: &Credential,
    ) -> Result<Top, Failure> {
        let answer = Box::pin(top(session, reference, credential, self.head_first)).await;
        let outcome = match &answer {
            Ok(top) if top.named.via != Via::Mirror => Some(Ok(())),
            Err(failure) if is_refusal(failure.class) => Some(Err(failure.class)),
            // Nothing was said about the credential; to a mirror it is not even shown.
            Ok(_) | Err(_) => None,
        };
        self.tried.extend(outcome.map(|outcome| Try { credential: credential.clone(), outcome, counts: true }));
        answer
    }

    /// What was said to `credential` before, which counts by this.
    fn count(&mut self, credential: &Credential) -> Option<Outcome> {
        let known = self.tried.iter_mut().find(|tried| tried.credential.is_same_as(credential))?;
        known.counts = true;
        Some(known.outcome)
    }

    /// What was said to `credential`, if that counts.
    fn counted(&self, credential: &Credential) -> Option<Outcome> {
        let known = self.tried.iter().find(|tried| tried.credential.is_same_as(credential))?;
        known.counts.then_some(known.outcome)
    }
}

/// Asks what `reference` names. With `head_first` its digest is asked for alone: the document may be known by it, and
/// whether a credential is accepted can be learned so too.
async fn top(
    session: &Session,
    reference: &Reference,
    credential: &Credential,
    head_first: bool,
) -> Result<Top, Failure> {
    let (repository, target) = (reference.repository(), reference.target());
    if head_first && let Some(named) = head(session, repository, target, credential).await? {
        return Ok(Top { named, fetched: None });
    }
    let fetched = session.manifest(repository, target, credential).await?;
    let (digest, via, endpoint) = (fetched.digest.clone(), fetched.via, fetched.endpoint.clone());
    Ok(Top { named: Named { digest, via, endpoint, as_of: None }, fetched: Some(fetched) })
}

/// Whether another credential may be answered otherwise. Many registries say 404 of what one may not see.
fn is_refusal(class: ErrorClass) -> bool {
    matches!(class, ErrorClass::Unauthorized | ErrorClass::Forbidden | ErrorClass::NotFound)
}

/// What was said to a pull secret tells more of the cluster than what was said to us; that there is nothing, said to
/// somebody who may look, tells more than a refusal.
fn weight((is_pull_secret, failure): &(bool, Failure)) -> (bool, u8) {
    let class = match failure.class {
        ErrorClass::NotFound => 2,
        ErrorClass::Forbidden => 1,
        _ => 0,
    };
    (*is_pull_secret, class)
}
