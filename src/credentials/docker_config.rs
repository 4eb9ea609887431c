//! Docker's configuration format, as pull secrets, docker and podman hold it: read leniently, shown never.

use std::fmt;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};

use super::Credential;

/// What a docker configuration says about registries.
#[derive(Debug, Clone, Default)]
pub struct DockerConfig {
    /// `auths`, in order
    pub entries: Vec<DockerEntry>,
    /// `credHelpers`: registry, helper
    pub helpers: Vec<(String, String)>,
    /// `credsStore`: the helper for every other registry
    pub store: Option<String>,
    /// keys of entries that were passed over, and why; without the entries' content
    pub skipped: Vec<String>,
}

/// An entry of `auths`. Shows its key alone.
#[derive(Clone)]
pub struct DockerEntry {
    /// the registry, as written
    pub key: String,
    username: String,
    password: SecretString,
    identity_token: Option<SecretString>,
    registry_token: Option<SecretString>,
}

/// Why text is no docker configuration. Tells nothing of the text but a place in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDockerConfig {
    /// not JSON
    #[error("it is not JSON (line {line}, column {column})")]
    NotJson {
        /// from 1
        line: usize,
        /// from 1
        column: usize,
    },
    /// JSON of another shape
    #[error("{0} is no JSON object")]
    NotAnObject(&'static str),
}

impl DockerConfig {
    /// Reads `.dockerconfigjson`, docker's `config.json` or podman's `auth.json`.
    pub fn parse(text: &SecretString) -> Result<Self, InvalidDockerConfig> {
        let mut root = parse_object(text)?;
        let mut config = match root.remove("auths") {
            None | Some(Value::Null) => Self::default(),
            Some(Value::Object(auths)) => Self::from_auths(auths),
            Some(_) => return Err(InvalidDockerConfig::NotAnObject("`auths`")),
        };
        if let Some(Value::Object(helpers)) = root.remove("credHelpers") {
            config.helpers = helpers.into_iter().filter_map(|(key, name)| Some((key, string(name)?))).collect();
        }
        config.store = root.remove("credsStore").and_then(string);
        Ok(config)
    }

    /// Reads `.dockercfg`: `auths` alone, without the object around it.
    pub fn parse_legacy(text: &SecretString) -> Result<Self, InvalidDockerConfig> {
        Ok(Self::from_auths(parse_object(text)?))
    }

    fn from_auths(auths: Map<String, Value>) -> Self {
        let mut config = Self::default();
        for (key, value) in auths {
            match DockerEntry::parse(&key, value) {
                Ok(entry) => config.entries.push(entry),
                Err(why) => config.skipped.push(format!("the entry for {key:?} is passed over: {why}")),
            }
        }
        config
    }
}

impl DockerEntry {
    fn parse(key: &str, value: Value) -> Result<Self, &'static str> {
        let Value::Object(mut fields) = value else { return Err("it is no JSON object") };
        let mut field = |name: &str| match fields.remove(name) {
            None | Some(Value::Null) => Ok(String::new()),
            Some(Value::String(text)) => Ok(text),
            Some(_) => Err("a field of it is no string"),
        };
        let (mut username, mut password) = (field("username")?, field("password")?);
        let auth = field("auth")?;
        if !auth.is_empty() {
            (username, password) = decode_auth(&auth)?;
        }
        let secret = |text: String| (!text.is_empty()).then(|| SecretString::from(text));
        let (identity_token, registry_token) = (secret(field("identitytoken")?), secret(field("registrytoken")?));
        Ok(Self { key: key.to_owned(), username, password: password.into(), identity_token, registry_token })
    }

    /// What the kubelet makes of it: it knows user names and passwords only, and an empty entry counts too.
    pub fn kubelet_credential(&self) -> Credential {
        Credential::Password { username: self.username.clone(), password: self.password.clone() }
    }

    /// What docker and podman make of it; `None` when it is empty, as docker leaves it beside a helper.
    pub fn docker_credential(&self) -> Option<Credential> {
        if let Some(token) = &self.identity_token {
            return Some(Credential::IdentityToken(token.clone()));
        }
        if let Some(token) = &self.registry_token {
            return Some(Credential::BearerToken(token.clone()));
        }
        let is_empty = self.username.is_empty() && self.password.expose_secret().is_empty();
        (!is_empty).then(|| self.kubelet_credential())
    }
}

impl fmt::Debug for DockerEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DockerEntry").field("key", &self.key).finish_non_exhaustive()
    }
}

fn parse_object(text: &SecretString) -> Result<Map<String, Value>, InvalidDockerConfig> {
    // serde's message may quote the text, so that only the place is kept.
    let value: Value = serde_json::from_str(text.expose_secret())
        .map_err(|error| InvalidDockerConfig::NotJson { line: error.line(), column: error.column() })?;
    match value {
        Value::Object(object) => Ok(object),
        _ => Err(InvalidDockerConfig::NotAnObject("the whole")),
    }
}

fn string(value: Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text),
        _ => None,
    }
}

