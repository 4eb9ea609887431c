//! Who is asked for what a registry has: its mirrors in order, then the registry itself, and which name it goes by there.
//!
//! First come the mirrors that a user gave for the registry, then those of a registries.conf, then those of a
//! `hosts.toml`. The last is what the registries.conf puts in the place of the registry, else the `server` of the
//! `hosts.toml`, else the registry.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex};

use http::HeaderMap;
use url::Url;

use super::address::{Address, authority_of};
use super::endpoint::{Endpoint, Endpoints};
use super::host::lock;
use super::item::name_of;
use super::options::{Mirror, RegistryOptions, RegistrySetupError, Serves};
use super::prefix::{relocate, rule_for};
use crate::image::Repository;
use crate::vocabulary::Via;

/// What is asked for.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub repository: &'a Repository,
    pub what: What<'a>,
}

/// What of a repository is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum What<'a> {
    /// the manifest that a tag names
    Tag(&'a str),
    /// a manifest by its digest
    Manifest(&'a str),
    /// a blob by its digest
    Blob(&'a str),
    /// what is attached to the manifest of this digest
    Referrers(&'a str),
    /// the API itself
    Api,
}

/// A server that may have it.
pub(super) struct Source {
    pub endpoint: Arc<Endpoint>,
    /// the registry, or a mirror of it
    pub via: Via,
    /// where it is, as its user names it
    address: Arc<Address>,
    /// the repository's name there
    pub repository: String,
    /// the tag or digest there
    target: String,
    /// of which registry it shall be, for a mirror that has several
    namespace: Option<String>,
    /// what goes along with each request
    pub headers: HeaderMap,
}

/// Why nobody is asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoSource {
    #[error("{prefix} is blocked in {file}")]
    Blocked { prefix: String, file: String },
    #[error("the settings name nobody who may be asked for this at {0}")]
    Nobody(String),
    #[error("{0} cannot be the host of a URL")]
    NoHost(String),
}

/// Knows who has what.
pub(super) struct Directory {
    options: RegistryOptions,
    /// host and port of those that may speak plain http
    insecure: BTreeSet<String>,
    endpoints: Endpoints,
    /// registries that were asked for, by name
    own: Mutex<HashMap<String, Arc<Own>>>,
}

/// A registry's own server, worked out once: it is asked for with each request.
struct Own {
    address: Arc<Address>,
    origins: Vec<Url>,
    endpoint: Arc<Endpoint>,
}

impl What<'_> {
    fn target(&self) -> &str {
        match self {
            Self::Tag(text) | Self::Manifest(text) | Self::Blob(text) | Self::Referrers(text) => text,
            Self::Api => "",
        }
    }

    /// Whether a server that serves so much is asked. A blob's digest says all of it, so where it comes from does not
    /// matter.
    fn is_served(&self, serves: Serves) -> bool {
        match self {
            Self::Tag(_) => serves.tags,
            Self::Manifest(_) | Self::Referrers(_) => serves.digests,
            Self::Blob(_) | Self::Api => serves.digests || serves.tags,
        }
    }
}

impl Wanted<'_> {
    /// The reference, as prefixes are compared with it; a blob goes by its repository.
    fn name(&self) -> String {
        match self.what {
            What::Tag(tag) => name_of(self.repository, ":", tag),
            What::Manifest(digest) | What::Referrers(digest) => name_of(self.repository, "@", digest),
            What::Blob(_) | What::Api => self.repository.to_string(),
        }
    }
}

impl Source {
    /// Host and port, as its user names it.
    pub(super) fn host(&self) -> &str {
        self.address.host()
    }

    /// Where to ask, under one of the endpoint's origins.
    pub(super) fn url(&self, origin: &Url, what: What<'_>, query: Option<&str>) -> Url {
        let (mut url, api) = (origin.clone(), self.address.path());
        let kind = match what {
            What::Tag(_) | What::Manifest(_) => "manifests",
            What::Blob(_) => "blobs",
            What::Referrers(_) => "referrers",
            What::Api => {
                url.set_path(&[api, "/"].concat());
                return url;
            }
        };
        url.set_path(&[api, "/", &self.repository, "/", kind, "/", &self.target].concat());
        url.set_query(query);
        // The way to a further page may have it already.
        let is_told = || query.is_some() && url.query_pairs().any(|(name, _)| name == "ns");
        if let Some(namespace) = self.namespace.as_ref().filter(|_| !is_told()) {
            url.query_pairs_mut().append_pair("ns", namespace);
        }
        url
    }
}

impl Directory {
    /// Checks what `options` say of mirrors.
    pub(super) fn new(options: &RegistryOptions) -> Result<Self, RegistrySetupError> {
        let insecure: BTreeSet<_> = options.insecure.iter().filter_map(|host| authority_of(host)).collect();
        for (registry, mirror) in
            options.mirrors.iter().flat_map(|(registry, all)| all.iter().map(move |m| (registry, m)))
        {
            let host = mirror.address.host().to_owned();
            if mirror.address.is_plain() && !authority_of(&host).is_some_and(|host| insecure.contains(&host)) {
                let mirror = mirror.address.to_string();
                return Err(RegistrySetupError::PlainMirror { mirror, host, registry: registry.clone() });
            }
        }
        Ok(Self { options: options.clone(), insecure, endpoints: Endpoints::default(), own: Mutex::default() })
    }

