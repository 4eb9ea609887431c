//! imagefacts collects the facts about every container image of a Kubernetes cluster into a support bundle.
//!
//! Data flows one way:
//!
//! 1. [`cluster`] discovers what a cluster uses, live or from files: an [`cluster::inventory::Inventory`].
//! 2. [`resolve`] asks registries about each image, by way of [`registry`] and [`credentials`]; [`cache`] keeps what
//!    they gave between runs.
//! 3. [`facts`] puts both together into the document, finds what is wrong, and masks secrets. It is pure.
//! 4. [`bundle`] writes the document into a support bundle.
//!
//! On the way every stage tells [`event::Events`] what happened, and [`progress`] shows it; nothing reads back from it.
//! What bundles hold is shown by [`render`] and compared and weighed by [`analyze`].
//! [`image`] holds the domain, [`vocabulary`] the public word lists, [`serve`] the embedded registry, and [`sample`]
//! what `imagefacts demo` runs on.

// Only of the build for tests; the other build of the same code is held to the lint.
#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests lay out the files that the code reads"))]

pub mod analyze;
pub mod bundle;
pub mod cache;
pub mod check;
pub mod cli;
pub mod clock;
pub mod cluster;
pub mod collect;
pub mod commands;
pub mod credentials;
pub mod event;
pub mod exit;
pub mod facts;
pub mod image;
pub mod json;
pub mod limits;
pub mod once_map;
pub mod packed;
pub mod progress;
pub mod registry;
pub mod render;
pub mod resolve;
pub mod sample;
pub mod serve;
pub mod settings;
pub mod sorted;
pub mod stop;
pub mod task;
pub mod text;
pub mod vocabulary;
