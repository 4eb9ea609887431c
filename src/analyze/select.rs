//! The part of the facts that somebody asks for.

use std::collections::BTreeSet;
use std::fmt;

use super::manifests::Manifests;
use crate::facts::document::{Finding, Image, ImageFacts};
use crate::facts::summarize;
use crate::image::Digest;
use crate::vocabulary::{FindingCode, ImageStatus, Severity};

/// What is asked for: of each list one must fit; an empty list fits all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// of a namespace in which the image is used
    pub namespaces: Vec<String>,
    /// the registry's host, with its port
    pub registries: Vec<String>,
    /// how far the image was resolved
    pub statuses: Vec<ImageStatus>,
    /// what was found
    pub codes: Vec<FindingCode>,
    /// how much that matters
    pub severities: Vec<Severity>,
}

/// Reduces `facts` to what fits, and counts anew: images with what belongs to them, findings, and gaps that may concern
/// them.
pub fn select(mut facts: ImageFacts, filter: &Filter) -> ImageFacts {
    if filter.is_empty() {
        return facts;
    }
    facts.findings.retain(|finding| filter.fits_finding(finding));
    let found: BTreeSet<&str> = facts.findings.iter().filter_map(|finding| finding.image.as_deref()).collect();
    facts
        .images
        .retain(|image| filter.fits_image(image) && (!filter.asks_findings() || found.contains(&*image.reference)));
    let shown: BTreeSet<&str> = facts.images.iter().map(|image| image.reference.as_str()).collect();
    let about_images = !filter.registries.is_empty() || !filter.statuses.is_empty();
    facts.findings.retain(|finding| finding.image.as_deref().map_or(!about_images, |image| shown.contains(image)));
    facts
        .gaps
        .retain(|gap| fits(&filter.namespaces, gap.namespace.as_ref()) && fits(&filter.registries, gap.host.as_ref()));
    let named = named(&facts);
    facts.manifests.retain(|manifest| named.contains(&manifest.digest));
    facts.summary = summarize(&facts.images, &facts.manifests, &facts.findings);
    facts
}

impl Filter {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn asks_findings(&self) -> bool {
        !self.codes.is_empty() || !self.severities.is_empty()
    }

    fn fits_image(&self, image: &Image) -> bool {
        let used_in =
            |namespace: &String| image.used_by.iter().any(|user| user.namespace.as_deref() == Some(namespace));
        (self.namespaces.is_empty() || self.namespaces.iter().any(used_in))
            && (self.registries.is_empty()
                || image.registry.as_ref().is_some_and(|host| self.registries.contains(host)))
            && fits(&self.statuses, Some(&image.status))
    }

    /// Without regard to its image.
    fn fits_finding(&self, finding: &Finding) -> bool {
        let mut namespaces = finding.subjects.iter().filter_map(|subject| subject.namespace.as_ref()).peekable();
        let in_namespace = namespaces.peek().is_none() || namespaces.any(|name| fits(&self.namespaces, Some(name)));
        in_namespace && fits(&self.codes, Some(&finding.code)) && fits(&self.severities, Some(&finding.severity))
    }
}

/// Whether `value` is one of `wanted`; what is not known may be.
fn fits<T: PartialEq>(wanted: &[T], value: Option<&T>) -> bool {
    wanted.is_empty() || value.is_none_or(|value| wanted.contains(value))
}

/// The manifests that the images name, and what the indexes among them list.
fn named(facts: &ImageFacts) -> BTreeSet<Digest> {
    let manifests = Manifests::of(facts);
    let mut named = BTreeSet::new();
    for image in &facts.images {
        let variants = image.variants.iter().flatten().map(|variant| &variant.digest);
        let running = image.running.iter().flatten().map(|running| &running.digest);
        for digest in image.resolved.iter().map(|resolved| &resolved.digest).chain(variants).chain(running) {
            let entries = manifests.get(digest).and_then(|index| index.entries.as_ref());
            named.extend(entries.into_iter().flatten().map(|entry| entry.digest.clone()));
            named.insert(digest.clone());
        }
    }
    named
}

/// `namespace shop, status failed or partial`
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            words("namespace", &self.namespaces),
            words("registry", &self.registries),
            words("status", &self.statuses),
            words("finding", &self.codes),
            words("severity", &self.severities),
        ];
        f.write_str(&parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
    }
}

fn words<T: fmt::Display>(name: &str, values: &[T]) -> Option<String> {
    let values: Vec<String> = values.iter().map(T::to_string).collect();
    (!values.is_empty()).then(|| format!("{name} {}", values.join(" or ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture;

    fn shown(filter: Filter) -> (Vec<String>, Vec<&'static str>) {
        let facts = select(fixture::shop(), &filter);
        assert_eq!(facts.summary, summarize(&facts.images, &facts.manifests, &facts.findings));
        let images = facts.images.iter().map(|image| image.reference.replace("ghcr.io/acme/", "")).collect();
        (images, facts.findings.iter().map(|finding| finding.code.as_str()).collect())
    }

    #[test]
    fn of_each_list_one_must_fit() {
        let texts = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
        let all = Filter::default;
        let cases = [
            (
                all(),
                vec!["api:v1", "gone:v1", "web:v3", "r.example/tool:1"],
                vec!["pull-not-found", "pull-secret-missing", "mutable-tag"],
            ),
            (Filter { namespaces: texts(&["pay"]), ..all() }, vec!["api:v1"], vec!["pull-secret-missing"]),
            (
                Filter { namespaces: texts(&["pay", "ops"]), ..all() },
                vec!["api:v1", "r.example/tool:1"],
                vec!["pull-secret-missing", "mutable-tag"],
            ),
            (Filter { registries: texts(&["r.example"]), ..all() }, vec!["r.example/tool:1"], vec!["mutable-tag"]),
            (Filter { statuses: vec![ImageStatus::Failed], ..all() }, vec!["gone:v1"], vec!["pull-not-found"]),
            (Filter { codes: vec![FindingCode::MutableTag], ..all() }, vec!["r.example/tool:1"], vec!["mutable-tag"]),
            (Filter { severities: vec![Severity::Warning], ..all() }, vec![], vec!["pull-secret-missing"]),
            (Filter { severities: vec![Severity::Error], namespaces: texts(&["ops"]), ..all() }, vec![], vec![]),
        ];
        for (filter, images, findings) in cases {
            assert_eq!(shown(filter.clone()), (texts(&images), findings), "{filter:?}");
        }
    }

    #[test]
    fn what_belongs_to_no_image_that_is_shown_is_left_out() {
        let facts = select(fixture::shop(), &Filter { registries: vec!["r.example".to_owned()], ..Filter::default() });
        let digests: Vec<_> = facts.manifests.iter().map(|manifest| manifest.digest.as_str()).collect();
        assert_eq!(digests, [fixture::digest("tool").as_str()]);
        assert!(facts.gaps.is_empty());
    }

    #[test]
    fn a_filter_tells_what_it_lets_through() {
        let filter = Filter {
            namespaces: vec!["shop".to_owned()],
            statuses: vec![ImageStatus::Failed, ImageStatus::Partial],
            ..Filter::default()
        };
        assert_eq!(filter.to_string(), "namespace shop, status failed or partial");
    }
}
