//! Where objects come from, and who reads the pull secrets there.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::timeout;

use super::CollectError;
use super::stdin::Stdin;
use crate::cluster::files::{self, FileSecrets, STDIN};
use crate::cluster::inventory::{Gap, Inventory};
use crate::cluster::live::{self, Cluster, Connection, DiscoveryError, Sighting};
use crate::cluster::pull_secrets::LivePullSecrets;
use crate::cluster::uses::{Scope, Selector};
use crate::credentials::PullSecretReader;
use crate::event::Events;
use crate::facts::Origin;
use crate::settings::CollectSettings;
use crate::stop::Stop;
use crate::task;
use crate::vocabulary::GapScope;

/// How long the end of a run waits for what was read by then.
const TAKEN_IN_AFTER: Duration = Duration::from_millis(500);

/// Where objects come from.
pub enum Source {
    /// a live API server
    Cluster(Connection),
    /// files, directories, or `-` for stdin
    Files(Vec<PathBuf>),
    /// texts that the program carries: names of files and what would be in them
    Texts(Vec<(String, String)>),
}

/// A source that can be read: the cluster was reached as far as that goes without a request, or the files were read.
pub(super) struct Opened {
    /// reads the pull secrets that pods name
    pub(super) secrets: Option<Arc<dyn PullSecretReader>>,
    /// how the facts name the source
    pub(super) origin: Origin,
    /// what is left to do
    pub(super) discovery: Discovery,
}

/// A way to an inventory.
pub(super) enum Discovery {
    /// an API server that is to be asked
    Live(Box<Cluster>, Scope),
    /// there is nothing left to read
    Done(Box<Inventory>),
}

impl Source {
    /// Sets up the connection to the cluster, or reads the files and tells `events` of what could not be looked at.
    ///
    /// When `stop` ends the run before, there is nothing left to discover, and the inventory says so.
    pub(super) async fn open(
        self,
        settings: &CollectSettings,
        events: &Events,
        stop: &Stop,
    ) -> Result<Opened, CollectError> {
        let scope = Scope {
            namespaces: settings.namespaces.iter().cloned().collect(),
            excluded: settings.exclude_namespaces.iter().cloned().collect(),
            selector: settings.selector.as_deref().map(Selector::parse).transpose()?,
            without_custom_resources: !settings.custom_resources,
        };
        match self {
            Self::Cluster(connection) => {
                let context = connection.context.clone();
                let Some(cluster) = stop.or(connect(connection)).await.flatten() else {
                    return Ok(Opened::nothing(Origin::Cluster { context }));
                };
                let cluster = cluster?;
                let origin = Origin::Cluster { context: cluster.context().map(str::to_owned) };
                let secrets: Arc<dyn PullSecretReader> = Arc::new(LivePullSecrets::new(cluster.clone(), stop.clone()));
                Ok(Opened { secrets: Some(secrets), origin, discovery: Discovery::Live(Box::new(cluster), scope) })
            }
            Self::Files(paths) => {
                let origin = Origin::Files { paths: paths.iter().map(|path| path.display().to_string()).collect() };
                let (stdin, again) = (Stdin::default(), scope.clone());
                let (sent, named) = (stdin.clone(), paths.clone());
                let read = task::aside(move || files::read(&paths, &mut || Ok((stdin.read()?, false)), scope));
                let read = match stop.or(read).await {
                    Some(read) => read,
                    // What was sent by then is taken in, and nothing more is waited for.
                    None if named.iter().any(|path| path.as_os_str() == STDIN) => {
                        let read = task::aside(move || files::read(&named, &mut || Ok((sent.so_far(), true)), again));
                        timeout(TAKEN_IN_AFTER, read).await.ok().flatten().filter(Result::is_ok)
                    }
                    None => None,
                };
                match read {
                    Some(read) => Ok(Opened::of_files(read?, origin, events)),
                    None => Ok(Opened::nothing(origin)),
                }
            }
            Self::Texts(texts) => {
                let origin = Origin::Files { paths: texts.iter().map(|(name, _)| name.clone()).collect() };
                Ok(Opened::of_files(files::read_texts(&texts, scope)?, origin, events))
            }
        }
    }
}

impl Discovery {
    /// Finds every image that is used, and tells `events` of what could not be looked at, and `sighted` of images while
    /// others are still looked for.
    ///
    /// When `stop` ends the run before, what was found until then is returned, and marked incomplete.
    pub(super) async fn finish(
        self,
        sighted: &(dyn Fn(Sighting<'_>) + Sync),
        events: &Events,
        stop: &Stop,
    ) -> Result<Inventory, CollectError> {
        match self {
            Self::Live(cluster, scope) => Ok(live::discover(&cluster, &scope, sighted, events, stop).await?),
            Self::Done(inventory) => Ok(*inventory),
        }
    }
}

impl Opened {
    /// What was read of files.
    fn of_files((inventory, secrets): (Inventory, FileSecrets), origin: Origin, events: &Events) -> Self {
        inventory.gaps.iter().for_each(|gap| events.emit(gap.into()));
        let secrets: Arc<dyn PullSecretReader> = Arc::new(secrets);
        Self { secrets: Some(secrets), origin, discovery: Discovery::Done(Box::new(inventory)) }
    }

    fn nothing(origin: Origin) -> Self {
        let gap = Gap {
            scope: GapScope::Kubernetes,
            resource: None,
            namespace: None,
            host: None,
            reason: "interrupted".to_owned(),
            message: "the run ended before any object was read".to_owned(),
            incomplete: true,
        };
        let inventory = Inventory { gaps: vec![gap], ..Inventory::default() };
        Self { secrets: None, origin, discovery: Discovery::Done(Box::new(inventory)) }
    }
}

/// Connects on a thread of its own: the kubeconfig, or a file that it names, may be a pipe into which nobody writes.
async fn connect(connection: Connection) -> Option<Result<Cluster, DiscoveryError>> {
    let runtime = Handle::current();
    task::aside(move || runtime.block_on(Cluster::connect(&connection))).await
}
