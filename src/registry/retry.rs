//! When to ask again: back-off, and what servers say about it.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use http::{HeaderMap, header};
use jiff::Timestamp;

/// The longest wait that is told apart from "never": a year.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// The waits before each further attempt: from a quarter of a second, doubling, with as much again at random.
pub(super) fn delays(retries: u32) -> impl Iterator<Item = Duration> + Send {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(250))
        .with_max_delay(Duration::from_secs(8))
        .with_max_times(usize::try_from(retries).unwrap_or(usize::MAX))
        .with_jitter()
        .build()
}

/// A short wait at random, so that those who were told the same do not come back at the same moment.
pub(super) fn spread() -> Duration {
    delays(1).next().unwrap_or_default()
}

/// What `Retry-After` asks for: seconds, or a date (RFC 9110, section 10.2.3).
///
/// A date is taken relative to the server's own `Date`, so that its clock need not agree with ours.
pub(super) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        // What does not fit into 64 bits is longer than any wait.
        return Some(text.parse().map_or(LONGEST, Duration::from_secs).min(LONGEST));
    }
    let at = http_date(text)?;
    let now = headers.get(header::DATE).and_then(|date| http_date(date.to_str().ok()?)).unwrap_or(now);
    let seconds = at.as_second().saturating_sub(now.as_second());
    Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)).min(LONGEST))
}

fn http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text.trim()).ok()
}

/// A quota header: `98`, or `98;w=21600` as Docker Hub writes it.
pub(super) fn quota(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.split([';', ',']).next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| ((*name).parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now: Timestamp = "2026-11-20T15:00:00Z".parse().unwrap();
        let (minute, year) = (Some(Duration::from_secs(60)), Some(LONGEST));
        for (value, expected) in [
            ("60", minute),
            (" 60 ", minute),
            ("0", Some(Duration::ZERO)),
            ("999999999", year),
            ("99999999999999999999999999", year),
            ("Fri, 20 Nov 2026 15:01:00 GMT", minute),
            ("Fri, 20 Nov 2026 14:00:00 GMT", Some(Duration::ZERO)),
            ("Wed, 29 Dec 9999 23:59:59 GMT", year),
            ("-1", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(retry_after(&headers(&[("retry-after", value)]), now), expected, "{value:?}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }

    #[test]
    fn a_date_is_relative_to_the_servers_clock() {
        let date = "Wed, 01 Jan 2020 00:00:00 GMT";
        let headers = headers(&[("retry-after", "Wed, 01 Jan 2020 00:00:07 GMT"), ("date", date)]);
        assert_eq!(retry_after(&headers, Timestamp::UNIX_EPOCH), Some(Duration::from_secs(7)));
    }

    #[test]
    fn a_quota_may_have_a_window() {
        for (value, expected) in [("98", Some(98)), ("98;w=21600", Some(98)), ("100, 100;w=60", Some(100)), ("x", None)]
        {
            assert_eq!(quota(&headers(&[("ratelimit-remaining", value)]), "ratelimit-remaining"), expected, "{value}");
        }
    }

    #[test]
    fn waits_grow_and_end() {
        let delays: Vec<_> = delays(5).collect();
        assert_eq!(delays.len(), 5);
        assert!(delays.iter().all(|delay| *delay <= Duration::from_secs(16)));
        assert!(delays[3] > delays[0]);
    }
}
