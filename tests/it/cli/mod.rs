//! What a user does: the built binary, its streams, its exit codes, and what it leaves on the disk.

mod bad_input;
pub(crate) mod bundle;
mod cache;
mod canaries;
mod demo;
mod files;
mod golden;
mod help;
mod inspect;
mod interrupts;
mod interrupts_large;
mod interrupts_many;
mod interrupts_pipes;
mod login;
mod outputs;
mod pipeline;
pub(crate) mod program;
mod proxies;
mod real;
mod recorded;
mod registries;
mod reports;
mod scope;
mod validate;

use bundle::Bundle;
pub(crate) use program::{Program, Ran};
