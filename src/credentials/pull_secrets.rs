//! The pull secrets that pods name: each read once in a run, one by one, never listed.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::BoxFuture;

use super::{DockerConfig, DockerEntry, InvalidDockerConfig};
use crate::cluster::inventory::{Gap, PullContext};
use crate::cluster::objects::PullSecret;
use crate::image::Failure;
use crate::once_map::OnceMap;
use crate::vocabulary::{ErrorClass, ErrorStage, GapScope};

/// Reads pull secrets, from a live cluster or from files.
pub trait PullSecretReader: Send + Sync {
    /// The secret `name` of `namespace`; `None` when the kubelet would not take it for a pull secret.
    fn secret<'a>(
        &'a self,
        namespace: &'a str,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Option<PullSecret>, PullSecretError>>;

    /// The names of `imagePullSecrets` of the ServiceAccount `account` of `namespace`, in order.
    fn service_account_secrets<'a>(
        &'a self,
        namespace: &'a str,
        account: &'a str,
    ) -> BoxFuture<'a, Result<Vec<String>, PullSecretError>>;
}

/// Why a secret could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PullSecretError {
    /// it does not exist
    #[error("it does not exist")]
    Missing,
    /// we may not read it
    #[error("it may not be read")]
    Forbidden,
    /// the files that stand in for a cluster do not hold it, which says nothing about the cluster
    #[error("it is not in the files")]
    NotInFiles,
    /// anything else
    #[error("{0}")]
    Other(String),
}

/// What a secret holds; one that the kubelet ignores holds nothing.
fn parse(secret: Option<&PullSecret>) -> Result<DockerConfig, InvalidDockerConfig> {
    match secret {
        Some(PullSecret::DockerConfigJson(text)) => DockerConfig::parse(text),
        Some(PullSecret::DockerCfg(text)) => DockerConfig::parse_legacy(text),
        None => Ok(DockerConfig::default()),
    }
}

/// What a secret holds, as it stays in memory for a run.
#[derive(Debug, Default)]
pub(super) struct ReadSecret {
    pub(super) entries: Vec<DockerEntry>,
    pub(super) failures: Vec<Failure>,
    /// whether nobody can say what it holds
    pub(super) is_closed: bool,
}

/// Reads each secret once, and remembers what could not be read.
pub(super) struct PullSecrets {
    reader: Arc<dyn PullSecretReader>,
    secrets: OnceMap<(String, String), Arc<ReadSecret>>,
    accounts: OnceMap<(Arc<str>, Arc<str>), Arc<AccountSecrets>>,
    notes: Mutex<Notes>,
}

/// The secrets' names of a ServiceAccount; `None` when nobody can say.
type AccountSecrets = Option<Vec<String>>;

#[derive(Default)]
struct Notes {
    missing: BTreeSet<(String, String)>,
    /// namespace, resource
    forbidden: BTreeSet<(String, &'static str)>,
    /// namespaces whose secrets are not in the files
    absent: BTreeSet<String>,
}

impl PullSecrets {
    pub(super) fn new(reader: Arc<dyn PullSecretReader>) -> Self {
        Self { reader, secrets: OnceMap::default(), accounts: OnceMap::default(), notes: Mutex::default() }
    }

    /// The names of the secrets that the kubelet would try in `context`; `None` when nobody can say.
    pub(super) async fn names(&self, context: &PullContext) -> AccountSecrets {
        match &context.service_account {
            Some(account) if context.secrets.is_empty() => {
                let key = (context.namespace.clone(), account.clone());
                let read = self.read_account(&context.namespace, account);
                let Ok(names) =
                    self.accounts.get_or_try(key, async { Ok::<_, Infallible>(Arc::new(read.await)) }).await;
                names.as_ref().clone()
            }
            _ => Some(context.secrets.iter().map(ToString::to_string).collect()),
        }
    }

    async fn read_account(&self, namespace: &str, account: &str) -> AccountSecrets {
        match self.reader.service_account_secrets(namespace, account).await {
            Ok(names) => Some(names),
            // Without its ServiceAccount no pod of the template is admitted, so that there is nothing to pull with. In
            // files accounts are left out more often than not, and most name no secrets.
            Err(PullSecretError::Missing | PullSecretError::NotInFiles) => Some(Vec::new()),
            Err(PullSecretError::Forbidden) => {
                self.notes().forbidden.insert((namespace.to_owned(), "serviceaccounts"));
                None
            }
            Err(PullSecretError::Other(why)) => {
                tracing::warn!(namespace, account, why, "the pull secrets of a ServiceAccount could not be read");
                None
            }
        }
    }

