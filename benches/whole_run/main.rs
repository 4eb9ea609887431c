//! The whole program against a generated cluster and a registry, beside what a bare client needs for the same.
//!
//! `cargo bench --bench whole_run` starts both servers as processes of their own, lets a bare client and the program
//! run in turn, and prints a table: how long, how many times as long as the bare client, CPU, peak memory, and what the
//! servers counted against what must be asked for. docs/performance.md explains it.

#![allow(clippy::disallowed_macros, reason = "a benchmark prints its results")]
#![allow(clippy::disallowed_methods, reason = "a benchmark lays out files and looks at the clock")]

mod api;
mod control;
mod floor;
#[path = "../made_up/mod.rs"]
mod made_up;
mod measure;
mod options;
mod plot;
mod registry;
mod report;
mod scenarios;
mod scene;
mod server;
mod sweep;

use clap::Parser as _;

use crate::options::{Arguments, Role};

fn main() -> anyhow::Result<()> {
    // Fails only when a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let Arguments { role, options, .. } = Arguments::parse();
    match role {
        Some(Role::Cluster(cluster)) => api::run(&cluster),
        Some(Role::Registry(registry)) => registry::run(&registry),
        Some(Role::ReadLists { address, paths }) => floor::read_lists(address, &paths),
        Some(Role::FetchUrls { urls, ca_file, head }) => floor::fetch_urls(&urls, &ca_file, head),
        None => {
            let options = options.completed();
            let rows = match &options.sweep {
                Some(file) => sweep::run(&options, file)?,
                None => scenarios::run(&options)?,
            };
            report::write(&options, &rows)
        }
    }
}
