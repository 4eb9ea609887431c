//! Docker's credential helpers, `docker-credential-*`: run with a time limit, their output never shown.
//!
//! The protocol is that of <https://github.com/docker/docker-credential-helpers>.

use std::time::Duration;

use serde::Deserialize;
use tokio::process::Command;

use super::Credential;
use super::process::{self, Answered, ProcessError};

/// How long a helper may take.
const TIME_LIMIT: Duration = Duration::from_secs(15);
/// The user name with which a helper says that the secret is an identity token.
const TOKEN_USER: &str = "<token>";

/// A credential helper.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Helper {
    program: String,
    time_limit: Duration,
}

/// Why a helper gave no credential.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HelperError {
    /// the name would run another program
    #[error("{0:?} is no name of a credential helper; it may hold letters, digits, dots, dashes and underscores")]
    Name(String),
    /// it cannot be started
    #[error("{program} cannot be started ({why}); install it, or remove it from credHelpers and credsStore")]
    Start {
        /// the program
        program: String,
        /// the system's word
        why: String,
    },
    /// it took too long
    #[error("{program} gave no answer in time and was ended; run `{program} get` by hand to see what it waits for")]
    Time {
        /// the program
        program: String,
    },
    /// it failed
    #[error("{program} failed ({status}); log in again with `docker login`")]
    Failed {
        /// the program
        program: String,
        /// its exit status
        status: String,
    },
    /// it answered something else than a credential
    #[error("{program} answered something that is no credential")]
    Answer {
        /// the program
        program: String,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireCredential {
    #[serde(default)]
    username: String,
    secret: String,
}

impl Helper {
    /// The helper that a configuration calls `name`: `docker-credential-<name>`.
    pub fn new(name: &str) -> Result<Self, HelperError> {
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        if name.is_empty() || name.len() > 100 || !name.bytes().all(is_plain) {
            return Err(HelperError::Name(name.chars().take(100).collect()));
        }
        Ok(Self { program: format!("docker-credential-{name}"), time_limit: TIME_LIMIT })
    }

    /// The program's name.
    pub fn program(&self) -> String {
        self.program.clone()
    }

    /// Asks for the credential of `server`; `None` when the helper has none.
    ///
    /// `search_path` is the `PATH` in which the program is looked for.
    pub async fn get(&self, server: &str, search_path: Option<&str>) -> Result<Option<Credential>, HelperError> {
        let mut command = Command::new(&self.program);
        if let Some(path) = search_path {
            command.env("PATH", path);
        }
        command.arg("get");
        let answered = process::run(command, server.as_bytes(), self.time_limit).await;
        self.read(&answered.map_err(|error| self.failed(error))?)
    }

    fn failed(&self, error: ProcessError) -> HelperError {
        let program = self.program();
        match error {
            ProcessError::Start(why) => HelperError::Start { program, why: why.to_string() },
            ProcessError::Time => HelperError::Time { program },
            ProcessError::Broken(why) => HelperError::Failed { program, status: why.to_string() },
        }
    }

    fn read(&self, Answered { status, output }: &Answered) -> Result<Option<Credential>, HelperError> {
        if !status.success() {
            // That a helper has nothing for a server, it tells by these words and an exit status like any other.
            let said = String::from_utf8_lossy(output).to_ascii_lowercase();
            let has_none = ["credentials not found", "no credentials server url", "no credentials username"]
                .iter()
                .any(|words| said.contains(words));
            let failed = HelperError::Failed { program: self.program(), status: status.to_string() };
            return if has_none { Ok(None) } else { Err(failed) };
        }
        let WireCredential { username, secret } =
            serde_json::from_slice(output).map_err(|_| HelperError::Answer { program: self.program() })?;
        Ok(Some(match username.as_str() {
            TOKEN_USER => Credential::IdentityToken(secret.into()),
            _ => Credential::Password { username, password: secret.into() },
        }))
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;
    use crate::credentials::script;

    async fn get(body: &str) -> Result<Option<Credential>, HelperError> {
        ask(&Helper::new("test").unwrap(), body).await
    }

    /// Asks a helper `docker-credential-test` that is the shell script `body`.
    async fn ask(asked: &Helper, body: &str) -> Result<Option<Credential>, HelperError> {
        let directory = tempfile::tempdir().unwrap();
        script::write(&directory.path().join("docker-credential-test"), body);
        let path = format!("{}:/usr/bin:/bin", directory.path().display());
        asked.get("https://r.io", Some(&path)).await
    }

    #[tokio::test]
    async fn a_helper_is_asked_for_a_server_and_gives_its_credential() {
        let body = r#"read -r url; test "$1" = get || exit 1; echo '{"Username":"u","Secret":"for '"$url"'"}'"#;
        let Ok(Some(Credential::Password { username, password })) = get(body).await else { panic!("no password") };
        assert_eq!((username.as_str(), password.expose_secret()), ("u", "for https://r.io"));
        let Ok(Some(Credential::IdentityToken(token))) = get(r#"echo '{"Username":"<token>","Secret":"t"}'"#).await
        else {
            panic!("no identity token")
        };
        assert_eq!(token.expose_secret(), "t");
    }

    #[tokio::test]
    async fn to_have_no_credential_is_no_error() {
        assert!(get("echo 'credentials not found in native keychain'; exit 1").await.unwrap().is_none());
    }

    #[tokio::test]
    async fn failures_tell_the_program_and_nothing_of_its_output() {
        for body in ["echo hunter2; exit 3", "echo hunter2", "echo '{\"Username\":\"hunter2\"}'", "yes hunter2"] {
            let error = get(body).await.unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(shown.contains("docker-credential-test") && !shown.contains("hunter2"), "{body}: {shown}");
        }
        let absent = Helper::new("absent-here").unwrap().get("r.io", Some("/nonexistent")).await;
        assert!(matches!(absent, Err(HelperError::Start { .. })), "{absent:?}");
    }

    #[tokio::test]
    async fn a_helper_that_hangs_is_ended() {
        let hasty = Helper { time_limit: Duration::from_millis(50), ..Helper::new("test").unwrap() };
        assert!(matches!(ask(&hasty, "exec sleep 600").await, Err(HelperError::Time { .. })));
    }

    #[test]
    fn a_name_is_no_path() {
        for name in ["", "../evil", "a/b", "a\\b", "a b", "a\n", "a;b"] {
            assert!(matches!(Helper::new(name), Err(HelperError::Name(_))), "{name:?}");
        }
        assert_eq!(Helper::new("ecr-login").unwrap().program(), "docker-credential-ecr-login");
    }
}
