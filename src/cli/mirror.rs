//! How a mirror is typed.

use std::ffi::OsStr;

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use clap::{Arg, Command, Error};

use crate::registry::Address;

/// A registry and a mirror of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MirrorArg {
    /// as references name it
    pub registry: String,
    /// where the mirror is
    pub address: Address,
}

/// Reads `HOST=ENDPOINT`. The errors of clap's own parsers show the value, which may hold a password.
#[derive(Clone)]
pub(super) struct MirrorParser;

impl TypedValueParser for MirrorParser {
    type Value = MirrorArg;

    fn parse_ref(&self, command: &Command, _: Option<&Arg>, value: &OsStr) -> Result<MirrorArg, Error> {
        let wrong = |why: &str| Error::raw(ErrorKind::ValueValidation, format!("--mirror: {why}\n")).with_cmd(command);
        let pair = value.to_str().and_then(|text| text.split_once('='));
        let (registry, endpoint) =
            pair.ok_or_else(|| wrong("expected HOST=ENDPOINT, such as docker.io=mirror.gcr.io"))?;
        Address::registry(registry).map_err(|_| wrong("before the = a registry's host is expected"))?;
        let address = Address::parse(endpoint).map_err(|error| wrong(&error.to_string()))?;
        Ok(MirrorArg { registry: registry.to_owned(), address })
    }
}
