//! What is asked for in a repository, and how one server is asked for it.

use http::{Method, StatusCode};
use tokio::time::Instant;
use url::Url;

use super::answer_fault::{Asked, answer_fault};
use super::attempts::Trouble;
use super::authorization::{Authorized, Login, Place, authorized};
use super::caller::Caller;
use super::endpoint::{Endpoint, FirstWord};
use super::exchange::{Answer, Ask};
use super::fault::{Fault, OtherProtocol, Subject};
use super::quota::Pull;
use super::safety::Guard;
use super::sources::{NoSource, Source, Wanted, What};
use super::tokens::Tokens;
use super::verify::Mismatch;
use super::words::Confidence;
use crate::credentials::Credential;
use crate::event::Event;
use crate::image::{Digest, Failure, MediaType, Reference, Repository};
use crate::vocabulary::{ErrorClass, ErrorStage, Via};

/// A tag or a digest, safe to be part of a URL.
pub(super) struct Target<'a> {
    /// the reference that it makes
    name: String,
    /// as it stands in a URL
    text: &'a str,
    /// when it is one
    pub digest: Option<Digest>,
}

impl<'a> Target<'a> {
    /// Reads `text` by the grammar of references; `None` when it is neither.
    pub(super) fn parse(repository: &Repository, text: &'a str) -> Option<Self> {
        if Reference::is_tag(text) {
            return Some(Self { name: name_of(repository, ":", text), text, digest: None });
        }
        let digest = Digest::parse(text).ok()?;
        Some(Self { name: name_of(repository, "@", text), text, digest: Some(digest) })
    }
}

/// The reference to `target`, a tag or a digest, in `repository`.
pub(super) fn name_of(repository: &Repository, mark: &str, target: &str) -> String {
    [repository.registry(), "/", repository.path(), mark, target].concat()
}

/// Something in a repository.
#[derive(Clone)]
pub(super) struct Item<'a> {
    /// for messages
    pub subject: Subject<'a>,
    pub wanted: Wanted<'a>,
    /// of a further page of a list
    query: Option<&'a str>,
    pub credential: &'a Credential,
    method: Method,
    accept: &'static str,
}

impl<'a> Item<'a> {
    /// A manifest or index.
    pub(super) fn manifest(
        method: Method,
        repository: &'a Repository,
        target: &'a Target<'_>,
        credential: &'a Credential,
    ) -> Self {
        let subject = Subject { stage: ErrorStage::Manifest, name: &target.name, server: "" };
        let what = match target.digest {
            Some(_) => What::Manifest(target.text),
            None => What::Tag(target.text),
        };
        Self {
            subject,
            wanted: Wanted { repository, what },
            query: None,
            credential,
            method,
            accept: MediaType::ACCEPT,
        }
    }

    /// A config.
    pub(super) fn config(
        name: &'a str,
        repository: &'a Repository,
        digest: &'a Digest,
        credential: &'a Credential,
    ) -> Self {
        let subject = Subject { stage: ErrorStage::Config, name, server: "" };
        let wanted = Wanted { repository, what: What::Blob(digest.as_str()) };
        Self { subject, wanted, query: None, credential, method: Method::GET, accept: "*/*" }
    }

    /// The API itself, which says whether a login is good; `repository` is any that the credential applies to.
    pub(super) fn api(repository: &'a Repository, credential: &'a Credential) -> Self {
        let subject = Subject { stage: ErrorStage::Credentials, name: repository.registry(), server: "" };
        let wanted = Wanted { repository, what: What::Api };
        Self { subject, wanted, query: None, credential, method: Method::GET, accept: "*/*" }
    }

    /// What is attached to a manifest.
    pub(super) fn referrers(
        name: &'a str,
        repository: &'a Repository,
        digest: &'a Digest,
        query: Option<&'a str>,
        credential: &'a Credential,
    ) -> Self {
        let subject = Subject { stage: ErrorStage::Attachments, name, server: "" };
        let wanted = Wanted { repository, what: What::Referrers(digest.as_str()) };
        Self { subject, wanted, query, credential, method: Method::GET, accept: MediaType::ACCEPT }
    }

