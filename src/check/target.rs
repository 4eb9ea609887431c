//! What is checked: a registry, or a repository in it.

use crate::image::{Reference, Repository};

/// What stands in the place of a repository where only a host is checked: credentials for a whole host apply to it. No
/// request names it.
const ANY: &str = "imagefacts/check";

/// A registry, or a repository in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    reference: Reference,
    scope: Scope,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    Registry,
    Repository,
    /// a tag or a digest of it
    Explicit,
}

/// A text that names no registry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} names no registry; expected HOST or HOST/REPOSITORY, such as ghcr.io or docker.io/library/nginx")]
pub struct InvalidTarget {
    text: String,
}

impl std::str::FromStr for Target {
    type Err = InvalidTarget;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidTarget { text: text.to_owned() };
        let Some((_, path)) = text.split_once('/') else {
            let reference = Reference::parse(&format!("{text}/{ANY}")).map_err(|_| invalid())?;
            // A word that is no host becomes a part of a repository at Docker Hub.
            let is_host = reference.repository().path() == ANY;
            return is_host.then_some(Self { reference, scope: Scope::Registry }).ok_or_else(invalid);
        };
        let reference = Reference::parse(text).map_err(|_| invalid())?;
        let scope = if path.contains([':', '@']) { Scope::Explicit } else { Scope::Repository };
        Ok(Self { reference, scope })
    }
}

impl Target {
    /// The registry, as references name it.
    pub fn host(&self) -> &str {
        self.reference.registry()
    }

    /// The repository; where only a host is checked, one that stands for all of them.
    pub fn repository(&self) -> &Repository {
        self.reference.repository()
    }

    /// The tag or digest that is asked for.
    pub fn item(&self) -> &str {
        self.reference.target()
    }

    /// Whether a repository is checked, and not the registry alone.
    pub fn is_repository(&self) -> bool {
        self.scope != Scope::Registry
    }

    /// Whether a tag or a digest was named, which must be there then.
    pub fn is_explicit(&self) -> bool {
        self.scope == Scope::Explicit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_registry_or_a_repository() {
        for (text, host, repository, explicit) in [
            ("ghcr.io", "ghcr.io", None, false),
            ("docker.io", "docker.io", None, false),
            ("index.docker.io", "docker.io", None, false),
            ("localhost", "localhost", None, false),
            ("localhost:5000", "localhost:5000", None, false),
            ("[::1]:5000", "[::1]:5000", None, false),
            ("ghcr.io/acme/web", "ghcr.io", Some("acme/web"), false),
            ("ghcr.io/acme/web:v1", "ghcr.io", Some("acme/web"), true),
            ("localhost:5000/web", "localhost:5000", Some("web"), false),
            ("docker.io/nginx", "docker.io", Some("library/nginx"), false),
            ("acme/web", "docker.io", Some("acme/web"), false),
        ] {
            let target: Target = text.parse().unwrap();
            let path = target.is_repository().then(|| target.repository().path());
            assert_eq!((target.host(), path, target.is_explicit()), (host, repository, explicit), "{text}");
        }
    }

    #[test]
    fn a_word_is_no_registry() {
        for text in ["", "nginx", "https://ghcr.io", "ghcr.io/", "ghcr.io/UPPER", "a b", "ghcr.io/x?y"] {
            assert!(text.parse::<Target>().is_err(), "{text:?}");
        }
    }
}
