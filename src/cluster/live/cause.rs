//! What kube's errors mean, in our words. Their own texts may hold a credential plugin's output.

use std::error::Error;
use std::io;

use kube::client::AuthError;

/// What a failed request came to grief over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cause {
    /// no credential could be had
    Credential(String),
    /// the TLS handshake failed
    Tls(String),
    /// what the client was told to use cannot be used: a certificate, a key, a proxy
    Setup(String),
    /// no connection, or it broke
    Connection(String),
}

/// Finds the cause of `error`. `plugin` is the credential plugin of the kubeconfig, if it names one.
pub(super) fn of(error: &kube::Error, plugin: Option<&str>) -> Cause {
    match error {
        kube::Error::Auth(error) => return Cause::Credential(credential(error, plugin)),
        kube::Error::InferKubeconfig(error) => return Cause::Setup(error.to_string()),
        kube::Error::RustlsTls(error) => return Cause::Setup(error.to_string()),
        // Both show the proxy's URL, which may hold a password.
        kube::Error::ProxyProtocolUnsupported { .. } | kube::Error::ProxyProtocolDisabled { .. } => {
            return Cause::Setup("its proxy-url is none of http, https and socks5".to_owned());
        }
        _ => {}
    }
    let mut last: &(dyn Error + 'static) = error;
    while let Some(next) = beneath(last) {
        if let Some(error) = next.downcast_ref::<AuthError>() {
            return Cause::Credential(credential(error, plugin));
        }
        if let Some(error) = next.downcast_ref::<rustls::Error>() {
            return Cause::Tls(error.to_string());
        }
        last = next;
    }
    Cause::Connection(last.to_string())
}

/// The error beneath `error`. An `io::Error` hides the one that it was made of from `source()`.
fn beneath<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}

fn credential(error: &AuthError, plugin: Option<&str>) -> String {
    let plugin =
        plugin.map_or_else(|| "the credential plugin".to_owned(), |name| format!("the credential plugin {name}"));
    match error {
        AuthError::AuthExecStart(error) => format!("{plugin} could not be started ({error})"),
        AuthError::AuthExecRun { out, .. } => format!("{plugin} failed ({})", out.status),
        AuthError::AuthExecParse(_) | AuthError::ExecPluginFailed | AuthError::ParseTokenKey(_) => {
            format!("{plugin} answered nothing that can be used")
        }
        AuthError::AuthExec(_) | AuthError::MissingCommand => {
            "the kubeconfig's way to log in is not supported".to_owned()
        }
        AuthError::ReadTokenFile(error, path) => format!("the token file {} cannot be read ({error})", path.display()),
        AuthError::InvalidBasicAuth(_) | AuthError::InvalidBearerToken(_) => {
            "the token or password holds characters that no header may hold".to_owned()
        }
        AuthError::OAuth(_) | AuthError::Oidc(_) => "the identity provider gave no token".to_owned(),
        _ => "the credential could not be refreshed".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plugin_failure() -> AuthError {
        use std::os::unix::process::ExitStatusExt;
        let out = std::process::Output {
            status: std::process::ExitStatus::from_raw(256),
            stdout: b"s3cret-token".to_vec(),
            stderr: b"s3cret-token".to_vec(),
        };
        AuthError::AuthExecRun { cmd: "login --password s3cret-token".to_owned(), out: Box::new(out) }
    }

    #[test]
    fn a_plugins_output_is_not_shown() {
        for error in [kube::Error::Auth(plugin_failure()), kube::Error::Service(Box::new(plugin_failure()))] {
            let Cause::Credential(text) = of(&error, Some("login")) else { panic!("not a credential's failure") };
            assert_eq!(text, "the credential plugin login failed (exit status: 1)");
        }
    }

    #[test]
    fn the_deepest_error_is_the_cause() {
        let refused = io::Error::new(io::ErrorKind::ConnectionRefused, "nobody listens");
        assert_eq!(of(&kube::Error::Service(Box::new(refused)), None), Cause::Connection("nobody listens".to_owned()));
        let tls = io::Error::new(io::ErrorKind::InvalidData, rustls::Error::DecryptError);
        assert!(matches!(of(&kube::Error::Service(Box::new(tls)), None), Cause::Tls(_)));
    }
}
