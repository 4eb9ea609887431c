//! `imagefacts cache`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Show or clear what was kept of registries between runs.
///
/// Manifests and configs are kept by digest, so that a second run asks each registry only what its references name now.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  imagefacts cache dir
  imagefacts cache size
  imagefacts cache clear")]
pub struct CacheArgs {
    /// What to do
    #[arg(value_enum)]
    pub action: CacheAction,
    /// The directory (default: $XDG_CACHE_HOME/imagefacts, or ~/.cache/imagefacts)
    #[arg(long, value_name = "DIR", env = "IMAGEFACTS_CACHE_DIR")]
    pub cache_dir: Option<PathBuf>,
    /// Read settings from this file (default: $XDG_CONFIG_HOME/imagefacts/config.toml)
    #[arg(long, value_name = "FILE", env = "IMAGEFACTS_CONFIG")]
    pub config: Option<PathBuf>,
}

/// What to do with the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CacheAction {
    /// print where it is
    Dir,
    /// print how much it holds
    Size,
    /// remove what was kept, and nothing else that lies there
    Clear,
}
