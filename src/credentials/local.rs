//! Credentials from where we run: environment variables, our own configuration, podman's and docker's files and their
//! helpers, the kubelet's plugins, and mounted secrets.

mod logins;
mod mounted;
mod variables;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::{Candidate, Credential, CredentialProviders, InvalidDockerConfig, ProviderConfigError};
use crate::image::{Failure, Repository};
use crate::vocabulary::{AccessSource, ErrorClass, ErrorStage};
use logins::{Helpers, Logins, docker_files, podman_files};
use mounted::MountedSecrets;
use variables::Variables;

/// Why local credentials cannot be used. Names their source, never what it holds.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// a file cannot be read
    #[error("credentials file {}: {source}", path.display())]
    File {
        /// the file
        path: PathBuf,
        /// the system's word
        source: io::Error,
    },
    /// a file or variable is no docker configuration
    #[error("{place}: {source}; expected docker's configuration, such as {{\"auths\": {{…}}}}")]
    Invalid {
        /// the file or the variable
        place: String,
        /// what is wrong with it
        source: InvalidDockerConfig,
    },
    /// a directory of mounted secrets has none
    #[error("{} holds no pull secret; expected .dockerconfigjson, .dockercfg or config.json in it, or one level below", .0.display())]
    NoSecret(PathBuf),
    /// the kubelet's plugins
    #[error(transparent)]
    Provider(#[from] ProviderConfigError),
    /// variables of which nobody can say for which host they are
    #[error("{variable}… is set, and names both {first} and {second}; unset it and use --authfile for these hosts")]
    Ambiguous {
        /// what the variables begin with
        variable: String,
        /// a registry
        first: String,
        /// another
        second: String,
    },
}

/// Every local source of a run.
#[derive(Default)]
pub struct LocalSources {
    variables: Variables,
    /// `DOCKER_AUTH_CONFIG`
    inline: Option<Logins>,
    /// of the program's own configuration, by registry
    configured: BTreeMap<String, Credential>,
    authfile: Option<Logins>,
    docker: Option<Logins>,
    /// files in default places that cannot be used
    broken: Vec<Failure>,
    helpers: Helpers,
    providers: Option<CredentialProviders>,
    mounted: Option<MountedSecrets>,
    place: Place,
}

/// Where we run, for the names of files.
#[derive(Default)]
struct Place {
    home: Option<PathBuf>,
}

impl Place {
    /// How a file is named in what we tell. Whose home it lies in is of no interest to whoever reads the facts.
    fn name(&self, path: &Path) -> String {
        match self.home.as_ref().and_then(|home| path.strip_prefix(home).ok()) {
            Some(below) => format!("~/{}", below.display()),
            None => path.display().to_string(),
        }
    }
}

impl LocalSources {
    /// Takes the variables of `env` that hold credentials, and reads the files that it and `authfile` lead to.
    ///
    /// A file that was named must be there and be a docker configuration. One in its default place may be absent;
    /// when it cannot be used, every image is told so, and the other sources go on.
    pub fn load(env: &BTreeMap<String, String>, authfile: Option<&Path>) -> Result<Self, CredentialsError> {
        let place = Place { home: set(env, "HOME").map(PathBuf::from) };
        let inline = set(env, "DOCKER_AUTH_CONFIG")
            .map(|text| Logins::parse(AccessSource::Environment, "DOCKER_AUTH_CONFIG".to_owned(), &text.into()));
        let mut broken = Vec::new();
        let mut usable = |found: Result<Option<Logins>, CredentialsError>| {
            found.unwrap_or_else(|error| {
                broken.push(Failure::unsent(ErrorStage::Credentials, ErrorClass::InvalidContent, error.to_string()));
                None
            })
        };
        let named = authfile.map(Path::to_owned).or_else(|| set(env, "REGISTRY_AUTH_FILE").map(PathBuf::from));
        let authfile = match named {
            Some(path) => Some(Logins::read(AccessSource::Authfile, &path, &place)?),
            None => usable(Logins::read_first(AccessSource::Authfile, &podman_files(env), &place)),
        };
        let docker = usable(Logins::read_first(AccessSource::DockerConfig, &docker_files(env), &place));
        Ok(Self {
            variables: Variables::of(env),
            inline: inline.transpose()?,
            authfile,
            docker,
            broken,
            helpers: Helpers::in_path(env.get("PATH").cloned()),
            place,
            ..Self::default()
        })
    }

    /// Adds the credentials of the program's own configuration, by registry.
    pub fn with_config(self, configured: BTreeMap<String, Credential>) -> Self {
        Self { configured, ..self }
    }

    /// Adds the kubelet's plugins.
    pub fn with_providers(self, providers: CredentialProviders) -> Self {
        Self { providers: Some(providers), ..self }
    }

    /// Adds the pull secrets that are mounted in `directories`.
    ///
    /// # Errors
    /// When a directory or a secret in it cannot be read, and when there is no secret.
    pub fn with_mounted(self, directories: &[PathBuf]) -> Result<Self, CredentialsError> {
        Ok(Self { mounted: Some(MountedSecrets::read(directories, &self.place)?), ..self })
    }

    /// Whether every `REGISTRY_<HOST>_…` variable can be said to be for one of `hosts`, not for two.
    ///
    /// `a.b` and `a-b` both read as `A_B`; to guess would show one host's password to the other.
    pub fn check_hosts<'a>(&self, hosts: impl IntoIterator<Item = &'a str>) -> Result<(), CredentialsError> {
        self.variables.check_hosts(hosts)
    }

    /// Whether a variable is set whose name stands for `host`, and maybe for others.
    pub(super) fn has_variable_for(&self, host: &str) -> bool {
        self.variables.is_set_for(host)
    }

    /// What local sources have for `repository`, in the order in which it is to be tried.
    pub(super) async fn candidates(&self, repository: &Repository) -> (Vec<Candidate>, Vec<Failure>) {
        let registry = repository.registry();
        let (mut found, mut failures) = (self.variables.candidates(registry), self.broken.clone());
        let mut add = |(candidates, failure): (Vec<Candidate>, Option<Failure>)| {
            found.extend(candidates);
            failures.extend(failure);
        };
        if let Some(inline) = &self.inline {
            add(inline.candidates(repository, &self.helpers).await);
        }
        if let Some(credential) = self.configured.get(registry) {
            add((vec![candidate(credential.clone(), AccessSource::Config, registry.to_owned())], None));
        }
        for logins in self.authfile.iter().chain(&self.docker) {
            add(logins.candidates(repository, &self.helpers).await);
        }
        if let Some(providers) = &self.providers {
            let (candidates, more) = providers.candidates(repository).await;
            found.extend(candidates);
            failures.extend(more);
        }
        found.extend(self.mounted.iter().flat_map(|mounted| mounted.candidates(repository)));
        (found, failures)
    }
}

fn candidate(credential: Credential, source: AccessSource, name: String) -> Candidate {
    Candidate { credential, source, name: Some(name), namespace: None, kubelet: false }
}

fn set<'a>(env: &'a BTreeMap<String, String>, name: &str) -> Option<&'a str> {
    env.get(name).map(String::as_str).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests;
