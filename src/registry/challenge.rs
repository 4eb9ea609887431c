//! What a 401 demands: the challenges of its `WWW-Authenticate` headers.

use std::sync::LazyLock;

use http::{HeaderMap, HeaderValue, header};
use http_auth::{ChallengeRef, parser::ChallengeParser};
use regex::{Captures, Regex};

/// What a registry wants to see before it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    /// a token of a token server (<https://distribution.github.io/distribution/spec/auth/token/>)
    Bearer(TokenRequest),
    /// a user name and a password
    Basic,
    /// only schemes that we do not know
    Unknown(String),
}

/// Which token to ask for, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TokenRequest {
    /// the token server's URL, not checked yet
    pub realm: String,
    /// the service that the token is for
    pub service: Option<String>,
    /// what the token must allow, separated by spaces
    pub scope: Option<String>,
}

impl Challenge {
    /// The challenge to act on: the first Bearer with a realm, else Basic. A token server can limit what it hands out,
    /// and the password then goes to one place only. `None` when nothing is demanded.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let values: Vec<String> = headers.get_all(header::WWW_AUTHENTICATE).iter().map(mended).collect();
        // A header that breaks off still counts up to there.
        let challenges: Vec<_> =
            values.iter().flat_map(|text| ChallengeParser::new(text).map_while(Result::ok)).collect();
        let bearer = challenges.iter().filter(|c| c.scheme.eq_ignore_ascii_case("bearer")).find_map(bearer);
        if bearer.is_some() {
            return bearer;
        }
        if challenges.iter().any(|c| c.scheme.eq_ignore_ascii_case("basic")) {
            return Some(Self::Basic);
        }
        challenges.first().map(|c| Self::Unknown(c.scheme.to_owned()))
    }
}

/// A quoted value, a value without quotes, or spaces.
static PARTS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"("(?:[^"\\]|\\.)*")|=[ \t]*([^",\s][^",]*)|[ \t]+"#).ok());

/// A header's value as HTTP wants it (RFC 9110, section 11.6.1), also where a server leaves out quotes
/// (`Basic realm=/`, `Bearer realm=https://…`), sends several spaces, or letters beyond ASCII. Container runtimes pull
/// from such servers too.
///
/// A token server that is named so goes through the same checks as any other.
fn mended(value: &HeaderValue) -> String {
    // No host can have a space, so that a letter left out makes no other host of one.
    let text: String = value.as_bytes().iter().map(|b| if b.is_ascii() { char::from(*b) } else { ' ' }).collect();
    let mend = |part: &Captures<'_>| match (part.get(1), part.get(2)) {
        (Some(quoted), _) => quoted.as_str().to_owned(),
        (_, Some(bare)) => format!("=\"{}\"", bare.as_str().trim_end().replace('\\', "\\\\")),
        _ => " ".to_owned(),
    };
    match PARTS.as_ref() {
        Some(parts) => parts.replace_all(&text, mend).into_owned(),
        None => text,
    }
}

fn bearer(challenge: &ChallengeRef<'_>) -> Option<Challenge> {
    let parameter = |name: &str| {
        let value = challenge.params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        value.map(|(_, value)| value.to_unescaped()).filter(|text| !text.is_empty())
    };
    Some(Challenge::Bearer(TokenRequest {
        realm: parameter("realm")?,
        service: parameter("service"),
        scope: parameter("scope"),
    }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn challenge(values: &[&str]) -> Option<Challenge> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::WWW_AUTHENTICATE, value.parse().unwrap());
        }
        Challenge::of(&headers)
    }

    fn token(realm: &str, service: Option<&str>, scope: Option<&str>) -> Option<Challenge> {
        let (service, scope) = (service.map(str::to_owned), scope.map(str::to_owned));
        Some(Challenge::Bearer(TokenRequest { realm: realm.to_owned(), service, scope }))
    }

    #[test]
    fn bearer_goes_before_basic_in_any_header() {
        let hub = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/nginx:pull""#;
        let expected =
            token("https://auth.docker.io/token", Some("registry.docker.io"), Some("repository:library/nginx:pull"));
        assert_eq!(challenge(&[hub]), expected);
        assert_eq!(challenge(&["Basic realm=\"r\"", hub]), expected);
        assert_eq!(challenge(&[&format!("Basic realm=\"r\", {hub}")]), expected);
        assert_eq!(challenge(&["Negotiate", hub]), expected);
        assert_eq!(challenge(&["bearer REALM=\"https://a/t\""]), token("https://a/t", None, None));
    }

    #[test]
    fn what_is_left_when_there_is_no_bearer() {
        assert_eq!(challenge(&[]), None);
        assert_eq!(challenge(&["Basic realm=\"r\""]), Some(Challenge::Basic));
        assert_eq!(challenge(&["BASIC"]), Some(Challenge::Basic));
        assert_eq!(challenge(&["Bearer service=\"no realm\"", "Basic"]), Some(Challenge::Basic));
        assert_eq!(challenge(&["Negotiate"]), Some(Challenge::Unknown("Negotiate".into())));
        assert_eq!(challenge(&["Basic realm=\"r\", Bearer realm=\"cut"]), Some(Challenge::Basic));
        assert_eq!(challenge(&[",,,"]), None);
    }

    #[test]
    fn what_is_not_quoted_is_understood() {
        assert_eq!(challenge(&["Basic realm=/"]), Some(Challenge::Basic));
        assert_eq!(challenge(&["Basic realm=my registry"]), Some(Challenge::Basic));
        assert_eq!(challenge(&["Basic  realm=\"R\u{e9}gistre\""]), Some(Challenge::Basic));
        assert_eq!(
            challenge(&["Bearer realm=https://a/t?x=1, service=r.io ,scope=repository:a/b:pull"]),
            token("https://a/t?x=1", Some("r.io"), Some("repository:a/b:pull"))
        );
        // As gcr.io writes it.
        assert_eq!(
            challenge(&[r#"Bearer realm="https://gcr.io/v2/token",service=gcr.io"#]),
            token("https://gcr.io/v2/token", Some("gcr.io"), None)
        );
        assert_eq!(
            challenge(&["Basic realm=my registry, Bearer realm= \"https://a/t\",\tservice=\"a=b, c\""]),
            token("https://a/t", Some("a=b, c"), None)
        );
        // A quoted value stays as it is, and a name beyond ASCII becomes none.
        let cut = token(r#"https://a/"=x,y"#, None, None);
        assert_eq!(challenge(&[r#"Bearer realm="https://a/\"=x,y""#]), cut);
        assert_eq!(challenge(&["Bearer realm=\"https://\u{e9}vil.io/t\""]), token("https://  vil.io/t", None, None));
    }

    proptest! {
        #[test]
        fn any_header_is_read(text in "[ -~]{0,200}") {
            challenge(&[&text]);
        }
    }
}
