//! How registries are reached, for every command that asks them.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::mirror::{MirrorArg, MirrorParser};
use super::values::host;
use super::words::AttachmentsArg;

/// How to reach registries.
#[derive(Debug, Args, Default)]
#[command(next_help_heading = "Registries")]
pub struct RegistryArgs {
    /// Read settings from this file (default: $XDG_CONFIG_HOME/imagefacts/config.toml)
    #[arg(long, value_name = "FILE", env = "IMAGEFACTS_CONFIG")]
    pub config: Option<PathBuf>,
    /// Credentials in the form of podman's auth.json or docker's config.json
    #[arg(long, value_name = "FILE", env = "IMAGEFACTS_AUTHFILE")]
    pub authfile: Option<PathBuf>,
    /// Use the pull secrets that are mounted in this directory: its own .dockerconfigjson, or <secret>/.dockerconfigjson
    /// (repeatable)
    #[arg(long, value_name = "DIR", env = "IMAGEFACTS_PULL_SECRETS_DIR", value_delimiter = ',')]
    pub pull_secrets_dir: Vec<PathBuf>,
    /// Ask the kubelet's credential provider plugins that this CredentialProviderConfig names
    #[arg(long, value_name = "FILE", env = "IMAGEFACTS_IMAGE_CREDENTIAL_PROVIDER_CONFIG")]
    pub image_credential_provider_config: Option<PathBuf>,
    /// Where the programs of these plugins are
    #[arg(long, value_name = "DIR", env = "IMAGEFACTS_IMAGE_CREDENTIAL_PROVIDER_BIN_DIR")]
    pub image_credential_provider_bin_dir: Option<PathBuf>,
    /// Trust the certificate authorities in this PEM file too
    #[arg(long, value_name = "FILE", env = "IMAGEFACTS_CA_FILE")]
    pub ca_file: Option<PathBuf>,
    /// Allow plain http and an unverified certificate for this registry (repeatable)
    #[arg(long, value_name = "HOST", env = "IMAGEFACTS_INSECURE_REGISTRY", value_delimiter = ',', value_parser = host)]
    pub insecure_registry: Vec<String>,
    /// Ask this server first for what the registry HOST has: a host, or a URL (repeatable, in order)
    #[arg(long, value_name = "HOST=ENDPOINT", env = "IMAGEFACTS_MIRROR", hide_env_values = true, value_delimiter = ',', value_parser = MirrorParser)]
    pub mirror: Vec<MirrorArg>,
    /// Ask mirrors, and respect blocks, as this registries.conf of podman or CRI-O says
    #[arg(long, value_name = "FILE", env = "IMAGEFACTS_REGISTRIES_CONF")]
    pub registries_conf: Option<PathBuf>,
    /// Ask mirrors, and use certificates, as this certs.d directory of containerd or docker says
    #[arg(long, value_name = "DIR", env = "IMAGEFACTS_CERTS_DIR")]
    pub certs_dir: Option<PathBuf>,
    /// Keep what registries give in this directory (default: $XDG_CACHE_HOME/imagefacts, or ~/.cache/imagefacts)
    #[arg(long, value_name = "DIR", env = "IMAGEFACTS_CACHE_DIR")]
    pub cache_dir: Option<PathBuf>,
    /// Keep nothing, and use nothing that was kept
    #[arg(long, env = "IMAGEFACTS_NO_CACHE")]
    pub no_cache: bool,
    /// Where to look for signatures, SBOMs, provenance and the like
    #[arg(long, value_enum, default_value_t, env = "IMAGEFACTS_ATTACHMENTS")]
    pub attachments: AttachmentsArg,
}

/// What to do with images that fail.
#[derive(Debug, Args, Default)]
#[command(next_help_heading = "Registries")]
pub struct FallbackArgs {
    /// What the facts hold of an image that fails
    #[arg(long, value_enum, default_value_t, env = "IMAGEFACTS_FALLBACK")]
    pub fallback: FallbackArg,
}

/// What the facts hold of an image that fails.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum FallbackArg {
    /// the first image that fails ends the run, and nothing is written
    None,
    /// what was learned before it failed
    Partial,
    /// as well, what the cluster knows
    #[default]
    BestEffort,
    /// as well, when its registry cannot be asked, what it said when it could be
    Cached,
}
