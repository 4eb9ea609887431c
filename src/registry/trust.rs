//! Which certificates are good for which host, and what is shown to it. Each host has its own: what was given for one
//! is not used for another.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};
use url::Url;

use super::address::{authority, authority_of};
use super::certificates::{Judge, System, Verifier};
use super::options::{ClientFiles, HostOptions, RegistryOptions, RegistrySetupError};

/// What is known of all hosts.
pub(super) struct Trust {
    provider: Arc<CryptoProvider>,
    versions: ConfigBuilder<ClientConfig, WantsVerifier>,
    system: Arc<System>,
    common: Arc<Verifier>,
    hosts: Vec<HostTrust>,
    /// places in `hosts`, by host and port
    places: BTreeMap<String, usize>,
    /// host and port of those that may show any certificate
    unverified: BTreeSet<String>,
}

/// What is known of one host.
struct HostTrust {
    verifier: Arc<Verifier>,
    client: Option<Arc<CertifiedKey>>,
}

/// How TLS is spoken with a host. Hosts of which nothing of their own is known share one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct TrustClass {
    /// whether the server's certificate must be good
    verified: bool,
    /// the host of which something is known
    host: Option<usize>,
    /// whether a client certificate is shown
    client: bool,
}

impl TrustClass {
    /// Whether the server's certificate must be good.
    pub(super) fn is_verified(self) -> bool {
        self.verified
    }
}

impl Trust {
    /// Reads all files that `options` name.
    pub(super) fn new(options: &RegistryOptions) -> Result<Self, RegistrySetupError> {
        let provider = provider();
        let common = read_authorities(&options.ca_files)?;
        let system = Arc::new(System::new(Arc::clone(&provider)));
        let versions = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| RegistrySetupError::Http(error.to_string()))?;
        let skipped = options.hosts.iter().filter(|(_, host)| host.skip_verify).map(|(name, _)| name);
        let unverified = options.insecure.iter().chain(skipped);
        let mut trust = Self {
            versions,
            common: verifier(common.clone(), &system, &provider)?,
            system,
            provider,
            hosts: Vec::new(),
            places: BTreeMap::new(),
            unverified: unverified.filter_map(|host| authority_of(host)).collect(),
        };
        for (name, host) in &options.hosts {
            let authority = authority_of(name).ok_or_else(|| RegistrySetupError::Host { host: name.clone() })?;
            if let Some(own) = trust.read(name, host, &common)? {
                trust.places.insert(authority, trust.hosts.len());
                trust.hosts.push(own);
            }
        }
        Ok(trust)
    }

    fn read(
        &self,
        name: &str,
        host: &HostOptions,
        common: &[CertificateDer<'static>],
    ) -> Result<Option<HostTrust>, RegistrySetupError> {
        let client = host.client.as_ref().map(|files| read_client(name, files, &self.provider)).transpose()?;
        let verifier = match host.ca_files.is_empty() {
            true => Arc::clone(&self.common),
            false => {
                verifier([common.to_vec(), read_authorities(&host.ca_files)?].concat(), &self.system, &self.provider)?
            }
        };
        let is_special = client.is_some() || !host.ca_files.is_empty();
        Ok(is_special.then_some(HostTrust { verifier, client }))
    }

    /// How TLS is spoken with the host of `url`. A client certificate is shown only to a host that a user or a
    /// reference names: another server must not be able to make us fetch in our own name what it cannot.
    pub(super) fn class(&self, url: &Url, named: bool) -> TrustClass {
        if url.scheme() != "https" {
            return TrustClass { verified: true, host: None, client: false };
        }
        let authority = authority(url);
        let host = self.places.get(&authority).copied();
        let has_client = host.and_then(|at| self.hosts.get(at)).is_some_and(|host| host.client.is_some());
        TrustClass { verified: !self.unverified.contains(&authority), host, client: named && has_client }
    }

    /// The settings for a class.
    pub(super) fn tls_config(&self, class: TrustClass) -> ClientConfig {
        let host = class.host.and_then(|at| self.hosts.get(at));
        let verifier = match class.verified {
            true => Arc::clone(host.map_or(&self.common, |host| &host.verifier)),
            false => {
                Arc::new(Verifier { judge: Judge::Anybody, given: Vec::new(), provider: Arc::clone(&self.provider) })
            }
        };
        let config = self.versions.clone().dangerous().with_custom_certificate_verifier(verifier);
        let client = host.and_then(|host| host.client.clone()).filter(|_| class.client);
        let mut config = match client {
            Some(client) => config.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(client))),
            None => config.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config
    }
}

/// What does the cryptography. The program has installed it; a test or another program that uses this library may not
/// have.
pub(super) fn provider() -> Arc<CryptoProvider> {
    CryptoProvider::get_default().cloned().unwrap_or_else(|| {
        // Of two that do this at once the later one is told so, and both have the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Arc::new(rustls::crypto::ring::default_provider())
    })
}

/// Trusts `given` and the system's authorities.
fn verifier(
    given: Vec<CertificateDer<'static>>,
    system: &Arc<System>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<Verifier>, RegistrySetupError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(given.iter().cloned());
    let of_given = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    let of_given = (!given.is_empty()).then(|| of_given.build()).transpose();
    let judge = Judge::Authorities {
        given: of_given.map_err(|error| RegistrySetupError::Http(error.to_string()))?,
        system: Arc::clone(system),
    };
    Ok(Arc::new(Verifier { judge, given, provider: Arc::clone(provider) }))
}

