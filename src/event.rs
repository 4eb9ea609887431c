//! What can happen during a run, as data: the only interface between the work and its output.
//!
//! Events flow outward only. Nothing that does the work reads back from them, and whoever shows them learns about
//! the run from nothing else.

use std::sync::Arc;

use serde::Serialize;

use crate::vocabulary::{ErrorClass, FindingCode, GapScope, ImageStatus, Severity};

/// Something that happened. As JSON (`--progress json`) it is one object, tagged by `event`.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Event {
    /// The run begins.
    Started {
        /// the namespaces that were asked for; empty for all
        namespaces: Vec<String>,
        /// whether registries will be asked
        include_images: bool,
    },
    /// A page of a list was read.
    Discovering {
        /// the list's resource: `pods`, `deployments.apps`
        resource: String,
        /// objects of it read so far
        listed: u64,
    },
    /// All lists were read.
    Discovered {
        /// workloads that hold a pod template
        workloads: u64,
        /// pods
        pods: u64,
        /// distinct references
        references: u64,
        /// distinct registries
        registries: u64,
    },
    /// An image is done; told again only if what is found later changes how it fared.
    Image {
        /// normalized, or as written when it is invalid
        reference: String,
        /// how far it was resolved
        status: ImageStatus,
        /// images done so far
        done: u64,
        /// images known so far
        total: u64,
        /// requests that it took
        requests: u64,
        /// milliseconds
        duration_ms: u64,
        /// the first thing that went wrong
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<EventError>,
    },
    /// How far the run is; at least once a second while images are resolved.
    Progress {
        /// images done
        done: u64,
        /// images known so far
        total: u64,
        /// of those done, the ones that failed
        failed: u64,
        /// images done for each second since resolving began
        per_second: f64,
        /// seconds left; absent before all lists were read
        #[serde(skip_serializing_if = "Option::is_none")]
        eta_seconds: Option<u64>,
        /// bytes received from registries
        bytes: u64,
    },
    /// A host is not asked for a while.
    Paused {
        /// the host
        host: String,
        /// for how long
        seconds: u64,
        /// why
        reason: String,
    },
    /// Something is wrong with an image.
    Finding {
        /// what
        code: FindingCode,
        /// how much it matters
        severity: Severity,
        /// the image
        #[serde(skip_serializing_if = "Option::is_none")]
        image: Option<String>,
        /// in words
        message: String,
    },
    /// Something could not be looked at.
    Gap {
        /// on which side
        scope: GapScope,
        /// the resource that could not be read
        #[serde(skip_serializing_if = "Option::is_none")]
        resource: Option<String>,
        /// where
        #[serde(skip_serializing_if = "Option::is_none")]
        namespace: Option<String>,
        /// the registry
        #[serde(skip_serializing_if = "Option::is_none")]
        host: Option<String>,
        /// one word: `forbidden`, `inconsistent`, …
        reason: String,
        /// in words, with what would close the gap
        message: String,
    },
    /// The run ends, and a bundle was written.
    Finished {
        /// its path; `-` for stdout
        bundle: String,
        /// whether all was looked at
        complete: bool,
        /// images
        resolved: u64,
        /// images
        partial: u64,
        /// images
        failed: u64,
        /// images
        unqueried: u64,
        /// findings by severity
        findings: FindingCounts,
        /// milliseconds
        duration_ms: u64,
        /// why it ended early: `interrupted`, `terminated`, `timeout`
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// The run ends, and nothing was written.
    Failed {
        /// why
        message: String,
    },
}

/// The error of an image.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct EventError {
    /// its class
    pub class: ErrorClass,
    /// in words
    pub message: String,
}

/// How many findings of each severity there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct FindingCounts {
    /// errors
    pub error: u64,
    /// warnings
    pub warning: u64,
    /// infos
    pub info: u64,
}

/// Where events go.
pub trait Sink: Send + Sync {
    /// Shows `event`. Called from any thread, in the order in which things happened.
    fn emit(&self, event: &Event);
}

/// The way out for events; cheap to clone.
#[derive(Clone)]
pub struct Events(Arc<dyn Sink>);

impl Events {
    /// Events that go to `sink`.
    pub fn to(sink: Arc<dyn Sink>) -> Self {
        Self(sink)
    }

    /// Events that nobody sees.
    pub fn none() -> Self {
        struct Nowhere;
        impl Sink for Nowhere {
            fn emit(&self, _: &Event) {}
        }
        Self(Arc::new(Nowhere))
    }

    /// Tells that `event` happened.
    pub fn emit(&self, event: Event) {
        self.0.emit(&event);
    }
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Events")
    }
}
