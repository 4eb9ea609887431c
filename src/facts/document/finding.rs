//! What is wrong, with its evidence and a way out.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::{Example, Time};
use crate::vocabulary::{FindingCode, Severity};

/// Something that is wrong; identified by its code, its image and its first subject.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// what
    pub code: FindingCode,
    /// how much it matters
    pub severity: Severity,
    /// the image, as in `images[].reference`
    pub image: Option<String>,
    /// the objects that it is about, sorted
    pub subjects: Vec<Subject>,
    /// in words
    pub message: String,
    /// a command or a setting that mends it
    pub remedy: Option<String>,
    /// the first pods by name
    pub examples: Vec<Example>,
    /// when events tell of it first
    pub first_seen: Option<Time>,
    /// when events tell of it last
    pub last_seen: Option<Time>,
    /// what shows it; the code decides its shape
    pub evidence: serde_json::Map<String, serde_json::Value>,
}

/// An object that a finding is about.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Subject {
    /// `Deployment`, `Node`, `Secret`, …
    pub kind: String,
    /// its namespace
    pub namespace: Option<String>,
    /// its name
    pub name: String,
}
