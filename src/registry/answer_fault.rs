//! From an answer that is no success to what went wrong.

use http::StatusCode;
use jiff::Timestamp;
use serde::Deserialize;

use super::exchange::Answer;
use super::fault::Fault;
use super::retry::retry_after;
use super::words::Confidence;
use crate::vocabulary::{ErrorClass, ErrorStage};

/// Who asked, as far as the advice depends on it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    /// the step
    pub stage: ErrorStage,
    /// the registry, as references name it
    pub registry: &'a str,
    /// whether a credential was used
    pub with_credential: bool,
}

/// What `answer` means, which is no success.
pub(super) fn answer_fault(answer: &Answer, asked: Asked<'_>, confidence: &Confidence, now: Timestamp) -> Fault {
    let said = Said::parse(&answer.body);
    let class = class(answer.status, &said, asked.stage);
    let status = answer.status;
    let reason = status.canonical_reason().unwrap_or("an unknown status");
    let quoted = said.shown().map(|text| format!(" [{}]", confidence.quote(&text))).unwrap_or_default();
    let what = format!("answers {} {reason}{quoted}", status.as_u16());
    Fault {
        status: Some(status.as_u16()),
        retry_after: retry_after(&answer.headers, now),
        transient: is_transient(status, class),
        ..Fault::final_answer(class, &answer.origin(), what, remedy(class, status, &said, asked))
    }
}

fn class(status: StatusCode, said: &Said, stage: ErrorStage) -> ErrorClass {
    if said.has_code("TOOMANYREQUESTS") || status == StatusCode::TOO_MANY_REQUESTS {
        return ErrorClass::RateLimited;
    }
    match (status, stage) {
        (StatusCode::UNAUTHORIZED, _) => ErrorClass::Unauthorized,
        // ECR says so of a token that was good once.
        (StatusCode::FORBIDDEN, _) if said.is_expired_token() => ErrorClass::Unauthorized,
        (StatusCode::FORBIDDEN, _) => ErrorClass::Forbidden,
        // OAuth2 refuses a refresh token with 400 (RFC 6749, section 5.2).
        (StatusCode::BAD_REQUEST, ErrorStage::Token) if said.is_refused_grant() => ErrorClass::Unauthorized,
        // A token server that is not there says nothing about the image.
        (StatusCode::NOT_FOUND, ErrorStage::Token) => ErrorClass::Server,
        (StatusCode::NOT_FOUND, _) => ErrorClass::NotFound,
        (StatusCode::REQUEST_TIMEOUT, _) => ErrorClass::Timeout,
        _ => ErrorClass::Server,
    }
}

fn is_transient(status: StatusCode, class: ErrorClass) -> bool {
    class == ErrorClass::RateLimited || status == StatusCode::REQUEST_TIMEOUT || status.is_server_error()
}

fn remedy(class: ErrorClass, status: StatusCode, said: &Said, asked: Asked<'_>) -> &'static str {
    match class {
        ErrorClass::Unauthorized if said.is_expired_token() => "get a new token: an ECR token is good for 12 hours",
        ErrorClass::Unauthorized if asked.registry == "docker.io" && asked.stage != ErrorStage::Token => {
            "Docker Hub says this also of a repository that does not exist: check its name, then the credential"
        }
        ErrorClass::Unauthorized if asked.with_credential => "check that the credential is right and not expired",
        ErrorClass::Unauthorized => "a credential is needed: give one in a pull secret or the docker config",
        // GitHub's says so of a wrong password too.
        ErrorClass::Forbidden if asked.with_credential && asked.stage == ErrorStage::Token => {
            "check that the credential is right and not expired, and let its account pull from this repository"
        }
        ErrorClass::Forbidden if asked.with_credential => "let the credential's account pull from this repository",
        ErrorClass::Forbidden => "anonymous pulls are not allowed: give a credential",
        ErrorClass::NotFound if asked.stage == ErrorStage::Config => "push the image again: its config is gone",
        ErrorClass::NotFound if said.has_code("NAME_UNKNOWN") => "check the repository's name",
        ErrorClass::NotFound => "check the repository's name and the tag or digest",
        ErrorClass::RateLimited => "log in for a larger quota, or ask again later",
        ErrorClass::Timeout => "ask again later",
        _ if status.is_server_error() => "ask again later; the server's log says more",
        _ => "check that this is a registry and that its URL is right",
    }
}

/// What an error's body says: the codes of the distribution specification, or those of OAuth2.
#[derive(Debug, Default, Deserialize)]
struct Said {
    #[serde(default, deserialize_with = "lenient")]
    errors: Vec<Entry>,
    error: Option<serde_json::Value>,
    error_description: Option<serde_json::Value>,
    /// of token servers that keep to neither
    details: Option<serde_json::Value>,
    message: Option<serde_json::Value>,
}

#[derive(Debug, Default, Deserialize)]
struct Entry {
    code: Option<serde_json::Value>,
    message: Option<serde_json::Value>,
}

fn lenient<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<Entry>, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}

