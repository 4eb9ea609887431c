//! What a plugin answers: a `CredentialProviderResponse`, read from its output and never shown.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::config::duration;
use crate::credentials::Credential;
use crate::image::Repository;

/// For which images an answer is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum CacheKeyType {
    /// for the repository that was asked for
    Image,
    /// for all repositories of its registry
    Registry,
    /// for every image that the plugin is asked for
    Global,
}

/// What an answer is kept under.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum CacheKey {
    Image(Repository),
    Registry(String),
    Global,
}

impl CacheKeyType {
    pub(super) fn key(self, repository: &Repository) -> CacheKey {
        match self {
            Self::Image => CacheKey::Image(repository.clone()),
            Self::Registry => CacheKey::Registry(repository.registry().to_owned()),
            Self::Global => CacheKey::Global,
        }
    }
}

/// An answer, checked.
#[derive(Debug)]
pub(super) struct Response {
    /// for which images it is good
    pub(super) good_for: CacheKeyType,
    /// how long; `None` when it does not say
    pub(super) life: Option<Duration>,
    /// credentials by the pattern of the images that they are for
    pub(super) logins: Vec<(String, Credential)>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireResponse {
    api_version: String,
    kind: String,
    cache_key_type: CacheKeyType,
    cache_duration: Option<String>,
    auth: Option<BTreeMap<String, WireLogin>>,
}

#[derive(Deserialize)]
struct WireLogin {
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: String,
}

impl Response {
    /// Reads what a plugin wrote that was asked by `api_version`; `None` for what is no answer to that.
    pub(super) fn parse(output: &[u8], api_version: &str) -> Option<Self> {
        let wire: WireResponse = serde_json::from_slice(output).ok()?;
        if wire.kind != "CredentialProviderResponse" || wire.api_version != api_version {
            return None;
        }
        let life = match wire.cache_duration {
            Some(text) => Some(duration(&text)?),
            None => None,
        };
        let credential =
            |login: WireLogin| Credential::Password { username: login.username, password: login.password.into() };
        let logins = wire.auth.unwrap_or_default().into_iter().map(|(key, login)| (key, credential(login))).collect();
        Some(Self { good_for: wire.cache_key_type, life, logins })
    }
}
