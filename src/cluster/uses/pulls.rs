//! What the kubelet's events tell about pulls, in the words of all its ages.

use jiff::Timestamp;

use super::pods::{image_name, quoted};
use crate::cluster::inventory::{Example, ImageName, PullFailure, Pulls, add_example};
use crate::cluster::objects::Event;
use crate::sorted::SortedMap;

/// What an event tells.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Told {
    /// a pull that ended well; older kubelets tell neither
    Pulled { seconds: Option<f64>, bytes: Option<u64> },
    /// the image was on the node
    Cached,
    /// a pull that failed
    Failed,
    /// why no pull is tried, or not yet again
    Held,
}

/// Reads an event; `None` when it is not about the outcome of a pull.
pub(super) fn told(event: &Event<'_>) -> Option<(ImageName, Told)> {
    if event.involved_object.kind.as_deref() != Some("Pod") {
        return None;
    }
    let message = event.message.as_deref()?;
    let name = image_name(quoted(message)?)?;
    let rest = message.splitn(3, '"').last().unwrap_or_default();
    let told = match event.reason.as_deref()? {
        "Pulled" if message.starts_with("Successfully pulled image ") => {
            Told::Pulled { seconds: pull_seconds(rest), bytes: image_bytes(rest) }
        }
        "Pulled" if rest.starts_with(" already present on machine") => Told::Cached,
        "Failed" if message.starts_with("Failed to pull image ") => Told::Failed,
        // Newer kubelets give the cause here too, and it may outlive the `Failed` event.
        "BackOff" if message.starts_with("Back-off pulling image ") && rest.starts_with(": ") => Told::Held,
        "InspectFailed" | "ErrImageNeverPull" => Told::Held,
        _ => return None,
    };
    Some((name, told))
}

/// `4.215` of ` in 4.215s (6.113s including waiting). Image size: …`: the pull itself, without the wait for its turn.
fn pull_seconds(rest: &str) -> Option<f64> {
    let duration = rest.strip_prefix(" in ")?.split_whitespace().next()?;
    go_seconds(duration.trim_end_matches('.'))
}

/// `187334512` of `… Image size: 187334512 bytes.`
fn image_bytes(rest: &str) -> Option<u64> {
    let (_, size) = rest.split_once("Image size: ")?;
    size.split_whitespace().next()?.parse().ok()
}

