//! Resolves one image. What was learned stays when its time is over half-way.

use super::access::{Attempts, Opened, Top};
use super::attachments::Lookups;
use super::documents::{Documents, Source};
use super::manifests::Manifests;
use super::running::{Known, classify};
use super::{Access, Answer, Attachments, Fallback, Named, Resolver, RunningDigest, Want};
use crate::credentials::Credential;
use crate::image::{Digest, Failure, Reference};
use crate::registry::{Session, counts_pulls};
use crate::stop::Stop;
use crate::vocabulary::{AccessOutcome, DigestKind, ErrorClass, ErrorStage, ImageStatus, Via};

/// What all images of a run share.
pub(super) struct Shared {
    pub(super) resolver: Resolver,
    pub(super) documents: Documents,
    pub(super) lookups: Lookups,
    pub(super) stop: Stop,
}

/// What is learned of an image, step by step.
#[derive(Default)]
struct Learned {
    attempts: Attempts,
    named: Option<Named>,
    manifests: Manifests,
    running: Vec<(Digest, RunningDigest)>,
    failures: Vec<Failure>,
}

/// Resolves `want` within its time. A run that ends, or a time that is over, leaves what was learned so far.
pub(super) async fn resolve_image(shared: &Shared, want: Want) -> Answer {
    let session = shared.resolver.client.session();
    let mut learned = Learned::default();
    let cut_short = tokio::select! {
        biased;
        done = shared.stop.or(learned.learn(shared, &session, &want)) => match done {
            Some(()) => None,
            None => Some((ErrorClass::Canceled, "the run ended before this image was done")),
        },
        () = session.is_over() => {
            Some((ErrorClass::Timeout, "its registry did not answer everything in time; see --image-timeout"))
        }
    };
    if let Some((ErrorClass::Timeout, _)) = cut_short
        && learned.named.is_none()
    {
        shared.stop.or(Box::pin(learned.recall(shared, &session, &want))).await;
    }
    learned.failures.extend(cut_short.map(|(class, why)| {
        let failure = Failure::unsent(ErrorStage::Manifest, class, format!("{}: {why}", want.reference));
        Failure { attempts: u32::from(session.requests() > 0), ..failure }
    }));
    let answer = learned.into_answer(want, session.requests());
    answer.access.iter().for_each(|access| tell(&answer.reference, access));
    answer
}

/// Tells by names alone which source served an image, and which were refused.
fn tell(reference: &Reference, access: &Access) {
    let (source, name) = (access.source.as_str(), access.name.as_deref());
    match access.outcome {
        AccessOutcome::Accepted => tracing::info!(image = %reference, source, name, "a credential was accepted"),
        AccessOutcome::Refused => {
            let class = access.class.map(ErrorClass::as_str);
            tracing::info!(image = %reference, source, name, class, "a credential was refused");
        }
    }
}

impl Learned {
    async fn learn(&mut self, shared: &Shared, session: &Session, want: &Want) {
        let repository = want.reference.repository();
        let mut candidates = shared.resolver.keychain.candidates(repository, &want.contexts).await;
        self.failures.append(&mut candidates.failures);
        // Where to fetch it counts as a pull, a document that is known by another name is not fetched again.
        let head_first = counts_pulls(repository.registry()) || shared.documents.stored.knows(&want.reference).await;
        self.attempts = Attempts::new(candidates, head_first);
        match self.attempts.open(session, &want.reference).await {
            Ok(Opened { top, credential }) => {
                let source = Source { session, repository, credential: &credential, is_offline: false };
                self.read(shared, source, want, top).await;
                let more = self.attempts.try_the_kubelets(session, &want.reference).await;
                self.failures.extend(more);
                self.look_up_attachments(shared, source).await;
            }
            Err(failure) => {
                let is_unanswered = failure.as_ref().is_some_and(|failure| is_unanswered(failure.class));
                self.failures.extend(failure);
                // Somebody may look, and the reference is gone: what runs may still be there, or not.
                if let Some(credential) = self.attempts.knows_of_nothing().cloned() {
                    let source = Source { session, repository, credential: &credential, is_offline: false };
                    self.ask_for_running(shared, source, want, None).await;
                } else if is_unanswered {
                    Box::pin(self.recall(shared, session, want)).await;
                }
            }
        }
    }

