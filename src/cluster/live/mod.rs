//! What a live cluster uses: the only place that knows an API server and kube's client.
//!
//! [`Cluster::connect`] reads the kubeconfig; [`discover`] lists what holds images into the inventory; pull secrets
//! are read one by one when an image needs them ([`Cluster::pull_secret`]).

mod ahead;
mod cause;
mod connect;
mod custom;
mod discover;
mod error;
mod extent;
mod gaps;
mod kubeconfig;
mod lane;
mod list;
mod owners;
mod path;
mod proxy;
mod refusal;
mod request;
mod secrets;
mod split;
mod tries;

pub use connect::{Cluster, Connection};
pub use discover::{Sighting, discover};
pub use error::DiscoveryError;
pub use secrets::SecretError;