/// Seconds of a duration as Go prints it: `1h2m3.5s`, `300ms` (<https://pkg.go.dev/time#Duration.String>).
fn go_seconds(text: &str) -> Option<f64> {
    let (mut rest, mut seconds) = (text, 0.0);
    while !rest.is_empty() {
        let number = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
        let (count, after) = rest.split_at_checked(number)?;
        let unit = after.find(|letter: char| letter.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(unit)?;
        let scale = match unit {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" | "μs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        seconds += count.parse::<f64>().ok()? * scale;
        rest = after;
    }
    (!text.is_empty()).then_some(seconds)
}

/// What all events about one image tell.
#[derive(Debug, Default)]
pub(super) struct Tally {
    succeeded: u64,
    cached: u64,
    failed: u64,
    span: Option<(Timestamp, Timestamp)>,
    last_seconds: Option<(Timestamp, f64)>,
    last_bytes: Option<(Timestamp, u64)>,
    slowest: Option<(f64, Example)>,
    failures: SortedMap<String, PullFailure>,
}

impl Tally {
    /// Takes in what `event` tells.
    pub(super) fn add(&mut self, event: &Event<'_>, told: Told) {
        let count = event.series.as_ref().and_then(|series| series.count).or(event.count).unwrap_or(1).max(1);
        let times = times(event);
        match told {
            Told::Pulled { seconds, bytes } => {
                self.succeeded = self.succeeded.saturating_add(count);
                if let Some((_, to)) = times {
                    self.last_seconds = later(self.last_seconds, seconds.map(|seconds| (to, seconds)));
                    self.last_bytes = later(self.last_bytes, bytes.map(|bytes| (to, bytes)));
                }
                self.add_slowest(seconds, example(event));
            }
            Told::Cached => self.cached = self.cached.saturating_add(count),
            Told::Failed => self.failed = self.failed.saturating_add(count),
            Told::Held => {}
        }
        if matches!(told, Told::Failed | Told::Held) {
            self.add_failure(event, count, times);
        }
        if told != Told::Held {
            self.span = widen(self.span, times);
        }
    }

    fn add_slowest(&mut self, seconds: Option<f64>, example: Example) {
        let Some(seconds) = seconds else { return };
        let slower = self
            .slowest
            .as_ref()
            .is_none_or(|(most, first)| seconds > *most || (seconds.total_cmp(most).is_eq() && example < *first));
        if slower {
            self.slowest = Some((seconds, example));
        }
    }

    fn add_failure(&mut self, event: &Event<'_>, count: u64, times: Option<(Timestamp, Timestamp)>) {
        let failure = self.failures.get_or_insert_with(event.message.as_deref().unwrap_or_default().to_owned(), || {
            PullFailure { count: 0, first_seen: None, last_seen: None, examples: Default::default() }
        });
        failure.count = failure.count.saturating_add(count);
        let span = widen(failure.first_seen.zip(failure.last_seen), times);
        (failure.first_seen, failure.last_seen) = span.unzip();
        add_example(&mut failure.examples, example(event));
    }

    /// The pulls, when events told any with its time, and the failures by message.
    pub(super) fn finish(self) -> (Option<Pulls>, SortedMap<String, PullFailure>) {
        let pulls = self.span.map(|(from, to)| Pulls {
            succeeded: self.succeeded,
            cached: self.cached,
            failed: self.failed,
            from,
            to,
            last_duration_seconds: self.last_seconds.map(|(_, seconds)| seconds),
            last_size_bytes: self.last_bytes.map(|(_, bytes)| bytes),
            slowest: self.slowest,
        });
        (pulls, self.failures)
    }
}

/// When an event happened first and last, in whichever form it tells.
fn times(event: &Event<'_>) -> Option<(Timestamp, Timestamp)> {
    let series = event.series.as_ref().and_then(|series| series.last_observed_time);
    let known = [event.first_timestamp, event.event_time, event.last_timestamp, series];
    // RFC 3339 has no years before 0, and no event is older than its clock's zero.
    let known = || known.into_iter().flatten().filter(|time| *time >= Timestamp::UNIX_EPOCH);
    known().min().zip(known().max())
}

fn widen(span: Option<(Timestamp, Timestamp)>, by: Option<(Timestamp, Timestamp)>) -> Option<(Timestamp, Timestamp)> {
    match (span, by) {
        (Some((from, to)), Some((first, last))) => Some((from.min(first), to.max(last))),
        (span, by) => span.or(by),
    }
}

/// The later of two; of two at once the greater.
fn later<T: PartialOrd>(one: Option<(Timestamp, T)>, other: Option<(Timestamp, T)>) -> Option<(Timestamp, T)> {
    match (one, other) {
        (Some(one), Some(other)) => Some(if other > one { other } else { one }),
        (one, other) => one.or(other),
    }
}

fn example(event: &Event<'_>) -> Example {
    let object = &event.involved_object;
    let path = object.field_path.as_deref();
    let container = path.and_then(|path| path.split_once('{')?.1.strip_suffix('}')).map(Into::into);
    Example {
        namespace: object.namespace.as_deref().unwrap_or_default().into(),
        pod: object.name.as_deref().unwrap_or_default().into(),
        container,
        node: event.source.host.as_deref().filter(|host| !host.is_empty()).map(Into::into),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn event(json: serde_json::Value) -> Event<'static> {
        serde_json::from_str(json.to_string().leak()).unwrap()
    }

    fn pull(reason: &str, message: &str) -> Event<'static> {
        event(serde_json::json!({
            "reason": reason, "message": message,
            "involvedObject": {"kind": "Pod", "namespace": "shop", "name": "web", "fieldPath": "spec.containers{c}"},
        }))
    }

    #[test]
    fn kubelets_of_all_ages_are_understood() {
        let pulled = |seconds, bytes| Some(Told::Pulled { seconds, bytes });
        for (reason, message, expected) in [
            ("Pulled", "Successfully pulled image \"a\"", pulled(None, None)),
            ("Pulled", "Successfully pulled image \"a\" in 1.5s", pulled(Some(1.5), None)),
            ("Pulled", "Successfully pulled image \"a\" in 300ms (3s including waiting)", pulled(Some(0.3), None)),
            (
                "Pulled",
                "Successfully pulled image \"a\" in 1m12.5s (2m0s including waiting). Image size: 1873 bytes.",
                pulled(Some(72.5), Some(1873)),
            ),
            ("Pulled", "Container image \"a\" already present on machine", Some(Told::Cached)),
            (
                "Pulled",
                "Container image \"a\" already present on machine and can be accessed by the pod",
                Some(Told::Cached),
            ),
            ("Failed", "Failed to pull image \"a\": rpc error", Some(Told::Failed)),
            ("Failed", "Error: ErrImagePull", None),
            ("Failed", "Error: failed to start container \"a\"", None),
            ("BackOff", "Back-off pulling image \"a\"", None),
            ("BackOff", "Back-off pulling image \"a\": ErrImagePull: 401", Some(Told::Held)),
            ("BackOff", "Back-off restarting failed container \"a\": x", None),
            ("ErrImageNeverPull", "Container image \"a\" is not present with pull policy of Never", Some(Told::Held)),
            ("InspectFailed", "Failed to apply default image tag \"a\": couldn't parse", Some(Told::Held)),
            ("Pulling", "Pulling image \"a\"", None),
            ("Pulled", "", None),
        ] {
            let told = told(&pull(reason, message));
            assert_eq!(told, expected.map(|told| (image_name("a").unwrap(), told)), "{message}");
        }
        let mut other = pull("Pulled", "Successfully pulled image \"a\"");
        other.involved_object.kind = Some("Node".into());
        assert_eq!(told(&other), None);
    }

    #[test]
    fn both_forms_of_an_event_tell_its_times() {
        let time = |text: &str| text.parse::<Timestamp>().unwrap();
        let counted = serde_json::json!({"firstTimestamp": "2026-11-20T09:00:00Z", "lastTimestamp": "2026-11-20T09:10:00Z",
            "eventTime": null, "count": 14});
        let series = serde_json::json!({"firstTimestamp": null, "eventTime": "2026-11-20T09:00:00.000001Z",
            "series": {"count": 3, "lastObservedTime": "2026-11-20T09:05:00.5Z"}});
        let once =
            serde_json::json!({"eventTime": "2026-11-20T09:00:00Z", "firstTimestamp": "-004000-01-01T00:00:00Z"});
        for (json, count, from, to) in [
            (counted, 14, "2026-11-20T09:00:00Z", "2026-11-20T09:10:00Z"),
            (series, 3, "2026-11-20T09:00:00.000001Z", "2026-11-20T09:05:00.5Z"),
            (once, 1, "2026-11-20T09:00:00Z", "2026-11-20T09:00:00Z"),
        ] {
            let mut tally = Tally::default();
            tally.add(&event(json), Told::Failed);
            let (pulls, failures) = tally.finish();
            let pulls = pulls.unwrap();
            assert_eq!((pulls.failed, pulls.from, pulls.to), (count, time(from), time(to)));
            assert_eq!(failures[""].first_seen, Some(time(from)));
        }
    }

    #[test]
    fn what_is_held_back_is_no_pull() {
        let mut tally = Tally::default();
        let held = serde_json::json!({"message": "why", "eventTime": "2026-11-20T09:00:00Z"});
        tally.add(&event(held), Told::Held);
        let (pulls, failures) = tally.finish();
        assert_eq!((pulls, failures["why"].count), (None, 1));
    }

    #[test]
    fn absurd_counts_do_not_overflow() {
        let many: Event<'_> = serde_json::from_str(r#"{"count": 18446744073709551615}"#).unwrap();
        let mut tally = Tally::default();
        for _ in 0..2 {
            tally.add(&many, Told::Failed);
            tally.add(&many, Told::Cached);
            tally.add(&many, Told::Pulled { seconds: None, bytes: None });
        }
        assert_eq!((tally.succeeded, tally.cached, tally.failed), (u64::MAX, u64::MAX, u64::MAX));
    }

    proptest! {
        #[test]
        fn any_message_is_read_or_passed_by(message in "\\PC*", rest in "[ in0-9hms.µ\"]{0,20}") {
            let _ = told(&pull("Pulled", &message));
            let _ = told(&pull("Pulled", &format!("Successfully pulled image \"a\"{rest}")));
        }

        #[test]
        fn durations_are_summed(hours in 0u32..50, minutes in 0u32..60, millis in 0u32..60_000) {
            let text = format!("{hours}h{minutes}m{}s", f64::from(millis) / 1000.0);
            let expected = f64::from(hours) * 3600.0 + f64::from(minutes) * 60.0 + f64::from(millis) / 1000.0;
            prop_assert!((go_seconds(&text).unwrap() - expected).abs() < 1e-6);
        }
    }
}
