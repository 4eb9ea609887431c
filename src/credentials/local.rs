//! Credentials from where we run: environment variables, podman's and docker's files, and their helpers.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};

use super::matching::{DOCKER_HUB, most_specific};
use super::{Candidate, Credential, DockerConfig, Helper, HelperError, InvalidDockerConfig};
use crate::image::{Failure, Repository};
use crate::once_map::OnceMap;
use crate::vocabulary::{AccessSource, ErrorClass, ErrorStage};

/// The server that docker's helpers know Docker Hub by.
const DOCKER_HUB_SERVER: &str = "https://index.docker.io/v1/";

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
    /// by name; those that may hold credentials
    variables: BTreeMap<String, SecretString>,
    /// of the program's own configuration, by registry
    configured: BTreeMap<String, Credential>,
    files: Vec<ConfigFile>,
    search_path: Option<String>,
    /// by helper and server; failures too, so that a helper that hangs does so once
    helped: OnceMap<(Helper, String), Result<Option<Credential>, HelperError>>,
}

/// A docker configuration, from a file or a variable.
struct ConfigFile {
    source: AccessSource,
    name: String,
    config: DockerConfig,
}

impl LocalSources {
    /// Takes the variables of `env` that hold credentials, and reads the files that it and `authfile` lead to.
    ///
    /// A file that was named must be there; one in its default place may be absent. A file that is there and cannot
    /// be read as a docker configuration is an error.
    pub fn load(env: &BTreeMap<String, String>, authfile: Option<&Path>) -> Result<Self, CredentialsError> {
        let is_ours = |name: &str| {
            name.starts_with("REGISTRY_")
                || matches!(name, "DOCKER_USERNAME" | "DOCKER_PASSWORD" | "GITHUB_TOKEN" | "GITHUB_ACTOR")
        };
        let variables = env.iter().filter(|(name, value)| is_ours(name) && !value.is_empty());
        let mut local = Self {
            variables: variables.map(|(name, value)| (name.clone(), value.as_str().into())).collect(),
            search_path: env.get("PATH").cloned(),
            ..Self::default()
        };
        if let Some(text) = set(env, "DOCKER_AUTH_CONFIG") {
            local.add(AccessSource::Environment, "DOCKER_AUTH_CONFIG".to_owned(), &text.into())?;
        }
        let named = authfile.map(Path::to_owned).or_else(|| set(env, "REGISTRY_AUTH_FILE").map(PathBuf::from));
        match named {
            Some(path) => local.read(AccessSource::Authfile, env, &path)?,
            None => local.read_first(AccessSource::Authfile, env, &podman_files(env))?,
        }
        local.read_first(AccessSource::DockerConfig, env, &docker_files(env))?;
        Ok(local)
    }

    /// Adds the credentials of the program's own configuration, by registry.
    pub fn with_config(self, configured: BTreeMap<String, Credential>) -> Self {
        Self { configured, ..self }
    }

