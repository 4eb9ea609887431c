//! What is wrong: pure functions over what the cluster knows and what registries answered.

mod evidence;
mod kin;
mod kubelet;
mod names;
mod platforms;
mod pull;
mod registry;
mod remedy;
mod running;
mod secrets;
#[cfg(test)]
mod tests;
mod weight;

use std::collections::BTreeSet;

use super::assemble::examples;
use super::document::{Finding, Subject, Time};
use super::rules::identity;
use crate::cluster::inventory::{self, ImageName, ImageUse, Inventory, UserKey};
use crate::image::Reference;
use crate::resolve::{Answer, Resolution};
use crate::sorted::SortedSet;
use crate::text::cut;
use crate::vocabulary::{FindingCode, Role, Severity};
use evidence::Evidence;

/// An image with all that is known of it.
struct View<'a> {
    /// as in `images[].reference`
    name: String,
    reference: Option<&'a Reference>,
    usage: &'a ImageUse,
    /// absent when its registry was not asked
    answer: Option<&'a Answer>,
    inventory: &'a Inventory,
    resolution: Option<&'a Resolution>,
}

/// A finding before it is put into the document's form.
struct Draft {
    code: FindingCode,
    message: String,
    remedy: Option<String>,
    evidence: Evidence,
    subjects: BTreeSet<Subject>,
    examples: SortedSet<inventory::Example>,
    /// of the events that tell it
    seen: Option<(jiff::Timestamp, jiff::Timestamp)>,
}

/// Everything that is wrong, worst first.
pub(super) fn find(inventory: &Inventory, resolution: Option<&Resolution>) -> Vec<Finding> {
    let views: Vec<View<'_>> =
        inventory.images.iter().map(|(name, usage)| View::new(name, usage, inventory, resolution)).collect();
    let of_images = views.iter().flat_map(|view| {
        let severity = view.severity_limit();
        drafts(view).into_iter().map(move |draft| draft.into_finding(Some(view.name.clone()), severity))
    });
    let of_secrets =
        secrets::find(&views, resolution).into_iter().map(|draft| draft.into_finding(None, Severity::Error));
    let mut findings: Vec<Finding> = of_images.chain(of_secrets).collect();
    findings.sort_by_cached_key(identity);
    findings
}

fn drafts(view: &View<'_>) -> Vec<Draft> {
    let pulls = pull::find(view);
    let platform_told = pulls.iter().any(|draft| draft.code == FindingCode::PullPlatform);
    let mut drafts = pulls;
    drafts.extend(names::find(view));
    // What the kubelet says already need not be foretold.
    drafts.extend(platforms::find(view).filter(|_| !platform_told));
    drafts.extend(running::find(view));
    drafts.extend(weight::find(view));
    drafts
}

impl<'a> View<'a> {
    fn new(
        name: &'a ImageName,
        usage: &'a ImageUse,
        inventory: &'a Inventory,
        resolution: Option<&'a Resolution>,
    ) -> Self {
        let reference = match name {
            ImageName::Valid(reference) => Some(reference),
            ImageName::Invalid(_) => None,
        };
        let answer = reference.and_then(|reference| resolution?.answers.get(reference)).map(Box::as_ref);
        Self { name: name.to_string(), reference, usage, answer, inventory, resolution }
    }

    /// What only a rollback would start breaks nothing now, and what may be no image at all is no error.
    fn severity_limit(&self) -> Severity {
        let is_harmless = |(key, user): (&UserKey, &inventory::User)| key.role == Role::History || user.is_guess();
        let mut users = self.usage.used_by.iter().peekable();
        if users.peek().is_some() && users.all(is_harmless) { Severity::Info } else { Severity::Error }
    }

    /// Who uses the image now, in the document's order; who once did when nobody does now.
    fn users(&self) -> Vec<&'a UserKey> {
        let current = || self.usage.used_by.keys().filter(|key| key.role == Role::Current);
        match current().next() {
            Some(_) => current().collect(),
            None => self.usage.used_by.keys().collect(),
        }
    }

    fn subjects(&self) -> BTreeSet<Subject> {
        self.users().into_iter().flat_map(|key| self.subjects_of(key, None)).collect()
    }

    /// The owner itself; of ownerless pods the examples.
    fn subjects_of(&self, key: &UserKey, pods: Option<&SortedSet<inventory::Example>>) -> Vec<Subject> {
        let namespace = Some(key.namespace.to_string()).filter(|namespace| !namespace.is_empty());
        let subject =
            |name: &str| Subject { kind: key.kind.to_string(), namespace: namespace.clone(), name: name.to_owned() };
        match &key.name {
            Some(name) => vec![subject(name)],
            None => {
                let known = self.usage.used_by.get(key).map(|user| &user.examples);
                let pods = pods.or(known).into_iter().flatten();
                pods.filter(|pod| pod.namespace == key.namespace).map(|pod| subject(&pod.pod)).collect()
            }
        }
    }

    /// The pods that run the image, as examples.
    fn running_examples(&self) -> SortedSet<inventory::Example> {
        self.usage.running.values().flat_map(|running| running.examples.iter().cloned()).collect()
    }
}

impl Draft {
    fn into_finding(self, image: Option<String>, limit: Severity) -> Finding {
        Finding {
            code: self.code,
            // The list of severities begins with the worst, so the greater of two is the milder.
            severity: self.code.severity().max(limit),
            image,
            subjects: self.subjects.into_iter().collect(),
            message: self.message,
            remedy: self.remedy,
            examples: examples(&self.examples),
            first_seen: self.seen.map(|(first, _)| Time(first)),
            last_seen: self.seen.map(|(_, last)| Time(last)),
            evidence: self.evidence.into_map(),
        }
    }
}

/// The first `limit` characters of a text on one line, which is not masked yet.
fn short(text: &str, limit: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    cut(&line, limit).into_owned()
}

/// Words in a row: `a, b and 3 more`.
fn listed(words: &[String], limit: usize) -> String {
    match words {
        [] => String::new(),
        [only] => only.clone(),
        _ if words.len() <= limit => {
            let (last, first) = words.split_last().map_or(("", words), |(last, first)| (last.as_str(), first));
            format!("{} and {last}", first.join(", "))
        }
        _ => {
            let first: Vec<&str> = words.iter().take(limit).map(String::as_str).collect();
            format!("{} and {} more", first.join(", "), words.len() - first.len())
        }
    }
}

/// `Deployment shop/web`, or how many there are.
fn named(subjects: &BTreeSet<Subject>) -> String {
    let names: Vec<String> = subjects
        .iter()
        .map(|subject| match &subject.namespace {
            Some(namespace) => format!("{} {namespace}/{}", subject.kind, subject.name),
            None => format!("{} {}", subject.kind, subject.name),
        })
        .collect();
    listed(&names, 2)
}

/// Node names, sorted.
fn owned<'n>(nodes: impl IntoIterator<Item = &'n std::sync::Arc<str>>) -> Vec<String> {
    let nodes: BTreeSet<&str> = nodes.into_iter().map(AsRef::as_ref).collect();
    nodes.into_iter().map(str::to_owned).collect()
}

/// The shapes of evidence, for the docs.
#[cfg(test)]
pub(super) fn evidence_schema() -> serde_json::Value {
    super::schema::document_schema::<Evidence>("evidence", "Evidence")
}
