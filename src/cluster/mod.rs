//! Kubernetes: what a cluster uses, from a live API server or from files.

pub mod inventory;
