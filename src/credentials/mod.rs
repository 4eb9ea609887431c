//! Which credentials apply to which repository, and where they come from.

mod docker_config;
mod helper;
mod keychain;
mod local;
mod matching;
mod process;
mod provider;
mod pull_secrets;
#[cfg(unix)]
#[cfg(test)]
mod script;

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};

use crate::vocabulary::AccessSource;

pub use docker_config::{DockerConfig, DockerEntry, InvalidDockerConfig};
pub use helper::{Helper, HelperError};
pub use keychain::{Candidates, Keychain};
pub use local::{CredentialsError, LocalSources};
pub use matching::{Keyring, LocalKey};
pub use provider::{CredentialProviders, ProviderConfigError};
pub use pull_secrets::{PullSecretError, PullSecretReader};

/// What proves to a registry who asks. Shows nothing of itself.
#[derive(Clone)]
pub enum Credential {
    /// nothing
    Anonymous,
    /// a user name and a password, or a token in its place
    Password {
        /// shown in no output either
        username: String,
        /// the secret
        password: SecretString,
    },
    /// an OAuth2 refresh token, which docker calls an identity token
    IdentityToken(SecretString),
    /// a token that goes to the registry as it is
    BearerToken(SecretString),
}

impl Credential {
    /// Whether `other` would be the same to a registry, so that to try it too would tell nothing.
    pub fn is_same_as(&self, other: &Self) -> bool {
        let same = |a: &SecretString, b: &SecretString| a.expose_secret() == b.expose_secret();
        match (self, other) {
            (Self::Anonymous, Self::Anonymous) => true,
            (Self::Password { username: a, password: x }, Self::Password { username: b, password: y }) => {
                a == b && same(x, y)
            }
            (Self::IdentityToken(a), Self::IdentityToken(b)) | (Self::BearerToken(a), Self::BearerToken(b)) => {
                same(a, b)
            }
            _ => false,
        }
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Anonymous => "Anonymous",
            Self::Password { .. } => "Password(***)",
            Self::IdentityToken(_) => "IdentityToken(***)",
            Self::BearerToken(_) => "BearerToken(***)",
        })
    }
}

/// A credential that applies to a repository, and where it was found.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// the credential itself
    pub credential: Credential,
    /// the source that it comes from
    pub source: AccessSource,
    /// the secret's, the variable's, the file's or the helper's name
    pub name: Option<String>,
    /// of pull secrets: the namespace that it lies in
    pub namespace: Option<String>,
    /// whether the kubelet would use it
    pub kubelet: bool,
}
