//! Real tools of Debian: `docker-registry`, `skopeo` and `umoci`. `tests/run` installs them.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::token_server::TokenServer;

/// Who may log in to a registry with [`Guard::Password`].
pub(crate) const USER: &str = "puller";
/// With which password.
pub(crate) const PASSWORD: &str = "s3cr3t-canary-htpasswd";
/// bcrypt of it, as htpasswd writes it.
const HASH: &str = "$2y$05$abcdefghijklmnopqrstuulZyZkZrKmlGs9jRd0Gq2T7NbkOkQsLO";

/// Runs a tool, which must be installed and must succeed, and gives what it printed.
pub(crate) fn run(tool: &str, arguments: &[&str]) -> Vec<u8> {
    let output = match Command::new(tool).args(arguments).output() {
        Ok(output) => output,
        Err(error) => panic!("{tool} cannot be run ({error}): it is missing; tests/run installs it"),
    };
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{tool} {arguments:?} failed ({}): {errors}", output.status);
    output.stdout
}

/// Runs skopeo without the machine's signature policy, which need not exist.
pub(crate) fn skopeo(arguments: &[&str]) -> Vec<u8> {
    run("skopeo", &[&["--insecure-policy"], arguments].concat())
}

/// Copies an image, unchanged, with skopeo; a registry among the two may answer plain http.
pub(crate) fn copy(from: &str, to: &str) {
    let plain = ["--src-tls-verify=false", "--dest-tls-verify=false"];
    skopeo(&[&["copy", "--quiet", "--all", "--preserve-digests"], &plain[..], &[from, to]].concat());
}

/// An image of one layer in an OCI layout, made by umoci.
pub(crate) struct UmociImage {
    directory: TempDir,
}

impl UmociImage {
    /// Makes an image for linux/amd64 with a file, environment, label, entrypoint, port and user.
    pub(crate) fn build() -> Self {
        Self::build_for("amd64")
    }

    /// The same for another architecture.
    pub(crate) fn build_for(architecture: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("program");
        fs::write(&program, "#!/bin/sh\necho hello\n").unwrap();
        let image = Self { directory };
        let (layout, name) = (image.layout(), format!("{}:v1", image.layout()));
        run("umoci", &["init", "--layout", &layout]);
        run("umoci", &["new", "--image", &name]);
        run("umoci", &["insert", "--rootless", "--image", &name, &program.to_string_lossy(), "/bin/hello"]);
        let config = ["--config.env=GREETING=hello", "--config.label=org.example.team=web", "--config.user=65532"];
        let architecture = format!("--architecture={architecture}");
        let more = ["--config.entrypoint=/bin/hello", "--config.exposedports=8080/tcp", &architecture];
        run("umoci", &[&["config", "--image", &name], &config[..], &more].concat());
        image
    }

    fn layout(&self) -> String {
        self.directory.path().join("layout").to_string_lossy().into_owned()
    }

    /// As skopeo names it.
    pub(crate) fn source(&self) -> String {
        format!("oci:{}:v1", self.layout())
    }

    /// The bytes of its manifest, as they lie in the layout.
    pub(crate) fn manifest(&self) -> Vec<u8> {
        manifest_in(Path::new(&self.layout()))
    }
}

/// The bytes of the manifest that an OCI layout of one image holds.
pub(crate) fn manifest_in(layout: &Path) -> Vec<u8> {
    let index: serde_json::Value = serde_json::from_slice(&fs::read(layout.join("index.json")).unwrap()).unwrap();
    let digest = index["manifests"][0]["digest"].as_str().unwrap();
    fs::read(layout.join("blobs").join(digest.replace(':', "/"))).unwrap()
}

/// How a registry is guarded.
#[derive(Clone, Copy)]
pub(crate) enum Guard<'a> {
    /// plain http, for everyone
    Open,
    /// plain http, for [`USER`] alone
    Password,
    /// https, for everyone, with a certificate of an authority of its own
    Tls,
    /// plain http, for who has a token of this server
    Token(&'a TokenServer),
}

