//! A `certs.d` directory: one directory for each registry, as containerd has them (with a `hosts.toml`, or with
//! certificates alone) and docker (`*.crt` for authorities, `*.cert` and `*.key` for our own certificate).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::config::{ConfigError, load};
use super::hosts_toml;
use crate::registry::{Address, ClientFiles, HostOptions, Upstream};

/// For registries that have no directory of their own.
const DEFAULT: &str = "_default";

/// What a directory says.
#[derive(Debug, Default)]
pub(super) struct CertsDir {
    /// by registry
    pub(super) upstreams: BTreeMap<String, Upstream>,
    pub(super) default_upstream: Option<Upstream>,
    /// by host, mirrors too
    pub(super) hosts: BTreeMap<String, HostOptions>,
    /// hosts that may answer plain http
    pub(super) insecure: BTreeSet<String>,
    /// authorities to trust whoever relies on them
    pub(super) authorities: Vec<PathBuf>,
}

/// Reads a directory.
pub(super) fn read(directory: &Path) -> Result<CertsDir, ConfigError> {
    let mut found = CertsDir::default();
    let names = list(directory)?.into_iter().filter(|name| directory.join(name).is_dir());
    let mut registries: Vec<_> = names.map(|name| (registry(&name), directory.join(&name))).collect();
    // Of two directories for one registry containerd takes the one with the port in underscores.
    registries.sort_by_key(|(registry, path)| (registry.clone(), !path.as_os_str().as_encoded_bytes().ends_with(b"_")));
    registries.dedup_by(|next, first| next.0 == first.0);
    for (registry, path) in registries {
        if registry == DEFAULT {
            found.default_upstream = found.read_registry(None, &path)?;
        } else if Address::registry(&registry).is_err() {
            tracing::warn!("{}: this is no registry's name, so it has no effect", path.display());
        } else if let Some(upstream) = found.read_registry(Some(&registry), &path)? {
            found.upstreams.insert(registry, upstream);
        }
    }
    Ok(found)
}

/// The registry that a directory is for: `r.io_5000_` and `r.io:5000` are for the same.
fn registry(name: &str) -> String {
    let with_port = name.strip_suffix('_').and_then(|name| name.rsplit_once('_'));
    match with_port.filter(|(_, port)| port.parse::<u16>().is_ok()) {
        Some((host, port)) => format!("{host}:{port}"),
        None => name.to_owned(),
    }
}

/// The names in a directory, sorted; those that are no text are nobody's.
fn list(directory: &Path) -> Result<Vec<String>, ConfigError> {
    let unreadable = |error: std::io::Error| ConfigError::file(directory, format!("cannot be read: {error}"));
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(unreadable)? {
        names.extend(entry.map_err(unreadable)?.file_name().into_string());
    }
    names.sort_unstable();
    Ok(names)
}

impl CertsDir {
    fn read_registry(&mut self, registry: Option<&str>, directory: &Path) -> Result<Option<Upstream>, ConfigError> {
        let file = directory.join("hosts.toml");
        let text = if file.exists() { load(&file)? } else { String::new() };
        match text.is_empty() {
            // As containerd does.
            true => self.read_certificates(registry, directory).map(|()| None),
            false => hosts_toml::read(&file, &text, registry, self).map(Some),
        }
    }

    fn read_certificates(&mut self, registry: Option<&str>, directory: &Path) -> Result<(), ConfigError> {
        let names = list(directory)?;
        let ending = |end: &'static str| names.iter().filter_map(move |name| name.strip_suffix(end));
        let authorities = ending(".crt").map(|stem| directory.join(format!("{stem}.crt")));
        let pairs: BTreeSet<_> = ending(".cert").chain(ending(".key")).collect();
        let mut clients = Vec::new();
        for stem in pairs {
            let [certificate, key] = ["cert", "key"].map(|end| directory.join(format!("{stem}.{end}")));
            for (file, other) in [(&certificate, &key), (&key, &certificate)] {
                if !file.exists() {
                    return Err(ConfigError::file(other, format!("{} is missing beside it", file.display())));
                }
            }
            clients.push(ClientFiles { certificate, key });
        }
        match (registry, &clients[..]) {
            (None, []) => self.authorities.extend(authorities),
            (None, _) => {
                return Err(ConfigError::file(
                    directory,
                    "a client certificate is for a named host, not for every one",
                ));
            }
            (Some(_), [_, _, ..]) => {
                return Err(ConfigError::file(directory, "only one client certificate can be shown to a host"));
            }
            (Some(registry), _) => {
                let host = self.hosts.entry(registry.to_owned()).or_default();
                host.ca_files.extend(authorities);
                host.client = clients.pop();
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
