//! How registries are reached, from flags, the configuration file, a registries.conf and a `certs.d` directory.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{ConfigError, RegistryTable, certs_dir, registries_conf};
use crate::cli::RegistryArgs;
use crate::credentials::Credential;
use crate::registry::{Mirror, RegistryOptions};
use crate::resolve::Attachments;

/// How registries are reached.
#[derive(Debug, Clone)]
pub struct RegistrySettings {
    /// credentials in a file
    pub authfile: Option<PathBuf>,
    /// directories with mounted pull secrets
    pub pull_secrets_dirs: Vec<PathBuf>,
    /// the kubelet's plugins: their configuration, and the directory of their programs
    pub credential_providers: Option<(PathBuf, PathBuf)>,
    /// certificate authorities to trust too
    pub ca_file: Option<PathBuf>,
    /// hosts that may be plain http or unverified
    pub insecure: Vec<String>,
    /// by registry, as typed: mirrors in order
    pub mirrors: BTreeMap<String, Vec<Mirror>>,
    /// a registries.conf
    pub registries_conf: Option<PathBuf>,
    /// a `certs.d` directory
    pub certs_dir: Option<PathBuf>,
    /// where what registries give is kept; `None`: in the user's own place
    pub cache_dir: Option<PathBuf>,
    /// whether anything is kept, and what was kept is used
    pub use_cache: bool,
    /// where attachments are looked for
    pub attachments: Attachments,
    /// what the configuration file says of single registries, by host
    pub hosts: BTreeMap<String, RegistryTable>,
}

impl RegistrySettings {
    pub(super) fn new(args: RegistryArgs, hosts: BTreeMap<String, RegistryTable>) -> Self {
        let mut mirrors: BTreeMap<String, Vec<Mirror>> = BTreeMap::new();
        for given in args.mirror {
            mirrors.entry(given.registry).or_default().push(Mirror::at(given.address));
        }
        Self {
            authfile: args.authfile,
            pull_secrets_dirs: args.pull_secrets_dir,
            credential_providers: args.image_credential_provider_config.zip(args.image_credential_provider_bin_dir),
            ca_file: args.ca_file,
            insecure: args.insecure_registry,
            mirrors,
            registries_conf: args.registries_conf,
            certs_dir: args.certs_dir,
            cache_dir: args.cache_dir,
            use_cache: !args.no_cache,
            attachments: args.attachments.into(),
            hosts,
        }
    }

    /// The credentials of the configuration file, by host.
    pub fn credentials(&self) -> BTreeMap<String, Credential> {
        let given = |(host, table): (&String, &RegistryTable)| Some((host.clone(), table.credential.clone()?));
        self.hosts.iter().filter_map(given).collect()
    }

    /// As the client for registries takes it; reads the files that are named.
    ///
    /// # Errors
    /// When one of them cannot be used.
    pub fn client_options(&self) -> Result<RegistryOptions, ConfigError> {
        let mut options = RegistryOptions {
            ca_files: self.ca_file.iter().cloned().collect(),
            insecure: self.insecure.iter().cloned().collect(),
            mirrors: self.mirrors.clone(),
            ..RegistryOptions::default()
        };
        self.hosts.iter().for_each(|(host, table)| add_table(&mut options, host, table));
        if let Some(file) = &self.registries_conf {
            let conf = registries_conf::read(file)?;
            options.prefixes = conf.rules;
            options.insecure.extend(conf.insecure);
        }
        if let Some(directory) = &self.certs_dir {
            let found = certs_dir::read(directory)?;
            (options.upstreams, options.default_upstream) = (found.upstreams, found.default_upstream);
            options.insecure.extend(found.insecure);
            options.ca_files.extend(found.authorities);
            for (name, found) in found.hosts {
                let host = options.host(&name);
                host.ca_files.extend(found.ca_files);
                host.client = host.client.take().or(found.client);
                host.skip_verify |= found.skip_verify;
            }
        }
        Ok(options)
    }
}

/// What the configuration file says of a registry, as far as flags do not say otherwise.
fn add_table(options: &mut RegistryOptions, name: &str, table: &RegistryTable) {
    if table.insecure {
        options.insecure.insert(name.to_owned());
    }
    if !table.mirrors.is_empty() {
        let mirrors = table.mirrors.iter().cloned().map(Mirror::at).collect();
        options.mirrors.entry(name.to_owned()).or_insert(mirrors);
    }
    let host = options.host(name);
    host.ca_files.extend(table.ca_file.clone());
    host.client = table.client.clone();
    host.per_registry = table.per_registry;
    host.credential = table.credential.clone();
}
