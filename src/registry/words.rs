//! Words of servers in our messages: cleaned, cut, and never our own secrets sent back to us.

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, HeaderValue};
use secrecy::ExposeSecret;

use super::fault::Subject;
use crate::credentials::Credential;
use crate::image::Failure;
use crate::text::{acts_on_terminal, cut};

/// Shorter passwords may stand in a message by chance.
const SHORTEST_SECRET: usize = 6;
/// How much of a server's text a message shows.
const LONGEST: usize = 200;

/// `text` on one line, without control and direction characters, and not too long.
pub(super) fn clean(text: &str) -> String {
    let visible = text.chars().map(|c| if acts_on_terminal(c) { ' ' } else { c });
    let words: String = visible.take(LONGEST * 4 + 1).collect();
    let line = cut(&words, LONGEST * 4).split_whitespace().collect::<Vec<_>>().join(" ");
    cut(&line, LONGEST).into_owned()
}

/// What a server was told in confidence: it may echo it, and then its words are not shown.
pub(super) struct Confidence(Vec<String>);

impl Confidence {
    /// The secrets in `credential`, and in what was sent as `Authorization`, in the forms in which they were sent.
    pub(super) fn of(credential: &Credential, authorization: Option<&HeaderValue>) -> Self {
        let mut secrets = match credential {
            Credential::Anonymous => Vec::new(),
            Credential::Password { username, password } => {
                let password = password.expose_secret();
                vec![password.to_owned(), BASE64_STANDARD.encode(format!("{username}:{password}"))]
            }
            Credential::IdentityToken(token) | Credential::BearerToken(token) => vec![token.expose_secret().to_owned()],
        };
        let sent = authorization.and_then(|value| value.to_str().ok()).and_then(|text| text.split_once(' '));
        secrets.extend(sent.map(|(_, secret)| secret.to_owned()));
        Self(Vec::new()).and(secrets)
    }

    /// As well, what a user wants the server to be sent.
    pub(super) fn with(self, headers: &HeaderMap) -> Self {
        let values = headers.values().filter_map(|value| value.to_str().ok());
        self.and(values.flat_map(|value| value.split(' ')).map(str::to_owned).collect())
    }

    fn and(mut self, secrets: Vec<String>) -> Self {
        let bare: Vec<_> = secrets.iter().map(|secret| letters(secret)).collect();
        self.0.extend(secrets.into_iter().chain(bare).filter(|secret| !secret.is_empty()));
        self
    }

    /// `text`, cleaned; nothing when it repeats a secret.
    pub(super) fn quote(&self, text: &str) -> String {
        let letters = letters(text);
        if self.0.iter().any(|secret| text.contains(secret.as_str()) || letters.contains(secret.as_str())) {
            return "its words are not shown, they repeat a credential".to_owned();
        }
        clean(text)
    }

    /// `failure`, of which nothing is told that repeats a secret: a server may put one into a header, or into the name
    /// of a host that it sends us to. Secrets that are short enough to be words are let pass.
    pub(super) fn guard(&self, subject: Subject<'_>, failure: Failure) -> Failure {
        let told = format!("{} {}", failure.message, failure.endpoint.as_deref().unwrap_or_default());
        let told = [letters(&told).to_lowercase(), told.to_lowercase()];
        let is_told = |secret: &String| told.iter().any(|told| told.contains(&secret.to_lowercase()));
        if !self.0.iter().filter(|secret| secret.chars().count() >= SHORTEST_SECRET).any(is_told) {
            return failure;
        }
        let message = format!(
            "{}: the answer repeats a credential, so it is not shown ({} attempts); change the credential, and do not \
             trust this server",
            subject.name, failure.attempts
        );
        Failure { message, endpoint: None, ..failure }
    }
}

/// `text` without what could be put between its letters and digits, or what an encoding changes.
fn letters(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_are_cleaned_and_cut() {
        assert_eq!(clean("a\u{1b}[31mb\r\n\tc"), "a [31mb c");
        assert_eq!(clean("x\u{202e}y\u{200b}z"), "x y z");
        assert_eq!(clean(&"ä".repeat(300)), format!("{}…", "ä".repeat(200)));
        for before in 150..850 {
            let told = clean(&format!(
                "{}{}denied ghp_{} z",
                "a ".repeat(before / 4),
                " ".repeat(before / 2),
                "x9".repeat(18)
            ));
            assert!(told.len() < 204 && (told.contains(&"x9".repeat(18)) || !told.contains("ghp_")), "{told}");
        }
    }

    #[test]
    fn a_secret_is_not_repeated() {
        let password = Credential::Password { username: "me".into(), password: "hunter22".to_owned().into() };
        let header = HeaderValue::from_static("Bearer tok3n");
        let confidence = Confidence::of(&password, Some(&header));
        for text in
            ["wrong password hunter22", "got bWU6aHVudGVyMjI=", "bad token tok3n", "hunt\u{0}er22", "h.u.n.t.e.r.2.2"]
        {
            assert!(confidence.quote(text).starts_with("its words"), "{text}");
        }
        assert_eq!(confidence.quote("denied"), "denied");
    }

    proptest! {
        #[test]
        fn no_text_hides_anything(text in any::<String>()) {
            let clean = clean(&text);
            prop_assert!(clean.chars().count() <= LONGEST + 1);
            prop_assert!(!clean.chars().any(acts_on_terminal));
        }
    }
}
