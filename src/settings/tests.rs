//! What the command line, the environment and a configuration file may say, and what they may not.

use std::io::Write;

use secrecy::ExposeSecret;

use super::*;
use crate::cli::Command;
use crate::credentials::Credential;
use crate::registry::Address;

fn parse_line(line: &str, environment: &Environment) -> Result<Invocation, UsageError> {
    let args: Vec<_> = line.split(' ').map(OsString::from).collect();
    parse(&args, environment)
}

fn refusal(line: &str) -> String {
    parse_line(line, &Environment::new()).expect_err(line).to_string()
}

/// `collect --include-images` with a configuration file of this text.
fn with_config(text: &str, environment: &Environment) -> Result<(CollectSettings, Invocation), String> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let path = file.path().to_str().unwrap();
    let line = format!("imagefacts collect --include-images --retries 9 --config {path}");
    let invocation = parse_line(&line, environment).map_err(|error| error.to_string().replace(path, "FILE"))?;
    let again = parse_line(&line, environment).map_err(|error| error.to_string())?;
    let Command::Collect(args) = again.cli.command else { panic!("collect") };
    Ok((CollectSettings::new(*args, again.registries), invocation))
}

fn variables(pairs: &[(&str, &str)]) -> Environment {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn flags_that_do_not_go_together_are_refused() {
    for (line, why) in [
        ("imagefacts collect --retries 3", "--retries needs --include-images"),
        ("imagefacts collect --authfile x", "--authfile needs --include-images"),
        ("imagefacts collect --fallback none", "--fallback needs --include-images"),
        ("imagefacts collect -A -n shop", "--all-namespaces cannot be used with --namespace"),
        ("imagefacts collect --from x --context y", "--from cannot be used with --context"),
        ("imagefacts collect --as-group y", "--as-group needs --as"),
        (
            "imagefacts inspect x --image-credential-provider-config f",
            "--image-credential-provider-config needs --image-credential-provider-bin-dir",
        ),
        (
            "imagefacts inspect x --image-credential-provider-bin-dir d",
            "--image-credential-provider-bin-dir needs --image-credential-provider-config",
        ),
        ("imagefacts inspect nginx --platform linux/amd64 --all-platforms", "--platform cannot be used with"),
        ("imagefacts inspect", "REF"),
        ("imagefacts inspect nginx --platform linux", "os/arch"),
        ("imagefacts collect --progress loud", "loud"),
        ("imagefacts collect --include-images --timeout soon", "soon"),
        ("imagefacts collect --include-images --concurrency 0", "whole number"),
        ("imagefacts collect --mirror docker.io=m.io", "--mirror needs --include-images"),
        ("imagefacts collect --certs-dir x", "--certs-dir needs --include-images"),
        ("imagefacts inspect nginx --mirror m.io", "expected HOST=ENDPOINT"),
        ("imagefacts inspect nginx --mirror docker.io=ftp://m.io", "expected HOST[:PORT][/PATH]"),
        ("imagefacts inspect nginx --mirror a/b=m.io", "before the = a registry's host"),
    ] {
        let text = refusal(line);
        assert!(text.contains(why), "{line}: {text}");
    }
}

#[test]
fn the_clock_is_fixed_by_the_environment() {
    let environment = |text: &str| variables(&[("SOURCE_DATE_EPOCH", text)]);
    assert!(matches!(clock(&Environment::new()), Ok(Clock::System)));
    assert!(matches!(clock(&environment("0")), Ok(Clock::Fixed(at)) if at.as_second() == 0));
    assert!(clock(&environment("yesterday")).unwrap_err().contains("SOURCE_DATE_EPOCH"));
}

#[test]
fn a_file_sets_what_was_not_typed() {
    let text = "retries = 1\nconcurrency = 7\nregistry-timeout = \"3s\"\nstrict = true\nnamespace = [\"a\", \"b\"]\n";
    let (settings, _) = with_config(text, &Environment::new()).unwrap();
    assert_eq!((settings.limits.retries, settings.limits.concurrency), (9, 7));
    assert_eq!(settings.limits.request_timeout.as_secs(), 3);
    assert!(settings.output.strict);
    assert_eq!(settings.namespaces, ["a", "b"]);
}

#[test]
fn a_file_describes_registries() {
    let text = "[registries.\"ghcr.io\"]\nusername = \"bot\"\npassword-env = \"GHCR\"\nmirrors = [\"https://m.example\"]\n\
                per-registry = 4\n[registries.\"r.example:5000\"]\ninsecure = true\ntoken = \"t0ken\"\n";
    let (_, invocation) = with_config(text, &variables(&[("GHCR", "canary-pw")])).unwrap();
    let table = &invocation.registries["ghcr.io"];
    let Some(Credential::Password { username, password }) = &table.credential else { panic!("a password") };
    assert_eq!((username.as_str(), password.expose_secret()), ("bot", "canary-pw"));
    assert_eq!(
        (table.mirrors.as_slice(), table.per_registry),
        (&[Address::parse("https://m.example").unwrap()][..], Some(4))
    );
    let other = &invocation.registries["r.example:5000"];
    assert!(other.insecure && matches!(other.credential, Some(Credential::BearerToken(_))));
    assert!(!format!("{invocation:?}").contains("canary-pw"));
}

#[test]
fn what_is_wrong_in_a_file_is_named_with_file_line_and_key() {
    for (text, expected) in [
        ("retrys = 1", "FILE:1: unknown key \"retrys\""),
        ("\nretries = \"many\"", "FILE:2: retries: invalid value 'many'"),
        ("concurrency = 0", "FILE:1: concurrency: invalid value '0'"),
        ("strict = \"yes\"", "FILE:1: strict: expected true or false"),
        ("timeout = [\"1s\", \"2s\"]", "FILE:1: timeout: expected one value"),
        ("a = [", "FILE:1: it is no TOML"),
        ("config = \"x\"", "FILE:1: unknown key \"config\""),
        ("mirror = [\"docker.io=https://me:canary-pw@m.io\"]", "FILE:1: mirror: --mirror: an address must not hold"),
        ("mirror = \"docker.io\"", "FILE:1: mirror: --mirror: expected HOST=ENDPOINT"),
        (
            "[registries.\"r.io\"]\nmirrors = [\n\"https://me:canary-pw@m.io\"]",
            "FILE:3: registries.\"r.io\".mirrors: an",
        ),
        ("[registries.\"r.io\"]\nmirrors = [1]", "FILE:2: registries.\"r.io\".mirrors: expected a list of strings"),
        ("[registries.\"https://r.io\"]\ninsecure = true", "registries.\"https://r.io\": expected HOST or HOST:PORT"),
        ("registries = 1", "FILE:1: registries: expected tables"),
        ("[registries.\"r.io\"]\npasword = \"canary-pw\"", "FILE:2: registries.\"r.io\".pasword: unknown key"),
        ("[registries.\"r.io\"]\npassword = \"canary-pw\"", "registries.\"r.io\": expected username and password"),
        ("[registries.\"r.io\"]\ntoken-env = \"NOPE\"", "the environment has no variable NOPE"),
        ("[registries.\"r.io\"]\ntoken-file = \"/nope\"", "/nope: No such file"),
        ("[registries.\"r.io\"]\nclient-key = \"k\"", "client-cert and client-key go together"),
        ("[registries.\"r.io\"]\npassword = \"canary-pw", "it is no TOML"),
    ] {
        let error = with_config(text, &Environment::new()).map(|_| ()).expect_err(text);
        assert!(error.contains(expected), "{text:?}: {error}");
        assert!(!error.contains("canary-pw"), "{error}");
    }
}

#[test]
fn a_mirrors_password_is_refused_unseen() {
    let text = refusal("imagefacts inspect nginx --mirror docker.io=https://me:canary-pw@m.io");
    assert!(text.contains("must not hold a user name or a password") && !text.contains("canary-pw"), "{text}");
}

#[test]
fn everything_about_a_host_reaches_the_client() {
    let text = "mirror = [\"docker.io=m1.io\", \"quay.io=m2.io\"]\n\
                [registries.\"docker.io\"]\nmirrors = [\"m3.io\"]\nper-registry = 3\nca-file = \"/ca.pem\"\n\
                [registries.\"ghcr.io\"]\nmirrors = [\"m4.io\", \"m5.io\"]\nclient-cert = \"/c\"\nclient-key = \"/k\"\n\
                [registries.\"m4.io\"]\ntoken = \"t\"\ninsecure = true\n";
    let (settings, _) = with_config(text, &Environment::new()).unwrap();
    let mut options = settings.registry.client_options().unwrap();
    let mirrors = |registry: &str| -> Vec<_> {
        options.mirrors[registry].iter().map(|mirror| mirror.address.to_string()).collect()
    };
    assert_eq!((mirrors("docker.io"), mirrors("quay.io")), (vec!["m1.io".to_owned()], vec!["m2.io".to_owned()]));
    assert_eq!(mirrors("ghcr.io"), ["m4.io", "m5.io"]);
    assert_eq!(options.insecure, ["m4.io".to_owned()].into());
    let hub = options.host("docker.io");
    assert_eq!((hub.per_registry, hub.ca_files.as_slice()), (Some(3), &[PathBuf::from("/ca.pem")][..]));
    assert!(options.host("ghcr.io").client.is_some());
    assert!(matches!(options.host("m4.io").credential, Some(Credential::BearerToken(_))));
    assert!(options.host("m5.io").credential.is_none());
}