    /// Reads what the reference names, for each wanted platform, and then what runs.
    async fn read(&mut self, shared: &Shared, source: Source<'_>, want: &Want, top: Top) {
        let digest = top.named.digest.clone();
        let parsed = match &top.fetched {
            Some(fetched) => shared.documents.keep(fetched).await,
            None => shared.documents.manifest(source, &digest).await,
        };
        let parsed = match parsed {
            Ok(parsed) => parsed,
            Err(failure) => return self.failures.push(failure),
        };
        shared.documents.stored.keep_seen(&want.reference, &top.named, &parsed.media_type).await;
        self.named = Some(top.named);
        self.manifests.read(&shared.documents, source, &digest, &parsed.document, &want.platforms).await;
        let (configs, is_complete) = (&self.manifests.configs, self.manifests.is_complete);
        let known = Known::of(&digest, &parsed, configs, is_complete);
        self.ask_for_running(shared, source, want, Some(&known)).await;
    }

    /// With `--fallback cached`: what the reference named when its registry could be asked last. No request is made.
    async fn recall(&mut self, shared: &Shared, session: &Session, want: &Want) {
        if shared.resolver.fallback != Fallback::Cached {
            return;
        }
        let Some(named) = shared.documents.stored.seen(&want.reference).await else { return };
        let (repository, credential) = (want.reference.repository(), &Credential::Anonymous);
        let source = Source { session, repository, credential, is_offline: true };
        let digest = named.digest.clone();
        let Ok(parsed) = shared.documents.manifest(source, &digest).await else { return };
        self.named = Some(named);
        self.manifests.read(&shared.documents, source, &digest, &parsed.document, &want.platforms).await;
        let known = Known::of(&digest, &parsed, &self.manifests.configs, self.manifests.is_complete);
        // That what runs could not be looked up needs no word of its own: nothing could be.
        (self.running, _) = classify(&shared.documents, source, &want.running, &want.platforms, Some(&known)).await;
        for (_, running) in &mut self.running {
            // An old answer does not say what the reference has come to name since.
            running.matches_resolved = running.matches_resolved.filter(|matches| *matches);
        }
    }

    /// Looks up what is attached to what the reference names and to the wanted platforms' manifests.
    async fn look_up_attachments(&mut self, shared: &Shared, source: Source<'_>) {
        let Some(named) = self.named.as_ref().filter(|_| shared.resolver.attachments == Attachments::All) else {
            return;
        };
        let variants = self.manifests.variants.iter().map(|variant| variant.digest.clone());
        let failures = shared.lookups.look_up(source, variants.chain([named.digest.clone()]).collect()).await;
        self.failures.extend(failures);
    }

    async fn ask_for_running(&mut self, shared: &Shared, source: Source<'_>, want: &Want, known: Option<&Known>) {
        let (running, failures) = classify(&shared.documents, source, &want.running, &want.platforms, known).await;
        self.running = running;
        self.failures.extend(failures);
    }

    fn status(&self) -> ImageStatus {
        match &self.named {
            None => ImageStatus::Failed,
            // What was so once never reads as fine today.
            Some(named) if named.via == Via::Cache => ImageStatus::Partial,
            Some(_) if self.manifests.is_complete => ImageStatus::Resolved,
            Some(_) => ImageStatus::Partial,
        }
    }

    fn into_answer(self, want: Want, requests: u64) -> Answer {
        let not_asked = RunningDigest { kind: DigestKind::Unknown, matches_resolved: None, gone: false };
        let unknown = want.running.keys().map(|digest| (digest.clone(), not_asked));
        // An old answer does not say what the image has come to offer since.
        let is_known = self.named.as_ref().is_some_and(|named| named.via != Via::Cache);
        Answer {
            status: self.status(),
            missing: if is_known { self.manifests.missing(&want.platforms) } else { Vec::new() },
            running: unknown.chain(self.running).collect(),
            access: self.attempts.access(),
            reference: want.reference,
            named: self.named,
            variants: self.manifests.variants.into_iter().collect(),
            failures: self.failures.into_iter().chain(self.manifests.failures).collect(),
            requests,
        }
    }
}

/// Whether a registry said nothing of what it was asked for.
fn is_unanswered(class: ErrorClass) -> bool {
    use ErrorClass::{Connect, Dns, RateLimited, Server, Timeout, Tls};
    matches!(class, Connect | Dns | RateLimited | Server | Timeout | Tls)
}
