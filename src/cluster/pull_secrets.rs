//! Pull secrets as credentials ask for them: from a live cluster, one by one, and from files.

use futures::FutureExt;
use futures::future::{BoxFuture, ready};

use super::files::FileSecrets;
use super::live::{Cluster, SecretError};
use super::objects::PullSecret;
use crate::credentials::{PullSecretError, PullSecretReader};
use crate::stop::Stop;

/// The pull secrets of a live cluster.
#[derive(Debug)]
pub struct LivePullSecrets {
    cluster: Cluster,
    stop: Stop,
}

impl LivePullSecrets {
    /// Those of `cluster`, as long as `stop` lets us ask.
    pub fn new(cluster: Cluster, stop: Stop) -> Self {
        Self { cluster, stop }
    }
}

impl PullSecretReader for LivePullSecrets {
    fn secret<'a>(
        &'a self,
        namespace: &'a str,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Option<PullSecret>, PullSecretError>> {
        async move { Ok(self.cluster.pull_secret(namespace, name, &self.stop).await?) }.boxed()
    }

    fn service_account_secrets<'a>(
        &'a self,
        namespace: &'a str,
        account: &'a str,
    ) -> BoxFuture<'a, Result<Vec<String>, PullSecretError>> {
        async move { Ok(self.cluster.service_account_pull_secrets(namespace, account, &self.stop).await?) }.boxed()
    }
}

impl From<SecretError> for PullSecretError {
    fn from(error: SecretError) -> Self {
        match error {
            SecretError::Missing(_) => Self::Missing,
            SecretError::Forbidden { .. } => Self::Forbidden,
            SecretError::Other { message, .. } => Self::Other(message),
        }
    }
}

impl PullSecretReader for FileSecrets {
    fn secret<'a>(
        &'a self,
        namespace: &'a str,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Option<PullSecret>, PullSecretError>> {
        let found = self.has_secret(namespace, name).then(|| self.pull_secret(namespace, name).cloned());
        ready(found.ok_or(PullSecretError::NotInFiles)).boxed()
    }

    fn service_account_secrets<'a>(
        &'a self,
        namespace: &'a str,
        account: &'a str,
    ) -> BoxFuture<'a, Result<Vec<String>, PullSecretError>> {
        let found = self.service_account(namespace, account).map(<[String]>::to_vec);
        ready(found.ok_or(PullSecretError::NotInFiles)).boxed()
    }
}
