//! A `hosts.toml` as containerd reads it (<https://github.com/containerd/containerd/blob/main/docs/hosts.md>): who is
//! asked for what a registry has, in which order, and whom to trust for that.

use std::path::{Path, PathBuf};

use super::Environment;
use super::certs_dir::CertsDir;
use super::config::{ConfigError, Source};
use super::entry::Entry;
use crate::registry::{Address, ClientFiles, Mirror, Serves, Upstream};

/// The fields of one server.
struct Server {
    mirror: Mirror,
    authorities: Vec<PathBuf>,
    client: Option<ClientFiles>,
    skip_verify: bool,
}

/// Reads a file about `registry`; without one, about all registries for which there is none.
///
/// What it says about servers goes into `found`, what it says about the registry is returned.
pub(super) fn read(
    file: &Path,
    text: &str,
    registry: Option<&str>,
    found: &mut CertsDir,
) -> Result<Upstream, ConfigError> {
    let environment = Environment::new();
    let source = Source { file, text, environment: &environment };
    let document = source.parse()?;
    let mut entries = Entry::all(&source, &document);
    let mut mirrors = Vec::new();
    if let Some((_, hosts)) = entries.extract_if(.., |(key, _)| *key == "host").next() {
        for (text, table) in hosts.table()? {
            // Before anything is said about the table: its name may hold a password.
            Address::parse_host_table(text, false).map_err(|why| hosts.wrong(why))?;
            let fields = table.table()?;
            let address = Address::parse_host_table(text, override_path(&fields)?).map_err(|why| hosts.wrong(why))?;
            mirrors.push(Server::read(address, fields, file)?.put_into(found));
        }
    }
    let named = entries.extract_if(.., |(key, _)| *key == "server").next();
    let server = match (named, registry) {
        (Some((_, entry)), _) => {
            let address = Address::parse_host_table(entry.text()?, override_path(&entries)?);
            Some(address.map_err(|why| entry.wrong(why))?)
        }
        (None, Some(registry)) => Some(Address::registry(registry).map_err(|why| source.error(None, why.to_string()))?),
        (None, None) => None,
    };
    let server = match server {
        Some(address) => Some(Server::read(address, entries, file)?.put_into(found)),
        None => {
            for (key, entry) in entries {
                match key {
                    "ca" => found.authorities.extend(paths(&entry, file)?),
                    _ => return Err(entry.wrong("_default holds for every registry: this needs a server")),
                }
            }
            None
        }
    };
    Ok(Upstream { mirrors, server })
}

fn override_path(fields: &[(&str, Entry<'_>)]) -> Result<bool, ConfigError> {
    fields.iter().find(|(key, _)| *key == "override_path").map_or(Ok(false), |(_, entry)| entry.flag())
}

impl Server {
    fn read(address: Address, fields: Vec<(&str, Entry<'_>)>, file: &Path) -> Result<Self, ConfigError> {
        let mirror = Mirror { namespaced: true, ..Mirror::at(address) };
        let mut server = Self { mirror, authorities: Vec::new(), client: None, skip_verify: false };
        for (key, entry) in fields {
            match key {
                "capabilities" => server.mirror.serves = capabilities(&entry)?,
                "ca" => server.authorities = paths(&entry, file)?,
                "client" => server.client = Some(client(&entry, file)?),
                "skip_verify" => server.skip_verify = entry.flag()?,
                "header" => {
                    for (name, values) in entry.table()? {
                        for value in values.texts()? {
                            server.mirror.add_header(name, value).map_err(|why| values.wrong(why))?;
                        }
                    }
                }
                // Read before, as it is part of the address.
                "override_path" => {}
                _ => entry.is_ignored(),
            }
        }
        Ok(server)
    }

    /// Puts what holds for its host to what holds for hosts.
    fn put_into(self, found: &mut CertsDir) -> Mirror {
        let host = self.mirror.address.host();
        // Nobody writes http:// by mistake.
        if self.mirror.address.is_plain() {
            found.insecure.insert(host.to_owned());
        }
        let options = found.hosts.entry(host.to_owned()).or_default();
        options.ca_files.extend(self.authorities);
        options.skip_verify |= self.skip_verify;
        options.client = options.client.take().or(self.client);
        self.mirror
    }
}

fn capabilities(entry: &Entry<'_>) -> Result<Serves, ConfigError> {
    let mut serves = Serves { tags: false, digests: false };
    let words = entry.texts()?;
    for word in &words {
        match word.to_ascii_lowercase().as_str() {
            "resolve" => serves.tags = true,
            "pull" => serves.digests = true,
            // We do neither.
            "push" | "referrers" => {}
            _ => return Err(entry.wrong("expected pull, resolve, push or referrers")),
        }
    }
    Ok(if words.is_empty() { Serves::ALL } else { serves })
}

fn paths(entry: &Entry<'_>, file: &Path) -> Result<Vec<PathBuf>, ConfigError> {
    Ok(entry.texts()?.into_iter().map(|text| beside(file, text)).collect())
}

/// A file that holds certificate and key, or a list with one such file, or with one pair of files.
fn client(entry: &Entry<'_>, file: &Path) -> Result<ClientFiles, ConfigError> {
    let items = entry.items();
    let [only] = &items[..] else {
        return Err(entry.wrong("only one client certificate can be shown to a host"));
    };
    let files = match (only.is_list(), &only.texts()?[..]) {
        (false, [both]) => [*both, *both],
        (true, [certificate, ""]) => [*certificate, *certificate],
        (true, [certificate, key]) => [*certificate, *key],
        _ => return Err(only.wrong("expected a certificate and its key")),
    };
    let [certificate, key] = files.map(|text| beside(file, text));
    Ok(ClientFiles { certificate, key })
}

/// A path that is relative to where it is written.
fn beside(file: &Path, text: &str) -> PathBuf {
    file.parent().unwrap_or(Path::new("")).join(text)
}
