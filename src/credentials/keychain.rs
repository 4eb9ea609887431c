//! Every credential that applies to a repository, in the order in which it is to be tried.

use std::sync::Arc;

use futures::future::join_all;

use super::pull_secrets::PullSecrets;
use super::{Candidate, Credential, CredentialsError, Keyring, LocalSources, PullSecretReader};
use crate::cluster::inventory::{Gap, PullContext};
use crate::image::{Failure, Repository};
use crate::sorted::SortedSet;
use crate::vocabulary::AccessSource;

/// How many contexts' secrets are read at once for one image.
const CONTEXTS_AT_ONCE: usize = 8;

/// The credentials of a run.
pub struct Keychain {
    pull_secrets: Option<PullSecrets>,
    local: LocalSources,
}

/// What may be tried for a repository.
#[derive(Debug, Clone, Default)]
pub struct Candidates {
    /// in order: pull secrets (of failing pods first), local sources, anonymous; the last is always there
    pub list: Vec<Candidate>,
    /// for each context of failing pods, what its kubelet tries: places in `list`
    pub failing: Vec<Vec<usize>>,
    /// sources that should have given a credential, and could not
    pub failures: Vec<Failure>,
}

/// What the kubelet tries in one context.
struct ContextMatches {
    candidates: Vec<Candidate>,
    failures: Vec<Failure>,
    /// whether a secret could not be read, so that it may have matched
    is_closed: bool,
}

impl Keychain {
    /// Joins the pull secrets of a cluster, where there is one that may be asked for them, with local sources.
    pub fn new(pull_secrets: Option<Arc<dyn PullSecretReader>>, local: LocalSources) -> Self {
        Self { pull_secrets: pull_secrets.map(PullSecrets::new), local }
    }

    /// Checks that no variable's name stands for two of `hosts`.
    ///
    /// # Errors
    /// When one does: nobody can say for which of them it is meant.
    pub fn check_hosts<'a>(&self, hosts: impl IntoIterator<Item = &'a str>) -> Result<(), CredentialsError> {
        self.local.check_hosts(hosts)
    }

    /// Whether it takes all hosts of a run to say if what is there for `host` is meant for it: a variable's name may
    /// stand for two.
    pub fn must_check(&self, host: &str) -> bool {
        self.local.has_variable_for(host)
    }

    /// What may be tried for `repository` on behalf of pods in `contexts`.
    ///
    /// Anonymous is always tried last, although the kubelet tries it only where nothing matches: that it works shows
    /// that a pull secret is stale.
    pub async fn candidates(&self, repository: &Repository, contexts: &SortedSet<PullContext>) -> Candidates {
        let mut ordered: Vec<&PullContext> = contexts.iter().collect();
        ordered.sort_by_key(|context| !context.failing);
        let mut found = Candidates::default();
        // What is there for a context, and whether the kubelet tries to pull without a credential.
        let (mut failing, mut kubelet) = (Vec::new(), ordered.is_empty());
        for contexts in ordered.chunks(CONTEXTS_AT_ONCE) {
            let matches = join_all(contexts.iter().map(|context| self.matches(repository, context))).await;
            for (context, ContextMatches { candidates, failures, is_closed }) in contexts.iter().zip(matches) {
                let nothing_matched = candidates.is_empty() && !is_closed;
                kubelet |= nothing_matched;
                let places: Vec<usize> = candidates.into_iter().map(|candidate| found.add(candidate)).collect();
                failures.into_iter().for_each(|failure| found.add_failure(failure));
                failing.extend(context.failing.then_some((places, nothing_matched)));
            }
        }
        let (local, failures) = self.local.candidates(repository).await;
        found.list.extend(local);
        failures.into_iter().for_each(|failure| found.add_failure(failure));

        let anonymous = found.list.len();
        found.list.push(Candidate {
            credential: Credential::Anonymous,
            source: AccessSource::Anonymous,
            name: None,
            namespace: None,
            kubelet,
        });
        let tried = |(places, nothing_matched)| if nothing_matched { vec![anonymous] } else { places };
        found.failing = failing.into_iter().map(tried).collect();
        found
    }

    /// What may not be read of the pull secrets that pods name, once for each namespace.
    pub fn gaps(&self) -> Vec<Gap> {
        self.pull_secrets.as_ref().map(PullSecrets::gaps).unwrap_or_default()
    }

    /// Namespace and name of each pull secret that pods name and that does not exist, as far as images were resolved.
    pub fn missing(&self) -> Vec<(String, String)> {
        self.pull_secrets.as_ref().map(PullSecrets::missing).unwrap_or_default()
    }

    async fn matches(&self, repository: &Repository, context: &PullContext) -> ContextMatches {
        let mut found = ContextMatches { candidates: Vec::new(), failures: Vec::new(), is_closed: false };
        let Some(pull_secrets) = &self.pull_secrets else {
            found.is_closed = !context.secrets.is_empty() || context.service_account.is_some();
            return found;
        };
        let names = pull_secrets.names(context).await;
        found.is_closed = names.is_none();
        let mut secrets = Vec::new();
        for name in names.unwrap_or_default() {
            let secret = pull_secrets.secret(&context.namespace, &name).await;
            found.failures.extend(secret.failures.iter().cloned());
            found.is_closed |= secret.is_closed;
            secrets.push((name, secret));
        }
        let entries = secrets.iter().flat_map(|(name, secret)| secret.entries.iter().map(move |entry| (name, entry)));
        let keyring = Keyring::new(entries.map(|(name, entry)| (entry.key.as_str(), (name, entry))));
        found.candidates = keyring
            .lookup(repository)
            .into_iter()
            .map(|(name, entry)| Candidate {
                credential: entry.kubelet_credential(),
                source: AccessSource::PullSecret,
                name: Some((*name).clone()),
                namespace: Some(context.namespace.to_string()),
                kubelet: true,
            })
            .collect();
        found
    }
}

impl Candidates {
    /// The place of `candidate` in the list; several contexts may name one secret.
    fn add(&mut self, candidate: Candidate) -> usize {
        let known = self.list.iter().position(|known| {
            known.name == candidate.name
                && known.namespace == candidate.namespace
                && known.credential.is_same_as(&candidate.credential)
        });
        known.unwrap_or_else(|| {
            self.list.push(candidate);
            self.list.len() - 1
        })
    }

    fn add_failure(&mut self, failure: Failure) {
        if !self.failures.contains(&failure) {
            self.failures.push(failure);
        }
    }
}

#[cfg(test)]
mod tests;
