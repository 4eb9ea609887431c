//! Tokens: asked for once, kept until they expire, and never used for anything but what they were asked for.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method};
use secrecy::ExposeSecret;
use serde_json::value::RawValue;
use tokio::time::{Instant, timeout_at};
use url::{Url, form_urlencoded};

use super::answer_fault::{Asked, answer_fault};
use super::attempts::retried;
use super::authorization::{self, Login};
use super::caller::Caller;
use super::challenge::TokenRequest;
use super::exchange::{Answer, Ask, exchange};
use super::fault::{Fault, Subject};
use super::host::lock;
use super::safety::{self, Guard};
use super::words::Confidence;
use crate::credentials::Credential;
use crate::image::{Failure, Repository};
use crate::vocabulary::{ErrorClass, ErrorStage};

/// How long a token is good for when its server does not say (the specification's default).
const DEFAULT_LIFE: Duration = Duration::from_secs(60);
/// No token is kept for longer.
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 3600);

/// For what a token, or the right way to log in, was found.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    /// the registry's scheme, host and port
    pub origin: String,
    /// the repository: one's token never serves another's
    pub repository: String,
    /// the credential
    pub login: Login,
}

/// All tokens of a run.
#[derive(Default)]
pub(super) struct Tokens {
    slots: Mutex<HashMap<Key, Arc<Slot>>>,
    /// servers that take user name and password themselves, by login
    basic: Mutex<HashMap<Login, HashSet<String>>>,
}

/// The place for one token. Whoever holds its lock is the only one to ask for it.
#[derive(Default)]
struct Slot {
    last: tokio::sync::Mutex<Option<Flight>>,
    /// how often it was asked for
    flights: AtomicU64,
}

/// What was asked for, and what came of it.
struct Flight {
    request: TokenRequest,
    outcome: Result<Token, Failure>,
}

#[derive(Clone)]
struct Token {
    authorization: HeaderValue,
    expires: Instant,
}

/// A token to use.
pub(super) struct Granted {
    /// `Bearer …`
    pub authorization: HeaderValue,
    /// whether it was asked for just now, so that a refusal is final
    pub fresh: bool,
}

/// A 401 that wants a token.
pub(super) struct Demand<'a> {
    /// the answer
    pub answer: &'a Answer,
    /// what it asks for
    pub request: &'a TokenRequest,
    /// the token that it refused
    pub refused: Option<&'a HeaderValue>,
    /// of which repository, for messages
    pub repository: &'a Repository,
}

impl Tokens {
    /// What a server is known to take, so that it need not refuse us first.
    pub(super) async fn known(&self, caller: Caller<'_>, key: &Key, credential: &Credential) -> Option<HeaderValue> {
        if let Credential::BearerToken(token) = credential {
            return authorization::bearer(token.expose_secret());
        }
        if lock(&self.basic).get(&key.login).is_some_and(|origins| origins.contains(&key.origin)) {
            return authorization::basic(credential);
        }
        let slot = lock(&self.slots).get(key).cloned()?;
        // Whoever asks for this token right now saves us a refusal.
        let last = timeout_at(caller.deadline(), slot.last.lock()).await.ok()?;
        let token = last.as_ref()?.outcome.as_ref().ok()?;
        token.is_good(None).then(|| token.authorization.clone())
    }

    /// Notes that a server takes user name and password itself.
    pub(super) fn takes_basic(&self, key: &Key) {
        lock(&self.basic).entry(key.login).or_default().insert(key.origin.clone());
    }

