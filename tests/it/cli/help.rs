//! What the program tells of itself.

use super::Program;

#[tokio::test]
async fn every_help_teaches_by_example() {
    let program = Program::new();
    for command in [
        &[][..],
        &["collect"],
        &["inspect"],
        &["show"],
        &["diff"],
        &["optimize"],
        &["demo"],
        &["registry", "check"],
        &["validate"],
        &["schema"],
    ] {
        let ran = program.run(&[command, &["--help"]].concat()).await.exits(0);
        let help = ran.stdout();
        assert!(ran.stderr.is_empty() && help.contains("Usage: imagefacts"), "{help}");
        let (_, examples) =
            help.split_once("Examples:\n").unwrap_or_else(|| panic!("{command:?} has no example: {help}"));
        assert!(examples.contains(&format!("imagefacts {}", command.first().unwrap_or(&"collect"))), "{examples}");
        let explained = help.lines().take_while(|line| !line.starts_with("Usage:")).count() > 2;
        assert!(explained || matches!(command, ["validate" | "schema"]), "{command:?} only repeats the list: {help}");
        let width = help.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(width <= 120, "{command:?} is {width} wide");
    }
}

#[tokio::test]
async fn what_is_not_built_is_not_in_the_help() {
    let program = Program::new();
    let main = program.run(&["--help"]).await.exits(0).stdout();
    for command in ["push", "pull", "completions"] {
        assert!(!main.contains(&format!("\n  {command} ")), "{command}");
        program.run(&[command]).await.exits(2);
    }
    let collect = program.run(&["collect", "--help"]).await.exits(0).stdout();
    for flag in ["--append-to", "--check-access"] {
        assert!(!collect.contains(flag), "{flag}");
    }
}

#[tokio::test]
async fn without_a_command_the_help_is_shown_and_it_is_wrong_usage() {
    Program::new().run(&[]).await.exits(2).says(&["Usage: imagefacts", "collect", "demo"]);
}

#[tokio::test]
async fn the_version_is_the_crates() {
    let version = Program::new().run(&["--version"]).await.exits(0).stdout();
    assert_eq!(version, format!("imagefacts {}\n", env!("CARGO_PKG_VERSION")));
}

#[tokio::test]
async fn schemas_are_the_committed_ones() {
    let program = Program::new();
    for (name, committed) in [
        ("facts", include_str!("../../../schema/facts.v1.schema.json")),
        ("progress", include_str!("../../../schema/progress.v1.schema.json")),
    ] {
        assert_eq!(program.run(&["schema", name]).await.exits(0).stdout(), committed, "{name}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn as_a_plugin_it_has_kubectls_name() {
    let program = Program::new();
    let plugin = program.directory().join("kubectl-imagefacts");
    // Not a copy: what another thread just started may still hold it open for writing, and then it cannot be run.
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_imagefacts"), &plugin).unwrap();
    for arguments in [&["--help"][..], &["collect", "--help"]] {
        let child = program.command_of(&plugin, arguments).spawn().unwrap();
        let help = program.end(child).await.exits(0).stdout();
        assert!(help.contains("Usage: kubectl imagefacts"), "{help}");
    }
    let child = program.command_of(&plugin, &["collect", "--nonsense"]).spawn().unwrap();
    program.end(child).await.exits(2).says(&["Usage: kubectl imagefacts collect"]);
}
