//! What the configuration file says of single registries: `[registries."HOST"]`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};
use toml::Spanned;
use toml::de::DeValue;

use super::config::{ConfigError, Source};
use crate::credentials::Credential;
use crate::registry::{Address, ClientFiles};

/// Everything about one registry.
#[derive(Debug, Clone, Default)]
pub struct RegistryTable {
    /// from `username` and `password`, `token`, or `identity-token`
    pub credential: Option<Credential>,
    /// authorities to trust too
    pub ca_file: Option<PathBuf>,
    /// a certificate to show, and its key
    pub client: Option<ClientFiles>,
    /// whether plain http and an unverified certificate are allowed
    pub insecure: bool,
    /// endpoints that are asked first, in order
    pub mirrors: Vec<Address>,
    /// requests in flight
    pub per_registry: Option<usize>,
}

/// The keys of a table, collected before they are put together.
#[derive(Default)]
struct Keys {
    secrets: BTreeMap<&'static str, SecretString>,
    client_cert: Option<PathBuf>,
    client_key: Option<PathBuf>,
}

/// Values that may also be named by file (`…-file`) or by environment variable (`…-env`).
const SECRETS: [&str; 4] = ["username", "password", "token", "identity-token"];

impl RegistryTable {
    /// Reads `[registries]`.
    pub(super) fn read_all(
        source: &Source<'_>,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<BTreeMap<String, Self>, ConfigError> {
        let hosts = value.get_ref().as_table().ok_or_else(|| {
            source.error(Some(value.span()), "registries: expected tables such as [registries.\"ghcr.io\"]")
        })?;
        hosts
            .iter()
            .map(|(host, table)| Ok((host.get_ref().to_string(), Self::read(source, host.get_ref(), table)?)))
            .collect()
    }

    fn read(source: &Source<'_>, host: &str, value: &Spanned<DeValue<'_>>) -> Result<Self, ConfigError> {
        let wrong = |why: String| source.error(Some(value.span()), format!("registries.{host:?}: {why}"));
        Address::registry(host).map_err(|_| wrong("expected HOST or HOST:PORT, such as ghcr.io".to_owned()))?;
        let keys = value.get_ref().as_table().ok_or_else(|| wrong("expected a table".to_owned()))?;
        let (mut table, mut found) = (Self::default(), Keys::default());
        for (key, value) in keys {
            let place = format!("registries.{host:?}.{}", key.get_ref());
            table.read_key(&mut found, source, &place, key.get_ref(), value)?;
        }
        table.credential = found.credential().map_err(wrong)?;
        table.client = match (found.client_cert, found.client_key) {
            (Some(certificate), Some(key)) => Some(ClientFiles { certificate, key }),
            (None, None) => None,
            _ => return Err(wrong("client-cert and client-key go together".to_owned())),
        };
        Ok(table)
    }

    fn read_key(
        &mut self,
        found: &mut Keys,
        source: &Source<'_>,
        place: &str,
        key: &str,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<(), ConfigError> {
        let wrong = |why: &str| source.error(Some(value.span()), format!("{place}: {why}"));
        let text = || value.get_ref().as_str().ok_or_else(|| wrong("expected a string"));
        match key {
            "ca-file" => self.ca_file = Some(text()?.into()),
            "client-cert" => found.client_cert = Some(text()?.into()),
            "client-key" => found.client_key = Some(text()?.into()),
            "insecure" => self.insecure = value.get_ref().as_bool().ok_or_else(|| wrong("expected true or false"))?,
            "mirrors" => {
                let items = value.get_ref().as_array().ok_or_else(|| wrong("expected a list of endpoints"))?;
                let address = |item: &Spanned<DeValue<'_>>| {
                    let text = item.get_ref().as_str().ok_or_else(|| wrong("expected a list of strings"))?;
                    Address::parse(text).map_err(|error| source.error(Some(item.span()), format!("{place}: {error}")))
                };
                self.mirrors = items.iter().map(address).collect::<Result<_, _>>()?;
            }
            "per-registry" => {
                let number = value.get_ref().as_integer().and_then(|n| n.as_str().parse().ok()).filter(|n| *n > 0);
                self.per_registry = Some(number.ok_or_else(|| wrong("expected a whole number from 1 on"))?);
            }
            _ => {
                let Some((name, secret)) = read_secret(source, place, key, value)? else {
                    let known = "username, password, token, identity-token (each also …-file, …-env), ca-file, \
                                 client-cert, client-key, insecure, mirrors, per-registry";
                    return Err(wrong(&format!("unknown key; known are {known}")));
                };
                if found.secrets.insert(name, secret).is_some() {
                    return Err(wrong(&format!("{name} is given twice")));
                }
            }
        }
        Ok(())
    }
}

/// Reads `password`, `password-file` or `password-env`, and so on; `None` when the key is no such name.
fn read_secret(
    source: &Source<'_>,
    place: &str,
    key: &str,
    value: &Spanned<DeValue<'_>>,
) -> Result<Option<(&'static str, SecretString)>, ConfigError> {
    let wrong = |why: String| source.error(Some(value.span()), format!("{place}: {why}"));
    for name in SECRETS {
        let Some(form) = key.strip_prefix(name) else { continue };
        let text = value.get_ref().as_str().ok_or_else(|| wrong("expected a string".to_owned()))?;
        let secret = match form {
            "" => text.to_owned(),
            "-file" => {
                let content = std::fs::read_to_string(text).map_err(|error| wrong(format!("{text}: {error}")))?;
                content.trim_end_matches(['\r', '\n']).to_owned()
            }
            "-env" => {
                let value = source.environment.get(text);
                value.cloned().ok_or_else(|| wrong(format!("the environment has no variable {text}")))?
            }
            _ => continue,
        };
        return Ok(Some((name, SecretString::from(secret))));
    }
    Ok(None)
}

impl Keys {
    fn credential(&mut self) -> Result<Option<Credential>, String> {
        let mut take = |name| self.secrets.remove(name);
        match (take("username"), take("password"), take("token"), take("identity-token")) {
            (None, None, None, None) => Ok(None),
            (Some(username), Some(password), None, None) => {
                Ok(Some(Credential::Password { username: username.expose_secret().to_owned(), password }))
            }
            (None, None, Some(token), None) => Ok(Some(Credential::BearerToken(token))),
            (_, None, None, Some(token)) => Ok(Some(Credential::IdentityToken(token))),
            _ => Err("expected username and password, or token, or identity-token".to_owned()),
        }
    }
}
