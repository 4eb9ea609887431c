//! Makes requests with what their server demands, and with nothing before it does.

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderValue, StatusCode};
use secrecy::ExposeSecret;
use sha2::{Digest as _, Sha256};

use super::attempts::Trouble;
use super::caller::Caller;
use super::challenge::Challenge;
use super::exchange::{Answer, Ask, exchange};
use super::fault::Fault;
use super::safety::origin;
use super::tokens::{Demand, Granted, Key, Tokens};
use super::words::clean;
use crate::credentials::Credential;
use crate::image::Repository;
use crate::vocabulary::ErrorClass;

/// Tells credentials apart without showing them: a hash.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Login([u8; 32]);

impl Login {
    /// Which login `credential` is.
    pub(super) fn of(credential: &Credential) -> Self {
        let mut hasher = Sha256::new();
        let (kind, secret) = match credential {
            Credential::Anonymous => ("anonymous", ""),
            Credential::Password { username, password } => {
                hasher.update(format!("{} {username}", username.len()));
                ("password", password.expose_secret())
            }
            Credential::IdentityToken(token) => ("identity", token.expose_secret()),
            Credential::BearerToken(token) => ("bearer", token.expose_secret()),
        };
        Self(hasher.chain_update(kind).chain_update(secret).finalize().into())
    }
}

/// `Basic …`, for a user name and a password.
pub(super) fn basic(credential: &Credential) -> Option<HeaderValue> {
    let Credential::Password { username, password } = credential else { return None };
    let pair = format!("{username}:{}", password.expose_secret());
    sensitive(format!("Basic {}", BASE64_STANDARD.encode(pair)))
}

/// `Bearer …`; `None` when the token has characters that no header may have.
pub(super) fn bearer(token: &str) -> Option<HeaderValue> {
    let sendable = token.bytes().all(|b| b.is_ascii_graphic());
    sensitive(format!("Bearer {token}")).filter(|_| sendable)
}

fn sensitive(text: String) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// An answer, and what was sent as `Authorization` to get it.
pub(super) struct Authorized {
    pub answer: Answer,
    pub authorization: Option<HeaderValue>,
}

/// A repository, and the name that it has at the server that is asked.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub repository: &'a Repository,
    pub path: &'a str,
}

/// Sends `ask`; when the answer is a challenge, meets it and sends `ask` again.
///
/// A token that was kept may have been revoked, so a refusal of one leads to a new one, once.
pub(super) async fn authorized(
    caller: Caller<'_>,
    tokens: &Tokens,
    place: Place<'_>,
    (credential, login): (&Credential, Login),
    mut ask: Ask,
) -> Result<Authorized, Trouble> {
    let key = Key { origin: origin(&ask.url).into_owned(), repository: place.path.to_owned(), login };
    ask.authorization = tokens.known(caller, &key, credential).await;
    let mut last = matches!(credential, Credential::BearerToken(_));
    loop {
        let answer = exchange(caller, &ask).await?;
        // Only the registry itself may ask for a credential, not whom it redirects to.
        let is_own = || answer.url.origin() == ask.url.origin();
        let demanded =
            (answer.status == StatusCode::UNAUTHORIZED && !last && is_own()).then(|| Challenge::of(&answer.headers));
        match demanded.flatten() {
            Some(Challenge::Bearer(request)) => {
                let demand = Demand {
                    answer: &answer,
                    request: &request,
                    refused: ask.authorization.as_ref(),
                    repository: place.repository,
                };
                let granted = Box::pin(tokens.grant(caller, &key, demand, credential)).await;
                let Granted { authorization, fresh } = granted.map_err(|failure| Trouble::Final(failure.into()))?;
                (ask.authorization, last) = (Some(authorization), fresh);
            }
            Some(Challenge::Basic) if matches!(credential, Credential::Password { .. }) => {
                tokens.takes_basic(&key);
                let known = basic(credential);
                if ask.authorization == known {
                    return Ok(Authorized { answer, authorization: known });
                }
                (ask.authorization, last) = (known, true);
            }
            Some(Challenge::Unknown(scheme)) => {
                let what = format!("demands a login by {}, which is not supported", clean(&scheme));
                const REMEDY: &str = "let the registry offer Basic or Bearer";
                let fault = Fault::final_answer(ErrorClass::Unsupported, &answer.origin(), what, REMEDY);
                return Err(Fault { status: Some(401), ..fault }.into());
            }
            _ => return Ok(Authorized { answer, authorization: ask.authorization }),
        }
    }
}
