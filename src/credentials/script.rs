//! Shell scripts that stand in for the programs that tests start.
#![allow(clippy::disallowed_methods, reason = "a test makes its own programs")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

/// Makes the program `path` of a shell script.
///
/// A file that this process writes is open in every program that another test starts at that moment, and may not be
/// run as long. What `cp` writes, only `cp` has open.
pub(super) fn write(path: &Path, body: &str) {
    let text = path.with_extension("txt");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&text, format!("#!/bin/sh\n{body}\n")).unwrap();
    assert!(Command::new("cp").arg(&text).arg(path).status().unwrap().success());
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}
