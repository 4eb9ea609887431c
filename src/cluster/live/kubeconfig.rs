//! Finds and reads the kubeconfig as kubectl does: `--kubeconfig`, else `KUBECONFIG`, else `~/.kube/config`, else the
//! pod's own service account.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use kube::Config;
use kube::config::{InClusterError, KubeConfigOptions, Kubeconfig, KubeconfigError};

use super::connect::{Connection, Identity};
use super::error::DiscoveryError;
use super::proxy;

/// A kubeconfig merged from files, with the places that it came from.
#[derive(Debug)]
struct Found {
    kubeconfig: Kubeconfig,
    path: String,
}

/// Reads the configuration that `connection` asks for, and who it makes us.
pub(super) async fn load(connection: &Connection) -> Result<(Config, Identity), DiscoveryError> {
    let home = env::home_dir();
    match find(connection.kubeconfig.as_deref(), env::var_os("KUBECONFIG").as_deref(), home.as_deref())? {
        Ok(found) => found.choose(connection.context.as_deref()).await,
        Err(looked) => in_cluster(&looked),
    }
}

/// The kubeconfig, or (inner `Err`) the places without one.
fn find(
    flag: Option<&Path>,
    variable: Option<&OsStr>,
    home: Option<&Path>,
) -> Result<Result<Found, String>, DiscoveryError> {
    if let Some(path) = flag {
        return Ok(Ok(Found { kubeconfig: read(path)?, path: path.display().to_string() }));
    }
    let listed: Vec<PathBuf> = variable
        .map(|list| env::split_paths(list).filter(|path| !path.as_os_str().is_empty()).collect())
        .unwrap_or_default();
    let paths =
        if listed.is_empty() { home.map(|home| home.join(".kube/config")).into_iter().collect() } else { listed };
    // kubectl passes over files of the list that do not exist.
    let present: Vec<&PathBuf> = paths.iter().filter(|path| path.exists()).collect();
    if present.is_empty() {
        return Ok(Err(join(paths.iter())));
    }
    let path = join(present.iter().copied());
    let mut merged = Kubeconfig::default();
    for file in present {
        merged = merged.merge(read(file)?).map_err(|error| invalid(&path, &error))?;
    }
    Ok(Ok(Found { kubeconfig: merged, path }))
}

fn read(path: &Path) -> Result<Kubeconfig, DiscoveryError> {
    Kubeconfig::read_from(path).map_err(|error| invalid(&path.display().to_string(), &error))
}

impl Found {
    /// The configuration of the named context, else of the current one.
    async fn choose(self, wanted: Option<&str>) -> Result<(Config, Identity), DiscoveryError> {
        let known = || self.kubeconfig.contexts.iter().map(|context| context.name.clone()).collect();
        let Some(name) = wanted.or(self.kubeconfig.current_context.as_deref()).filter(|name| !name.is_empty()) else {
            return Err(DiscoveryError::NoContext { path: self.path, known: known() });
        };
        let Some(context) = self.kubeconfig.contexts.iter().find(|context| context.name == name) else {
            return Err(DiscoveryError::UnknownContext { context: name.to_owned(), known: known(), path: self.path });
        };
        let user = context.context.as_ref().and_then(|context| context.user.clone());
        let identity = Identity {
            context: Some(name.to_owned()),
            user: user.unwrap_or_else(|| "(none)".to_owned()),
            path: self.path,
        };
        let cluster = context.context.as_ref().map(|context| context.cluster.as_str());
        let names_proxy = self.kubeconfig.clusters.iter().any(|row| {
            Some(row.name.as_str()) == cluster
                && row
                    .cluster
                    .as_ref()
                    .is_some_and(|cluster| cluster.proxy_url.as_ref().is_some_and(|url| !url.is_empty()))
        });
        let options = KubeConfigOptions { context: identity.context.clone(), ..KubeConfigOptions::default() };
        let mut config = Config::from_custom_kubeconfig(self.kubeconfig, &options)
            .await
            .map_err(|error| invalid(&identity.path, &error))?;
        if !names_proxy {
            config.proxy_url = proxy::from_environment(&config.cluster_url);
        }
        Ok((config, identity))
    }
}

