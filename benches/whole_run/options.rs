//! What can be typed after `cargo bench --bench whole_run --`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::made_up::{Cluster, Shape};

/// Runs imagefacts against a generated cluster and registry, beside bare clients that read the same.
#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) role: Option<Role>,
    #[command(flatten)]
    pub(crate) options: Options,
    /// what `cargo bench` adds
    #[arg(long, hide = true)]
    bench: bool,
}

/// What the benchmark is to the processes that it starts of itself. A server ends with its stdin, and tells what it
/// counted for each line that it reads there.
#[derive(Subcommand)]
pub(crate) enum Role {
    /// An API server
    Cluster(ClusterOptions),
    /// A registry over TLS
    Registry(RegistryOptions),
    /// A bare client that reads lists one after another
    ReadLists {
        address: SocketAddr,
        /// with their queries
        paths: Vec<String>,
    },
    /// A bare client that fetches URLs, 64 at a time
    FetchUrls {
        /// a file with a URL in each line
        urls: PathBuf,
        #[arg(long)]
        ca_file: PathBuf,
        #[arg(long)]
        head: bool,
    },
}

/// What is measured, and how often.
#[derive(Args, Clone)]
pub(crate) struct Options {
    /// What to measure [default: all]
    #[arg(long, value_delimiter = ',')]
    pub(crate) only: Vec<Measured>,
    /// Pods of the clusters whose discovery is measured
    #[arg(long, value_delimiter = ',', default_values_t = [20_000, 150_000])]
    pub(crate) pods: Vec<usize>,
    /// Bytes of a pod as JSON
    #[arg(long, default_value_t = 8192)]
    pub(crate) pod_bytes: usize,
    /// Milliseconds before the first byte of each page
    #[arg(long, default_value_t = 50)]
    pub(crate) page_ms: u64,
    /// Let that be the time for a full page of pods, and as much less for another page as it holds less
    #[arg(long)]
    pub(crate) in_proportion: bool,
    /// Images of the registries whose reading is measured
    #[arg(long, value_delimiter = ',', default_values_t = [1000, 20_000])]
    pub(crate) images: Vec<usize>,
    /// Milliseconds before each answer of the registry
    #[arg(long, default_value_t = 30)]
    pub(crate) latency_ms: u64,
    #[command(flatten)]
    pub(crate) shape: Shape,
    /// How often each pair of the bare client and the program is run
    #[arg(long, default_value_t = 3)]
    pub(crate) rounds: usize,
    /// Small sizes and one round: whether it works, in seconds
    #[arg(long)]
    pub(crate) quick: bool,
    /// Vary pods, images, layers and latency in place of measuring these sizes, and draw what comes out to this file
    #[arg(long, value_name = "SVG")]
    pub(crate) sweep: Option<PathBuf>,
    /// Put the table in the place of the first block of text of this page
    #[arg(long, value_name = "MARKDOWN")]
    pub(crate) page: Option<PathBuf>,
    /// The program to measure
    #[arg(long, default_value = env!("CARGO_BIN_EXE_imagefacts"))]
    pub(crate) program: PathBuf,
    /// Write every single figure to this file
    #[arg(long)]
    pub(crate) json: Option<PathBuf>,
}

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Measured {
    /// `--version` and `--help`
    Start,
    /// discovery alone
    Pods,
    /// images, without a cache
    Cold,
    /// images, into an empty cache and then out of it
    Warm,
    /// pods and images together
    Whole,
}

impl Options {
    /// With the sizes of a quick run, if that is what was asked for.
    pub(crate) fn completed(&self) -> Self {
        let quick = |options: Self| Self { pods: vec![2000], page_ms: 5, images: vec![60], rounds: 1, ..options };
        if self.quick { quick(self.clone()) } else { self.clone() }
    }

    /// Whether `measured` is wanted.
    pub(crate) fn wants(&self, measured: Measured) -> bool {
        self.only.is_empty() || self.only.contains(&measured)
    }
}

/// An API server.
#[derive(Args, Debug, Clone)]
pub(crate) struct ClusterOptions {
    #[command(flatten)]
    pub(crate) cluster: Cluster,
    /// Milliseconds before the first byte of each page
    #[arg(long, default_value_t = 50)]
    pub(crate) page_ms: u64,
    /// Let that be the time for a full page of pods, and as much less for another page as it holds less
    #[arg(long)]
    pub(crate) in_proportion: bool,
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,
}

/// A registry.
#[derive(Args, Debug, Clone)]
pub(crate) struct RegistryOptions {
    /// Images, each in a repository of its own
    #[arg(long, default_value_t = 1000)]
    pub(crate) images: usize,
    /// Milliseconds before each answer
    #[arg(long, default_value_t = 30)]
    pub(crate) latency_ms: u64,
    #[command(flatten)]
    pub(crate) shape: Shape,
    /// Where to put ca.pem and the URLs of all that a client may want
    #[arg(long, default_value = ".")]
    pub(crate) dir: PathBuf,
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,
}
