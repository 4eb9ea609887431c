//! Image names: those that are none, and those that name something else tomorrow.

use std::collections::BTreeSet;

use super::evidence::{Evidence, MutableTag, Name};
use super::{Draft, View, listed, remedy, short};
use crate::image::Reference;
use crate::vocabulary::FindingCode;

/// How much of a name a message shows: the longest that a registry takes, and a little more.
const NAME_CHARS: usize = 300;

/// `invalid-image-name` or `mutable-tag`.
pub(super) fn find(view: &View<'_>) -> Option<Draft> {
    match view.reference {
        None => Some(invalid(view)),
        Some(reference) if reference.digest().is_none() && reference.tag() == Some("latest") => Some(mutable(view)),
        Some(_) => None,
    }
}

fn invalid(view: &View<'_>) -> Draft {
    let why = Reference::parse(&view.name).err().map_or_else(String::new, |error| error.why.to_owned());
    let suggestion = suggestion(&view.name);
    let image = suggestion.clone().unwrap_or_else(|| "NAME:TAG".to_owned());
    let waiting = || view.usage.waiting.iter();
    Draft {
        code: FindingCode::InvalidImageName,
        message: format!("{:?} is no image name: {why}", short(&view.name, NAME_CHARS)),
        remedy: remedy::set_image(view, &image),
        subjects: view.subjects(),
        examples: waiting().flat_map(|(_, waiting)| waiting.examples.iter().cloned()).collect(),
        seen: None,
        evidence: Evidence::Name(Name {
            why,
            suggestion,
            message: waiting().next().map(|((_, text), _)| text.clone()),
        }),
    }
}

/// The name without what most often breaks it: a scheme, spaces around it, capital letters.
fn suggestion(name: &str) -> Option<String> {
    let name = name.trim();
    let name = name.strip_prefix("https://").or_else(|| name.strip_prefix("http://")).unwrap_or(name);
    [name.to_owned(), name.to_ascii_lowercase()].into_iter().find(|name| Reference::parse(name).is_ok())
}

/// What counts for this tag without a policy: the API server's default (Kubernetes: "Image pull policy").
const DEFAULT: &str = "Always";

fn mutable(view: &View<'_>) -> Draft {
    let implied = view.usage.written_as.iter().all(|written| !written.ends_with(":latest"));
    let mut policies: BTreeSet<&str> = view
        .usage
        .used_by
        .values()
        .flat_map(|user| user.containers.iter())
        .map(|container| container.pull_policy.as_deref().unwrap_or(DEFAULT))
        .collect();
    if policies.is_empty() {
        // A custom resource's field tells no container.
        policies.insert(DEFAULT);
    }
    let policies: Vec<String> = policies.into_iter().map(str::to_owned).collect();
    let meaning = match policies.as_slice() {
        [only] if only == "Always" => "each start of a pod may bring another image",
        [only] if only == "Never" => "each node runs what was once put there",
        _ => "each node keeps what it pulled first, so that nodes may differ",
    };
    let tag = if implied { "no tag is written, which means latest" } else { "the tag is latest" };
    let pin = view.answer.and_then(|answer| answer.named.as_ref()).map(|named| named.digest.clone());
    let image = match (view.reference, pin) {
        (Some(reference), Some(digest)) => format!("{}@{digest}", reference.repository()),
        (Some(reference), None) => format!("{}:VERSION", reference.repository()),
        (None, _) => view.name.clone(),
    };
    Draft {
        code: FindingCode::MutableTag,
        message: format!("{tag}; with pull policy {} {meaning}", listed(&policies, 3)),
        remedy: remedy::set_image(view, &image),
        subjects: view.subjects(),
        examples: view.running_examples(),
        seen: None,
        evidence: Evidence::MutableTag(MutableTag { implied, pull_policies: policies }),
    }
}