fn text(value: Option<&serde_json::Value>) -> Option<&str> {
    value.and_then(serde_json::Value::as_str).filter(|text| !text.is_empty())
}

impl Said {
    fn parse(body: &[u8]) -> Self {
        serde_json::from_slice(body).unwrap_or_default()
    }

    /// The first error, as a person reads it.
    fn shown(&self) -> Option<String> {
        let first = self.errors.first();
        let code = first.and_then(|e| text(e.code.as_ref())).or_else(|| text(self.error.as_ref()));
        let message = first
            .and_then(|e| text(e.message.as_ref()))
            .or_else(|| text(self.error_description.as_ref()))
            .or_else(|| text(self.details.as_ref()))
            .or_else(|| text(self.message.as_ref()));
        match (code, message) {
            (Some(code), Some(message)) => Some(format!("{code}: {message}")),
            (code, message) => code.or(message).map(str::to_owned),
        }
    }

    fn has_code(&self, code: &str) -> bool {
        self.errors.iter().any(|e| text(e.code.as_ref()).is_some_and(|c| c.eq_ignore_ascii_case(code)))
    }

    fn is_expired_token(&self) -> bool {
        let says_so = |e: &Entry| text(e.message.as_ref()).is_some_and(|m| m.contains("token has expired"));
        self.errors.iter().any(says_so)
    }

    fn is_refused_grant(&self) -> bool {
        text(self.error.as_ref()).is_some_and(|error| matches!(error, "invalid_grant" | "invalid_client"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ErrorClass::*;

    fn fault(status: u16, body: &str, stage: ErrorStage) -> Fault {
        let answer = Answer::test(status, body);
        let asked = Asked { stage, registry: "docker.io", with_credential: false };
        let confidence = Confidence::of(&crate::credentials::Credential::Anonymous, None);
        answer_fault(&answer, asked, &confidence, Timestamp::UNIX_EPOCH)
    }

    fn code(code: &str) -> String {
        format!(r#"{{"errors":[{{"code":"{code}","message":"in words","detail":{{"x":[1]}}}}]}}"#)
    }

    #[test]
    fn a_status_has_a_class() {
        let expired =
            r#"{"errors":[{"code":"DENIED","message":"Your authorization token has expired. Reauthenticate."}]}"#;
        let grant = r#"{"error":"invalid_grant","error_description":"expired"}"#;
        let (manifest, token) = (ErrorStage::Manifest, ErrorStage::Token);
        for (status, body, stage, class, transient) in [
            (401, code("UNAUTHORIZED"), manifest, Unauthorized, false),
            (403, code("DENIED"), manifest, Forbidden, false),
            (403, expired.to_owned(), manifest, Unauthorized, false),
            (404, code("MANIFEST_UNKNOWN"), manifest, NotFound, false),
            (404, String::new(), manifest, NotFound, false),
            (404, String::new(), token, Server, false),
            (408, String::new(), manifest, Timeout, true),
            (429, String::new(), manifest, RateLimited, true),
            (403, code("TOOMANYREQUESTS"), manifest, RateLimited, true),
            (500, "<html>".to_owned(), manifest, Server, true),
            (503, code("UNAVAILABLE"), token, Server, true),
            (400, grant.to_owned(), token, Unauthorized, false),
            (400, grant.to_owned(), manifest, Server, false),
            (418, String::new(), manifest, Server, false),
            (304, String::new(), manifest, Server, false),
        ] {
            let fault = fault(status, &body, stage);
            assert_eq!((fault.class, fault.transient), (class, transient), "{status} {body}");
            assert_eq!(fault.status, Some(status));
        }
    }

    #[test]
    fn the_servers_words_are_shown() {
        for (body, shown) in [
            (code("DENIED"), "[DENIED: in words]"),
            (r#"{"errors":[{"message":"only words"}]}"#.to_owned(), "[only words]"),
            (r#"{"details":"incorrect username or password"}"#.to_owned(), "[incorrect username or password]"),
            (r#"{"error":"invalid_grant","error_description":"expired"}"#.to_owned(), "[invalid_grant: expired]"),
            (r#"{"errors":"not a list","message":"m"}"#.to_owned(), "[m]"),
            ("[".repeat(60_000), "403 Forbidden"),
            ("not json".to_owned(), "403 Forbidden"),
        ] {
            let what = fault(403, &body, ErrorStage::Manifest).what;
            assert!(what.ends_with(shown), "{what}");
        }
    }

    #[test]
    fn advice_fits_the_case() {
        assert!(fault(401, "", ErrorStage::Manifest).remedy.contains("does not exist"));
        assert!(fault(401, "", ErrorStage::Token).remedy.contains("credential"));
        assert!(fault(404, &code("NAME_UNKNOWN"), ErrorStage::Manifest).remedy.ends_with("repository's name"));
    }
}
