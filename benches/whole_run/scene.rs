//! The servers, and an empty home from which the program asks them.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde::Serialize;
use serde_json::json;
use tempfile::TempDir;

use crate::control::{Counts, Server};
use crate::measure::{self, Cost};
use crate::options::Options;
use crate::registry::CA_FILE;
use crate::{api, floor, registry};

/// One run of the program, and of the bare client just before.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Round {
    pub(crate) bare: Option<Cost>,
    pub(crate) program: Cost,
    /// of the bare client at the registry
    pub(crate) bare_registry: Counts,
    /// of the program at the API server
    pub(crate) api: Counts,
    /// of the program at the registry
    pub(crate) registry: Counts,
}

/// The sizes of a cluster and of its registry.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Size {
    pub(crate) pods: usize,
    pub(crate) images: usize,
    /// of a page, in milliseconds
    pub(crate) page_ms: u64,
}

/// Which bare client is the floor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Floor {
    None,
    Lists,
    Documents,
    Tags,
    ListsAndDocuments,
}

/// Servers of a size. They end with it.
pub(crate) struct Scene {
    dir: TempDir,
    program: PathBuf,
    api_server: Server,
    registry_server: Server,
    pub(crate) api: api::Hello,
    pub(crate) registry: registry::Hello,
}

impl Scene {
    pub(crate) fn start(options: &Options, size: Size) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let shape = format!("--layers={} --multi-platform={}", options.shape.layers, options.shape.multi_platform);
        let words = |text: String| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let Size { pods, images, page_ms } = size;
        let mut role = words(format!("registry --images={images} --latency-ms={} {shape}", options.latency_ms));
        role.push(format!("--dir={}", dir.path().display()));
        let (registry_server, registry): (_, registry::Hello) = Server::start(&role)?;
        let role = words(format!(
            "cluster --pods={pods} --pod-bytes={} --page-ms={page_ms} --images={images} --registry={} {shape}",
            options.pod_bytes, registry.host
        ));
        let role =
            role.into_iter().chain(options.in_proportion.then(|| "--in-proportion".to_owned())).collect::<Vec<_>>();
        let (api_server, api): (_, api::Hello) = Server::start(&role)?;
        let scene = Self { dir, program: options.program.clone(), api_server, registry_server, api, registry };
        std::fs::write(scene.path("kubeconfig"), scene.kubeconfig())?;
        Ok(scene)
    }

    fn kubeconfig(&self) -> String {
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "bench",
            "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": "bench"}}],
            "clusters": [{"name": "bench", "cluster": {"server": format!("http://{}", self.api.address)}}],
            "users": [{"name": "bench", "user": {}}],
        });
        config.to_string()
    }

    /// A file of the scene.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The program, in a place where nobody has set anything.
    pub(crate) fn program(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(self.dir.path());
        command.env_clear().env("HOME", self.dir.path()).env("KUBECONFIG", self.path("kubeconfig"));
        command
    }

    /// `collect` with the images, or without them.
    pub(crate) fn collect(&self, with_images: bool) -> Command {
        let mut command = self.program(&["collect", "-o"]);
        command.arg(self.path("bundle.tar.gz"));
        if with_images {
            command.arg("--include-images").arg("--ca-file").arg(self.path(CA_FILE));
        }
        command
    }

    /// Runs the bare client and then the program.
    pub(crate) fn round(&mut self, floor: Floor, command: &mut Command) -> Result<Round> {
        let bare = self.run_bare(floor).context("the bare client")?;
        let (_, bare_registry) = self.counts()?;
        let program = measure::run(command, &self.path("log")).context("the program")?;
        let (api, registry) = self.counts()?;
        Ok(Round { bare, program, bare_registry, api, registry })
    }

    /// What the program said in the last round.
    pub(crate) fn said(&self) -> Result<String> {
        Ok(std::fs::read_to_string(self.path("log"))?)
    }

    fn run_bare(&self, floor: Floor) -> Result<Option<Cost>> {
        let lists = || floor::of_lists(self.api.address, &self.api.lists);
        let registry = |head| floor::of_registry(self.dir.path(), head);
        let log = self.path("bare");
        match floor {
            Floor::None => Ok(None),
            Floor::Lists => measure::run(&mut lists()?, &log).map(Some),
            Floor::Documents => measure::run(&mut registry(false)?, &log).map(Some),
            Floor::Tags => measure::run(&mut registry(true)?, &log).map(Some),
            Floor::ListsAndDocuments => measure::together(&mut [&mut lists()?, &mut registry(false)?], &log).map(Some),
        }
    }

    fn counts(&mut self) -> Result<(Counts, Counts)> {
        Ok((self.api_server.counts()?, self.registry_server.counts()?))
    }
}
