//! What the registry answered us, beside what the kubelet says.

use super::evidence::{Mislabeled, Registry, Tried};
use super::{View, listed, short};
use crate::image::{Failure, Outline, Platform};
use crate::resolve::{Access, Answer};
use crate::vocabulary::{AccessOutcome, AccessSource, ErrorClass, FindingCode};

/// The registry's word on an image that the kubelet fails to pull.
pub(super) struct Word {
    /// as evidence
    pub(super) evidence: Registry,
    /// whether it fits the kubelet's words; `None` when that cannot be said
    pub(super) agrees: Option<bool>,
    /// to be put behind the kubelet's words
    pub(super) text: String,
}

/// How many characters of a failure's message go into a finding's.
const MESSAGE_CHARS: usize = 110;

/// What the registry answered us about the image; `None` when it was not asked.
pub(super) fn word(view: &View<'_>, code: FindingCode) -> Option<Word> {
    let answer = view.answer?;
    let failure = answer.failures.first();
    let mislabeled = mislabeled(view, answer);
    let (agrees, text) = match code {
        FindingCode::PullUnauthorized => on_refusal(answer),
        FindingCode::ExecFormat if !mislabeled.is_empty() => on_label(&mislabeled),
        FindingCode::PullPlatform if answer.named_now().is_some() => on_platform(answer, &offers(view)),
        _ => on_failure(answer, code),
    };
    let access = answer.access.iter().map(tried).collect();
    let offers = answer.named_now().is_some().then(|| offers(view));
    let evidence = Registry {
        status: answer.status,
        class: failure.map(|failure| failure.class),
        http_status: failure.and_then(|failure| failure.http_status),
        message: failure.map(|failure| failure.message.clone()),
        access,
        offers,
        mislabeled: Some(mislabeled).filter(|mislabeled| !mislabeled.is_empty()),
    };
    Some(Word { evidence, agrees, text })
}

/// The platforms that the image offers: all of its index, or the one of its config. Sorted.
pub(super) fn offers(view: &View<'_>) -> Vec<Platform> {
    let Some(answer) = view.answer else { return Vec::new() };
    let named = answer.named.as_ref().and_then(|named| view.resolution?.documents.get(&named.digest));
    let mut offers: Vec<Platform> = answer.variants.iter().map(|variant| variant.platform.clone()).collect();
    match named.map(|looked| (&*looked.outline, &looked.config)) {
        Some((Outline::Index(index), _)) => {
            offers.extend(index.entries.iter().filter_map(|entry| entry.platform.clone()));
        }
        Some((_, Some(config))) => offers.extend(config.platform.clone()),
        _ => {}
    }
    offers.sort_unstable();
    offers.dedup();
    offers
}

/// The kubelet was refused: only the credentials that it would use itself tell something.
fn on_refusal(answer: &Answer) -> (Option<bool>, String) {
    let ours = |outcome| answer.access.iter().filter(move |access| access.kubelet && access.outcome == outcome);
    let names = |outcome| listed(&ours(outcome).map(credential).collect::<Vec<_>>(), 2);
    if ours(AccessOutcome::Accepted).next().is_some() {
        let text = format!("{} the registry accepts us now", names(AccessOutcome::Accepted));
        return (Some(false), text);
    }
    if let Some(refused) = ours(AccessOutcome::Refused).next() {
        let class = refused.class.unwrap_or(ErrorClass::Unauthorized);
        let why = answer.failures.iter().find(|failure| failure.class == class);
        let why = why.map_or_else(|| class.to_string(), |failure| words(answer, failure));
        return (Some(true), format!("{} the registry refuses us too: {why}", names(AccessOutcome::Refused)));
    }
    if let Some(own) = answer.access.iter().find(|access| access.outcome == AccessOutcome::Accepted) {
        let text = format!("{} the registry accepts us, which the kubelet does not have", credential(own));
        return (None, text);
    }
    on_failure(answer, FindingCode::PullUnauthorized)
}

