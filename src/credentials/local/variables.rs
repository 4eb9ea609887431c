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
        for second in hosts.into_iter().filter(|host| self.is_set_for(host)) {
            let variable = format!("{}_", stem(second).collect::<String>());
            if let Some(first) = known.insert(variable.clone(), second)
                && first != second
            {
                let (first, second) = (first.to_owned(), second.to_owned());
                return Err(CredentialsError::Ambiguous { variable, first, second });
            }
        }
        Ok(())
    }

    /// Whether a variable's name stands for `host`.
    pub(super) fn is_set_for(&self, host: &str) -> bool {
        ["_USERNAME", "_PASSWORD", "_TOKEN"].iter().any(|end| self.of_host(host, end).is_some())
    }

    /// The variable for `host` with this end, and its name.
    fn of_host(&self, host: &str, end: &str) -> Option<(&str, &SecretString)> {
        // There are few, if any, and images by the thousand: names are compared rather than made.
        let is_it = |name: &str| name.strip_suffix(end).is_some_and(|name| stem(host).eq(name.chars()));
        self.0.iter().map(|(name, value)| (name.as_str(), value)).find(|(name, _)| is_it(name))
    }

    /// What the variables have for `registry`.
    pub(super) fn candidates(&self, registry: &str) -> Vec<Candidate> {
        let mut found = Vec::new();
        let mut add = |credential: Option<Credential>, name: &str| {
            found.extend(credential.map(|it| candidate(it, AccessSource::Environment, name.to_owned())));
        };
        if let Some((_, username)) = self.of_host(registry, "_USERNAME")
            && let Some((name, password)) = self.of_host(registry, "_PASSWORD")
        {
            add(Some(login(username, password)), name);
        }
        if let Some((name, token)) = self.of_host(registry, "_TOKEN") {
            add(Some(Credential::BearerToken(token.clone())), name);
        }
        match registry {
            DOCKER_HUB => add(self.login("DOCKER_USERNAME", "DOCKER_PASSWORD"), "DOCKER_PASSWORD"),
            // GitHub's registry takes any user name beside a token.
            "ghcr.io" => add(
                self.login("GITHUB_ACTOR", "GITHUB_TOKEN").or_else(|| {
                    let password = self.0.get("GITHUB_TOKEN").cloned()?;
                    Some(Credential::Password { username: "x-access-token".to_owned(), password })
                }),
                "GITHUB_TOKEN",
            ),
            _ => {}
        }
        found
    }

    fn login(&self, username: &str, password: &str) -> Option<Credential> {
        Some(login(self.0.get(username)?, self.0.get(password)?))
    }
}

fn login(username: &SecretString, password: &SecretString) -> Credential {
    Credential::Password { username: username.expose_secret().to_owned(), password: password.clone() }
}

/// What the variables for `host` begin with: `REGISTRY_R_EXAMPLE_COM_5000`.
fn stem(host: &str) -> impl Iterator<Item = char> {
    let name = host.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' });
    "REGISTRY_".chars().chain(name)
}