fn in_cluster(looked: &str) -> Result<(Config, Identity), DiscoveryError> {
    let (user, path) = ("of this pod's service account".to_owned(), "of this pod".to_owned());
    let config = match Config::incluster() {
        Ok(config) => config,
        Err(InClusterError::ReadEnvironmentVariable(_)) => {
            return Err(DiscoveryError::NoKubeconfig { looked: looked.to_owned() });
        }
        Err(error) => return Err(DiscoveryError::InvalidKubeconfig { path, cause: error.to_string() }),
    };
    Ok((config, Identity { context: None, user, path }))
}

fn join<'a>(paths: impl Iterator<Item = &'a PathBuf>) -> String {
    let shown: Vec<String> = paths.map(|path| path.display().to_string()).collect();
    if shown.is_empty() { "~/.kube/config (there is no home directory)".to_owned() } else { shown.join(", ") }
}

/// A parse error shows the lines around it, and those may hold a token: only its place is told.
fn invalid(path: &str, error: &KubeconfigError) -> DiscoveryError {
    let cause = match error {
        KubeconfigError::Parse(error) => match error.location() {
            Some(at) => format!("it is not the YAML of a kubeconfig (line {}, column {})", at.line(), at.column()),
            None => "it is not the YAML of a kubeconfig".to_owned(),
        },
        KubeconfigError::ReadConfig(error, _) => error.to_string(),
        // Both show the URL, which may hold a password.
        KubeconfigError::ParseClusterUrl(_) => "the cluster's server is not a URL".to_owned(),
        KubeconfigError::ParseProxyUrl(_) => "the cluster's proxy-url is not a URL".to_owned(),
        other => other.to_string(),
    };
    DiscoveryError::InvalidKubeconfig { path: path.to_owned(), cause }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "\
apiVersion: v1
kind: Config
current-context: one
contexts:
- {name: one, context: {cluster: c, user: alice, namespace: shop}}
- {name: two, context: {cluster: gone, user: bob}}
clusters:
- {name: c, cluster: {server: 'https://api.example.com:6443'}}
users:
- {name: alice, user: {token: s3cret-token}}
";

    fn write(dir: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    async fn choose(path: &Path, context: Option<&str>) -> Result<(Config, Identity), DiscoveryError> {
        find(Some(path), None, None)?.unwrap().choose(context).await
    }

    #[tokio::test]
    async fn the_current_context_is_the_default() {
        let dir = tempfile::tempdir().unwrap();
        let (config, identity) = choose(&write(&dir, "config", CONFIG), None).await.unwrap();
        assert_eq!(config.default_namespace, "shop");
        assert_eq!((identity.context.as_deref(), identity.user.as_str()), (Some("one"), "alice"));
    }

    #[tokio::test]
    async fn errors_say_what_there_is_and_show_no_secret() {
        let dir = tempfile::tempdir().unwrap();
        let good = write(&dir, "config", CONFIG);
        let broken = write(&dir, "broken", "users:\n- {name: alice, user: {token: [s3cret-token}}\n");
        let empty = write(&dir, "empty", "");
        let missing = dir.path().join("missing");
        for (path, context, says) in [
            (&good, Some("three"), "no context 'three'. Choose one with --context: one, two"),
            (&good, Some("two"), "cannot be used: failed to load the cluster of context: gone"),
            (&broken, None, "not the YAML of a kubeconfig (line 2"),
            (&empty, None, "sets no current context. It has no contexts at all"),
            (&missing, None, "No such file"),
        ] {
            let message = choose(path, context).await.unwrap_err().to_string();
            assert!(message.contains(says), "{message}");
            assert!(!message.contains("s3cret"), "{message}");
        }
    }

    #[test]
    fn files_of_the_variable_are_merged_and_missing_ones_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let first = write(&dir, "first", "current-context: two\n");
        let second = write(&dir, "second", CONFIG);
        let list = env::join_paths([&first, &dir.path().join("missing"), &second]).unwrap();
        let found = find(None, Some(&list), None).unwrap().unwrap();
        assert_eq!(found.kubeconfig.current_context.as_deref(), Some("two"));
        assert_eq!(found.kubeconfig.contexts.len(), 2);
    }

    #[test]
    fn without_any_file_the_places_are_told() {
        let dir = tempfile::tempdir().unwrap();
        let looked = find(None, None, Some(dir.path())).unwrap().unwrap_err();
        assert!(looked.ends_with(".kube/config"), "{looked}");
    }
}
