//! What ends a run without a bundle.

use crate::bundle::WriteError;
use crate::cluster::files::FilesError;
use crate::cluster::live::DiscoveryError;
use crate::cluster::uses::InvalidSelector;
use crate::credentials::CredentialsError;
use crate::facts::validate::{BadSchema, Violation};
use crate::registry::RegistrySetupError;
use crate::resolve::Resolution;
use crate::settings::ConfigError;
use crate::stop::{Stop, StopReason};

/// Why there is no bundle.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// the cluster
    #[error(transparent)]
    Cluster(#[from] DiscoveryError),
    /// the files
    #[error(transparent)]
    Files(#[from] FilesError),
    /// `--selector`
    #[error(transparent)]
    Selector(#[from] InvalidSelector),
    /// a file of settings
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// our own credentials
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// the client for registries
    #[error(transparent)]
    Registry(#[from] RegistrySetupError),
    /// the bundle
    #[error(transparent)]
    Write(#[from] WriteError),
    /// `--fallback none`
    #[error("{reference} could not be resolved, and --fallback none ends the run then: {message}")]
    ImageFailed {
        /// the image
        reference: String,
        /// why
        message: String,
    },
    /// the end came before there was anything to show
    #[error("the run ended before the files were read that its settings name; if one of them is a pipe, write into it")]
    Ended(Option<StopReason>),
    /// a bug: what we made is not what we promise
    #[error(
        "the facts are not valid against their own schema, so no bundle was written; this is a bug in imagefacts, \
         please report it: {}",
        first(.0)
    )]
    Invalid(Vec<Violation>),
    /// a bug: the schema itself
    #[error("this is a bug in imagefacts, please report it: {0}")]
    Schema(#[from] BadSchema),
    /// a bug: what we made cannot be written as JSON
    #[error("this is a bug in imagefacts, please report it: {0}")]
    Json(#[from] serde_json::Error),
    /// a task of ours ended without an answer
    #[error("this is a bug in imagefacts, please report it: {0}")]
    Task(#[from] tokio::task::JoinError),
}

impl CollectError {
    /// `stop` ended the run before there was anything to show.
    pub(crate) fn ended(stop: &Stop) -> Self {
        Self::Ended(stop.reason())
    }

    /// The first image that failed.
    pub(super) fn image_failed(resolution: Option<&Resolution>) -> Self {
        let answers = resolution.into_iter().flat_map(|resolution| resolution.answers.values());
        let failed = answers.flat_map(|answer| answer.failures.first().map(|failure| (&answer.reference, failure)));
        let first = failed.min_by_key(|(_, failure)| failure.class == crate::vocabulary::ErrorClass::Canceled);
        match first {
            Some((reference, failure)) => {
                Self::ImageFailed { reference: reference.to_string(), message: failure.message.clone() }
            }
            None => Self::ImageFailed { reference: "an image".to_owned(), message: "it failed".to_owned() },
        }
    }
}

fn first(violations: &[Violation]) -> String {
    let more = violations.len().saturating_sub(1);
    let first = violations.first().map(ToString::to_string).unwrap_or_default();
    if more == 0 { first } else { format!("{first} (and {more} more)") }
}
