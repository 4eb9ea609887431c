//! A registries.conf as podman and CRI-O read it (containers-registries.conf(5), version 2): mirrors, other places and
//! blocks, by the beginning of an image's name.

use std::collections::BTreeSet;
use std::path::Path;

use super::Environment;
use super::config::{ConfigError, Source, load};
use super::entry::Entry;
use crate::registry::{Address, Location, PrefixRule, Serves};

/// What a registries.conf says.
#[derive(Debug, Default)]
pub(super) struct RegistriesConf {
    pub(super) rules: Vec<PrefixRule>,
    /// hosts that may answer plain http or show any certificate
    pub(super) insecure: BTreeSet<String>,
}

/// Keys about names without a registry, and about logins: they mean nothing for images of a cluster.
const OTHER: &[&str] = &[
    "unqualified-search-registries",
    "short-name-mode",
    "aliases",
    "credential-helpers",
    "additional-layer-store-auth-helper",
];

/// Reads a file.
pub(super) fn read(file: &Path) -> Result<RegistriesConf, ConfigError> {
    let (text, environment) = (load(file)?, Environment::new());
    let source = Source { file, text: &text, environment: &environment };
    let document = source.parse()?;
    let mut conf = RegistriesConf::default();
    for (key, entry) in Entry::all(&source, &document) {
        match key {
            "registry" => entry.items().iter().try_for_each(|table| conf.read_registry(table, file))?,
            "registries" => return Err(entry.wrong("this is the format of version 1; write [[registry]] tables")),
            key if OTHER.contains(&key) => {}
            _ => entry.is_ignored(),
        }
    }
    Ok(conf)
}

impl RegistriesConf {
    fn read_registry(&mut self, table: &Entry<'_>, file: &Path) -> Result<(), ConfigError> {
        let (mut prefix, mut location, mut mirrors) = (None, None, Vec::new());
        let (mut insecure, mut blocked, mut by_digest_only) = (false, false, false);
        for (key, entry) in table.table()? {
            match key {
                "prefix" => prefix = Some(read_prefix(&entry)?),
                "location" => location = Some(read_location(&entry)?),
                "insecure" => insecure = entry.flag()?,
                "blocked" => blocked = entry.flag()?,
                "mirror-by-digest-only" => by_digest_only = entry.flag()?,
                "mirror" => {
                    mirrors = entry.items().iter().map(|mirror| self.read_mirror(mirror)).collect::<Result<_, _>>()?;
                }
                _ => entry.is_ignored(),
            }
        }
        let (prefix, location) = match (prefix, location) {
            (Some(prefix), location) => (prefix, location),
            (None, Some(location)) => (location, None),
            (None, None) => return Err(table.wrong("a table needs a prefix or a location")),
        };
        if insecure {
            let host = host(location.as_ref().unwrap_or(&prefix));
            if host.starts_with('*') {
                return Err(table.wrong("insecure holds for named hosts only: give them tables of their own"));
            }
            self.insecure.insert(host.to_owned());
        }
        if by_digest_only && mirrors.iter().any(|(_, chosen)| *chosen) {
            return Err(table.wrong("mirror-by-digest-only and pull-from-mirror exclude each other"));
        }
        let serves = |mirror: Location| match by_digest_only {
            true => Location { serves: Serves { tags: false, digests: true }, ..mirror },
            false => mirror,
        };
        let mirrors = mirrors.into_iter().map(|(mirror, _)| serves(mirror)).collect();
        self.rules.push(PrefixRule { prefix, blocked, location, mirrors, file: file.to_owned() });
        Ok(())
    }

    /// A mirror, and whether it says what it is to be asked for.
    fn read_mirror(&mut self, table: &Entry<'_>) -> Result<(Location, bool), ConfigError> {
        let (mut location, mut serves, mut insecure) = (None, None, false);
        for (key, entry) in table.table()? {
            match key {
                "location" => location = Some(read_location(&entry)?),
                "insecure" => insecure = entry.flag()?,
                "pull-from-mirror" => {
                    serves = Some(match entry.text()? {
                        "all" => Serves::ALL,
                        "digest-only" => Serves { tags: false, digests: true },
                        "tag-only" => Serves { tags: true, digests: false },
                        _ => return Err(entry.wrong("expected all, digest-only or tag-only")),
                    });
                }
                _ => entry.is_ignored(),
            }
        }
        let location = location.ok_or_else(|| table.wrong("a mirror needs a location"))?;
        if insecure {
            self.insecure.insert(host(&location).to_owned());
        }
        Ok((Location { location, serves: serves.unwrap_or(Serves::ALL) }, serves.is_some()))
    }
}

fn host(location: &str) -> &str {
    location.split('/').next().unwrap_or_default()
}