fn read_authorities(paths: &[PathBuf]) -> Result<Vec<CertificateDer<'static>>, RegistrySetupError> {
    let mut certificates = Vec::new();
    for path in paths {
        let pem = std::fs::read(path).map_err(|source| RegistrySetupError::CaFile { path: path.clone(), source })?;
        let unusable = |why: String| RegistrySetupError::CaContent { path: path.clone(), why };
        for certificate in chain(&pem).map_err(unusable)? {
            RootCertStore::empty().add(certificate.clone()).map_err(|error| unusable(error.to_string()))?;
            certificates.push(certificate);
        }
    }
    Ok(certificates)
}

/// The certificates in a PEM file; at least one.
fn chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let chain =
        CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
    if chain.is_empty() { Err("no CERTIFICATE section in it".to_owned()) } else { Ok(chain) }
}

fn read_client(
    host: &str,
    files: &ClientFiles,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<CertifiedKey>, RegistrySetupError> {
    let unusable =
        |path: &Path, why: String| RegistrySetupError::Client { host: host.to_owned(), path: path.to_owned(), why };
    let read = |path: &Path| std::fs::read(path).map_err(|error| unusable(path, error.to_string()));
    let chain = chain(&read(&files.certificate)?).map_err(|why| unusable(&files.certificate, why))?;
    const NO_KEY: &str = "no private key in it that can be used; expected PEM, not encrypted";
    let key = PrivateKeyDer::from_pem_slice(&read(&files.key)?).map_err(|_| unusable(&files.key, NO_KEY.to_owned()))?;
    let certified = CertifiedKey::from_der(chain, key, provider);
    certified.map(Arc::new).map_err(|error| unusable(&files.key, error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn class(trust: &Trust, at: &str, named: bool) -> TrustClass {
        trust.class(&Url::parse(at).unwrap(), named)
    }

    #[test]
    fn only_named_hosts_may_show_any_certificate() {
        let insecure = ["r.io:8443", "plain.io", "[fd00::1]:5000", "Std.io:443", "docker.io"].map(str::to_owned).into();
        let trust = Trust::new(&RegistryOptions { insecure, ..RegistryOptions::default() }).unwrap();
        for (at, verified) in [
            ("https://r.io:8443/v2/", false),
            ("https://plain.io/v2/", false),
            ("https://[fd00::1]:5000/v2/", false),
            ("https://std.io/v2/", false),
            ("https://registry-1.docker.io/v2/", false),
            ("https://auth.docker.io/token", true),
            ("https://r.io/v2/", true),
            ("https://plain.io:444/v2/", true),
            ("https://sub.plain.io/v2/", true),
        ] {
            assert_eq!(class(&trust, at, true).verified, verified, "{at}");
        }
    }

    #[test]
    fn an_unusable_file_is_named() {
        for (content, why) in [("", "no CERTIFICATE section"), ("-----BEGIN CERTIFICATE-----\nAAAA\n", "")] {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(content.as_bytes()).unwrap();
            let path = file.path().to_owned();
            let of_all = RegistryOptions { ca_files: vec![path.clone()], ..RegistryOptions::default() };
            let of_one = HostOptions { ca_files: vec![path.clone()], ..HostOptions::default() };
            let files = ClientFiles { certificate: path.clone(), key: path.clone() };
            let client = HostOptions { client: Some(files), ..HostOptions::default() };
            let hosts = [of_one, client].map(|host| RegistryOptions {
                hosts: [("r.io".to_owned(), host)].into(),
                ..RegistryOptions::default()
            });
            for options in hosts.iter().chain([&of_all]) {
                let message = Trust::new(options).err().unwrap().to_string();
                assert!(message.contains(&path.display().to_string()) && message.contains(why), "{message}");
            }
        }
        let ca_files = vec!["/nonexistent/ca.pem".into()];
        let missing = Trust::new(&RegistryOptions { ca_files, ..RegistryOptions::default() });
        assert!(matches!(missing, Err(RegistrySetupError::CaFile { .. })));
    }

    #[test]
    fn a_key_must_be_its_certificates() {
        let make = || rcgen::generate_simple_self_signed(vec!["me".to_owned()]).unwrap();
        let (one, other) = (make(), make());
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, content: String| {
            let path = directory.path().join(name);
            std::fs::write(&path, content).unwrap();
            path
        };
        let certificate = write("one.crt", one.cert.pem());
        for (key, good) in [
            (write("one.key", one.signing_key.serialize_pem()), true),
            (write("other.key", other.signing_key.serialize_pem()), false),
        ] {
            let client = Some(ClientFiles { certificate: certificate.clone(), key: key.clone() });
            let hosts = [("r.io:5000".to_owned(), HostOptions { client, ..HostOptions::default() })].into();
            let trust = Trust::new(&RegistryOptions { hosts, ..RegistryOptions::default() });
            assert_eq!(trust.is_ok(), good, "{:?}", trust.err());
            let Ok(trust) = trust else { continue };
            for (at, named, shown) in [
                ("https://r.io:5000/v2/", true, true),
                ("https://r.io:5000/v2/", false, false),
                ("http://r.io:5000/v2/", true, false),
                ("https://r.io/v2/", true, false),
                ("https://s.io:5000/v2/", true, false),
            ] {
                let class = class(&trust, at, named);
                assert_eq!(class.client, shown, "{at} {named}");
                assert_eq!(trust.tls_config(class).client_auth_cert_resolver.has_certs(), shown);
            }
        }
    }
}
