//! Registries, token servers and documents that mean harm: what they do not get, and what goes on beside them.
//!
//! Each attack is a server over a real socket that notes what it was asked. The program is run against it together with
//! a good registry, whose images must be complete, in time, whatever the others do.

mod answers;
mod bodies;
mod classes;
mod digests;
mod documents;
mod fuzz;
mod guarded;
mod image;
#[cfg(target_os = "linux")]
mod memory;
mod neighbours;
mod places;

use imagefacts::sample::Sample;
use imagefacts::serve::{Options, Registry, Running, Store};
use serde_json::{Value, json};

use crate::cli::bundle::{Facts, classes};
use crate::cli::program::{Program, Ran};
use crate::registry_client::server::{Reply, Seen, Server, reply};
use image::Image;

/// What the good registry has.
const GOOD: [&str; 3] = ["acme/web:v3.2.1", "acme/api:v2.4", "acme/cache:latest"];

/// Short, since hostile servers use all the time that they get.
const LIMITS: [&str; 8] = ["--retries", "3", "--registry-timeout", "3s", "--image-timeout", "8s", "--timeout", "50s"];

/// A server that means harm, and what is to come of asking it.
struct Attack {
    name: &'static str,
    server: Server,
    /// the class of the image's first error; empty when the image is none the worse
    class: &'static str,
}

impl Attack {
    async fn new(name: &'static str, class: &'static str, answer: impl Answer) -> Self {
        Self { name, server: Server::http(answer).await, class }
    }

    /// The image that is asked for.
    fn reference(&self) -> String {
        format!("{}/{}:1", self.server.address, self.name)
    }
}

/// How a server answers.
trait Answer: Fn(&Seen) -> Reply + Send + Sync + 'static {}

impl<T: Fn(&Seen) -> Reply + Send + Sync + 'static> Answer for T {}

/// The program, and a good registry.
struct Scene {
    good: Running,
    program: Program,
}

impl Scene {
    async fn new() -> Self {
        let store = Store::memory();
        Sample::new().unwrap().fill(&store).unwrap();
        Self { good: Registry::start(Options::new(store)).await.unwrap(), program: Program::new() }
    }

    /// With a variable in the program's environment.
    fn with(self, name: &str, value: &str) -> Self {
        Self { program: self.program.with(name, value), ..self }
    }

    /// The good images.
    fn good(&self) -> Vec<String> {
        GOOD.iter().map(|name| format!("{}/{name}", self.good.host())).collect()
    }

    /// Runs the program on a pod of `references` and of the good images.
    async fn run(&self, references: &[String], more: &[&str]) -> Ran {
        let container = |(at, image)| json!({"name": format!("c{at}"), "image": image});
        let containers: Vec<Value> = references.iter().chain(&self.good()).enumerate().map(container).collect();
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "n"},
            "spec": {"containers": containers}});
        self.program.write("pod.json", pod.to_string());
        let scope = ["collect", "--include-images", "--from", "pod.json", "--platform", "linux/amd64"];
        self.program.run(&[&scope[..], &["--progress", "plain", "-vvv"], more].concat()).await.exits(0)
    }

    /// Collects `references` and the good images in one run, and holds it against what every run must give.
    async fn collect(&self, references: &[String], more: &[&str]) -> Facts {
        let ran = self.run(references, &[&LIMITS[..], more].concat()).await;
        assert_harmless(&ran.stderr);
        let path = ran.path().display().to_string();
        self.program.run(&["validate", &path]).await.exits(0);
        let bundle = ran.bundle();
        assert_harmless(bundle.text("image-facts/summary.txt"));
        let facts = bundle.facts();
        assert_eq!(facts.0["complete"], true, "{}", ran.stderr);
        self.assert_good(&facts);
        facts
    }

    /// Asserts that the good images are complete.
    fn assert_good(&self, facts: &Facts) {
        for reference in &self.good() {
            let image = facts.image(reference);
            assert_eq!((&image["status"], classes(image)), (&json!("resolved"), vec![]), "{image:#}");
        }
    }

    /// Collects the images of `attacks`, each of which must come to what it is to come to.
    async fn endure(&self, attacks: &[Attack], more: &[&str]) -> Facts {
        let references: Vec<String> = attacks.iter().map(Attack::reference).collect();
        let facts = self.collect(&references, more).await;
        let mut wrong = Vec::new();
        for attack in attacks {
            let error = &facts.image(&attack.reference())["errors"][0];
            let message = error["message"].as_str().unwrap_or_default();
            if error["class"].as_str().unwrap_or_default() != attack.class || message.len() > 1000 {
                let start: String = message.chars().take(200).collect();
                wrong.push(format!("{}: {} ({} bytes): {start}", attack.name, error["class"], message.len()));
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
        facts
    }
}

/// Asserts that a terminal shows `text` as it is: nothing in it moves, hides or reorders.
#[track_caller]
fn assert_harmless(text: &str) {
    let acts = |c: &char| {
        (c.is_control() && *c != '\n')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    let found = text.lines().find(|line| line.chars().any(|c| acts(&c)));
    assert_eq!(found, None);
}

/// A demand for a token of the server's own token server.
fn challenge(seen: &Seen) -> Reply {
    challenge_of(&format!("http://{}/token", seen.headers["host"]))
}

/// A demand for a token of this token server.
fn challenge_of(realm: &str) -> Reply {
    let scope = "repository:a:pull";
    reply(401, "{}").with("www-authenticate", format!(r#"Bearer realm="{realm}",service="s",scope="{scope}""#))
}

/// The head of an answer with these headers.
fn head(status: u16, headers: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} Status\r\nconnection: close\r\n{headers}\r\n").into_bytes()
}