fn read_prefix(entry: &Entry<'_>) -> Result<String, ConfigError> {
    match entry.text()?.strip_prefix("*.") {
        Some(rest) if !rest.is_empty() && !rest.contains(['*', '/', ':', '@']) => Ok(format!("*.{rest}")),
        Some(_) => Err(entry.wrong("after *. only the end of a host's name can stand")),
        None => read_location(entry),
    }
}

/// A host, and the beginning of a repository's name at it.
fn read_location(entry: &Entry<'_>) -> Result<String, ConfigError> {
    let text = entry.text()?.trim_end_matches('/');
    if text.contains("://") {
        return Err(entry.wrong("expected HOST[:PORT][/PATH] without http:// or https://"));
    }
    let host = host(text);
    let is_host = host == "localhost" || host.contains(['.', ':']);
    match Address::registry(host) {
        Ok(_) if is_host => Ok(text.to_owned()),
        Ok(_) => Err(entry.wrong(format!("{host:?} is no host: it has no dot and no port"))),
        Err(error) => Err(entry.wrong(error)),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn conf(text: &str) -> Result<RegistriesConf, String> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let path = file.path().display().to_string();
        read(file.path()).map_err(|error| error.to_string().replace(&path, "FILE"))
    }

    #[test]
    fn tables_become_rules() {
        let conf = conf(
            "unqualified-search-registries = [\"docker.io\"]\n\
             [[registry]]\nprefix = \"*.corp.io\"\nblocked = true\n\
             [[registry]]\nlocation = \"docker.io\"\n\
             [[registry.mirror]]\nlocation = \"m.io:5000/hub/\"\ninsecure = true\npull-from-mirror = \"digest-only\"\n\
             [[registry.mirror]]\nlocation = \"n.io\"\n\
             [[registry]]\nprefix = \"r.io/a\"\nlocation = \"s.io/b\"\ninsecure = true\nmirror-by-digest-only = true\n\
             [[registry.mirror]]\nlocation = \"o.io\"\n",
        )
        .unwrap();
        let [wild, hub, moved] = &conf.rules[..] else { panic!("{conf:?}") };
        assert!(wild.blocked && wild.prefix == "*.corp.io");
        assert_eq!((hub.prefix.as_str(), &hub.location), ("docker.io", &None));
        let mirror =
            |location: &str, tags| Location { location: location.into(), serves: Serves { tags, digests: true } };
        assert_eq!(hub.mirrors, [mirror("m.io:5000/hub", false), mirror("n.io", true)]);
        assert_eq!((moved.prefix.as_str(), moved.location.as_deref()), ("r.io/a", Some("s.io/b")));
        assert_eq!(moved.mirrors, [mirror("o.io", false)]);
        assert_eq!(conf.insecure, ["m.io:5000".to_owned(), "s.io".to_owned()].into());
    }

    #[test]
    fn what_is_wrong_is_named_with_file_line_and_key() {
        for (text, expected) in [
            ("[registries.search]\nregistries = []", "FILE:1: registries: this is the format of version 1"),
            ("[[registry]]\nblocked = true", "FILE:1: registry: a table needs a prefix or a location"),
            ("[[registry]]\nprefix = \"r.io\"\nblocked = 1", "FILE:3: registry.blocked: expected true or false"),
            ("[[registry]]\nlocation = \"https://r.io\"", "FILE:2: registry.location: expected HOST"),
            ("[[registry]]\nlocation = \"me:canary@r.io\"", "FILE:2: registry.location: an address must not hold"),
            ("[[registry]]\nlocation = \"mirror/x\"", "\"mirror\" is no host"),
            ("[[registry]]\nprefix = \"*.r.io/a\"", "after *. only the end of a host's name"),
            ("[[registry]]\nprefix = \"*.r.io\"\ninsecure = true", "named hosts only"),
            ("[[registry]]\nprefix = \"r.io\"\nmirror = [{}]", "FILE:3: registry.mirror: a mirror needs a location"),
            (
                "[[registry]]\nprefix = \"r.io\"\nmirror = [{location = \"m.io\", pull-from-mirror = \"x\"}]",
                "registry.mirror.pull-from-mirror: expected all",
            ),
            (
                "[[registry]]\nprefix = \"r.io\"\nmirror-by-digest-only = true\n\
                 mirror = [{location = \"m.io\", pull-from-mirror = \"all\"}]",
                "exclude each other",
            ),
            ("registry = 1", "FILE:1: registry: expected a table"),
            ("[[", "FILE:1: it is no TOML"),
        ] {
            let error = conf(text).map(|_| ()).expect_err(text);
            assert!(error.contains(expected) && !error.contains("canary"), "{text:?}: {error}");
        }
        assert!(read(Path::new("/nonexistent")).unwrap_err().to_string().starts_with("/nonexistent: "));
    }
}
