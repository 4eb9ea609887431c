//! Which credentials apply to which repository, and where they come from.

use std::fmt;

use secrecy::SecretString;

use crate::vocabulary::AccessSource;

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
