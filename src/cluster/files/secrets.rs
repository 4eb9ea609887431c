//! The pull secrets that lie in files beside the objects that name them.

use std::collections::BTreeMap;

use crate::cluster::objects::{Metadata, PullSecret, Secret, ServiceAccount};

/// Pull secrets and ServiceAccounts from files, by namespace and name. Shows nothing of the secrets.
#[derive(Debug, Default)]
pub struct FileSecrets {
    secrets: BTreeMap<(String, String), Option<PullSecret>>,
    accounts: BTreeMap<(String, String), Vec<String>>,
}

impl FileSecrets {
    /// What the pull secret holds; `None` when the files have no such secret, or it is no pull secret.
    pub fn pull_secret(&self, namespace: &str, name: &str) -> Option<&PullSecret> {
        self.secrets.get(&(namespace.to_owned(), name.to_owned()))?.as_ref()
    }

    /// Whether the files have a secret of that name, of whatever type.
    pub fn has_secret(&self, namespace: &str, name: &str) -> bool {
        self.secrets.contains_key(&(namespace.to_owned(), name.to_owned()))
    }

    /// The pull secrets that a ServiceAccount names, in order; `None` when the files have no such account.
    pub fn service_account(&self, namespace: &str, name: &str) -> Option<&[String]> {
        self.accounts.get(&(namespace.to_owned(), name.to_owned())).map(Vec::as_slice)
    }

    /// Takes in a secret; the first of a name counts.
    pub(super) fn add_secret(&mut self, secret: &Secret<'_>) {
        if let Some(key) = key(&secret.metadata) {
            self.secrets.entry(key).or_insert_with(|| secret.pull_secret());
        }
    }

    /// Takes in a ServiceAccount; the first of a name counts.
    pub(super) fn add_account(&mut self, account: ServiceAccount<'_>) {
        if let Some(key) = key(&account.metadata) {
            let names = account.image_pull_secrets.into_iter().filter_map(|secret| secret.name).map(String::from);
            self.accounts.entry(key).or_insert_with(|| names.collect());
        }
    }
}

fn key(metadata: &Metadata<'_>) -> Option<(String, String)> {
    Some((metadata.namespace_or_default().to_owned(), metadata.name.clone()?.into()))
}
