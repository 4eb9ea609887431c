//! Text for people: from outside, made fit for a terminal; numbers as people read them; columns.

mod columns;

use std::borrow::Cow;

pub use columns::columns;
pub(crate) use columns::{keep_end, keep_start, shorten, width, wrap};

/// Makes what a terminal would obey, hide or reorder visible: `\n`, `\u{1b}`, `\u{202e}`.
///
/// Labels, messages and names come from registries and clusters; none of them may move the cursor, recolour the
/// screen, forge a line or read other than it is. The result is always one line.
pub fn clean(text: &str) -> Cow<'_, str> {
    if !text.contains(acts_on_terminal) {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if acts_on_terminal(c) {
            clean.extend(c.escape_default());
        } else {
            clean.push(c);
        }
    }
    Cow::Owned(clean)
}

/// The first `limit` characters of `text`, and `…` where that is not all. A word that goes on beyond them is left out: what masks
/// secrets would not know the half of one.
pub fn cut(text: &str, limit: usize) -> Cow<'_, str> {
    let Some((end, _)) = text.char_indices().nth(limit) else { return Cow::Borrowed(text) };
    let (start, rest) = text.split_at(end);
    let is_of_word = |c: char| c.is_ascii_graphic() && !"\"'`<>\\".contains(c);
    let start = if rest.starts_with(is_of_word) { start.trim_end_matches(is_of_word) } else { start };
    Cow::Owned(format!("{start}…"))
}

/// Controls (C0, DEL, C1), and what Unicode calls format characters and line separators: they show nothing themselves.
pub fn acts_on_terminal(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

/// `1 image`, `2 images`: a count with its thing, whose plural ends in s.
pub fn count(n: u64, thing: &str) -> String {
    format!("{n} {thing}{}", if n == 1 { "" } else { "s" })
}

/// Bytes in binary units: `72.3 MiB`.
pub fn size(bytes: u64) -> String {
    bytesize::ByteSize::b(bytes).display().iec().to_string()
}

/// Milliseconds as `420 ms`, `12.3 s` or `3 min 5 s`.
pub fn duration(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        _ => seconds(ms / 1_000),
    }
}

/// Seconds as `9 s` or `3 min 5 s`.
pub fn seconds(s: u64) -> String {
    if s < 60 { format!("{s} s") } else { format!("{} min {} s", s / 60, s % 60) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn no_word_is_cut_in_two() {
        for (text, limit, expected) in [
            ("a bc", 4, "a bc"),
            ("a bcd", 4, "a …"),
            ("a bcd e", 5, "a bcd…"),
            ("token ghp_0123456789", 12, "token …"),
            ("at \"https://me:pass@h\"", 18, "at \"…"),
            ("ghp_0123456789", 8, "…"),
            ("ääää", 2, "ää…"),
            ("", 0, ""),
        ] {
            assert_eq!(cut(text, limit), expected, "{text}");
        }
    }

    #[test]
    fn hidden_text_becomes_visible() {
        for (raw, shown) in [
            ("docker.io/library/nginx:1.29", "docker.io/library/nginx:1.29"),
            ("größer 漢字 🦀", "größer 漢字 🦀"),
            ("a\nb\tc\rd", "a\\nb\\tc\\rd"),
            ("\u{1b}[31mred", "\\u{1b}[31mred"),
            ("\u{1b}]0;title\u{7}", "\\u{1b}]0;title\\u{7}"),
            ("\u{9b}2J", "\\u{9b}2J"),
            ("safe\u{202e}exe.png", "safe\\u{202e}exe.png"),
            ("zero\u{200b}width\u{feff}", "zero\\u{200b}width\\u{feff}"),
            ("del\u{7f}nul\0", "del\\u{7f}nul\\u{0}"),
        ] {
            assert_eq!(clean(raw), shown);
        }
    }

    #[test]
    fn sizes_read_well() {
        for (bytes, shown) in
            [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (3 << 30, "3.0 GiB"), (5 << 40, "5.0 TiB")]
        {
            assert_eq!(size(bytes), shown);
        }
    }

    #[test]
    fn durations_read_well() {
        for (ms, shown) in
            [(0, "0 ms"), (999, "999 ms"), (12_345, "12.3 s"), (59_999, "59.9 s"), (185_000, "3 min 5 s")]
        {
            assert_eq!(duration(ms), shown);
        }
    }

    proptest! {
        #[test]
        fn nothing_that_acts_is_left(text in any::<String>()) {
            let once = clean(&text).into_owned();
            prop_assert!(!once.contains(acts_on_terminal));
            prop_assert_eq!(clean(&once), once.as_str());
        }
    }
}