    /// What the secret `name` of `namespace` holds.
    pub(super) async fn secret(&self, namespace: &str, name: &str) -> Arc<ReadSecret> {
        let read = async { Ok::<_, Infallible>(Arc::new(self.read_secret(namespace, name).await)) };
        let Ok(secret) = self.secrets.get_or_try((namespace.to_owned(), name.to_owned()), read).await;
        secret
    }

    async fn read_secret(&self, namespace: &str, name: &str) -> ReadSecret {
        let failure = |class, what: String| {
            let message = format!("pull secret {namespace}/{name}: {what}");
            Failure::unsent(ErrorStage::Credentials, class, message)
        };
        match self.reader.secret(namespace, name).await.map(|secret| parse(secret.as_ref())) {
            Ok(Ok(config)) => ReadSecret {
                failures: config.skipped.into_iter().map(|why| failure(ErrorClass::InvalidContent, why)).collect(),
                entries: config.entries,
                is_closed: false,
            },
            Ok(Err(error)) => {
                let what = format!("{error}; create it again with `kubectl create secret docker-registry`");
                ReadSecret { failures: vec![failure(ErrorClass::InvalidContent, what)], ..ReadSecret::default() }
            }
            Err(PullSecretError::Missing) => {
                self.notes().missing.insert((namespace.to_owned(), name.to_owned()));
                ReadSecret::default()
            }
            Err(PullSecretError::Forbidden) => {
                self.notes().forbidden.insert((namespace.to_owned(), "secrets"));
                ReadSecret { is_closed: true, ..ReadSecret::default() }
            }
            Err(PullSecretError::NotInFiles) => {
                self.notes().absent.insert(namespace.to_owned());
                ReadSecret { is_closed: true, ..ReadSecret::default() }
            }
            Err(PullSecretError::Other(why)) => {
                let what = format!("it could not be read: {why}");
                ReadSecret { failures: vec![failure(ErrorClass::Server, what)], is_closed: true, entries: Vec::new() }
            }
        }
    }

    /// Namespace and name of each secret that pods name and that does not exist.
    pub(super) fn missing(&self) -> Vec<(String, String)> {
        self.notes().missing.iter().cloned().collect()
    }

    /// What could not be read, once for each namespace.
    pub(super) fn gaps(&self) -> Vec<Gap> {
        let notes = self.notes();
        let forbidden = notes.forbidden.iter().map(|(namespace, resource)| forbidden(namespace, resource));
        forbidden.chain(notes.absent.iter().map(|namespace| absent(namespace))).collect()
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        // No code that can panic runs under the lock.
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn forbidden(namespace: &str, resource: &str) -> Gap {
    let message = format!(
        "{resource} in namespace {namespace} may not be read, so its pull secrets were not used; to allow it: \
         kubectl create role imagefacts-{resource} -n {namespace} --verb=get --resource={resource}, \
         and a rolebinding of it"
    );
    gap(namespace, resource, "forbidden", message)
}

fn absent(namespace: &str) -> Gap {
    let message = format!(
        "pods of namespace {namespace} name pull secrets that are not in the files, so they were not used; to add them: \
         kubectl get secrets -n {namespace} -o yaml"
    );
    gap(namespace, "secrets", "absent", message)
}

/// The list of images is whole without pull secrets, so that no such gap makes the facts incomplete.
fn gap(namespace: &str, resource: &str, reason: &str, message: String) -> Gap {
    Gap {
        scope: GapScope::Kubernetes,
        resource: Some(resource.to_owned()),
        namespace: Some(namespace.to_owned()),
        host: None,
        reason: reason.to_owned(),
        message,
        incomplete: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::objects::Secret;

    #[test]
    fn both_kinds_of_recorded_secrets_are_read() {
        #[derive(serde::Deserialize)]
        struct Recorded<'a> {
            #[serde(borrow)]
            items: Vec<Secret<'a>>,
        }
        let text = include_str!("../../testdata/kubernetes-1.36/secrets.json");
        let recorded: Recorded<'_> = serde_json::from_str(text).unwrap();
        for (name, key) in [("ghcr-pull", "ghcr.io"), ("legacy-pull", "registry.example.com:5000")] {
            let secret = recorded.items.iter().find(|secret| secret.metadata.name.as_deref() == Some(name)).unwrap();
            let config = parse(secret.pull_secret().as_ref()).unwrap();
            assert_eq!(config.entries.iter().map(|entry| entry.key.as_str()).collect::<Vec<_>>(), [key], "{name}");
        }
        assert!(parse(None).unwrap().entries.is_empty());
    }
}