    /// The registry that references name.
    pub(super) fn registry(&self) -> &'a str {
        self.wanted.repository.registry()
    }

    /// The same, asked for by someone else.
    pub(super) fn with<'b>(&self, credential: &'b Credential) -> Item<'b>
    where
        'a: 'b,
    {
        Item { credential, ..self.clone() }
    }

    /// The failure when nobody may be asked.
    pub(super) fn nobody(&self, why: &NoSource) -> Failure {
        let (class, remedy) = match why {
            NoSource::Blocked { .. } => {
                (ErrorClass::Refused, "the registry was not asked; take the block away if it is wrong")
            }
            NoSource::Nobody(_) => {
                (ErrorClass::Refused, "look at the capabilities in hosts.toml, and at the locations in registries.conf")
            }
            NoSource::NoHost(_) => (ErrorClass::InvalidReference, "check the reference"),
        };
        let message = format!("{}: {why}; {remedy}", self.subject.name);
        Failure::unsent(self.subject.stage, class, message)
    }

    /// Asks one server once. As long as it is not known whether it speaks https or plain http, and it does not
    /// understand the one, it is asked by the other.
    pub(super) async fn ask<T>(
        &self,
        caller: Caller<'_>,
        tokens: &Tokens,
        source: &Source,
        verify: impl Fn(&Answer) -> Result<T, Mismatch>,
    ) -> Result<(T, Answer), Trouble> {
        let login = Login::of(self.credential);
        let pull = self.begin_pull(caller, source, &login)?;
        let mut outcome = None;
        let mut first_word = source.endpoint.first_word().await;
        for origin in source.endpoint.origins() {
            let url = source.url(origin, self.wanted.what, self.query);
            let sent = outcome.insert(self.send(caller, tokens, source, (url, login)).await);
            if is_understood(&source.endpoint, origin, sent.as_ref().map(|authorized| &authorized.answer)) {
                break;
            }
            // Others need not wait for the answer when only one protocol is left.
            first_word = first_word.filter(|_| source.endpoint.origins().len() > 1);
        }
        first_word.into_iter().for_each(FirstWord::said);
        let no_url = || Trouble::Final(self.nobody(&NoSource::NoHost(source.host().to_owned())).into());
        let authorized = outcome.unwrap_or_else(|| Err(no_url()))?;
        if source.via == Via::Registry {
            caller.host.quotas.note(&login, &authorized.answer.headers, pull);
        }
        self.judge(caller, source, authorized, verify)
    }

    /// The right to fetch a manifest where that counts as a pull.
    fn begin_pull<'c>(&self, caller: Caller<'c>, source: &Source, login: &Login) -> Result<Option<Pull<'c>>, Trouble> {
        let is_pull = self.method == Method::GET && self.subject.stage == ErrorStage::Manifest;
        if !is_pull || source.via != Via::Registry {
            return Ok(None);
        }
        let wire = caller.wire;
        caller.host.quotas.begin_pull(login).map(Some).map_err(|held| {
            if held.is_first {
                let left = wire.stop.deadline().saturating_duration_since(Instant::now());
                let (host, reason) = (caller.host.name.clone(), format!("it has {}", held.left));
                wire.events.emit(Event::Paused { host, seconds: left.as_secs(), reason });
            }
            held.fault(&source.endpoint.origin()).into()
        })
    }

    async fn send(
        &self,
        caller: Caller<'_>,
        tokens: &Tokens,
        source: &Source,
        (url, login): (Url, Login),
    ) -> Result<Authorized, Trouble> {
        let ask = Ask {
            method: self.method.clone(),
            url,
            guard: Guard::Named,
            accept: self.accept,
            authorization: None,
            headers: source.headers.clone(),
            form: None,
            cap: caller.wire.limits.document_bytes,
        };
        let place = Place { repository: self.wanted.repository, path: &source.repository };
        authorized(caller, tokens, place, (self.credential, login), ask).await
    }

    fn judge<T>(
        &self,
        caller: Caller<'_>,
        source: &Source,
        authorized: Authorized,
        verify: impl Fn(&Answer) -> Result<T, Mismatch>,
    ) -> Result<(T, Answer), Trouble> {
        let Authorized { answer, authorization } = authorized;
        if answer.status != StatusCode::OK {
            let with_credential = !matches!(self.credential, Credential::Anonymous);
            let asked = Asked { stage: self.subject.stage, registry: self.registry(), with_credential };
            let confidence = Confidence::of(self.credential, authorization.as_ref()).with(&source.headers);
            return Err(answer_fault(&answer, asked, &confidence, caller.wire.clock.now()).into());
        }
        match verify(&answer) {
            Ok(content) => Ok((content, answer)),
            Err(mismatch) => {
                const REMEDY: &str = "push the image again, or check what stands between here and the registry";
                let class = ErrorClass::DigestMismatch;
                let fault = Fault::final_answer(class, &answer.origin(), mismatch.to_string(), REMEDY);
                Err(Fault { status: Some(answer.status.as_u16()), ..fault }.into())
            }
        }
    }
}

/// Whether the server speaks the protocol of `base`, as far as `outcome` tells; it is noted.
pub(super) fn is_understood(endpoint: &Endpoint, base: &Url, outcome: Result<&Answer, &Trouble>) -> bool {
    let other = match outcome {
        Ok(answer) if answer.wants_tls() => OtherProtocol::Certain,
        Ok(_) => {
            endpoint.speaks(base);
            OtherProtocol::Unlikely
        }
        Err(Trouble::Request(fault)) => fault.other_protocol,
        Err(_) => OtherProtocol::Unlikely,
    };
    if other == OtherProtocol::Certain {
        endpoint.does_not_speak(base);
    }
    other == OtherProtocol::Unlikely
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_tag_or_a_digest() {
        let repository = Reference::parse("localhost:5000/a/b").unwrap();
        let digest = Digest::of(b"").to_string();
        for (text, valid) in [
            ("1.29", true),
            ("latest", true),
            (digest.as_str(), true),
            ("", false),
            ("..", false),
            ("a/b", false),
            ("../../admin", false),
            ("1?x=y", false),
            ("1#x", false),
            ("1%2f", false),
            ("sha256:00", false),
            (&format!("1@{digest}"), false),
        ] {
            assert_eq!(Target::parse(repository.repository(), text).is_some(), valid, "{text:?}");
        }
    }
}
