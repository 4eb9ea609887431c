//! Events (`v1`), in both forms: counted by the client, and as a series.

use jiff::Timestamp;
use serde::Deserialize;

use super::{Metadata, or_default};

/// Something that a component tells about an object.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// name, namespace
    #[serde(default, deserialize_with = "or_default")]
    pub metadata: Metadata,
    /// what it is about
    #[serde(default, deserialize_with = "or_default")]
    pub involved_object: InvolvedObject,
    /// `Pulled`, `Failed`, …
    pub reason: Option<String>,
    /// in words
    pub message: Option<String>,
    /// who tells it
    #[serde(default, deserialize_with = "or_default")]
    pub source: EventSource,
    /// when it happened first
    pub first_timestamp: Option<Timestamp>,
    /// when it happened last
    pub last_timestamp: Option<Timestamp>,
    /// how often it happened
    pub count: Option<u64>,
    /// when it happened first, in the newer form
    pub event_time: Option<Timestamp>,
    /// that it went on, in the newer form
    pub series: Option<EventSeries>,
}

/// `involvedObject`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InvolvedObject {
    /// `Pod`
    pub kind: Option<String>,
    /// its namespace
    pub namespace: Option<String>,
    /// its name
    pub name: Option<String>,
    /// `spec.containers{web}`
    pub field_path: Option<String>,
}

/// `source`
#[derive(Debug, Clone, Default, Deserialize)]
pub struct EventSource {
    /// the kubelet's node
    pub host: Option<String>,
}

/// `series`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventSeries {
    /// how often it happened
    pub count: Option<u64>,
    /// when it happened last
    pub last_observed_time: Option<Timestamp>,
}
