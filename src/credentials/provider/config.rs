//! The kubelet's `CredentialProviderConfig`: which plugins there are, and for which images.
//!
//! The format is that of kubernetes `staging/src/k8s.io/kubelet/config/v1` and of its beta and alpha, which have the
//! same fields.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::SignedDuration;
use secrecy::SecretString;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::credentials::matching::ImagePattern;

/// The versions of the configuration.
const CONFIG_VERSIONS: [&str; 3] =
    ["kubelet.config.k8s.io/v1", "kubelet.config.k8s.io/v1beta1", "kubelet.config.k8s.io/v1alpha1"];
/// The versions of the protocol that plugins speak. What is asked and answered is the same in each.
const PROTOCOL_VERSIONS: [&str; 3] = [
    "credentialprovider.kubelet.k8s.io/v1",
    "credentialprovider.kubelet.k8s.io/v1beta1",
    "credentialprovider.kubelet.k8s.io/v1alpha1",
];

/// A plugin, as the configuration describes it. Has no `Debug`: arguments and environment may hold secrets.
pub(super) struct Plugin {
    /// of the program in the directory of plugins
    pub(super) name: String,
    /// of the protocol that it speaks
    pub(super) api_version: &'static str,
    /// the images that it is asked for
    pub(super) match_images: Vec<ImagePattern>,
    /// how long an answer is good that does not say it
    pub(super) default_life: Duration,
    pub(super) args: Vec<String>,
    pub(super) env: Vec<(String, SecretString)>,
    /// whether it wants a token of the pod's ServiceAccount
    pub(super) wants_pod_token: bool,
}

/// A configuration of plugins that cannot be used. Tells nothing of its values but names.
#[derive(Debug, thiserror::Error)]
#[error("{}: {why}", path.display())]
pub struct ProviderConfigError {
    /// the file or directory
    pub path: PathBuf,
    /// what is wrong with it
    pub why: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct WireConfig {
    api_version: String,
    kind: String,
    providers: Vec<serde_json::Value>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct WirePlugin {
    name: String,
    match_images: Vec<String>,
    default_cache_duration: Option<String>,
    api_version: String,
    args: Option<Vec<String>>,
    env: Option<Vec<WireVariable>>,
    token_attributes: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct WireVariable {
    name: String,
    value: String,
}

/// Reads the plugins that `path` names: a file, or a directory of files, which are read in the order of their names.
pub(super) fn read(path: &Path) -> Result<Vec<Plugin>, ProviderConfigError> {
    let fail = |path: &Path, why: String| ProviderConfigError { path: path.to_owned(), why };
    let files = if path.is_dir() { files(path) } else { Ok(vec![path.to_owned()]) };
    let mut plugins: Vec<Plugin> = Vec::new();
    for file in files.map_err(|error| fail(path, error.to_string()))? {
        let text = std::fs::read_to_string(&file).map_err(|error| fail(&file, error.to_string()))?;
        for plugin in parse(&text).map_err(|why| fail(&file, why))? {
            if plugins.iter().any(|known| known.name == plugin.name) {
                return Err(fail(&file, format!("there are two providers of the name {:?}", plugin.name)));
            }
            plugins.push(plugin);
        }
    }
    if plugins.is_empty() { Err(fail(path, "it names no providers".to_owned())) } else { Ok(plugins) }
}

fn files(directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        let is_config = path.extension().is_some_and(|end| ["json", "yaml", "yml"].iter().any(|known| end == *known));
        if is_config && !path.is_dir() {
            files.push(path);
        }
    }
    files.sort_unstable();
    Ok(files)
}

fn parse(text: &str) -> Result<Vec<Plugin>, String> {
    // The parser's own words may quote the text, which may hold secrets.
    let config: WireConfig = serde_saphyr::from_str(text).map_err(|error| match error.location() {
        Some(at) => format!("it cannot be read as a CredentialProviderConfig (line {})", at.line()),
        None => "it cannot be read as a CredentialProviderConfig".to_owned(),
    })?;
    if config.kind != "CredentialProviderConfig" || !CONFIG_VERSIONS.contains(&config.api_version.as_str()) {
        return Err(format!("it is no CredentialProviderConfig of {}", CONFIG_VERSIONS.join(", ")));
    }
    let plugins = config.providers.into_iter().enumerate();
    plugins.map(|(at, value)| Plugin::of(value).map_err(|why| format!("providers[{at}]: {why}"))).collect()
}

impl Plugin {
    fn of(value: serde_json::Value) -> Result<Self, String> {
        let wire: WirePlugin = serde_json::from_value(value)
            .map_err(|_| "a field has the wrong type; see the kubelet's documentation".to_owned())?;
        let is_name = !wire.name.is_empty() && !matches!(wire.name.as_str(), "." | "..");
        if !is_name || wire.name.contains(['/', '\\', ' ', '\0']) {
            return Err(format!("{:?} is no name of a program", wire.name));
        }
        let named = |why: String| format!("{}: {why}", wire.name);
        let version = PROTOCOL_VERSIONS.into_iter().find(|known| *known == wire.api_version);
        let api_version =
            version.ok_or_else(|| named(format!("apiVersion must be one of {}", PROTOCOL_VERSIONS.join(", "))))?;
        if wire.match_images.is_empty() {
            return Err(named("matchImages is empty, so that it would never be asked".to_owned()));
        }
        let pattern = |text: &String| {
            ImagePattern::parse(text)
                .ok_or_else(|| named(format!("matchImages has {text:?}, which is no host or path")))
        };
        let match_images = wire.match_images.iter().map(pattern).collect::<Result<_, _>>()?;
        let life = wire.default_cache_duration.as_deref().and_then(duration);
        let default_life =
            life.ok_or_else(|| named("defaultCacheDuration must be a duration such as 12h or 0s".to_owned()))?;
        let variables = wire.env.unwrap_or_default().into_iter();
        Ok(Self {
            api_version,
            match_images,
            default_life,
            args: wire.args.unwrap_or_default(),
            env: variables.map(|variable| (variable.name, variable.value.into())).collect(),
            wants_pod_token: wire.token_attributes.is_some(),
            name: wire.name,
        })
    }
}

/// Go's `time.Duration` in words, such as `12h0m0s`; `None` for what is none, or negative.
pub(super) fn duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    Duration::try_from(text.parse::<SignedDuration>().ok()?).ok()
}
