//! Plugins that are asked, and what becomes of their answers.
#![allow(clippy::disallowed_methods, reason = "tests make their own plugins")]

use std::fs;

use super::*;
use crate::credentials::Credential;
use crate::image::Reference;

/// A directory with a configuration of `plugins`, and programs in `bin/`.
struct Place(tempfile::TempDir);

impl Place {
    fn new(plugins: &str) -> Self {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir(place.path().join("bin")).unwrap();
        let text =
            format!("apiVersion: kubelet.config.k8s.io/v1\nkind: CredentialProviderConfig\nproviders:\n{plugins}");
        fs::write(place.path().join("config.yaml"), text).unwrap();
        Self(place)
    }

    fn load(&self) -> Result<CredentialProviders, ProviderConfigError> {
        CredentialProviders::load(&self.0.path().join("config.yaml"), &self.0.path().join("bin"))
    }
}

/// A plugin for `images`, as the configuration describes it.
fn plugin(name: &str, images: &str, more: &str) -> String {
    let version = "credentialprovider.kubelet.k8s.io/v1";
    format!("- {{name: {name}, matchImages: {images}, defaultCacheDuration: 12h, apiVersion: {version}{more}}}\n")
}

fn repository(name: &str) -> Repository {
    Reference::parse(name).unwrap().repository().clone()
}

#[test]
fn a_configuration_is_read_as_the_kubelet_reads_it() {
    let loaded = Place::new(&plugin("ecr", "['*.dkr.ecr.*.amazonaws.com', 'r.io:5000/team']", "")).load().unwrap();
    let [(plugin, _)] = loaded.plugins.as_slice() else { panic!("one plugin") };
    assert_eq!((plugin.name.as_str(), plugin.default_life.as_secs()), ("ecr", 12 * 3600));
    for (image, is_meant) in [
        ("1.dkr.ecr.eu.amazonaws.com/app", true),
        ("dkr.ecr.eu.amazonaws.com/app", false),
        ("x.1.dkr.ecr.eu.amazonaws.com/app", false),
        ("1.dkr.ecr.eu.amazonaws.com.evil.io/app", false),
        ("r.io:5000/teams/app", true),
        ("r.io:5000/other", false),
        ("r.io/team", false),
    ] {
        let found = plugin.match_images.iter().any(|pattern| pattern.matches(&repository(image)));
        assert_eq!(found, is_meant, "{image}");
    }
}

