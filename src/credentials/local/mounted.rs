//! Pull secrets that are mounted as files, matched as the kubelet matches those that pods name.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use super::{CredentialsError, Place, candidate};
use crate::credentials::{Candidate, Credential, DockerConfig, Keyring};
use crate::image::Repository;
use crate::vocabulary::AccessSource;

/// The file names that a pull secret has when it is mounted, and that of docker's own file.
const FILES: [&str; 3] = [".dockerconfigjson", ".dockercfg", "config.json"];

/// The entries of all mounted secrets, with the name of the file that each stands in.
pub(super) struct MountedSecrets(Keyring<(String, Credential)>);

impl MountedSecrets {
    /// Reads the secrets in `directories`: in each itself, or in directories of it by the secret's name.
    pub(super) fn read(directories: &[PathBuf], place: &Place) -> Result<Self, CredentialsError> {
        let mut entries = Vec::new();
        for directory in directories {
            let files =
                files(directory).map_err(|source| CredentialsError::File { path: directory.clone(), source })?;
            if files.is_empty() {
                return Err(CredentialsError::NoSecret(directory.clone()));
            }
            for path in files {
                let name = place.name(&path);
                for entry in parse(&path, &name)?.entries {
                    entries.extend(entry.docker_credential().map(|credential| (entry.key, name.clone(), credential)));
                }
            }
        }
        let entries = entries.iter().map(|(key, name, credential)| (key.as_str(), (name.clone(), credential.clone())));
        Ok(Self(Keyring::new(entries)))
    }

    /// Every entry that the kubelet would try for `repository` if a pod named these secrets.
    pub(super) fn candidates(&self, repository: &Repository) -> impl Iterator<Item = Candidate> {
        let found = self.0.lookup(repository).into_iter();
        found.map(|(name, credential)| candidate(credential.clone(), AccessSource::Mounted, name.clone()))
    }
}

fn parse(path: &Path, name: &str) -> Result<DockerConfig, CredentialsError> {
    let text =
        std::fs::read_to_string(path).map_err(|source| CredentialsError::File { path: path.to_owned(), source })?;
    let parse = if path.file_name() == Some(OsStr::new(".dockercfg")) {
        DockerConfig::parse_legacy
    } else {
        DockerConfig::parse
    };
    let config = parse(&text.into()).map_err(|source| CredentialsError::Invalid { place: name.to_owned(), source })?;
    for why in &config.skipped {
        tracing::warn!(file = name, "{why}");
    }
    Ok(config)
}

/// The files of pull secrets in `directory` and one level below, in the order of their names.
fn files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut below = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        // Kubernetes keeps a volume's versions in directories such as `..data`, which its files lead into.
        let is_version = entry.file_name().as_encoded_bytes().starts_with(b"..");
        if !is_version && entry.path().is_dir() {
            below.push(entry.path());
        }
    }
    below.sort_unstable();
    let directories = std::iter::once(directory.to_owned()).chain(below);
    Ok(directories.flat_map(|directory| FILES.map(|file| directory.join(file))).filter(|path| path.is_file()).collect())
}