    /// Whether every `REGISTRY_<HOST>_…` variable can be said to be for one of `hosts`, not for two.
    ///
    /// `a.b` and `a-b` both read as `A_B`; to guess would show one host's password to the other.
    pub fn check_hosts<'a>(&self, hosts: impl IntoIterator<Item = &'a str>) -> Result<(), CredentialsError> {
        let mut known: BTreeMap<String, &str> = BTreeMap::new();
        for second in hosts {
            let stem = variable_stem(second);
            let is_set = ["USERNAME", "PASSWORD", "TOKEN"].iter().any(|end| self.has(&format!("{stem}_{end}")));
            if let Some(first) = known.insert(stem.clone(), second)
                && first != second
                && is_set
            {
                let (first, second) = (first.to_owned(), second.to_owned());
                return Err(CredentialsError::Ambiguous { variable: format!("{stem}_"), first, second });
            }
        }
        Ok(())
    }

    /// What local sources have for `repository`, in the order in which it is to be tried.
    pub(super) async fn candidates(&self, repository: &Repository) -> (Vec<Candidate>, Vec<Failure>) {
        let (mut found, mut failures) = (self.in_variables(repository.registry()), Vec::new());
        for file in self.files.iter().filter(|file| file.source == AccessSource::Environment) {
            self.in_file(file, repository, &mut found, &mut failures).await;
        }
        found.extend(
            self.configured
                .get(repository.registry())
                .map(|credential| local(credential.clone(), AccessSource::Config, repository.registry().to_owned())),
        );
        for file in self.files.iter().filter(|file| file.source != AccessSource::Environment) {
            self.in_file(file, repository, &mut found, &mut failures).await;
        }
        (found, failures)
    }

    async fn in_file(
        &self,
        file: &ConfigFile,
        repository: &Repository,
        found: &mut Vec<Candidate>,
        failures: &mut Vec<Failure>,
    ) {
        match self.ask_helper(&file.config, repository).await {
            Ok(helped) => found.extend(helped),
            Err(error) => failures.push(failure(&error)),
        }
        let entries = file.config.entries.iter();
        let usable = entries.filter_map(|entry| Some((entry.key.as_str(), entry.docker_credential()?)));
        let matching = most_specific(usable, repository);
        found.extend(matching.map(|credential| local(credential, file.source, file.name.clone())));
    }

    fn in_variables(&self, registry: &str) -> Vec<Candidate> {
        let stem = variable_stem(registry);
        let mut found = Vec::new();
        let mut add = |credential: Option<Credential>, name: String| {
            found.extend(credential.map(|credential| local(credential, AccessSource::Environment, name)));
        };
        let (username, password) = (format!("{stem}_USERNAME"), format!("{stem}_PASSWORD"));
        add(self.login(&username, &password), password);
        let token = format!("{stem}_TOKEN");
        add(self.variables.get(&token).cloned().map(Credential::BearerToken), token);
        match registry {
            DOCKER_HUB => add(self.login("DOCKER_USERNAME", "DOCKER_PASSWORD"), "DOCKER_PASSWORD".to_owned()),
            // GitHub's registry takes any user name beside a token.
            "ghcr.io" => add(
                self.login("GITHUB_ACTOR", "GITHUB_TOKEN").or_else(|| {
                    let password = self.variables.get("GITHUB_TOKEN").cloned()?;
                    Some(Credential::Password { username: "x-access-token".to_owned(), password })
                }),
                "GITHUB_TOKEN".to_owned(),
            ),
            _ => {}
        }
        found
    }

    fn login(&self, username: &str, password: &str) -> Option<Credential> {
        let username = self.variables.get(username)?.expose_secret().to_owned();
        Some(Credential::Password { username, password: self.variables.get(password)?.clone() })
    }

    fn has(&self, name: &str) -> bool {
        self.variables.contains_key(name)
    }

    /// Asks the helper that `config` names for `repository`, once a run for each registry.
    async fn ask_helper(
        &self,
        config: &DockerConfig,
        repository: &Repository,
    ) -> Result<Option<Candidate>, HelperError> {
        let scoped = config.helpers.iter().map(|(key, name)| (key.as_str(), name));
        let Some(name) = most_specific(scoped, repository).or(config.store.as_ref()) else { return Ok(None) };
        let helper = Helper::new(name)?;
        let server = match repository.registry() {
            DOCKER_HUB => DOCKER_HUB_SERVER,
            host => host,
        };
        let key = (helper.clone(), server.to_owned());
        let asked = async { Ok::<_, Infallible>(helper.get(server, self.search_path.as_deref()).await) };
        let Ok(answer) = self.helped.get_or_try(key, asked).await;
        Ok(answer?.map(|credential| local(credential, AccessSource::Helper, helper.program())))
    }

    fn read_first(
        &mut self,
        source: AccessSource,
        env: &BTreeMap<String, String>,
        paths: &[PathBuf],
    ) -> Result<(), CredentialsError> {
        for path in paths {
            match self.read(source, env, path) {
                Err(CredentialsError::File { source, .. })
                    if matches!(source.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
                done => return done,
            }
        }
        Ok(())
    }

    fn read(
        &mut self,
        source: AccessSource,
        env: &BTreeMap<String, String>,
        path: &Path,
    ) -> Result<(), CredentialsError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| CredentialsError::File { path: path.to_owned(), source })?;
        // Whose home it is, is of no interest to whoever reads the facts.
        let name = match set(env, "HOME").and_then(|home| path.strip_prefix(home).ok()) {
            Some(below) => format!("~/{}", below.display()),
            None => path.display().to_string(),
        };
        self.add(source, name, &text.into())
    }

    fn add(&mut self, source: AccessSource, name: String, text: &SecretString) -> Result<(), CredentialsError> {
        let config =
            DockerConfig::parse(text).map_err(|source| CredentialsError::Invalid { place: name.clone(), source })?;
        for why in &config.skipped {
            tracing::warn!(file = name, "{why}");
        }
        self.files.push(ConfigFile { source, name, config });
        Ok(())
    }
}

fn local(credential: Credential, source: AccessSource, name: String) -> Candidate {
    Candidate { credential, source, name: Some(name), namespace: None, kubelet: false }
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

/// What the variables for `host` begin with: `REGISTRY_R_EXAMPLE_COM_5000`.
fn variable_stem(host: &str) -> String {
    let name = host.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' });
    format!("REGISTRY_{}", name.collect::<String>())
}

fn set<'a>(env: &'a BTreeMap<String, String>, name: &str) -> Option<&'a str> {
    env.get(name).map(String::as_str).filter(|value| !value.is_empty())
}

/// Where podman keeps logins (containers-auth.json(5)).
fn podman_files(env: &BTreeMap<String, String>) -> Vec<PathBuf> {
    let runtime = set(env, "XDG_RUNTIME_DIR").map(PathBuf::from);
    let config = set(env, "XDG_CONFIG_HOME").map(PathBuf::from);
    let config = config.or_else(|| set(env, "HOME").map(|home| Path::new(home).join(".config")));
    [runtime, config].into_iter().flatten().map(|directory| directory.join("containers/auth.json")).collect()
}

/// Where docker keeps logins.
fn docker_files(env: &BTreeMap<String, String>) -> Vec<PathBuf> {
    let named = set(env, "DOCKER_CONFIG").map(PathBuf::from);
    let directory = named.or_else(|| set(env, "HOME").map(|home| Path::new(home).join(".docker")));
    directory.into_iter().map(|directory| directory.join("config.json")).collect()
}

#[cfg(test)]
mod tests;
