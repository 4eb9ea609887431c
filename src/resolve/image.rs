//! Resolves one image. What was learned stays when its time is over half-way, and when more is wanted later.

use super::access::{Attempts, Opened, Top};
use super::attachments::Lookups;
use super::documents::{Documents, Parsed, Source};
use super::manifests::Manifests;
use super::running::{Known, classify};
use super::{Access, Answer, Attachments, Fallback, Named, Resolver, RunningDigest, Want};
use crate::cluster::inventory::ReportedAs;
use crate::credentials::Credential;
use crate::image::{Digest, Failure, Reference};
use crate::registry::{Session, counts_pulls};
use crate::sorted::SortedMap;
use crate::stop::Stop;
use crate::vocabulary::{AccessOutcome, DigestKind, ErrorClass, ErrorStage, ImageStatus, Via};

/// What all images of a run share.
pub(super) struct Shared {
    pub(super) resolver: Resolver,
    pub(super) documents: Documents,
    pub(super) lookups: Lookups,
    pub(super) stop: Stop,
}

/// An image as far as it was resolved, and for what: more may come to be wanted of it.
pub(super) struct Effort {
    pub(super) want: Want,
    learned: Learned,
    pub(super) requests: u64,
    /// milliseconds that it took
    pub(super) duration_ms: u64,
    /// what was told of it
    pub(super) told: Option<ImageStatus>,
}

/// What is learned of an image, step by step.
#[derive(Default)]
struct Learned {
    attempts: Attempts,
    door: Door,
    named: Option<Named>,
    manifests: Manifests,
    running: SortedMap<Digest, RunningDigest>,
    /// the digests of `running`, as they were reported when they were looked up
    looked_up: SortedMap<Digest, ReportedAs>,
    failures: Vec<Failure>,
    /// why there was no time for the rest
    cut_short: Option<Box<Failure>>,
}

/// Whether a reference may be read.
#[derive(Default)]
enum Door {
    /// nobody has asked
    #[default]
    Unknown,
    /// with this credential
    Open(Credential),
    /// not with any that was tried; none when there was none to try
    Closed(Option<Failure>),
    /// its registry said nothing of it, and is not asked again
    Silent(Failure),
}

/// Resolves `want` within its time. A run that ends, or a time that is over, leaves what was learned so far.
///
/// After an `earlier` effort it does what is missing for `want`: nothing that was answered is asked again.
pub(super) async fn resolve_image(shared: &Shared, want: Want, earlier: Option<Effort>) -> Effort {
    let watch = shared.resolver.clock.start();
    let session = shared.resolver.client.session();
    let is_new = earlier.as_ref().is_none_or(|earlier| earlier.lacks(&want));
    let mut effort = match earlier {
        Some(earlier) => Effort { want, ..earlier },
        None => Effort { want, learned: Learned::default(), requests: 0, duration_ms: 0, told: None },
    };
    let Effort { want, learned, .. } = &mut effort;
    learned.cut_short = None;
    let cut_short = tokio::select! {
        biased;
        // Boxed, as a future that is handed on is copied at each step, and takes the room twice.
        done = shared.stop.or(Box::pin(learned.learn(shared, &session, want))) => match done {
            Some(()) => None,
            None => Some((ErrorClass::Canceled, "the run ended before this image was done")),
        },
        () = session.is_over() => {
            Some((ErrorClass::Timeout, "not everything that its registry has of it was read in time; see --image-timeout"))
        }
    };
    if let Some((ErrorClass::Timeout, _)) = cut_short
        && learned.named.is_none()
    {
        shared.stop.or(Box::pin(learned.recall(shared, &session, want))).await;
    }
    if let Some((class, why)) = cut_short.filter(|_| is_new) {
        let failure = Failure::unsent(ErrorStage::Manifest, class, format!("{}: {why}", want.reference));
        learned.cut_short(Failure { attempts: u32::from(session.requests() > 0), ..failure });
    }
    effort.requests += session.requests();
    effort.duration_ms += watch.elapsed_ms();
    effort
}

