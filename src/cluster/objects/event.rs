//! Events (`v1`), in both forms: counted by the client, and as a series.

use jiff::Timestamp;
use serde::Deserialize;

use super::{Metadata, Text, or_default};

/// Something that a component tells about an object.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event<'a> {
    /// name, namespace
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub metadata: Metadata<'a>,
    /// what it is about
    #[serde(default, deserialize_with = "or_default")]
    pub involved_object: InvolvedObject<'a>,
    /// `Pulled`, `Failed`, …
    pub reason: Option<Text<'a>>,
    /// in words
    pub message: Option<Text<'a>>,
    /// who tells it
    #[serde(default, deserialize_with = "or_default")]
    pub source: EventSource<'a>,
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
pub struct InvolvedObject<'a> {
    /// `Pod`
    #[serde(borrow)]
    pub kind: Option<Text<'a>>,
    /// its namespace
    pub namespace: Option<Text<'a>>,
    /// its name
    pub name: Option<Text<'a>>,
    /// `spec.containers{web}`
    pub field_path: Option<Text<'a>>,
}

/// `source`
#[derive(Debug, Clone, Default, Deserialize)]
pub struct EventSource<'a> {
    /// the kubelet's node
    #[serde(borrow)]
    pub host: Option<Text<'a>>,
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
