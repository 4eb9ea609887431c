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
    /// which values: each distinct one has an ordinal, in the order in which the document has them, so that equal
    /// ordinals are equal values
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

/// Writes down what is masked. The values themselves live only as long as this does.
pub(super) struct Recorder {
    redactions: Vec<Redaction>,
    ordinals: HashMap<Box<str>, u64>,
}

impl Recorder {
    pub(super) fn new() -> Self {
        Self { redactions: Vec::new(), ordinals: HashMap::new() }
    }

    /// What was masked below `root`, in the document's order.
    pub(super) fn record(&mut self, root: &str, hidden: Vec<Hidden>) {
        for Hidden { rule, place, value } in hidden {
            let next = u64::try_from(self.ordinals.len()).unwrap_or(u64::MAX).saturating_add(1);
            let ordinal = *self.ordinals.entry(value).or_insert(next);
            let place = format!("{root}{place}");
            // Places are visited one after the other, so only the last few entries can be of this place.
            let same_place = self.redactions.iter_mut().rev().take_while(|redaction| redaction.place == place);
            match same_place.into_iter().find(|redaction| redaction.rule == rule) {
                Some(redaction) => {
                    redaction.count += 1;
                    redaction.values.push(ordinal);
                }
                None => self.redactions.push(Redaction { rule, place, count: 1, values: vec![ordinal] }),
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
