//! Arguments in, exit code out.

use std::process::ExitCode;

use imagefacts::commands;

fn main() -> ExitCode {
    // Fails only when a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let args: Vec<_> = std::env::args_os().collect();
    commands::main(&args).into()
}
