//! From flags and kubeconfig to a client that is ready to ask.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use kube::client::ClientBuilder;
use kube::{Client, Config};

use super::cause::{self, Cause};
use super::error::DiscoveryError;
use super::kubeconfig;
use super::refusal::RequestError;
use crate::limits::ClusterLimits;

/// How to reach a cluster. What is not given comes from the kubeconfig.
#[derive(Debug, Clone, Default)]
pub struct Connection {
    /// `--kubeconfig`
    pub kubeconfig: Option<PathBuf>,
    /// `--context`
    pub context: Option<String>,
    /// `--as`: the user to act as
    pub impersonate: Option<String>,
    /// `--as-group`: the groups to act as
    pub impersonate_groups: Vec<String>,
    /// at the API server
    pub limits: ClusterLimits,
}

/// Who we are to the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    /// the kubeconfig's context; none inside a pod
    pub(super) context: Option<String>,
    /// the kubeconfig's name for the user
    pub(super) user: String,
    /// where the kubeconfig lies
    pub(super) path: String,
}

/// A cluster that can be asked; cheap to clone.
#[derive(Clone)]
pub struct Cluster {
    pub(super) client: Client,
    about: Arc<About>,
}

struct About {
    server: String,
    plugin: Option<String>,
    identity: Identity,
    limits: ClusterLimits,
}

impl Cluster {
    /// Reads the kubeconfig and sets up the client. Asks nothing of the API server yet, but runs the kubeconfig's
    /// credential plugin when it names one.
    ///
    /// # Errors
    /// When there is no usable kubeconfig, context or credential.
    pub async fn connect(connection: &Connection) -> Result<Self, DiscoveryError> {
        let (mut config, identity) = kubeconfig::load(connection).await?;
        apply(&mut config, connection);
        let plugin = config.auth_info.exec.as_ref().and_then(|exec| exec.command.clone());
        let server = config.cluster_url.to_string().trim_end_matches('/').to_owned();
        let about = About { server, plugin, identity, limits: connection.limits.clone() };
        let client = about.build(config).await?;
        Ok(Self { client, about: Arc::new(about) })
    }

    /// The API server's URL, without a user name or password.
    pub fn server(&self) -> &str {
        &self.about.server
    }

    /// The kubeconfig's context; `None` inside a pod.
    pub fn context(&self) -> Option<&str> {
        self.about.identity.context.as_deref()
    }

    /// The kubeconfig's name for the user.
    pub(super) fn user(&self) -> &str {
        &self.about.identity.user
    }

    /// The namespace of the context.
    pub(super) fn namespace(&self) -> &str {
        self.client.default_namespace()
    }

    /// The kubeconfig's credential plugin.
    pub(super) fn plugin(&self) -> Option<&str> {
        self.about.plugin.as_deref()
    }

    pub(super) fn limits(&self) -> &ClusterLimits {
        &self.about.limits
    }

    /// The end of a run for a request that failed.
    pub(super) fn fatal(&self, error: &RequestError) -> DiscoveryError {
        let (server, user, cause) = (self.server().to_owned(), self.user().to_owned(), error.to_string());
        match error {
            RequestError::Refused(refusal) if refusal.code == http::StatusCode::UNAUTHORIZED => {
                DiscoveryError::Unauthorized { server, user }
            }
            RequestError::Credential(_) => DiscoveryError::NoCredential { user, cause },
            RequestError::Tls(_) => DiscoveryError::Tls { server, cause },
            _ => DiscoveryError::Unreachable { server, cause },
        }
    }

    /// The end of a run in which no list could be read.
    pub(super) fn nothing_listed(&self, failure: &RequestError) -> DiscoveryError {
        let server = self.server().to_owned();
        match failure.status() {
            Some(http::StatusCode::UNAUTHORIZED) => self.fatal(failure),
            Some(http::StatusCode::NOT_FOUND) => DiscoveryError::NotKubernetes { server },
            _ => DiscoveryError::NothingListed { server, cause: failure.to_string() },
        }
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").field("server", &self.server()).finish_non_exhaustive()
    }
}

/// What we set on purpose, over what kube and the kubeconfig say.
fn apply(config: &mut Config, connection: &Connection) {
    // kube's own retries have no time limit and follow any Retry-After; ours do not.
    config.default_retry = false;
    config.connect_timeout = Some(connection.limits.connect_timeout);
    config.read_timeout = Some(connection.limits.request_timeout);
    config.write_timeout = Some(connection.limits.request_timeout);
    // Else the time that a pooled connection sat idle counts as time without an answer.
    config.reset_reader_on_write = true;
    config.cluster_url = without_userinfo(&config.cluster_url);
    // The system's certificates would be read all the same, which takes longer than to ask for a list.
    if config.cluster_url.scheme() == Some(&http::uri::Scheme::HTTP) && config.proxy_url.is_none() {
        config.root_cert.get_or_insert_default();
    }
    if let Some(user) = &connection.impersonate {
        config.auth_info.impersonate = Some(user.clone());
    }
    if !connection.impersonate_groups.is_empty() {
        config.auth_info.impersonate_groups = Some(connection.impersonate_groups.clone());
    }
}

/// A URL's user name and password do nothing here, and would show in messages and logs.
fn without_userinfo(url: &http::Uri) -> http::Uri {
    let mut parts = url.clone().into_parts();
    if let Some(authority) = parts.authority.take() {
        let host = authority.as_str().rsplit('@').next().unwrap_or_default();
        parts.authority = host.parse().ok().or(Some(authority));
    }
    http::Uri::from_parts(parts).unwrap_or_else(|_| url.clone())
}

impl About {
    /// Building a client runs the credential plugin and waits for it, so it must not block the runtime's own threads.
    async fn build(&self, config: Config) -> Result<Client, DiscoveryError> {
        let building = tokio::task::spawn_blocking(move || ClientBuilder::try_from(config).map(ClientBuilder::build));
        let cause = match building.await {
            Ok(Ok(client)) => return Ok(client),
            Ok(Err(error)) => cause::of(&error, self.plugin.as_deref()),
            Err(_) => Cause::Setup("setting up the client was broken off".to_owned()),
        };
        Err(match cause {
            Cause::Credential(cause) => DiscoveryError::NoCredential { user: self.identity.user.clone(), cause },
            Cause::Setup(cause) | Cause::Tls(cause) | Cause::Connection(cause) => {
                DiscoveryError::InvalidKubeconfig { path: self.identity.path.clone(), cause }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_loses_its_password() {
        for (url, shown) in [
            ("https://bob:hunter2@api.example.com:6443/k8s/c-1", "https://api.example.com:6443/k8s/c-1"),
            ("https://api.example.com", "https://api.example.com/"),
            ("https://[::1]:6443", "https://[::1]:6443/"),
        ] {
            assert_eq!(without_userinfo(&url.parse().unwrap()).to_string(), shown);
        }
    }
}
