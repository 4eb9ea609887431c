//! Pull secrets, read one by one, and only those that are named. They are never listed.

use http::StatusCode;
use thiserror::Error;

use super::connect::Cluster;
use super::path;
use super::refusal::RequestError;
use super::request::Ask;
use crate::cluster::objects::{PullSecret, Secret, ServiceAccount};
use crate::stop::Stop;

/// Why a secret or a ServiceAccount could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SecretError {
    /// It does not exist.
    #[error("{0} does not exist")]
    Missing(String),
    /// It may not be read.
    #[error("{subject} may not be read: {message}. A Role with the verb get on {resource} closes this gap")]
    Forbidden {
        /// what
        subject: String,
        /// `secrets`, `serviceaccounts`
        resource: &'static str,
        /// the server's words
        message: String,
    },
    /// Anything else.
    #[error("{subject} could not be read: {message}")]
    Other {
        /// what
        subject: String,
        /// why
        message: String,
    },
}

impl Cluster {
    /// The pull secret `name`; `None` when the secret is none that the kubelet would use for a pull.
    ///
    /// # Errors
    /// When there is no such secret, or it cannot be read.
    pub async fn pull_secret(
        &self,
        namespace: &str,
        name: &str,
        stop: &Stop,
    ) -> Result<Option<PullSecret>, SecretError> {
        let read = |body: &[u8]| Ok(serde_json::from_slice::<Secret<'_>>(body)?.pull_secret());
        self.named("secrets", namespace, name, stop, read).await
    }

    /// The names of the pull secrets that a ServiceAccount gives to its pods, in the order in which the kubelet tries
    /// them.
    ///
    /// # Errors
    /// When there is no such ServiceAccount, or it cannot be read.
    pub async fn service_account_pull_secrets(
        &self,
        namespace: &str,
        name: &str,
        stop: &Stop,
    ) -> Result<Vec<String>, SecretError> {
        let read = |body: &[u8]| {
            let account: ServiceAccount<'_> = serde_json::from_slice(body)?;
            Ok(account.image_pull_secrets.into_iter().filter_map(|secret| secret.name).map(String::from).collect())
        };
        self.named("serviceaccounts", namespace, name, stop, read).await
    }

    async fn named<T>(
        &self,
        resource: &'static str,
        namespace: &str,
        name: &str,
        stop: &Stop,
        read: impl FnOnce(&[u8]) -> serde_json::Result<T>,
    ) -> Result<T, SecretError> {
        let subject = format!("{} {namespace}/{name}", resource.trim_end_matches('s'));
        let ask = Ask::json(path::object("v1", Some(namespace), resource, name), self.limits().object_bytes);
        let body = match self.get(&ask, stop).await {
            Ok(body) => body,
            Err(error) => return Err(SecretError::new(subject, resource, &error)),
        };
        // The parser's own message may quote what it read.
        read(&body).map_err(|_| SecretError::Other { subject, message: "the answer is no such object".to_owned() })
    }
}

impl SecretError {
    fn new(subject: String, resource: &'static str, error: &RequestError) -> Self {
        let message = error.to_string();
        match error.status() {
            Some(StatusCode::NOT_FOUND) => Self::Missing(subject),
            Some(StatusCode::FORBIDDEN) => Self::Forbidden { subject, resource, message },
            _ => Self::Other { subject, message },
        }
    }
}