    /// Who is asked first, in order, and who is asked last.
    pub(super) fn sources(&self, wanted: Wanted<'_>) -> Result<(Vec<Source>, Source), NoSource> {
        let registry = wanted.repository.registry();
        // It is compared with prefixes and with nothing else.
        let name = if self.options.prefixes.is_empty() { String::new() } else { wanted.name() };
        let own = self.own(registry)?;
        let rule = rule_for(&self.options.prefixes, &name);
        if let Some((rule, _)) = rule.filter(|(rule, _)| rule.blocked) {
            return Err(blocked(&rule.prefix, &rule.file));
        }
        let upstream = self.options.upstreams.get(registry).or(self.options.default_upstream.as_ref());
        let relocated = |location: &str| {
            let (_, matched) = rule?;
            self.relocated(&own, location, &name, matched, wanted)
        };
        let direct = |mirror: &Mirror| self.direct(&own, mirror, wanted);

        let given = self.options.mirrors.get(registry).into_iter().flatten();
        let mut sources: Vec<_> = given.filter_map(direct).collect();
        let moved = rule.into_iter().flat_map(|(rule, _)| &rule.mirrors);
        sources.extend(moved.filter(|m| wanted.what.is_served(m.serves)).filter_map(|m| relocated(&m.location)));
        sources.extend(upstream.into_iter().flat_map(|upstream| &upstream.mirrors).filter_map(direct));

        let place = rule.and_then(|(rule, _)| rule.location.as_deref());
        let server = upstream.and_then(|upstream| upstream.server.as_ref());
        let last = match (place, server) {
            (Some(location), _) => relocated(location),
            (None, Some(server)) => direct(server),
            (None, None) => Some(self.source(&own, &own.address, wanted.repository.path(), wanted.what.target())),
        };
        let last = last.or_else(|| sources.pop()).ok_or_else(|| NoSource::Nobody(registry.to_owned()))?;
        Ok((sources, last))
    }

    fn direct(&self, own: &Own, mirror: &Mirror, wanted: Wanted<'_>) -> Option<Source> {
        if !wanted.what.is_served(mirror.serves) {
            return None;
        }
        let address = Arc::new(mirror.address.clone());
        let mut source = self.source(own, &address, wanted.repository.path(), wanted.what.target());
        let is_told = mirror.namespaced && source.via == Via::Mirror;
        source.namespace = is_told.then(|| wanted.repository.registry().to_owned());
        source.headers = mirror.headers.clone();
        Some(source)
    }

    fn relocated(&self, own: &Own, location: &str, name: &str, matched: usize, wanted: Wanted<'_>) -> Option<Source> {
        let reference = relocate(location, name, matched)?;
        let address = Arc::new(Address::registry(reference.registry()).ok()?);
        let target = match wanted.what {
            What::Blob(digest) => digest,
            What::Api => "",
            What::Tag(_) | What::Manifest(_) | What::Referrers(_) => reference.target(),
        };
        Some(self.source(own, &address, reference.repository().path(), target))
    }

    fn source(&self, own: &Own, address: &Arc<Address>, repository: &str, target: &str) -> Source {
        let (endpoint, is_own) = match *address == own.address {
            true => (Arc::clone(&own.endpoint), true),
            false => {
                let origins = self.origins(address);
                // Who answers where the registry would is the registry, by whichever way we came to ask it.
                let is_own = origins.iter().all(|origin| own.origins.contains(origin));
                (self.endpoints.get(origins), is_own)
            }
        };
        Source {
            endpoint,
            via: if is_own { Via::Registry } else { Via::Mirror },
            address: Arc::clone(address),
            repository: repository.to_owned(),
            target: target.to_owned(),
            namespace: None,
            headers: HeaderMap::new(),
        }
    }

    fn own(&self, registry: &str) -> Result<Arc<Own>, NoSource> {
        if let Some(own) = lock(&self.own).get(registry) {
            return Ok(Arc::clone(own));
        }
        let address = Address::registry(registry).map_err(|_| NoSource::NoHost(registry.to_owned()))?;
        let origins = self.origins(&address);
        let own = Arc::new(Own { endpoint: self.endpoints.get(origins.clone()), address: Arc::new(address), origins });
        lock(&self.own).insert(registry.to_owned(), Arc::clone(&own));
        Ok(own)
    }

    fn origins(&self, address: &Address) -> Vec<Url> {
        address.origins(authority_of(address.host()).is_some_and(|host| self.insecure.contains(&host)))
    }
}

fn blocked(prefix: &str, file: &Path) -> NoSource {
    NoSource::Blocked { prefix: prefix.to_owned(), file: file.display().to_string() }
}

#[cfg(test)]
mod tests;