/// Debian's `docker-registry` on a free loopback port. Dropping it ends it.
pub(crate) struct DebianRegistry {
    process: Child,
    port: u16,
    directory: TempDir,
}

impl DebianRegistry {
    /// Starts one and waits until it listens.
    pub(crate) fn start(guard: Guard<'_>) -> Self {
        Self::start_over(guard, None)
    }

    /// Starts one that serves what another has, and waits until it listens.
    pub(crate) fn beside(guard: Guard<'_>, other: &Self) -> Self {
        Self::start_over(guard, Some(&other.directory.path().join("storage")))
    }

    fn start_over(guard: Guard<'_>, storage: Option<&Path>) -> Self {
        // Between asking for a free port and using it another process may take it.
        let mut log = String::new();
        for _ in 0..5 {
            match Self::try_start(guard, storage) {
                Ok(registry) => return registry,
                Err(told) => log = told,
            }
        }
        panic!("docker-registry does not start: {log}")
    }

    /// Starts one, or gives its log.
    fn try_start(guard: Guard<'_>, storage: Option<&Path>) -> Result<Self, String> {
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path().join("config.yml");
        fs::write(&config, Self::config(guard, directory.path(), storage, port)).unwrap();
        let log = fs::File::create(directory.path().join("log")).unwrap();
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(&config).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let process = match command.spawn() {
            Ok(process) => process,
            Err(error) => panic!("docker-registry cannot be run ({error}): it is missing; tests/run installs it"),
        };
        let mut registry = Self { process, port, directory };
        for _ in 0..500 {
            if registry.process.try_wait().unwrap().is_some() {
                break;
            }
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Ok(registry);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Err(fs::read_to_string(registry.directory.path().join("log")).unwrap())
    }

    fn config(guard: Guard<'_>, directory: &Path, storage: Option<&Path>, port: u16) -> String {
        let path = |name: &str| directory.join(name).display().to_string();
        let mut config = format!(
            "version: 0.1\nlog: {{level: info}}\n\
             storage: {{filesystem: {{rootdirectory: '{}'}}, delete: {{enabled: true}}}}\n",
            storage.map_or_else(|| path("storage"), |storage| storage.display().to_string())
        );
        let mut tls = String::new();
        match guard {
            Guard::Open => {}
            Guard::Password => {
                fs::write(path("htpasswd"), format!("{USER}:{HASH}\n")).unwrap();
                config.push_str(&format!("auth: {{htpasswd: {{realm: test, path: '{}'}}}}\n", path("htpasswd")));
            }
            Guard::Token(server) => {
                fs::write(path("tokens.crt"), server.certificate()).unwrap();
                config.push_str(&format!("auth: {{token: {}}}\n", server.config(&path("tokens.crt"))));
            }
            Guard::Tls => {
                write_certificates(directory);
                tls = format!(", tls: {{certificate: '{}', key: '{}'}}", path("server.crt"), path("server.key"));
            }
        }
        config.push_str(&format!("http: {{addr: '127.0.0.1:{port}'{tls}}}\n"));
        config
    }

    /// The host, as references name it.
    pub(crate) fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap()
    }

    /// The certificate of the authority that signed the server's; there with [`Guard::Tls`].
    pub(crate) fn authority(&self) -> PathBuf {
        self.directory.path().join("ca.crt")
    }
}

impl Drop for DebianRegistry {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn write_certificates(directory: &Path) {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
    let mut authority = CertificateParams::new([]).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names = ["127.0.0.1".to_owned(), "localhost".to_owned()];
    let server = CertificateParams::new(names).unwrap().signed_by(&key, &authority).unwrap();
    fs::write(directory.join("ca.crt"), authority.pem()).unwrap();
    fs::write(directory.join("server.crt"), server.pem()).unwrap();
    fs::write(directory.join("server.key"), key.serialize_pem()).unwrap();
}
