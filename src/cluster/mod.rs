//! Kubernetes: what a cluster uses, from a live API server or from files.

mod few;
pub mod files;
pub mod inventory;
pub mod live;
pub mod objects;
pub mod pull_secrets;
pub mod uses;
