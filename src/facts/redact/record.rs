//! `redactions.json`: what was masked and where, never the value.

use std::collections::{BTreeMap, HashMap};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::vocabulary::RedactionMode;

/// The rule that told a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// a PEM block
    PrivateKey,
    /// a JSON Web Token
    Jwt,
    /// an AWS access key ID, or a signature made with a key
    AwsKey,
    /// an Azure account key, client secret or shared access signature
    AzureKey,
    /// a Google API key or OAuth token
    GoogleKey,
    /// a GitHub token
    GithubToken,
    /// a GitLab token
    GitlabToken,
    /// a Slack token or webhook
    SlackToken,
    /// a package registry's token: npm, PyPI, RubyGems, Docker Hub
    PackageToken,
    /// a token of another vendor that is known by its shape
    VendorToken,
    /// an `Authorization` header's value
    HttpAuthorization,
    /// user and password in a URL
    UrlUserinfo,
    /// user, password or server in a database's connection string
    ConnectionString,
    /// a password among a command's arguments
    CommandArgument,
    /// the value of something that is called a secret
    SecretName,
    /// the value of something that is called a user or a database
    AccountName,
    /// strict mode: any value
    Strict,
}

/// Everything that was masked in a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Redactions {
    /// how secrets were masked
    pub mode: RedactionMode,
    /// what stands in their place
    pub mask: String,
    /// how many values were masked
    pub count: u64,
    /// the same by rule
    pub by_rule: BTreeMap<Rule, u64>,
    /// in the document's order
    pub redactions: Vec<Redaction>,
}

/// What one rule masked at one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redaction {
    /// the rule
    pub rule: Rule,
    /// a JSON pointer into `facts.json`
    pub place: String,
    /// how many values
    pub count: u64,
    /// which values, unless there are too many in the document: each distinct one has an ordinal, in the order in which
    /// the document has them, so that equal ordinals are equal values
    pub values: Vec<u64>,
}

/// A value that was masked.
pub(in crate::facts) struct Hidden {
    pub(super) rule: Rule,
    /// a JSON pointer from what was walked through
    pub(super) place: Box<str>,
    /// the secret itself, which is shown nowhere
    pub(super) value: Box<str>,
}

/// How many entries are told one by one, which is more than a thousand images have. A hostile image may have so many secrets that
/// to tell of all of them would take longer than to read it.
const MOST: usize = 100_000;

/// Writes down what is masked. The values themselves live only as long as this does.
pub(super) struct Recorder {
    redactions: Vec<Redaction>,
    ordinals: HashMap<Box<str>, u64>,
}

impl Recorder {
    pub(super) fn new() -> Self {
        Self { redactions: Vec::new(), ordinals: HashMap::new() }
    }

    /// What was masked below `root`, in the document's order. Where there is too much of it, no more than how many values each
    /// rule masked there.
    pub(super) fn record(&mut self, root: &str, hidden: Vec<Hidden>) {
        for Hidden { rule, place, value } in hidden {
            let is_full = self.redactions.len() >= MOST;
            let next = u64::try_from(self.ordinals.len()).unwrap_or(u64::MAX).saturating_add(1);
            let ordinal = (!is_full).then(|| *self.ordinals.entry(value).or_insert(next));
            let place = if is_full { root.to_owned() } else { format!("{root}{place}") };
            // Places are visited one after the other, so only the last few entries can be of this place.
            let same_place = self.redactions.iter_mut().rev().take_while(|redaction| redaction.place == place);
            match same_place.into_iter().find(|redaction| redaction.rule == rule) {
                Some(redaction) => {
                    redaction.count += 1;
                    redaction.values.extend(ordinal);
                }
                None => self.redactions.push(Redaction { rule, place, count: 1, values: Vec::from_iter(ordinal) }),
            }
        }
    }

    pub(super) fn finish(self, mode: RedactionMode) -> Redactions {
        let mut by_rule = BTreeMap::new();
        for redaction in &self.redactions {
            *by_rule.entry(redaction.rule).or_insert(0) += redaction.count;
        }
        Redactions {
            mode,
            mask: super::MASK.to_owned(),
            count: by_rule.values().sum(),
            by_rule,
            redactions: self.redactions,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_many_entries_there_are_counts() {
        let hidden = |at: usize| Hidden { rule: Rule::Jwt, place: format!("/{at}").into(), value: "v".into() };
        let mut recorder = Recorder::new();
        recorder.record("/manifests/0", (0..MOST + 2).map(hidden).collect());
        recorder.record("/manifests/1", vec![hidden(0)]);
        let redactions = recorder.finish(RedactionMode::Default);
        assert_eq!((redactions.count, redactions.by_rule[&Rule::Jwt]), (MOST as u64 + 3, MOST as u64 + 3));
        let told: Vec<_> = redactions.redactions[MOST - 1..].iter().map(|told| (&*told.place, told.count)).collect();
        assert_eq!(told, [("/manifests/0/99999", 1), ("/manifests/0", 2), ("/manifests/1", 1)]);
        assert!(redactions.redactions[MOST..].iter().all(|told| told.values.is_empty()));
    }
}
