//! What certs.d directories say, in both layouts.

use super::*;
use crate::registry::Serves;

/// A directory with these files.
fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = directory.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    directory
}

fn refusal(files: &[(&str, &str)]) -> String {
    let directory = directory(files);
    let error = read(directory.path()).map(|_| ()).expect_err(files[0].1).to_string();
    error.replace(&directory.path().display().to_string(), "DIR")
}

#[test]
fn hosts_are_asked_in_the_files_order() {
    let text = "\
server = \"https://registry-1.docker.io\"
[host.\"https://z.io\"]
  capabilities = [\"pull\"]
[host.\"https://a.io/v2/hub\"]
  capabilities = [\"pull\", \"resolve\"]
  override_path = true
  ca = \"a.crt\"
  [host.\"https://a.io/v2/hub\".header]
    x-key = [\"canary\", \"two\"]
[host.\"http://m.io:5000\"]
  skip_verify = true
  client = [[\"/etc/m.cert\", \"m.key\"]]
";
    let directory = directory(&[("docker.io/hosts.toml", text)]);
    let found = read(directory.path()).unwrap();
    let upstream = &found.upstreams["docker.io"];
    let addresses: Vec<_> = upstream.mirrors.iter().map(|mirror| mirror.address.to_string()).collect();
    assert_eq!(addresses, ["https://z.io", "https://a.io", "http://m.io:5000"]);
    let serves: Vec<_> = upstream.mirrors.iter().map(|mirror| mirror.serves).collect();
    assert_eq!(serves, [Serves { tags: false, digests: true }, Serves::ALL, Serves::ALL]);
    assert_eq!(upstream.mirrors[1].headers.get_all("x-key").iter().count(), 2);
    assert_eq!(upstream.server.as_ref().unwrap().address.to_string(), "https://registry-1.docker.io");
    assert!(upstream.mirrors.iter().all(|mirror| mirror.namespaced));
    assert_eq!(found.hosts["a.io"].ca_files, [directory.path().join("docker.io/a.crt")]);
    let host = &found.hosts["m.io:5000"];
    let key = directory.path().join("docker.io/m.key");
    assert_eq!(host.client, Some(ClientFiles { certificate: "/etc/m.cert".into(), key }));
    assert!(host.skip_verify && !found.hosts["a.io"].skip_verify);
    assert_eq!(found.insecure, ["m.io:5000".to_owned()].into());
    assert!(!format!("{found:?}").contains("canary"));
}

#[test]
fn fields_above_the_hosts_are_the_servers() {
    let directory = directory(&[
        ("r.io_5000_/hosts.toml", "ca = [\"a.crt\", \"b.crt\"]\nclient = \"both.pem\"\n"),
        ("r.io:5000/hosts.toml", "server = \"https://wrong.io\"\n"),
        ("_default/hosts.toml", "ca = \"/c.crt\"\n[host.\"https://m.io\"]\nskip_verify = true\n"),
        ("lost+found/x", ""),
        ("README", ""),
    ]);
    let found = read(directory.path()).unwrap();
    let path = |name: &str| directory.path().join("r.io_5000_").join(name);
    assert_eq!(found.upstreams["r.io:5000"].server.as_ref().unwrap().address.to_string(), "r.io:5000");
    let host = &found.hosts["r.io:5000"];
    assert_eq!(host.ca_files, [path("a.crt"), path("b.crt")]);
    assert_eq!(host.client, Some(ClientFiles { certificate: path("both.pem"), key: path("both.pem") }));
    let default = found.default_upstream.unwrap();
    assert_eq!((default.mirrors.len(), default.server.is_none()), (1, true));
    assert_eq!(found.authorities, [PathBuf::from("/c.crt")]);
    assert!(found.hosts["m.io"].skip_verify && found.insecure.is_empty());
}

#[test]
fn docker_has_certificates_alone() {
    let directory = directory(&[
        ("r.io:5000/ca.crt", ""),
        ("r.io:5000/me.cert", ""),
        ("r.io:5000/me.key", ""),
        ("r.io:5000/hosts.toml", ""),
        ("_default/all.crt", ""),
    ]);
    let found = read(directory.path()).unwrap();
    let path = |name: &str| directory.path().join("r.io:5000").join(name);
    assert_eq!(found.hosts["r.io:5000"].ca_files, [path("ca.crt")]);
    let files = ClientFiles { certificate: path("me.cert"), key: path("me.key") };
    assert_eq!(found.hosts["r.io:5000"].client, Some(files));
    assert_eq!(found.authorities, [directory.path().join("_default/all.crt")]);
    assert!(found.upstreams.is_empty() && found.default_upstream.is_none());
}

#[test]
fn what_is_wrong_is_named_with_file_line_and_key() {
    for (files, expected) in [
        (&[("r.io/hosts.toml", "server = 1")][..], "DIR/r.io/hosts.toml:1: server: expected a string"),
        (
            &[("r.io/hosts.toml", "\n[host.\"https://m.io\"]\nca = 1")],
            "DIR/r.io/hosts.toml:3: host.\"https://m.io\".ca: ",
        ),
        (&[("r.io/hosts.toml", "capabilities = [\"cook\"]")], "capabilities: expected pull"),
        (&[("r.io/hosts.toml", "client = [\"a\", \"b\"]")], "only one client certificate"),
        (&[("r.io/hosts.toml", "client = [[\"a\", \"b\", \"c\"]]")], "expected a certificate and its key"),
        (&[("r.io/hosts.toml", "server = \"https://me:canary@s.io\"")], "must not hold a user name or a password"),
        (
            &[("r.io/hosts.toml", "[host.\"https://me:canary@s.io\"]\nca = 1")],
            "hosts.toml:1: host: an address must not hold a user name or a password",
        ),
        (
            &[("r.io/hosts.toml", "[header]\n\"x y\" = \"canary\"")],
            "hosts.toml:2: header.\"x y\": this cannot be the name",
        ),
        (&[("r.io/hosts.toml", "[header]\nx = \"canary\\n\"")], "hosts.toml:2: header.x: this cannot be the value"),
        (&[("r.io/hosts.toml", "[host")], "hosts.toml:1: it is no TOML"),
        (&[("_default/hosts.toml", "skip_verify = true")], "skip_verify: _default holds for every registry"),
        (&[("r.io/a.cert", "")], "DIR/r.io/a.cert: DIR/r.io/a.key is missing beside it"),
        (&[("r.io/a.key", "")], "DIR/r.io/a.key: DIR/r.io/a.cert is missing beside it"),
        (&[("_default/a.key", ""), ("_default/a.cert", "")], "DIR/_default: a client certificate is for a named host"),
        (
            &[("r.io/a.key", ""), ("r.io/a.cert", ""), ("r.io/b.key", ""), ("r.io/b.cert", "")],
            "DIR/r.io: only one client certificate",
        ),
    ] {
        let error = refusal(files);
        assert!(error.contains(expected), "{files:?}: {error}");
        assert!(!error.contains("canary"), "{error}");
    }
    assert!(read(Path::new("/nonexistent")).unwrap_err().to_string().starts_with("/nonexistent: cannot be read"));
}
