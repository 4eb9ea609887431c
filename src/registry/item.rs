//! What is asked for in a repository, and how one server is asked for it.

use http::{Method, StatusCode};
use url::Url;

use super::answer_fault::{Asked, answer_fault};
use super::attempts::Trouble;
use super::authorization::{Authorized, authorized};
use super::endpoint::{Endpoint, api_url};
use super::exchange::{Answer, Ask, Caller};
use super::fault::{Fault, Subject};
use super::safety::Guard;
use super::tokens::Tokens;
use super::verify::Mismatch;
use super::words::Confidence;
use crate::credentials::Credential;
use crate::image::{Digest, Failure, MediaType, Reference, Repository};
use crate::vocabulary::{ErrorClass, ErrorStage};

/// A tag or a digest, safe to be part of a URL.
pub(super) struct Target {
    /// the reference that it makes
    name: String,
    /// as it stands in a URL
    text: String,
    /// when it is one
    pub digest: Option<Digest>,
}

impl Target {
    /// Reads `text` by the grammar of references; `None` when it is neither.
    pub(super) fn parse(repository: &Repository, text: &str) -> Option<Self> {
        let digest = Digest::parse(text).ok();
        let name = format!("{repository}{}{text}", if digest.is_some() { '@' } else { ':' });
        let same = |reference: &Reference| {
            reference.repository() == repository && reference.target() == text && reference.digest() == digest.as_ref()
        };
        let valid = Reference::parse(&name).is_ok_and(|reference| same(&reference));
        valid.then(|| Self { name, text: text.to_owned(), digest })
    }
}

/// Something in a repository.
#[derive(Clone)]
pub(super) struct Item<'a> {
    /// for messages
    pub subject: Subject<'a>,
    repository: &'a Repository,
    /// as whom
    pub credential: &'a Credential,
    method: Method,
    path: String,
    accept: &'static str,
}

impl<'a> Item<'a> {
    /// A manifest or index.
    pub(super) fn manifest(
        method: Method,
        repository: &'a Repository,
        target: &'a Target,
        credential: &'a Credential,
    ) -> Self {
        let subject = Subject { stage: ErrorStage::Manifest, name: &target.name, server: "" };
        let path = format!("manifests/{}", target.text);
        Self { subject, repository, credential, method, path, accept: MediaType::ACCEPT }
    }

    /// A config.
    pub(super) fn config(
        name: &'a str,
        repository: &'a Repository,
        digest: &Digest,
        credential: &'a Credential,
    ) -> Self {
        let subject = Subject { stage: ErrorStage::Config, name, server: "" };
        let path = format!("blobs/{digest}");
        Self { subject, repository, credential, method: Method::GET, path, accept: "*/*" }
    }

    /// What is attached to a manifest.
    pub(super) fn referrers(
        name: &'a str,
        repository: &'a Repository,
        digest: &Digest,
        query: Option<&str>,
        credential: &'a Credential,
    ) -> Self {
        let subject = Subject { stage: ErrorStage::Attachments, name, server: "" };
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        let path = format!("referrers/{digest}{query}");
        Self { subject, repository, credential, method: Method::GET, path, accept: MediaType::ACCEPT }
    }

    /// The registry that references name.
    pub(super) fn registry(&self) -> &'a str {
        self.repository.registry()
    }

    /// The same, asked for by someone else.
    pub(super) fn with<'b>(&self, credential: &'b Credential) -> Item<'b>
    where
        'a: 'b,
    {
        Item { credential, ..self.clone() }
    }

    /// The failure of a registry whose name makes no URL.
    pub(super) fn unreachable(&self) -> Failure {
        let message =
            format!("{}: {} cannot be the host of a URL; check the reference", self.subject.name, self.registry());
        Failure::unsent(self.subject.stage, ErrorClass::InvalidReference, message)
    }

    /// Asks one server once. As long as it is not known whether it speaks https or plain http, and it does not
    /// understand the one, it is asked by the other.
    pub(super) async fn ask<T>(
        &self,
        caller: Caller<'_>,
        tokens: &Tokens,
        endpoint: &Endpoint,
        verify: impl Fn(&Answer) -> Result<T, Mismatch>,
    ) -> Result<(T, Answer), Trouble> {
        let mut outcome = Err(Trouble::Final(self.unreachable().into()));
        for base in endpoint.bases() {
            let Some(url) = api_url(base, self.repository.path(), &self.path) else { continue };
            outcome = self.send(caller, tokens, url).await;
            match &outcome {
                Ok(Authorized { answer, .. }) if answer.wants_tls() => continue,
                Err(Trouble::Request(fault)) if fault.other_protocol => continue,
                Ok(_) => endpoint.speaks(base),
                Err(_) => {}
            }
            break;
        }
        self.judge(caller, outcome?, verify)
    }

    async fn send(&self, caller: Caller<'_>, tokens: &Tokens, url: Url) -> Result<Authorized, Trouble> {
        let ask = Ask {
            method: self.method.clone(),
            url,
            guard: Guard::Named,
            accept: self.accept,
            authorization: None,
            form: None,
            cap: caller.wire.limits.document_bytes,
        };
        authorized(caller, tokens, self.repository, self.credential, ask).await
    }

    fn judge<T>(
        &self,
        caller: Caller<'_>,
        authorized: Authorized,
        verify: impl Fn(&Answer) -> Result<T, Mismatch>,
    ) -> Result<(T, Answer), Trouble> {
        let Authorized { answer, authorization } = authorized;
        caller.host.note_quota(&answer.headers);
        if answer.status != StatusCode::OK {
            let with_credential = !matches!(self.credential, Credential::Anonymous);
            let asked = Asked { stage: self.subject.stage, registry: self.registry(), with_credential };
            let confidence = Confidence::of(self.credential, authorization.as_ref());
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
