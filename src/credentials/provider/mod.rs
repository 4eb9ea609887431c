//! The kubelet's credential provider plugins, as cloud providers have them for their registries: asked as the kubelet
//! asks them, with a time limit, their output never shown.
//!
//! The rules are those of kubernetes `pkg/credentialprovider/plugin`.

mod answers;
mod config;
mod response;

use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::ExposeSecret as _;
use tokio::process::Command;
use tokio::sync::Semaphore;

use answers::Answers;
use config::Plugin;
pub use config::ProviderConfigError;
use response::Response;

use super::process::{self, ProcessError};
use super::{Candidate, Keyring};
use crate::image::{Failure, Repository};
use crate::vocabulary::{AccessSource, ErrorClass, ErrorStage};

/// How long a plugin may take. (The kubelet gives it a minute, which is all that an image has here.)
const TIME_LIMIT: Duration = Duration::from_secs(30);
/// How many plugins run at once.
const AT_ONCE: usize = 8;

/// Why a plugin gave no credential. Holds nothing that it said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum ProviderError {
    #[error("the credential provider {0} wants a ServiceAccount's token (tokenAttributes), which is not supported")]
    PodToken(String),
    #[error(
        "the credential provider {name} cannot be started ({why}); install it in the directory that \
         --image-credential-provider-bin-dir names"
    )]
    Start { name: String, why: String },
    #[error("the credential provider {0} gave no answer in time and was ended; see what it waits for")]
    Time(String),
    #[error("the credential provider {name} failed ({status}); run it by hand to see why")]
    Failed { name: String, status: String },
    #[error("the credential provider {0} answered something that is no CredentialProviderResponse")]
    Answer(String),
}

impl ProviderError {
    fn failure(&self) -> Failure {
        let class = match self {
            Self::PodToken(_) | Self::Start { .. } | Self::Failed { .. } => ErrorClass::Unsupported,
            Self::Time(_) => ErrorClass::Timeout,
            Self::Answer(_) => ErrorClass::InvalidContent,
        };
        Failure::unsent(ErrorStage::Credentials, class, self.to_string())
    }
}

/// The plugins of a run, with what they have answered so far.
pub struct CredentialProviders {
    directory: PathBuf,
    plugins: Vec<(Plugin, Answers)>,
    permits: Semaphore,
    time_limit: Duration,
}

impl CredentialProviders {
    /// Reads which plugins there are from `config`, a file or a directory of files. Their programs lie in `directory`.
    ///
    /// # Errors
    /// When the configuration cannot be read, or is none, and when there is no such directory. That a program is not
    /// in it shows when it is asked: a configuration may name plugins of several clouds.
    pub fn load(config: &Path, directory: &Path) -> Result<Self, ProviderConfigError> {
        let plugins = config::read(config)?.into_iter().map(|plugin| (plugin, Answers::default())).collect();
        if !directory.is_dir() {
            let why = "it is no directory; name the one that holds the plugins' programs".to_owned();
            return Err(ProviderConfigError { path: directory.to_owned(), why });
        }
        let permits = Semaphore::new(AT_ONCE);
        Ok(Self { directory: directory.to_owned(), plugins, permits, time_limit: TIME_LIMIT })
    }

    /// What plugins have for `repository`, in the order in which the kubelet tries it.
    pub(super) async fn candidates(&self, repository: &Repository) -> (Vec<Candidate>, Vec<Failure>) {
        let (mut logins, mut failures) = (Vec::new(), Vec::new());
        let is_meant = |plugin: &Plugin| plugin.match_images.iter().any(|pattern| pattern.matches(repository));
        for (plugin, answers) in self.plugins.iter().filter(|(plugin, _)| is_meant(plugin)) {
            match answers.get(repository, plugin.default_life, self.ask(plugin, repository)).await {
                Ok(answer) => logins.push((&plugin.name, answer)),
                Err(error) => failures.push(error.failure()),
            }
        }
        let entries = logins.iter().flat_map(|(name, answer)| answer.iter().map(move |login| (*name, login)));
        let keyring = Keyring::new(entries.map(|(name, (key, credential))| (key.as_str(), (name, credential))));
        let candidate = |(name, credential): &(&String, &super::Credential)| Candidate {
            credential: (*credential).clone(),
            source: AccessSource::Helper,
            name: Some((*name).clone()),
            namespace: None,
            // The plugin ran here, with the identity of this machine: the kubelet would be given another credential.
            kubelet: false,
        };
        (keyring.lookup(repository).into_iter().map(candidate).collect(), failures)
    }

    async fn ask(&self, plugin: &Plugin, repository: &Repository) -> Result<Response, ProviderError> {
        let name = || plugin.name.clone();
        if plugin.wants_pod_token {
            return Err(ProviderError::PodToken(name()));
        }
        // The semaphore is never closed; without a permit there would only be more programs at once.
        let _permit = self.permits.acquire().await.ok();
        let mut command = Command::new(self.directory.join(&plugin.name));
        command.args(&plugin.args).envs(plugin.env.iter().map(|(name, value)| (name, value.expose_secret())));
        let request = serde_json::json!({
            "apiVersion": plugin.api_version,
            "kind": "CredentialProviderRequest",
            "image": repository.to_string(),
        });
        let answered = process::run(command, request.to_string().as_bytes(), self.time_limit).await;
        let answered = answered.map_err(|error| match error {
            ProcessError::Start(why) => ProviderError::Start { name: name(), why: why.to_string() },
            ProcessError::Time => ProviderError::Time(name()),
            ProcessError::Broken(why) => ProviderError::Failed { name: name(), status: why.to_string() },
        })?;
        if !answered.status.success() {
            return Err(ProviderError::Failed { name: name(), status: answered.status.to_string() });
        }
        Response::parse(&answered.output, plugin.api_version).ok_or_else(|| ProviderError::Answer(name()))
    }
}

#[cfg(test)]
mod tests;
