//! Docker configurations, in docker's and podman's files or in a variable, and the helpers that they name.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::{CredentialsError, Place, candidate, set};
use crate::credentials::matching::{DOCKER_HUB, most_specific};
use crate::credentials::{Candidate, Credential, DockerConfig, Helper, HelperError};
use crate::image::{Failure, Repository};
use crate::once_map::OnceMap;
use crate::vocabulary::{AccessSource, ErrorClass, ErrorStage};

/// The server that docker's helpers know Docker Hub by.
const DOCKER_HUB_SERVER: &str = "https://index.docker.io/v1/";

/// A docker configuration, from a file or a variable.
pub(super) struct Logins {
    source: AccessSource,
    name: String,
    config: DockerConfig,
}

/// The credential helpers of a run.
#[derive(Default)]
pub(super) struct Helpers {
    /// the `PATH` in which they are looked for
    search_path: Option<String>,
    /// by helper and server; failures too, so that a helper that hangs does so once
    asked: OnceMap<(Helper, String), Result<Option<Credential>, HelperError>>,
}

impl Logins {
    pub(super) fn parse(source: AccessSource, name: String, text: &SecretString) -> Result<Self, CredentialsError> {
        let config =
            DockerConfig::parse(text).map_err(|source| CredentialsError::Invalid { place: name.clone(), source })?;
        for why in &config.skipped {
            tracing::warn!(file = name, "{why}");
        }
        Ok(Self { source, name, config })
    }

    /// Reads a file that must be there.
    pub(super) fn read(source: AccessSource, path: &Path, place: &Place) -> Result<Self, CredentialsError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| CredentialsError::File { path: path.to_owned(), source })?;
        Self::parse(source, place.name(path), &text.into())
    }

    /// Reads the first of `paths` that is there.
    pub(super) fn read_first(
        source: AccessSource,
        paths: &[PathBuf],
        place: &Place,
    ) -> Result<Option<Self>, CredentialsError> {
        for path in paths {
            match Self::read(source, path, place) {
                Err(CredentialsError::File { source, .. })
                    if matches!(source.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
                read => return read.map(Some),
            }
        }
        Ok(None)
    }

    /// What it has for `repository`: its helper's word first, as with docker.
    pub(super) async fn candidates(
        &self,
        repository: &Repository,
        helpers: &Helpers,
    ) -> (Vec<Candidate>, Option<Failure>) {
        let (mut found, failure) = match helpers.ask(&self.config, repository).await {
            Ok(helped) => (Vec::from_iter(helped), None),
            Err(error) => (Vec::new(), Some(failure(&error))),
        };
        let entries = self.config.entries.iter();
        let usable = entries.filter_map(|entry| Some((entry.key.as_str(), entry.docker_credential()?)));
        let matching = most_specific(usable, repository);
        found.extend(matching.map(|credential| candidate(credential, self.source, self.name.clone())));
        (found, failure)
    }
}

impl Helpers {
    pub(super) fn in_path(search_path: Option<String>) -> Self {
        Self { search_path, asked: OnceMap::default() }
    }

    /// Asks the helper that `config` names for `repository`, once a run for each registry.
    async fn ask(&self, config: &DockerConfig, repository: &Repository) -> Result<Option<Candidate>, HelperError> {
        let scoped = config.helpers.iter().map(|(key, name)| (key.as_str(), name));
        let Some(name) = most_specific(scoped, repository).or(config.store.as_ref()) else { return Ok(None) };
        let helper = Helper::new(name)?;
        let server = match repository.registry() {
            DOCKER_HUB => DOCKER_HUB_SERVER,
            host => host,
        };
        let key = (helper.clone(), server.to_owned());
        let asked = async { Ok::<_, Infallible>(helper.get(server, self.search_path.as_deref()).await) };
        let Ok(answer) = self.asked.get_or_try(key, asked).await;
        Ok(answer?.map(|credential| candidate(credential, AccessSource::Helper, helper.program())))
    }
}

fn failure(error: &HelperError) -> Failure {
    let class = match error {
        HelperError::Time { .. } => ErrorClass::Timeout,
        HelperError::Name(_) => ErrorClass::Refused,
        HelperError::Start { .. } | HelperError::Failed { .. } => ErrorClass::Unsupported,
        HelperError::Answer { .. } => ErrorClass::InvalidContent,
    };
    Failure::unsent(ErrorStage::Credentials, class, error.to_string())
}

/// Where podman keeps logins (containers-auth.json(5)).
pub(super) fn podman_files(env: &BTreeMap<String, String>) -> Vec<PathBuf> {
    let runtime = set(env, "XDG_RUNTIME_DIR").map(PathBuf::from);
    let config = set(env, "XDG_CONFIG_HOME").map(PathBuf::from);
    let config = config.or_else(|| set(env, "HOME").map(|home| Path::new(home).join(".config")));
    [runtime, config].into_iter().flatten().map(|directory| directory.join("containers/auth.json")).collect()
}

/// Where docker keeps logins.
pub(super) fn docker_files(env: &BTreeMap<String, String>) -> Vec<PathBuf> {
    let named = set(env, "DOCKER_CONFIG").map(PathBuf::from);
    let directory = named.or_else(|| set(env, "HOME").map(|home| Path::new(home).join(".docker")));
    directory.into_iter().map(|directory| directory.join("config.json")).collect()
}
