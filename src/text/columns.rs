//! Columns of text.

use console::measure_text_width;

/// What stands between two columns.
const GAP: usize = 2;

/// Rows as aligned columns, two spaces apart; the last column is not padded. Cells must be clean.
pub fn columns(rows: &[Vec<String>]) -> String {
    let widths = widths(rows);
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', width.saturating_sub(measure_text_width(cell)) + GAP));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// How many columns of a terminal `rows` take.
pub(crate) fn width(rows: &[Vec<String>]) -> usize {
    let widths = widths(rows);
    widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1)
}

/// `text` in at most `width` columns: of what is longer, the end, which tells images apart.
pub(crate) fn keep_end(text: &str, width: usize) -> String {
    if measure_text_width(text) <= width {
        return text.to_owned();
    }
    let ends = text.char_indices().map(|(start, _)| text.split_at(start).1);
    let end = ends.into_iter().find(|end| measure_text_width(end) < width).unwrap_or_default();
    format!("…{end}")
}

/// `text` in at most `width` columns: of what is longer, the beginning.
pub(crate) fn keep_start(text: &str, width: usize) -> String {
    console::truncate_str(text, width, "…").into_owned()
}

/// Shortens the cells of `column` by `keep`, though not below `shortest`, as far as `rows` are wider than `width`.
pub(crate) fn shorten(
    rows: &mut [Vec<String>],
    (column, shortest): (usize, usize),
    keep: fn(&str, usize) -> String,
    width: usize,
) {
    let beyond = self::width(rows).saturating_sub(width);
    if beyond == 0 {
        return;
    }
    let longest = rows.iter().filter_map(|row| row.get(column)).map(|cell| measure_text_width(cell)).max();
    let allowed = longest.unwrap_or(0).saturating_sub(beyond).max(shortest);
    for cell in rows.iter_mut().filter_map(|row| row.get_mut(column)) {
        *cell = keep(cell, allowed);
    }
}

/// `text` in lines of at most `width` columns, broken at spaces; a word that is longer has a line for itself.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if measure_text_width(line) + 1 + measure_text_width(word) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn widths(rows: &[Vec<String>]) -> Vec<usize> {
    let mut widths = Vec::new();
    for row in rows {
        widths.resize(widths.len().max(row.len()), 0);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(measure_text_width(cell));
        }
    }
    widths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_they_look() {
        let rows = [["NAME", "SIZE"], ["漢字漢字", "1"], ["é", "2"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(columns(&rows), "NAME      SIZE\n漢字漢字  1\né         2\n");
        assert_eq!(width(&rows), 14);
    }

    #[test]
    fn the_end_is_kept() {
        for (text, width, kept) in [
            ("registry.example/team/app:1.2", 40, "registry.example/team/app:1.2"),
            ("registry.example/team/app:1.2", 10, "…m/app:1.2"),
            ("漢字漢字", 5, "…漢字"),
            ("漢字漢字", 4, "…字"),
        ] {
            assert_eq!(keep_end(text, width), kept);
        }
    }

    #[test]
    fn the_start_is_kept() {
        for (text, width, kept) in [("COPY a b", 8, "COPY a b"), ("COPY a bc", 8, "COPY a …"), ("漢字漢字", 5, "漢字…")]
        {
            assert_eq!(keep_start(text, width), kept);
        }
    }

    #[test]
    fn one_column_gives_way() {
        let rows = [["registry.example/team/app:1.2", "failed"], ["a", "resolved"]];
        let rows = rows.map(|row| row.map(str::to_owned).to_vec());
        for (width, expected) in [(39, 29), (38, 28), (20, 12), (0, 12)] {
            let mut rows = rows.clone();
            shorten(&mut rows, (0, 12), keep_end, width);
            assert_eq!((measure_text_width(&rows[0][0]), rows[1][0].as_str()), (expected, "a"));
        }
    }

    #[test]
    fn lines_break_at_spaces() {
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("a-word-that-is-long and b", 8), ["a-word-that-is-long", "and b"]);
        assert_eq!(wrap("kept:   apart", 20), ["kept:   apart"]);
        assert_eq!(wrap("", 8), [""]);
    }
}