    /// The token that `demand` asks for: the one that is kept, unless that is what was refused; else a new one.
    ///
    /// Those who wait for the same flight share what it brings, its failure too. A credential that the token server
    /// has refused is not shown to it again: many images of a repository would look like an attack.
    pub(super) async fn grant(
        &self,
        caller: Caller<'_>,
        key: &Key,
        demand: Demand<'_>,
        credential: &Credential,
    ) -> Result<Granted, Failure> {
        let slot = Arc::clone(lock(&self.slots).entry(key.clone()).or_default());
        let flights = slot.flights.load(Relaxed);
        let name = demand.repository.to_string();
        let subject = Subject { stage: ErrorStage::Token, name: &name, server: "" };
        let Ok(mut last) = timeout_at(caller.deadline(), slot.last.lock()).await else {
            return Err(waited_too_long(demand.answer).into_failure(subject, 0));
        };
        let waited = slot.flights.load(Relaxed) != flights;
        match last.as_ref().filter(|flight| flight.request == *demand.request).map(|flight| &flight.outcome) {
            Some(Ok(token)) if token.is_good(demand.refused) => {
                return Ok(Granted { authorization: token.authorization.clone(), fresh: false });
            }
            Some(Err(failure)) if waited || is_refusal(failure) => return Err(failure.clone()),
            _ => {}
        }
        let outcome = fetch(caller, subject, &demand, credential).await;
        slot.flights.fetch_add(1, Relaxed);
        *last = Some(Flight { request: demand.request.clone(), outcome: outcome.clone() });
        outcome.map(|token| Granted { authorization: token.authorization, fresh: true })
    }
}

impl Token {
    fn is_good(&self, refused: Option<&HeaderValue>) -> bool {
        self.expires > Instant::now() && refused.is_none_or(|refused| *refused != self.authorization)
    }
}

fn is_refusal(failure: &Failure) -> bool {
    matches!(failure.class, ErrorClass::Unauthorized | ErrorClass::Forbidden | ErrorClass::Refused)
}

/// Asks the token server, after a check whether it may be asked.
async fn fetch(
    caller: Caller<'_>,
    subject: Subject<'_>,
    demand: &Demand<'_>,
    credential: &Credential,
) -> Result<Token, Failure> {
    let with_credential = !matches!(credential, Credential::Anonymous);
    let answer = demand.answer;
    let realm = safety::realm(&answer.url, answer.reach, &demand.request.realm, with_credential)
        .map_err(|why| Fault::refused(&answer.origin(), "a token server", &why).into_failure(subject, 0))?;
    let guard = if realm.origin() == answer.url.origin() { Guard::Named } else { Guard::SentBy(answer.reach) };
    let ask = ask(realm, guard, demand.request, credential, caller.wire.limits.token_bytes);
    let asked = Asked { stage: ErrorStage::Token, registry: &caller.host.name, with_credential };
    let confidence = Confidence::of(credential, None);
    let subject = Subject { server: "the token server ", ..subject };
    retried(caller, subject, || async {
        let answer = exchange(caller, &ask).await?;
        if !answer.status.is_success() {
            return Err(answer_fault(&answer, asked, &confidence, caller.wire.clock.now()).into());
        }
        Ok(read(&answer)?)
    })
    .await
}

/// GET with user name and password, or with nothing; POST for an identity token
/// (<https://distribution.github.io/distribution/spec/auth/oauth/>).
fn ask(mut realm: Url, guard: Guard, request: &TokenRequest, credential: &Credential, cap: usize) -> Ask {
    let scopes = request.scope.as_deref().unwrap_or_default();
    let mut form = None;
    if let Credential::IdentityToken(token) = credential {
        let mut fields = form_urlencoded::Serializer::new(String::new());
        fields.append_pair("grant_type", "refresh_token").append_pair("client_id", "imagefacts");
        fields.extend_pairs(request.service.iter().map(|service| ("service", service)));
        fields.append_pair("scope", scopes).append_pair("refresh_token", token.expose_secret());
        form = Some(fields.finish());
    } else {
        let mut query = realm.query_pairs_mut();
        query.extend_pairs(request.service.iter().map(|service| ("service", service)));
        query.extend_pairs(scopes.split_whitespace().map(|scope| ("scope", scope)));
    }
    let method = if form.is_some() { Method::POST } else { Method::GET };
    let authorization = authorization::basic(credential);
    let headers = HeaderMap::new();
    Ask { method, url: realm, guard, accept: "application/json", authorization, headers, form, cap }
}

#[derive(serde::Deserialize)]
struct WireToken {
    token: Option<String>,
    access_token: Option<String>,
    /// seconds; what is no number counts as not said
    expires_in: Option<Box<RawValue>>,
}

