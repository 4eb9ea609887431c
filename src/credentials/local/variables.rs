//! Credentials in environment variables.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret as _, SecretString};

use super::{CredentialsError, candidate};
use crate::credentials::matching::DOCKER_HUB;
use crate::credentials::{Candidate, Credential};
use crate::vocabulary::AccessSource;

/// The variables that may hold credentials, by name.
#[derive(Default)]
pub(super) struct Variables(BTreeMap<String, SecretString>);

impl Variables {
    /// Takes what is ours of `env`.
    pub(super) fn of(env: &BTreeMap<String, String>) -> Self {
        let is_ours = |name: &str| {
            name.starts_with("REGISTRY_")
                || matches!(name, "DOCKER_USERNAME" | "DOCKER_PASSWORD" | "GITHUB_TOKEN" | "GITHUB_ACTOR")
        };
        let ours = env.iter().filter(|(name, value)| is_ours(name) && !value.is_empty());
        Self(ours.map(|(name, value)| (name.clone(), value.as_str().into())).collect())
    }

    /// See [`LocalSources::check_hosts`](super::LocalSources::check_hosts).
    pub(super) fn check_hosts<'a>(&self, hosts: impl IntoIterator<Item = &'a str>) -> Result<(), CredentialsError> {
        let mut known: BTreeMap<String, &str> = BTreeMap::new();
        for second in hosts {
            let stem = stem(second);
            if let Some(first) = known.insert(stem.clone(), second)
                && first != second
                && self.is_set_for(second)
            {
                let (first, second) = (first.to_owned(), second.to_owned());
                return Err(CredentialsError::Ambiguous { variable: format!("{stem}_"), first, second });
            }
        }
        Ok(())
    }

    /// Whether a variable's name stands for `host`.
    pub(super) fn is_set_for(&self, host: &str) -> bool {
        let stem = stem(host);
        ["USERNAME", "PASSWORD", "TOKEN"].iter().any(|end| self.0.contains_key(&format!("{stem}_{end}")))
    }

    /// What the variables have for `registry`.
    pub(super) fn candidates(&self, registry: &str) -> Vec<Candidate> {
        let stem = stem(registry);
        let mut found = Vec::new();
        let mut add = |credential: Option<Credential>, name: String| {
            found.extend(credential.map(|credential| candidate(credential, AccessSource::Environment, name)));
        };
        let (username, password) = (format!("{stem}_USERNAME"), format!("{stem}_PASSWORD"));
        add(self.login(&username, &password), password);
        let token = format!("{stem}_TOKEN");
        add(self.0.get(&token).cloned().map(Credential::BearerToken), token);
        match registry {
            DOCKER_HUB => add(self.login("DOCKER_USERNAME", "DOCKER_PASSWORD"), "DOCKER_PASSWORD".to_owned()),
            // GitHub's registry takes any user name beside a token.
            "ghcr.io" => add(
                self.login("GITHUB_ACTOR", "GITHUB_TOKEN").or_else(|| {
                    let password = self.0.get("GITHUB_TOKEN").cloned()?;
                    Some(Credential::Password { username: "x-access-token".to_owned(), password })
                }),
                "GITHUB_TOKEN".to_owned(),
            ),
            _ => {}
        }
        found
    }

    fn login(&self, username: &str, password: &str) -> Option<Credential> {
        let username = self.0.get(username)?.expose_secret().to_owned();
        Some(Credential::Password { username, password: self.0.get(password)?.clone() })
    }
}

/// What the variables for `host` begin with: `REGISTRY_R_EXAMPLE_COM_5000`.
fn stem(host: &str) -> String {
    let name = host.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' });
    format!("REGISTRY_{}", name.collect::<String>())
}
