//! What the documentation says can be typed, can be typed.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process;

use clap::Parser as _;
use imagefacts::cli::{Cli, Command};
use imagefacts::settings::{self, CollectSettings};

/// The README and all pages below `docs/`.
fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut pages: Vec<PathBuf> = docs.filter(|path| path.extension().is_some_and(|ending| ending == "md")).collect();
    pages.push(root.join("README.md"));
    pages.sort();
    pages
}

/// The lines of a page's ```` ```sh ```` blocks, those that a backslash continues as one, without their comments.
fn shell_lines(page: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let (mut is_shell, mut is_open) = (false, false);
    for line in page.lines() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            is_shell = matches!(language.trim(), "sh" | "bash" | "console") && !is_shell;
            continue;
        }
        if !is_shell {
            continue;
        }
        let line = line.trim().trim_start_matches("$ ");
        let (line, goes_on) = line.strip_suffix('\\').map_or((line, false), |line| (line, true));
        let line = line.split(" #").next().unwrap_or_default();
        match lines.last_mut().filter(|_| is_open) {
            Some(open) => open.push_str(line),
            None => lines.push(line.to_owned()),
        }
        is_open = goes_on;
    }
    lines.retain(|line| !line.is_empty() && !line.starts_with('#'));
    lines
}

/// The words of a simple command, with its quotes taken off; none of what redirects.
fn words(command: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in command.chars() {
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            ('\'' | '"', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    let redirected = words.iter().position(|word| word.starts_with(['>', '<']) || word.starts_with("2>"));
    words.truncate(redirected.unwrap_or(words.len()));
    words
}

/// The commands of ours in a line of shell, each from its name on: also those in a pipe, after `&&`, and as a plugin.
fn our_commands(line: &str) -> Vec<Vec<String>> {
    let commands = line.split(['|', ';', '&']).map(|command| words(command.trim()));
    let ours = |words: Vec<String>| {
        let program = words.iter().position(|word| !word.contains('='))?;
        let words = words.get(program..)?;
        let typed: Vec<&str> = words.iter().map(String::as_str).collect();
        let skipped = match typed.as_slice() {
            ["imagefacts", ..] => 1,
            ["kubectl", "imagefacts", ..] => 2,
            ["cargo", "run", rest @ ..] => 3 + rest.iter().position(|word| *word == "--")?,
            _ => return None,
        };
        Some([vec!["imagefacts".to_owned()], words.get(skipped..)?.to_vec()].concat())
    };
    commands.filter_map(ours).collect()
}

/// All commands of ours that the documentation shows, with the pages that do.
fn documented() -> Vec<(String, Vec<String>)> {
    let commands = |page: PathBuf| {
        let name = page.file_name().unwrap().to_string_lossy().into_owned();
        let lines = shell_lines(&fs::read_to_string(page).unwrap());
        lines.into_iter().flat_map(|line| our_commands(&line)).map(move |command| (name.clone(), command))
    };
    pages().into_iter().flat_map(commands).collect()
}

#[test]
fn every_command_can_be_typed() {
    let documented = documented();
    for (page, command) in &documented {
        // Help and version are no errors.
        if let Err(error) = Cli::try_parse_from(command)
            && error.use_stderr()
        {
            panic!("{page}: {}: {error}", command.join(" "));
        }
    }
    let shown: BTreeSet<&str> = documented.iter().filter_map(|(_, command)| Some(command.get(1)?.as_str())).collect();
    let all = ["collect", "demo", "inspect", "schema", "validate"];
    assert!(all.iter().all(|command| shown.contains(command)), "{shown:?}");
}

#[test]
fn what_needs_no_cluster_runs() {
    let place = tempfile::tempdir().unwrap();
    let run = |arguments: &[String]| {
        let mut command = process::Command::new(env!("CARGO_BIN_EXE_imagefacts"));
        command.args(arguments).current_dir(place.path()).env_clear().env("HOME", place.path()).output().unwrap()
    };
    let mut ran = BTreeSet::new();
    for (page, command) in documented() {
        let Some(name @ ("demo" | "schema")) = command.get(1).map(String::as_str) else { continue };
        // A path of the documentation's author is none of ours.
        if command.iter().any(|word| word.starts_with('/')) {
            continue;
        }
        let output = run(&command[1..]);
        assert!(output.status.success(), "{page}: {command:?}: {}", String::from_utf8_lossy(&output.stderr));
        ran.insert(name.to_owned());
    }
    assert_eq!(ran.len(), 2, "{ran:?}");
}

#[test]
fn links_between_pages_lead_somewhere() {
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = target.split('#').next().unwrap_or_default();
            if path.is_empty() || path.contains("://") {
                continue;
            }
            assert!(page.parent().unwrap().join(path).exists(), "{}: {target}", page.display());
        }
    }
}