#[test]
fn a_configuration_that_the_kubelet_refuses_is_an_error_that_names_no_value() {
    let good = |name| plugin(name, "[r.io]", "");
    for (plugins, words) in [
        (" []".to_owned(), "names no providers"),
        ("[hunter2: {".to_owned(), "line"),
        ("- {name: hunter2, args: 7}\n".to_owned(), "providers[0]: a field has the wrong type"),
        (good("../evil"), "no name of a program"),
        (good("a b"), "no name of a program"),
        (good("'..'"), "no name of a program"),
        (plugin("a", "[]", ""), "a: matchImages is empty"),
        (plugin("a", "['r.io:x']", ""), "a: matchImages has \"r.io:x\""),
        (good("a").replace("12h", "soon"), "a: defaultCacheDuration"),
        (good("a").replace("12h", "-1s"), "a: defaultCacheDuration"),
        (good("a").replace("kubelet.k8s.io/v1", "kubelet.k8s.io/v7"), "a: apiVersion must be one of"),
        (good("a") + &good("a"), "two providers of the name \"a\""),
    ] {
        let error = Place::new(&plugins).load().err().unwrap_or_else(|| panic!("{plugins}")).to_string();
        assert!(error.contains(words) && error.contains("config.yaml"), "{plugins}: {error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
    let place = Place::new(&good("a"));
    let nowhere = CredentialProviders::load(&place.0.path().join("config.yaml"), Path::new(""));
    assert!(nowhere.err().unwrap().to_string().contains("no directory"));
}

#[test]
fn a_directory_of_configurations_is_read_in_the_order_of_names() {
    let place = Place::new(&plugin("b", "[r.io]", ""));
    let directory = place.0.path();
    fs::create_dir(directory.join("all")).unwrap();
    fs::copy(directory.join("config.yaml"), directory.join("all/2.yml")).unwrap();
    let json = r#"{"kind": "CredentialProviderConfig", "apiVersion": "kubelet.config.k8s.io/v1alpha1", "providers": [
        {"name": "a", "matchImages": ["r.io"], "defaultCacheDuration": "0s", "args": null, "futureField": 1,
         "apiVersion": "credentialprovider.kubelet.k8s.io/v1beta1"}]}"#;
    fs::write(directory.join("all/1.json"), json).unwrap();
    fs::write(directory.join("all/README.md"), "hunter2").unwrap();
    let loaded = CredentialProviders::load(&directory.join("all"), &directory.join("bin")).unwrap();
    assert_eq!(loaded.plugins.iter().map(|(plugin, _)| plugin.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn an_answer_is_read_only_in_the_protocol_that_was_asked_in() {
    let answer = r#"{"kind": "CredentialProviderResponse", "apiVersion": "v", "cacheKeyType": "Registry",
        "cacheDuration": "1h30m", "auth": {"r.io": {"username": "u", "password": "p"}, "*.io": {}}}"#;
    let read = Response::parse(answer.as_bytes(), "v").unwrap();
    assert_eq!((read.good_for, read.life), (response::CacheKeyType::Registry, Some(Duration::from_secs(5400))));
    assert_eq!(read.logins.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), ["*.io", "r.io"]);
    let without = answer.replace(r#""1h30m""#, "null").replace(r#""auth""#, r#""auth": null, "x""#);
    let none = Response::parse(without.as_bytes(), "v").unwrap();
    assert!(none.life.is_none() && none.logins.is_empty());
    for (from, to) in [
        (r#""v""#, r#""w""#),
        ("Response", "Request"),
        ("Registry", "Cluster"),
        ("1h30m", "-1s"),
        ("1h30m", "soon"),
        (r#""u""#, "7"),
        ("}}}", "}}"),
    ] {
        assert!(Response::parse(answer.replace(from, to).as_bytes(), "v").is_none(), "{to}");
    }
}

#[cfg(unix)]
mod run {
    use super::*;
    use crate::credentials::script;

    const VERSION: &str = "credentialprovider.kubelet.k8s.io/v1";

    impl Place {
        /// With a program that is a shell script. It notes each request that it is asked.
        fn with(self, name: &str, body: &str) -> Self {
            let path = self.0.path().join("bin").join(name);
            let log = self.0.path().join("log");
            let body = format!("read -r request; echo \"$request\" >>{}\n{body}", log.display());
            script::write(&path, &body);
            self
        }

        /// The images that its programs were asked for.
        fn asked(&self) -> Vec<String> {
            let log = fs::read_to_string(self.0.path().join("log")).unwrap_or_default();
            let image = |line: &str| {
                let request: serde_json::Value = serde_json::from_str(line).unwrap();
                assert_eq!(
                    (&request["kind"], &request["apiVersion"]),
                    (&"CredentialProviderRequest".into(), &VERSION.into())
                );
                request["image"].as_str().unwrap().to_owned()
            };
            log.lines().map(image).collect()
        }
    }

    /// A script's last line, which answers with one login.
    fn answers(good_for: &str, life: &str, key: &str, password: &str) -> String {
        let answer = serde_json::json!({
            "kind": "CredentialProviderResponse", "apiVersion": VERSION, "cacheKeyType": good_for,
            "cacheDuration": life, "auth": {key: {"username": "AWS", "password": password}},
        });
        format!("echo '{answer}'")
    }

    /// What is found, as `name user:password`, and the failures.
    async fn found(providers: &CredentialProviders, image: &str) -> (Vec<String>, Vec<Failure>) {
        let (found, failures) = providers.candidates(&repository(image)).await;
        let shown = |candidate: &Candidate| {
            assert_eq!((candidate.source, candidate.kubelet), (AccessSource::Helper, false));
            let Credential::Password { username, password } = &candidate.credential else { panic!("no password") };
            format!("{} {username}:{}", candidate.name.as_deref().unwrap(), password.expose_secret())
        };
        (found.iter().map(shown).collect(), failures)
    }

    #[tokio::test]
    async fn a_plugin_gets_its_arguments_and_environment_and_gives_logins() {
        let more = ", args: [get, now], env: [{name: SECRET, value: canary}]";
        let body =
            format!("test \"$1 $2 $SECRET\" = 'get now canary' || exit 7\n{}", answers("Image", "1h", "*.io", "p"));
        let place = Place::new(&plugin("cloud", "['*.io']", more)).with("cloud", &body);
        let providers = place.load().unwrap();
        assert_eq!(found(&providers, "r.io/team/app:1").await, (vec!["cloud AWS:p".to_owned()], vec![]));
        assert_eq!(found(&providers, "r.com/app").await, (vec![], vec![]), "it is not asked for other images");
        assert_eq!(place.asked(), ["r.io/team/app"]);
    }

    #[tokio::test]
    async fn logins_for_other_hosts_are_not_used_and_all_that_match_are_tried() {
        let place = Place::new(&(plugin("one", "[r.io]", "") + &plugin("two", "['*.io']", "")))
            .with("one", &answers("Registry", "1h", "evil.io", "p1"))
            .with("two", &answers("Registry", "1h", "r.io/team", "p2"));
        let providers = place.load().unwrap();
        assert_eq!(found(&providers, "r.io/team/app").await.0, ["two AWS:p2"]);
        assert_eq!(found(&providers, "r.io/other").await.0, Vec::<String>::new());
    }

    #[tokio::test]
    async fn one_asks_for_all_that_an_answer_is_good_for() {
        let images = ["a.io/x", "a.io/y", "b.io/x", "b.io/x"];
        for (good_for, life, expected) in
            [("Global", "1h", 1), ("Registry", "1h", 2), ("Image", "1h", 3), ("Global", "0s", 4)]
        {
            let place = Place::new(&plugin("p", "['*.io']", "")).with("p", &answers(good_for, life, "*.io", "p"));
            let providers = place.load().unwrap();
            let all = futures::future::join_all(images.map(|image| found(&providers, image))).await;
            assert!(all.iter().all(|(found, _)| found == &["p AWS:p"]), "{all:?}");
            assert_eq!(place.asked().len(), expected, "{good_for} {life}");
        }
    }

    #[tokio::test]
    async fn what_fails_is_told_without_its_words_and_asked_once_for_a_registry() {
        for (body, class) in [
            ("echo hunter2; echo hunter2 >&2; exit 3", ErrorClass::Unsupported),
            ("echo hunter2", ErrorClass::InvalidContent),
            ("yes hunter2", ErrorClass::InvalidContent),
            ("exec sleep 600", ErrorClass::Timeout),
        ] {
            let place = Place::new(&plugin("p", "['*.io']", "")).with("p", body);
            let mut providers = place.load().unwrap();
            if class == ErrorClass::Timeout {
                providers.time_limit = Duration::from_millis(50);
            }
            for image in ["a.io/x", "a.io/y", "b.io/x"] {
                let (found, failures) = found(&providers, image).await;
                assert!(found.is_empty());
                let [failure] = failures.as_slice() else { panic!("{failures:?}") };
                // A plugin that writes for ever is ended by its own pipe, or its output is cut: both are no answer.
                let classes = [class, if body.starts_with("yes") { ErrorClass::Unsupported } else { class }];
                assert!(classes.contains(&failure.class), "{body}: {failure:?}");
                assert!(failure.message.contains("provider p ") && !failure.message.contains("hunter2"), "{failure:?}");
            }
            if class != ErrorClass::Timeout {
                assert_eq!(place.asked().len(), 2, "{body}");
            }
        }
    }

    #[tokio::test]
    async fn a_plugin_that_cannot_be_asked_says_why_and_the_others_go_on() {
        let tokens =
            ", tokenAttributes: {serviceAccountTokenAudience: r.io, cacheType: Token, requireServiceAccount: true}";
        let plugins =
            plugin("absent", "[r.io]", "") + &plugin("pods", "[r.io]", tokens) + &plugin("good", "[r.io]", "");
        let place = Place::new(&plugins).with("good", &answers("Registry", "1h", "r.io", "p"));
        let (found, failures) = found(&place.load().unwrap(), "r.io/a").await;
        assert_eq!(found, ["good AWS:p"]);
        let messages: Vec<&str> = failures.iter().map(|failure| failure.message.as_str()).collect();
        assert!(
            messages[0].contains("absent cannot be started") && messages[1].contains("tokenAttributes"),
            "{messages:?}"
        );
        assert!(failures.iter().all(|failure| failure.stage == ErrorStage::Credentials));
    }
}
