//! `analysis.json`: the findings in the form of troubleshoot's analyzers, so that its viewers show them.
//!
//! The form is what troubleshoot's `pkg/convert` writes (<https://github.com/replicatedhq/troubleshoot>).

use std::collections::BTreeMap;

use serde::Serialize;

use super::document::{Finding, ImageFacts};
use crate::vocabulary::Severity;

/// A result of an analyzer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AnalyzerResult {
    /// in lower case, words joined by dots
    pub name: String,
    /// what viewers place it by
    pub labels: BTreeMap<&'static str, String>,
    /// what is shown
    pub insight: Insight,
    /// the same as the insight's
    pub severity: &'static str,
    /// always empty: no analyzer spec is behind it
    pub analyzer_spec: &'static str,
    /// always empty
    pub variables: BTreeMap<&'static str, String>,
    /// what fails, in words; absent when nothing does
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What a viewer shows of a result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Insight {
    /// as the result's
    pub name: String,
    /// as the result's
    pub labels: BTreeMap<&'static str, String>,
    /// the title
    pub primary: String,
    /// the text below it
    pub detail: String,
    /// `error`, `warn`, `info`, or `debug` when all is well
    pub severity: &'static str,
}

/// A result for each finding, in their order; when there is none, one that says so.
pub fn analysis<M>(facts: &ImageFacts<M>) -> Vec<AnalyzerResult> {
    if facts.findings.is_empty() {
        let seen = match facts.complete {
            true => format!("All {} images were looked at.", facts.summary.references),
            false => format!("{} images were looked at; the facts are incomplete.", facts.summary.references),
        };
        return vec![result("Container images: nothing found", seen, "debug")];
    }
    facts.findings.iter().map(of_finding).collect()
}

fn of_finding(finding: &Finding) -> AnalyzerResult {
    let severity = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warn",
        Severity::Info => "info",
    };
    let about = finding.image.clone().or_else(|| {
        let subject = finding.subjects.first()?;
        let namespace = subject.namespace.as_ref().map(|namespace| format!("{namespace}/")).unwrap_or_default();
        Some(format!("{} {namespace}{}", subject.kind, subject.name))
    });
    let title = match about {
        Some(about) => format!("{}: {about}", finding.code),
        None => finding.code.to_string(),
    };
    let detail = match &finding.remedy {
        Some(remedy) => format!("{}\nWay out: {remedy}", finding.message),
        None => finding.message.clone(),
    };
    result(&title, detail, severity)
}

fn result(title: &str, detail: String, severity: &'static str) -> AnalyzerResult {
    let words = title.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let name = words.collect::<Vec<_>>().join(".").to_ascii_lowercase();
    let error = (severity == "error").then(|| detail.clone());
    let icon = || ("iconKey", String::new());
    let labels = BTreeMap::from([("desiredPosition", "1".to_owned()), icon()]);
    let insight =
        Insight { name: name.clone(), labels: BTreeMap::from([icon()]), primary: title.to_owned(), detail, severity };
    AnalyzerResult { name, labels, insight, severity, analyzer_spec: "", variables: BTreeMap::new(), error }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::fixture;

    #[test]
    fn findings_become_results() {
        let facts = fixture::facts(&fixture::with_image("nginx", fixture::usage("nginx")), None);
        let results = serde_json::to_value(analysis(&facts)).unwrap();
        let result = &results[0];
        assert_eq!(result["name"], "mutable.tag.docker.io.library.nginx.latest");
        assert_eq!(result["insight"]["primary"], "mutable-tag: docker.io/library/nginx:latest");
        assert_eq!((result["severity"].as_str(), &result["insight"]["severity"]), (Some("info"), &result["severity"]));
        assert_eq!((result.get("error"), &result["analyzerSpec"]), (None, &serde_json::json!("")));
        assert!(result["insight"]["detail"].as_str().unwrap().contains("Way out: kubectl -n shop set image"));
    }

    #[test]
    fn an_error_fails_and_nothing_found_passes() {
        let mut usage = fixture::usage("nginx:1");
        fixture::waits(&mut usage, "ErrImagePull", "not found", "node-a");
        let results = analysis(&fixture::facts(&fixture::with_image("nginx:1", usage), None));
        assert_eq!((results[0].severity, results[0].error.as_ref()), ("error", Some(&results[0].insight.detail)));
        let nothing = analysis(&fixture::facts(&fixture::inventory(), None));
        assert_eq!((nothing.len(), nothing[0].severity), (1, "debug"));
    }
}