fn read(answer: &Answer) -> Result<Token, Fault> {
    let invalid = |what: &str| {
        const REMEDY: &str = "check that the registry names the right token server";
        Fault::final_answer(ErrorClass::InvalidContent, &answer.origin(), what, REMEDY)
    };
    let wire: WireToken =
        serde_json::from_slice(&answer.body).map_err(|_| invalid("gives something that is no token"))?;
    let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
    let token = filled(wire.token).or(filled(wire.access_token)).ok_or_else(|| invalid("gives an empty token"))?;
    let authorization =
        authorization::bearer(&token).ok_or_else(|| invalid("gives a token that cannot be sent in a header"))?;
    // A tenth is left for the way, so that a token does not expire while it is used.
    let expires = Instant::now() + life(wire.expires_in.as_deref().map(RawValue::get)) * 9 / 10;
    Ok(Token { authorization, expires })
}

/// How long a token is good for. What makes no sense counts as not said.
fn life(expires_in: Option<&str>) -> Duration {
    let seconds = expires_in.and_then(|json| serde_json::from_str(json).ok()).filter(|seconds: &f64| *seconds > 0.0);
    seconds.map_or(DEFAULT_LIFE, |seconds| Duration::from_secs_f64(seconds.min(LONGEST_LIFE.as_secs_f64())))
}

fn waited_too_long(answer: &Answer) -> Fault {
    const WHAT: &str = "names a token server that did not answer another request for the same token in time";
    const REMEDY: &str = "check that the token server is up and reachable from here";
    Fault { sent: false, ..Fault::broken(ErrorClass::Timeout, &answer.origin(), WHAT, REMEDY) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_credential_asks_in_its_own_way() {
        let realm = || Url::parse("https://auth.io/token?x=1").unwrap();
        let request = TokenRequest {
            realm: realm().into(),
            service: Some("a service".into()),
            scope: Some("repository:a/b:pull repository:c:pull".into()),
        };
        let query =
            "https://auth.io/token?x=1&service=a+service&scope=repository%3Aa%2Fb%3Apull&scope=repository%3Ac%3Apull";
        let anonymous = ask(realm(), Guard::Named, &request, &Credential::Anonymous, 1);
        assert_eq!((anonymous.method, anonymous.url.as_str()), (Method::GET, query));
        assert!(anonymous.authorization.is_none() && anonymous.form.is_none());
        let password = Credential::Password { username: "u".into(), password: "p".to_owned().into() };
        let password = ask(realm(), Guard::Named, &request, &password, 1);
        assert_eq!((password.method, password.url.as_str()), (Method::GET, query));
        assert_eq!(password.authorization.unwrap(), "Basic dTpw");
        let identity = ask(realm(), Guard::Named, &request, &Credential::IdentityToken("t&".to_owned().into()), 1);
        assert_eq!((identity.method, identity.url), (Method::POST, realm()));
        let form = identity.form.unwrap();
        assert!(form.starts_with("grant_type=refresh_token&client_id=imagefacts&service=a+service&scope="), "{form}");
        assert!(form.ends_with("&refresh_token=t%26") && identity.authorization.is_none());
    }

    #[test]
    fn a_token_is_under_either_name() {
        for body in [r#"{"token":"t"}"#, r#"{"access_token":"t"}"#, r#"{"token":"","access_token":"t","x":[]}"#] {
            let token = read(&Answer::test(200, body)).unwrap_or_else(|_| panic!("{body}"));
            assert_eq!(token.authorization, "Bearer t");
            assert!(token.authorization.is_sensitive());
        }
    }

    #[test]
    fn a_token_lives_as_long_as_it_says() {
        for (said, seconds) in
            [("300", 300.0), ("0.5", 0.5), ("0", 60.0), ("-5", 60.0), ("1e300", 86_400.0), ("\"300\"", 60.0)]
        {
            assert_eq!(life(Some(said)).as_secs_f64(), seconds, "{said}");
        }
        assert_eq!(life(None), DEFAULT_LIFE);
    }

    #[test]
    fn what_is_no_token_is_refused() {
        for body in ["", "null", "[]", "{}", r#"{"token":""}"#, r#"{"token":"a\nb"}"#, r#"{"token":7}"#, "<html>"] {
            let fault = read(&Answer::test(200, body)).err().unwrap();
            assert_eq!(fault.class, ErrorClass::InvalidContent, "{body}");
        }
    }
}