/// Splits base64 of `user:password`. Padding may be absent, and line breaks are ignored, as in the kubelet.
fn decode_auth(auth: &str) -> Result<(String, String), &'static str> {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    );
    let packed: String = auth.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let bytes = LENIENT.decode(packed).map_err(|_| "its `auth` is no base64")?;
    let text = String::from_utf8(bytes).map_err(|_| "its `auth` is no text")?;
    let (username, password) = text.split_once(':').ok_or("its `auth` has no colon between user name and password")?;
    Ok((username.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> DockerConfig {
        DockerConfig::parse(&text.into()).unwrap()
    }

    fn shown(credential: Option<Credential>) -> String {
        match credential {
            None => "none".into(),
            Some(Credential::Anonymous) => "anonymous".into(),
            Some(Credential::Password { username, password }) => format!("{username}:{}", password.expose_secret()),
            Some(Credential::IdentityToken(token)) => format!("identity {}", token.expose_secret()),
            Some(Credential::BearerToken(token)) => format!("bearer {}", token.expose_secret()),
        }
    }

    #[test]
    fn an_entry_is_read_as_docker_and_as_the_kubelet_read_it() {
        for (entry, docker, kubelet) in [
            (r#"{"username":"u","password":"p"}"#, "u:p", "u:p"),
            (r#"{"auth":"dTpw"}"#, "u:p", "u:p"),
            (r#"{"username":"x","password":"y","auth":"dTpw"}"#, "u:p", "u:p"),
            (r#"{"username":"x","password":"y","auth":""}"#, "x:y", "x:y"),
            (r#"{"auth":"dTpwOnE="}"#, "u:p:q", "u:p:q"),
            (r#"{"auth":"dTpwOnE"}"#, "u:p:q", "u:p:q"),
            (r#"{"auth":"dTpw\nOnE=\r\n"}"#, "u:p:q", "u:p:q"),
            (r#"{"auth":"dTo="}"#, "u:", "u:"),
            (r#"{"identitytoken":"t","auth":"dTo="}"#, "identity t", "u:"),
            (r#"{"registrytoken":"t"}"#, "bearer t", ":"),
            (r#"{"email":"e","password":null}"#, "none", ":"),
            ("{}", "none", ":"),
        ] {
            let config = parse(&format!(r#"{{"auths":{{"r.io":{entry}}}}}"#));
            let [found] = config.entries.as_slice() else { panic!("{entry}: {:?}", config.skipped) };
            assert_eq!(shown(found.docker_credential()), docker, "{entry}");
            assert_eq!(shown(Some(found.kubelet_credential())), kubelet, "{entry}");
        }
    }

    #[test]
    fn a_bad_entry_is_passed_over_and_the_rest_is_kept() {
        for entry in
            [r#"{"auth":"hunter2!"}"#, r#"{"auth":"aHVudGVyMg=="}"#, r#""hunter2""#, r#"{"password":{"hunter2":1}}"#]
        {
            let config = parse(&format!(r#"{{"auths":{{"bad.io":{entry},"good.io":{{"auth":"dTpw"}}}}}}"#));
            assert_eq!(config.entries.len(), 1, "{entry}");
            let [why] = config.skipped.as_slice() else { panic!("{entry}") };
            assert!(why.contains("bad.io") && !why.contains("hunter2"), "{why}");
        }
    }

    #[test]
    fn helpers_and_the_legacy_form_are_read() {
        let config =
            parse(r#"{"credHelpers":{"gcr.io":"gcloud","x.io":7},"credsStore":"pass","HttpHeaders":{"a":"b"}}"#);
        assert_eq!(config.helpers, [("gcr.io".to_owned(), "gcloud".to_owned())]);
        assert_eq!(config.store.as_deref(), Some("pass"));
        let legacy = DockerConfig::parse_legacy(&r#"{"r.io":{"auth":"dTpw"}}"#.into()).unwrap();
        assert_eq!(legacy.entries.iter().map(|entry| entry.key.as_str()).collect::<Vec<_>>(), ["r.io"]);
    }

    #[test]
    fn errors_and_debug_tell_nothing_of_the_content() {
        for text in ["hunter2", r#"{"auths":"hunter2"}"#, r#"["hunter2"]"#, r#"{"auths":{"r.io":hunter2}}"#] {
            let error = DockerConfig::parse(&text.into()).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        }
        let config = parse(r#"{"auths":{"r.io":{"username":"u","password":"hunter2","identitytoken":"hunter2"}}}"#);
        assert!(!format!("{config:?}").contains("hunter2"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,200}") {
            let _ = DockerConfig::parse(&text.as_str().into());
            let _ = decode_auth(&text);
        }

        #[test]
        fn what_docker_encodes_is_decoded(username in "[^:]{0,20}", password in ".{0,40}") {
            let auth = base64::engine::general_purpose::STANDARD.encode(format!("{username}:{password}"));
            prop_assert_eq!(decode_auth(&auth), Ok((username, password)));
        }
    }
}
