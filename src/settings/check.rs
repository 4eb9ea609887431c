//! What decides how registries are checked.

use std::collections::BTreeMap;

use super::{RegistrySettings, RegistryTable};
use crate::cli::CheckArgs;
use crate::limits::Limits;

/// Everything that decides how registries are checked.
#[derive(Debug, Clone)]
pub struct CheckSettings {
    /// how registries are reached
    pub registry: RegistrySettings,
    /// the bounds
    pub limits: Limits,
}

impl CheckSettings {
    /// What was typed, with what the configuration file says of registries.
    pub fn new(args: CheckArgs, hosts: BTreeMap<String, RegistryTable>) -> Self {
        Self { registry: RegistrySettings::new(args.registry, hosts), limits: args.limits.into() }
    }
}
