//! `summary.txt`: a page for a person, 80 columns wide, worst things first.

use super::document::{Finding, Image, ImageFacts, RateLimit};
use crate::text::{clean, count, size, wrap};
use crate::vocabulary::{ImageStatus, RedactionMode};

/// The width of the page.
const COLUMNS: usize = 80;
/// What a remedy begins with when it is a command and no setting.
const COMMANDS: [&str; 3] = ["kubectl ", "skopeo ", "cosign "];
/// How many findings, images and gaps are told each; the rest is counted.
const MOST: usize = 20;

/// The page.
pub fn summary_text<M>(facts: &ImageFacts<M>) -> String {
    let mut page = Page::default();
    head(facts, &mut page);
    findings(facts, &mut page);
    failed(facts, &mut page);
    gaps(facts, &mut page);
    page.0
}

fn head<M>(facts: &ImageFacts<M>, page: &mut Page) {
    let summary = &facts.summary;
    page.line(0, "Container image facts");
    page.line(0, "=====================");
    if !facts.complete {
        page.line(0, "INCOMPLETE: the run ended early, or a part of the cluster could not be read.");
    }
    let origin = match (&facts.source.context, &facts.source.paths) {
        (Some(context), _) => format!(" from context {context}"),
        (None, Some(_)) => " from files".to_owned(),
        (None, None) => String::new(),
    };
    let generator = &facts.run.generator;
    page.line(0, &format!("made {} by {} {}{origin}", facts.run.generated_at.0, generator.name, generator.version));
    if facts.redaction.mode == RedactionMode::Off {
        page.line(0, "Secrets are NOT masked in this bundle.");
    }
    page.line(0, "");
    let status = format!(
        "{} resolved, {} partial, {} failed, {} not asked for",
        summary.resolved, summary.partial, summary.failed, summary.unqueried
    );
    let severity = |name: &str| summary.findings_by_severity.get(name).copied().unwrap_or(0);
    let found = ["error", "warning", "info"].map(|name| count(severity(name), name)).join(", ");
    let repositories = match summary.repositories {
        1 => "1 repository".to_owned(),
        many => format!("{many} repositories"),
    };
    let layers = format!(
        "{} distinct, {} compressed; {} if none were shared",
        summary.layers.distinct,
        size(summary.layers.compressed_bytes),
        size(summary.layers.referenced_bytes)
    );
    for (name, value) in [
        ("images", format!("{} in {}", summary.references, repositories)),
        ("", status),
        ("findings", found),
        ("layers", layers),
        ("namespaces", facts.source.namespaces.len().to_string()),
        ("nodes", facts.nodes.as_ref().map_or_else(|| "could not be read".to_owned(), |nodes| nodes.len().to_string())),
    ] {
        page.line(0, &format!("{name:<12}{value}"));
    }
    for registry in &facts.run.registries {
        if let Some(RateLimit { limit, remaining }) = registry.rate_limit {
            page.line(0, &format!("{:<12}{remaining} of {limit} left at {}", "pulls", registry.host));
        }
    }
}

fn findings<M>(facts: &ImageFacts<M>, page: &mut Page) {
    if facts.findings.is_empty() {
        return;
    }
    page.title("What is wrong");
    for finding in facts.findings.iter().take(MOST) {
        let image = finding.image.as_deref().unwrap_or_default();
        page.line(0, &format!("{:<8}{} {image}", finding.severity, finding.code));
        page.line(8, &finding.message);
        if let Some(subjects) = subjects(finding) {
            page.line(8, &subjects);
        }
        if let Some(remedy) = &finding.remedy {
            page.command(8, remedy);
        }
    }
    page.rest(facts.findings.len());
}

fn subjects(finding: &Finding) -> Option<String> {
    let first = finding.subjects.first()?;
    let namespace = first.namespace.as_ref().map(|namespace| format!("{namespace}/")).unwrap_or_default();
    let more = match finding.subjects.len() {
        0 | 1 => String::new(),
        many => format!(" and {} more", many - 1),
    };
    Some(format!("{} {namespace}{}{more}", first.kind, first.name))
}

fn failed<M>(facts: &ImageFacts<M>, page: &mut Page) {
    let failed: Vec<&Image> = facts
        .images
        .iter()
        .map(Box::as_ref)
        .filter(|image| matches!(image.status, ImageStatus::Failed | ImageStatus::Partial))
        .collect();
    if failed.is_empty() {
        return;
    }
    page.title("What could not be resolved");
    for image in failed.iter().take(MOST) {
        page.line(0, &format!("{:<8}{}", image.status, image.reference));
        if let Some(error) = image.errors.iter().flatten().next() {
            page.line(8, &format!("{}: {}", error.class, error.message));
        }
    }
    page.rest(failed.len());
}