/// The variants whose index and config contradict each other, sorted by platform.
fn mislabeled(view: &View<'_>, answer: &Answer) -> Vec<Mislabeled> {
    let documents = view.resolution.map(|resolution| &resolution.documents);
    let mut mislabeled: Vec<Mislabeled> = answer
        .variants
        .iter()
        .filter_map(|variant| {
            let config_platform = documents?.get(&variant.digest)?.config.as_ref()?.platform.clone()?;
            let (digest, platform) = (variant.digest.clone(), variant.platform.clone());
            platform.distance_to(&config_platform).is_none().then_some(Mislabeled { digest, platform, config_platform })
        })
        .collect();
    mislabeled.sort_by(|a, b| (&a.platform, &a.digest).cmp(&(&b.platform, &b.digest)));
    mislabeled
}

fn on_label(mislabeled: &[Mislabeled]) -> (Option<bool>, String) {
    let said: Vec<String> = mislabeled
        .iter()
        .map(|m| format!("what the index offers for {} is for {} by its config", m.platform, m.config_platform))
        .collect();
    (Some(true), listed(&said, 1))
}

fn on_platform(answer: &Answer, offers: &[Platform]) -> (Option<bool>, String) {
    let names = |platforms: &mut dyn Iterator<Item = &Platform>| {
        listed(&platforms.map(ToString::to_string).collect::<Vec<_>>(), 3)
    };
    let missing = names(&mut answer.missing.iter().map(|missing| &missing.platform));
    match (missing.is_empty(), offers.is_empty()) {
        (true, _) => (Some(false), "the registry offers the nodes' platforms now".to_owned()),
        (false, true) => (Some(true), format!("the registry offers nothing for {missing} either")),
        (false, false) => (Some(true), format!("the registry too offers only {}", names(&mut offers.iter()))),
    }
}

fn on_failure(answer: &Answer, code: FindingCode) -> (Option<bool>, String) {
    let Some(failure) = answer.failures.first().filter(|_| answer.named_now().is_none()) else {
        // What a registry cannot know (a full disk, a signature, a policy) is no contradiction.
        let comparable = !same(code).is_empty();
        let text = if comparable { "the registry answers us" } else { "the registry has the image" };
        return (comparable.then_some(false), text.to_owned());
    };
    let message = words(answer, failure);
    if same(code).contains(&failure.class) {
        (Some(true), format!("the registry answers us the same: {message}"))
    } else {
        (None, format!("we could not resolve it either ({}): {message}", failure.class))
    }
}

/// A failure's message, without the image's name, which the finding bears itself.
fn words(answer: &Answer, failure: &Failure) -> String {
    let message = failure.message.strip_prefix(&format!("{}: ", answer.reference));
    short(message.unwrap_or(&failure.message), MESSAGE_CHARS)
}

/// The error classes that are the same cause as a finding's.
fn same(code: FindingCode) -> &'static [ErrorClass] {
    match code {
        FindingCode::PullUnauthorized => &[ErrorClass::Unauthorized, ErrorClass::Forbidden],
        FindingCode::PullNotFound => &[ErrorClass::NotFound],
        FindingCode::PullRateLimited => &[ErrorClass::RateLimited],
        FindingCode::PullTls => &[ErrorClass::Tls],
        FindingCode::PullNetwork => &[ErrorClass::Timeout, ErrorClass::Dns, ErrorClass::Connect],
        FindingCode::PullServer => &[ErrorClass::Server],
        _ => &[],
    }
}

/// `with pull secret shop/ghcr-pull`, `without a credential`
fn credential(access: &Access) -> String {
    let name = access.name.as_deref().unwrap_or_default();
    match access.source {
        AccessSource::Anonymous => "without a credential".to_owned(),
        AccessSource::PullSecret => {
            let namespaces: Vec<String> = access.namespaces.iter().map(|ns| format!("{ns}/{name}")).collect();
            format!("with pull secret {}", listed(&namespaces, 2))
        }
        source if name.is_empty() => format!("with our own login ({source})"),
        source => format!("with our own login ({source} {name})"),
    }
}

fn tried(access: &Access) -> Tried {
    Tried {
        source: access.source,
        name: access.name.clone(),
        kubelet: access.kubelet,
        outcome: access.outcome,
        class: access.class,
    }
}
