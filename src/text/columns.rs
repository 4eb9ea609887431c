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
}
