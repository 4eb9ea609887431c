//! Pull secrets, and the ServiceAccounts that name them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer};

use super::{LocalReference, Metadata, Text, or_default};

/// A secret, of which only what makes a pull secret is read.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Secret<'a> {
    /// name, namespace
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub metadata: Metadata<'a>,
    /// `kubernetes.io/dockerconfigjson`, `kubernetes.io/dockercfg`, …
    #[serde(rename = "type")]
    pub secret_type: Option<Text<'a>>,
    /// in base64
    #[serde(default, deserialize_with = "or_default")]
    pub data: SecretData,
    /// as it is; in manifests only, where it goes before `data`
    #[serde(default, deserialize_with = "or_default")]
    pub string_data: SecretData,
}

/// The keys of a secret's data that hold registry credentials.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct SecretData {
    /// of type `kubernetes.io/dockerconfigjson`
    #[serde(rename = ".dockerconfigjson", default, deserialize_with = "hidden")]
    pub docker_config_json: Option<SecretString>,
    /// of type `kubernetes.io/dockercfg`
    #[serde(rename = ".dockercfg", default, deserialize_with = "hidden")]
    pub docker_cfg: Option<SecretString>,
}

/// What a pull secret holds, decoded from base64: JSON with credentials by registry.
#[derive(Debug, Clone)]
pub enum PullSecret {
    /// docker's `config.json`, of which `auths` counts
    DockerConfigJson(SecretString),
    /// the older form: what is under `auths` in the other
    DockerCfg(SecretString),
}

/// A ServiceAccount: its pull secrets become those of pods that name none.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceAccount<'a> {
    /// name, namespace
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub metadata: Metadata<'a>,
    /// in the order in which the kubelet tries them
    #[serde(default, deserialize_with = "or_default")]
    pub image_pull_secrets: Vec<LocalReference<'a>>,
}

impl Secret<'_> {
    /// The credentials that the kubelet would take from it: by its type, from that type's key.
    ///
    /// `None` for secrets of other types, and for data that is not text in base64, which the kubelet skips too.
    pub fn pull_secret(&self) -> Option<PullSecret> {
        match self.secret_type.as_deref()? {
            "kubernetes.io/dockerconfigjson" => {
                content(&self.string_data.docker_config_json, &self.data.docker_config_json)
                    .map(PullSecret::DockerConfigJson)
            }
            "kubernetes.io/dockercfg" => {
                content(&self.string_data.docker_cfg, &self.data.docker_cfg).map(PullSecret::DockerCfg)
            }
            _ => None,
        }
    }
}

fn content(plain: &Option<SecretString>, encoded: &Option<SecretString>) -> Option<SecretString> {
    if let Some(plain) = plain {
        return Some(plain.clone());
    }
    let bytes = STANDARD.decode(encoded.as_ref()?.expose_secret()).ok()?;
    String::from_utf8(bytes).ok().map(SecretString::from)
}

fn hidden<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SecretString>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(SecretString::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pull_secret(secret_type: &str, fields: &str) -> Option<PullSecret> {
        let json = format!(r#"{{"type":"kubernetes.io/{secret_type}",{fields}}}"#);
        serde_json::from_str::<Secret<'_>>(&json).unwrap().pull_secret()
    }

    #[test]
    fn a_pull_secret_is_taken_from_the_key_of_its_type() {
        let encoded = STANDARD.encode("{}");
        let both = format!(r#""data":{{".dockerconfigjson":"{encoded}",".dockercfg":"{encoded}"}}"#);
        for (secret_type, fields, expected) in [
            ("dockerconfigjson", both.as_str(), Some("config {}")),
            ("dockercfg", &both, Some("cfg {}")),
            ("tls", &both, None),
            ("dockercfg", r#""data":{".dockercfg":"{}"}"#, None),
            ("dockercfg", r#""data":null"#, None),
            ("dockercfg", r#""data":{".dockercfg":null},"stringData":{".dockercfg":"plain"}"#, Some("cfg plain")),
        ] {
            let content = pull_secret(secret_type, fields).map(|secret| match secret {
                PullSecret::DockerConfigJson(content) => format!("config {}", content.expose_secret()),
                PullSecret::DockerCfg(content) => format!("cfg {}", content.expose_secret()),
            });
            assert_eq!(content.as_deref(), expected, "{secret_type} {fields}");
        }
    }

    #[test]
    fn nothing_of_a_secret_is_shown() {
        let fields = format!(r#""data":{{".dockercfg":"{}"}}"#, STANDARD.encode("s3cr3t"));
        let json = format!(r#"{{"type":"kubernetes.io/dockercfg",{fields}}}"#);
        let secret: Secret<'_> = serde_json::from_str(&json).unwrap();
        let shown = format!("{secret:?} {:?}", secret.pull_secret());
        assert!(!shown.contains("s3cr3t") && !shown.contains(&STANDARD.encode("s3cr3t")), "{shown}");
    }
}