impl Effort {
    /// How far it was resolved.
    pub(super) fn status(&self) -> ImageStatus {
        self.learned.status()
    }

    /// The first thing that went wrong.
    pub(super) fn failure(&self) -> Option<&Failure> {
        self.learned.failures().next()
    }

    /// Whether `want` asks for more than what was asked for.
    fn lacks(&self, want: &Want) -> bool {
        let is_known = |digest: &Digest| self.want.running.contains_key(digest);
        self.want.platforms != want.platforms
            || !want.running.keys().all(is_known)
            || !matches!(self.learned.door, Door::Open(_))
            || self.learned.cut_short.is_some()
    }

    /// What is told of it in the end.
    pub(super) fn into_answer(self) -> Answer {
        let answer = self.learned.into_answer(self.want, self.requests);
        answer.access.iter().for_each(|access| tell(&answer.reference, access));
        answer
    }
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
        let candidates = shared.resolver.keychain.candidates(repository, &want.contexts).await;
        self.attempts.choose_from(candidates);
        let was_open = self.named.as_ref().is_some_and(|named| named.via == Via::Registry);
        let top = self.knock(shared, session, &want.reference).await;
        if was_open {
            let failures = self.attempts.open_again(session, &want.reference).await;
            self.failures.extend(failures);
        }
        match &self.door {
            Door::Open(credential) => {
                let credential = credential.clone();
                let source = Source { session, repository, credential: &credential, is_offline: false };
                self.read(shared, source, want, top).await;
                let more = self.attempts.try_the_kubelets(session, &want.reference).await;
                self.failures.extend(more);
                self.look_up_attachments(shared, source).await;
            }
            Door::Silent(_) => Box::pin(self.recall(shared, session, want)).await,
            // Somebody may look, and the reference is gone: what runs may still be there, or not.
            Door::Closed(_) | Door::Unknown => {
                if let Some(credential) = self.attempts.knows_of_nothing().cloned() {
                    let source = Source { session, repository, credential: &credential, is_offline: false };
                    self.ask_for_running(shared, source, want, None).await;
                }
            }
        }
    }

    /// Tries the credentials that were not tried yet, unless it is known whether the reference may be read.
    async fn knock(&mut self, shared: &Shared, session: &Session, reference: &Reference) -> Option<Top> {
        if matches!(self.door, Door::Open(_) | Door::Silent(_)) {
            return None;
        }
        // Where to fetch it counts as a pull, a document that is known by another name is not fetched again.
        let head_first = counts_pulls(reference.registry()) || shared.documents.stored.knows(reference).await;
        match self.attempts.open(session, reference, head_first).await {
            Ok(Opened { top, credential }) => {
                self.door = Door::Open(credential);
                Some(top)
            }
            Err(Some(failure)) if is_unanswered(failure.class) => {
                self.door = Door::Silent(failure);
                None
            }
            Err(failure) => {
                self.door = Door::Closed(failure);
                None
            }
        }
    }

    /// Reads what the reference names, for each wanted platform, and then what runs. Without `top` that was begun
    /// before, for less.
    async fn read(&mut self, shared: &Shared, source: Source<'_>, want: &Want, top: Option<Top>) {
        let fetched = top.as_ref().and_then(|top| top.fetched.as_ref());
        let Some(named) = top.as_ref().map(|top| &top.named).or(self.named.as_ref()).cloned() else { return };
        let parsed = match fetched {
            Some(fetched) => shared.documents.keep(fetched).await,
            None => shared.documents.manifest(source, &named.digest).await,
        };
        let parsed = match parsed {
            Ok(parsed) => parsed,
            Err(failure) => return self.failures.push(failure),
        };
        if top.is_some() {
            shared.documents.stored.keep_seen(&want.reference, &named, &parsed.media_type).await;
        }
        self.read_named(shared, source, want, (named, &parsed)).await;
        self.ask_for_running(shared, source, want, Some(&parsed)).await;
    }

    /// Reads what is wanted of the document that the reference names.
    async fn read_named(
        &mut self,
        shared: &Shared,
        source: Source<'_>,
        want: &Want,
        (named, parsed): (Named, &Parsed),
    ) {
        let named = self.named.insert(named);
        self.manifests.read(&shared.documents, source, &named.digest, parsed, &want.platforms).await;
    }

    /// What is known of what the reference names, which is `parsed`.
    fn known<'a>(&'a self, parsed: &'a Parsed) -> Option<Known<'a>> {
        let named = self.named.as_ref()?;
        Some(Known::of(&named.digest, parsed, &self.manifests))
    }

    /// With `--fallback cached`: what the reference named when its registry could be asked last. No request is made.
    async fn recall(&mut self, shared: &Shared, session: &Session, want: &Want) {
        if shared.resolver.fallback != Fallback::Cached {
            return;
        }
        let Some(named) = shared.documents.stored.seen(&want.reference).await else { return };
        let (repository, credential) = (want.reference.repository(), &Credential::Anonymous);
        let source = Source { session, repository, credential, is_offline: true };
        let Ok(parsed) = shared.documents.manifest(source, &named.digest).await else { return };
        self.read_named(shared, source, want, (named, &parsed)).await;
        let known = self.known(&parsed);
        // That what runs could not be looked up needs no word of its own: nothing could be.
        let (running, _) = classify(&shared.documents, source, &want.running, &want.platforms, known.as_ref()).await;
        self.running = running;
        for running in self.running.values_mut() {
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

    /// Classifies the digests that run. Without `named` the reference names nothing.
    async fn ask_for_running(&mut self, shared: &Shared, source: Source<'_>, want: &Want, named: Option<&Parsed>) {
        let is_new = |(digest, reported): &(&Digest, &ReportedAs)| self.looked_up.get(digest) != Some(reported);
        let new: SortedMap<Digest, ReportedAs> =
            want.running.iter().filter(is_new).map(|(digest, reported)| (digest.clone(), *reported)).collect();
        let known = named.and_then(|parsed| self.known(parsed));
        let (running, failures) = classify(&shared.documents, source, &new, &want.platforms, known.as_ref()).await;
        self.running.extend(running);
        self.looked_up.extend(new);
        self.failures.extend(failures);
    }

    /// Notes that there was no time for the rest.
    fn cut_short(&mut self, failure: Failure) {
        match self.door {
            Door::Unknown => self.door = Door::Silent(failure),
            _ => self.cut_short = Some(Box::new(failure)),
        }
    }

    fn status(&self) -> ImageStatus {
        match &self.named {
            None => ImageStatus::Failed,
            // What was so once never reads as fine today.
            Some(named) if named.via == Via::Cache => ImageStatus::Partial,
            Some(_) if self.manifests.is_complete && self.cut_short.is_none() => ImageStatus::Resolved,
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
            failures: self.failures().cloned().collect(),
            running: unknown.chain(self.running).collect(),
            access: self.attempts.access(),
            reference: want.reference,
            named: self.named,
            variants: self.manifests.variants.into_iter().collect(),
            requests,
        }
    }

    /// Everything that went wrong.
    fn failures(&self) -> impl Iterator<Item = &Failure> {
        let door = match &self.door {
            Door::Closed(failure) => failure.as_ref(),
            Door::Silent(failure) => Some(failure),
            Door::Unknown | Door::Open(_) => None,
        };
        self.attempts
            .failures()
            .iter()
            .chain(door)
            .chain(&self.failures)
            .chain(self.cut_short.as_deref())
            .chain(&self.manifests.failures)
    }
}

/// Whether a registry said nothing of what it was asked for.
fn is_unanswered(class: ErrorClass) -> bool {
    use ErrorClass::{Connect, Dns, RateLimited, Server, Timeout, Tls};
    matches!(class, Connect | Dns | RateLimited | Server | Timeout | Tls)
}