fn gaps<M>(facts: &ImageFacts<M>, page: &mut Page) {
    if facts.gaps.is_empty() {
        return;
    }
    page.title("What could not be looked at");
    for gap in facts.gaps.iter().take(MOST) {
        let what = [&gap.resource, &gap.namespace, &gap.host].into_iter().flatten().cloned().collect::<Vec<_>>();
        page.line(0, &format!("{:<11} {}", gap.scope, what.join(" ")));
        page.line(8, &gap.message);
    }
    page.rest(facts.gaps.len());
}

/// Lines of at most [`COLUMNS`], but for words that are longer.
#[derive(Default)]
struct Page(String);

impl Page {
    fn title(&mut self, title: &str) {
        self.line(0, "");
        self.line(0, title);
        self.line(0, &"-".repeat(title.chars().count()));
    }

    /// How many are left out.
    fn rest(&mut self, all: usize) {
        if let Some(rest) = all.checked_sub(MOST).filter(|rest| *rest > 0) {
            self.line(0, &format!("and {rest} more in facts.json"));
        }
    }

    /// A text, wrapped between words.
    fn line(&mut self, indent: usize, text: &str) {
        self.wrap(indent, text, "");
    }

    /// A way out. A command is continued as a shell continues it, so that it can be copied.
    fn command(&mut self, indent: usize, remedy: &str) {
        let is_command = COMMANDS.iter().any(|command| remedy.starts_with(command));
        self.wrap(indent, &format!("-> {remedy}"), if is_command { " \\" } else { "" });
    }

    fn wrap(&mut self, indent: usize, text: &str, continuation: &str) {
        let lines = wrap(&clean(text), COLUMNS - indent - continuation.len());
        let last = lines.len().saturating_sub(1);
        for (at, line) in lines.iter().enumerate() {
            self.end(&format!("{:indent$}{line}", ""), if at < last { continuation } else { "" });
        }
    }

    fn end(&mut self, line: &str, continuation: &str) {
        self.0.push_str(line.trim_end());
        self.0.push_str(continuation);
        self.0.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::fixture;
    use crate::resolve::RegistryTally;
    use crate::vocabulary::ErrorClass;

    fn page() -> String {
        let name = "ghcr.io/acme/private:v9";
        let mut usage = fixture::usage(name);
        fixture::waits(&mut usage, "ErrImagePull", "x509: certificate signed by unknown authority", "node-a");
        let inventory = fixture::with_image(name, usage);
        let failed = fixture::failed(name, &[(ErrorClass::Tls, "the certificate is not trusted\u{1b}[31m\nat all")]);
        summary_text(&fixture::facts(&inventory, Some(&fixture::resolution([failed]))))
    }

    #[test]
    fn a_person_reads_the_worst_first_with_a_way_out() {
        let page = page();
        for expected in [
            "images      1 in 1 repository\n",
            "            0 resolved, 0 partial, 1 failed, 0 not asked for\n",
            "findings    1 error, 0 warnings, 0 infos\n",
            "error   pull-tls ghcr.io/acme/private:v9\n        the kubelet on node-a does not trust",
            "        Deployment shop/web\n        -> on node-a, name the CA of ghcr.io in",
            "What could not be resolved\n--------------------------\nfailed  ghcr.io/acme/private:v9\n        tls: ",
        ] {
            assert!(page.contains(expected), "{expected:?} is not in\n{page}");
        }
    }

    #[test]
    fn what_is_left_of_a_quota_is_told() {
        let name = "docker.io/library/redis:8";
        let mut resolution = fixture::resolution([]);
        let rate_limit = Some((100, 76));
        resolution.registries = vec![RegistryTally { host: "docker.io".into(), rate_limit, ..Default::default() }];
        let page = summary_text(&fixture::facts(&fixture::with_image(name, fixture::usage(name)), Some(&resolution)));
        assert!(page.contains("pulls       76 of 100 left at docker.io\n"), "{page}");
    }

    #[test]
    fn a_command_can_be_copied() {
        let name = "ghcr.io/acme/private-and-long/application:latest";
        let facts = fixture::facts(&fixture::with_image(name, fixture::usage(name)), None);
        let command = "-> kubectl -n shop set image deployment/web \\\n        web=ghcr.io/acme/private-and-long";
        assert!(summary_text(&facts).contains(command), "{}", summary_text(&facts));
    }

    #[test]
    fn lines_are_short_and_hold_nothing_that_a_terminal_obeys() {
        let page = page();
        assert!(page.lines().all(|line| line.chars().count() <= COLUMNS), "{page}");
        assert!(page.chars().all(|c| c == '\n' || !c.is_control()));
    }
}
