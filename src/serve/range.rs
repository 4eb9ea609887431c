//! `Range` of downloads and `Content-Range` of uploads.

use std::ops::Range;

/// The part of a content of `length` bytes that a `Range` header asks for.
///
/// `Ok(None)` stands for the whole: there is no header, or one that may be ignored (another unit, several ranges, not
/// well formed; RFC 9110, 14.2). `Err` means that nothing of the content is asked for.
pub(super) fn requested(header: Option<&str>, length: u64) -> Result<Option<Range<u64>>, ()> {
    let Some((first, last)) = header.and_then(|text| text.strip_prefix("bytes=")).and_then(|set| set.split_once('-'))
    else {
        return Ok(None);
    };
    let range = match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(length),
        (Some(first), None) if last.is_empty() => first..length,
        (None, Some(suffix)) if first.is_empty() => length.saturating_sub(suffix)..length,
        _ => return Ok(None),
    };
    if range.is_empty() { Err(()) } else { Ok(Some(range)) }
}

/// The part of an upload that a `Content-Range: <first>-<last>` announces; `None` when it is not of this form.
///
/// The specification writes it without a unit ("Pushing a blob in chunks"); some clients add one and the total.
pub(super) fn announced(header: &str) -> Option<Range<u64>> {
    let text = header.strip_prefix("bytes ").unwrap_or(header);
    let (first, last) = text.split('/').next()?.split_once('-')?;
    let (first, last) = (number(first)?, number(last)?);
    (first <= last && last < u64::MAX).then(|| first..last + 1)
}

fn number(text: &str) -> Option<u64> {
    // `parse` alone would take a plus sign.
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_downloads() {
        for (header, part) in [
            ("bytes=0-3", Ok(Some(0..4))),
            ("bytes=2-", Ok(Some(2..10))),
            ("bytes=-3", Ok(Some(7..10))),
            ("bytes=-99", Ok(Some(0..10))),
            ("bytes=9-99", Ok(Some(9..10))),
            ("bytes=0-18446744073709551615", Ok(Some(0..10))),
            ("bytes=10-", Err(())),
            ("bytes=10-12", Err(())),
            ("bytes=-0", Err(())),
            ("bytes=5-2", Ok(None)),
            ("bytes=0-1,3-4", Ok(None)),
            ("bytes=+1-2", Ok(None)),
            ("bytes=-", Ok(None)),
            ("lines=0-1", Ok(None)),
        ] {
            assert_eq!(requested(Some(header), 10), part, "{header}");
        }
        assert_eq!(requested(None, 10), Ok(None));
        assert_eq!(requested(Some("bytes=0-"), 0), Err(()));
    }

    #[test]
    fn ranges_of_uploads() {
        for (header, part) in [
            ("0-0", Some(0..1)),
            ("10-19", Some(10..20)),
            ("bytes 10-19/20", Some(10..20)),
            ("19-10", None),
            ("10-", None),
            ("-10", None),
            ("x", None),
            ("0-18446744073709551615", None),
        ] {
            assert_eq!(announced(header), part, "{header}");
        }
    }
}
