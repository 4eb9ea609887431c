//! Indented JSON, as `serde_json` writes it, but each line's indentation at once: it is most of what is written.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// What one level is indented by.
const STEP: usize = 2;

/// What a line may begin with: what ends the one before, and its indentation.
const LINE: &[u8] = b",\n                                                                ";

/// Writes `value`.
///
/// # Errors
/// When `value` has no form as JSON, and those of `out`.
pub fn write(out: impl Write, value: &impl Serialize) -> serde_json::Result<()> {
    write_at(0, out, value)
}

/// Writes `value` as it stands so many levels deep in another; its first line is not indented.
///
/// # Errors
/// When `value` has no form as JSON, and those of `out`.
pub fn write_at(depth: usize, out: impl Write, value: &impl Serialize) -> serde_json::Result<()> {
    value.serialize(&mut Serializer::with_formatter(out, Indented { depth, is_empty: true }))
}

/// Breaks lines, and indents them.
struct Indented {
    /// arrays and objects that are open
    depth: usize,
    /// whether nothing stands yet in the last that was opened
    is_empty: bool,
}

impl Indented {
    fn begin_line(&self, out: &mut (impl Write + ?Sized), after_comma: bool) -> io::Result<()> {
        let (from, to) = (usize::from(!after_comma), ",\n".len() + self.depth * STEP);
        if let Some(line) = LINE.get(from..to) {
            return out.write_all(line);
        }
        out.write_all(LINE.get(from..).unwrap_or_default())?;
        (LINE.len()..to).try_for_each(|_| out.write_all(b" "))
    }

    fn open(&mut self, out: &mut (impl Write + ?Sized), bracket: &[u8]) -> io::Result<()> {
        (self.depth, self.is_empty) = (self.depth + 1, true);
        out.write_all(bracket)
    }

    fn close(&mut self, out: &mut (impl Write + ?Sized), bracket: &[u8]) -> io::Result<()> {
        self.depth = self.depth.saturating_sub(1);
        if !self.is_empty {
            self.begin_line(out, false)?;
        }
        self.is_empty = false;
        out.write_all(bracket)
    }
}

impl Formatter for Indented {
    fn begin_array<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.open(out, b"[")
    }

    fn end_array<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.close(out, b"]")
    }

    fn begin_array_value<W: Write + ?Sized>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.begin_line(out, !first)
    }

    fn end_array_value<W: Write + ?Sized>(&mut self, _: &mut W) -> io::Result<()> {
        self.is_empty = false;
        Ok(())
    }

    fn begin_object<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.open(out, b"{")
    }

    fn end_object<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.close(out, b"}")
    }

    fn begin_object_key<W: Write + ?Sized>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.begin_line(out, !first)
    }

    fn begin_object_value<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(b": ")
    }

    fn end_object_value<W: Write + ?Sized>(&mut self, _: &mut W) -> io::Result<()> {
        self.is_empty = false;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn written(depth: usize, value: &Value) -> String {
        let mut text = Vec::new();
        write_at(depth, &mut text, value).unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn it_is_as_serde_json_writes_it() {
        let deep = (0..60)
            .fold(json!(1), |inner, level| if level % 2 == 0 { json!([inner, {}]) } else { json!({ "a": inner }) });
        for value in [
            json!({"a": [], "b": {}, "c": [[], {}, [{}], "x\n"], "d": {"e": null, "f": [1, true]}}),
            json!([]),
            json!("text"),
            json!([{}, []]),
            deep,
        ] {
            assert_eq!(written(0, &value), serde_json::to_string_pretty(&value).unwrap());
        }
    }

    #[test]
    fn a_part_stands_as_deep_as_it_lies() {
        let (part, whole) = (json!({"a": [1, {}]}), json!({"parts": [{"a": [1, {}]}]}));
        let expected = serde_json::to_string_pretty(&whole).unwrap();
        assert_eq!(format!("{{\n  \"parts\": [\n    {}\n  ]\n}}", written(2, &part)), expected);
    }
}