/// Benchmarks take long; that theirs can be typed is told by what they declare. `tests/run` runs them in small.
#[test]
fn every_option_of_a_benchmark_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |file: &str| fs::read_to_string(root.join(file)).unwrap();
    let manifest = read("Cargo.toml");
    let options = read("benches/whole_run/options.rs") + &read("benches/made_up/mod.rs");
    let mut seen = BTreeSet::new();
    for line in shell_lines(&read("docs/performance.md")) {
        let words = words(&line);
        let ["cargo", "bench", "--bench", name, rest @ ..] = &words.iter().map(String::as_str).collect::<Vec<_>>()[..]
        else {
            panic!("{line}")
        };
        assert!(manifest.contains(&format!("[[bench]]\nname = \"{name}\"\n")), "{line}");
        for option in rest.iter().filter_map(|word| word.strip_prefix("--")).filter(|option| !option.is_empty()) {
            assert!(options.contains(&format!("pub(crate) {}: ", option.replace('-', "_"))), "{line}: --{option}");
            seen.insert(option.to_owned());
        }
    }
    assert!(seen.contains("quick") && seen.contains("sweep"), "{seen:?}");
}

/// The blocks of this language on a page.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let opening = format!("```{language}\n");
    page.split(&opening).skip(1).filter_map(|rest| Some(rest.split_once("```")?.0.to_owned())).collect()
}

#[test]
fn the_examples_of_files_are_read() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md")).unwrap();
    let [config, registries_conf, hosts_toml] = &blocks(&page, "toml")[..] else { panic!("three files") };
    let place = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &str| {
        let path = place.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path.display().to_string()
    };
    let secret = write("secret", "s3cr3t");
    let config = write("config.toml", &config.replace("/run/secrets/registry", &secret));
    let conf = write("registries.conf", registries_conf);
    write("certs.d/registry.example/hosts.toml", hosts_toml);
    let certs = place.path().join("certs.d").display().to_string();
    let line = ["imagefacts", "collect", "--config", &config, "--registries-conf", &conf, "--certs-dir", &certs];
    let environment = [("GHCR_TOKEN".to_owned(), "t".to_owned())].into();
    let args = line.map(std::ffi::OsString::from);
    let invocation = settings::parse(&args, &environment).unwrap();
    let Command::Collect(args) = invocation.cli.command else { panic!("collect") };
    let registry = CollectSettings::new(*args, invocation.registries).registry;
    assert_eq!(registry.credentials().len(), 2);
    let options = registry.client_options().unwrap();
    assert_eq!((options.prefixes.len(), options.upstreams["registry.example"].mirrors.len()), (2, 2));
    assert_eq!(options.mirrors.len(), 3);
}

/// What can be said about a host, and each flag that the page names, is there.
#[test]
fn every_key_of_a_host_is_documented() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md")).unwrap();
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("config.toml");
    fs::write(&file, "[registries.\"r.io\"]\nnot-a-key = 1\n").unwrap();
    let args = ["imagefacts", "inspect", "x", "--config"].map(std::ffi::OsString::from);
    let args: Vec<_> = args.into_iter().chain([file.into()]).collect();
    let error = settings::parse(&args, &settings::Environment::new()).unwrap_err().to_string();
    let known = error.split_once("known are ").unwrap().1.replace(" (each also …-file, …-env)", "");
    for key in known.split(", ") {
        assert!(page.contains(&format!("`{key}`")), "{key}");
    }
}

#[test]
fn shell_is_read_as_a_person_reads_it() {
    let page = "```sh\n# one\nA=b imagefacts x -o 'a b' > f  # why\nkubectl get -o json |\\\n  imagefacts y && echo\n```\n\
                ```text\nimagefacts no\n```\n```sh\nkubectl imagefacts z\ncargo run --release -- demo\ngrep imagefacts f\n```\n";
    let commands: Vec<String> =
        shell_lines(page).iter().flat_map(|line| our_commands(line)).map(|words| words.join(",")).collect();
    assert_eq!(commands, ["imagefacts,x,-o,a b", "imagefacts,y", "imagefacts,z", "imagefacts,demo"]);
}
