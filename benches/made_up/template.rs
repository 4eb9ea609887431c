//! JSON texts with places to fill in, and made up values that fill them.

use serde_json::Value;

/// A text with places, written `@name@`.
pub(crate) struct Template {
    /// text, and the place after it: the number of its name
    parts: Vec<(String, usize)>,
    rest: String,
}

impl Template {
    /// The places of `names` in `value`.
    pub(crate) fn new(value: &Value, names: &[&str]) -> Self {
        // The place of a number stands in quotes, as JSON has no places.
        let text = value.to_string().replace("\"@replicas@\"", "@replicas@");
        let (mut parts, mut rest) = (Vec::new(), text.as_str());
        let first = |rest: &str| {
            let places = names.iter().enumerate().filter_map(|(number, name)| {
                let place = format!("@{name}@");
                rest.find(&place).map(|at| (at, number, place.len()))
            });
            places.min()
        };
        while let Some((at, number, length)) = first(rest) {
            let (before, after) = rest.split_at(at);
            parts.push((before.to_owned(), number));
            rest = after.split_at(length).1;
        }
        Self { parts, rest: rest.to_owned() }
    }

    /// Appends the text with `values` in the places of their names.
    pub(crate) fn render(&self, values: &[&str], into: &mut String) {
        for (before, number) in &self.parts {
            into.push_str(before);
            into.push_str(values.get(*number).copied().unwrap_or_default());
        }
        into.push_str(&self.rest);
    }
}

/// Numbers that look like chance, and are the same in every run and every process (splitmix64).
pub(crate) struct Chance(u64);

impl Chance {
    /// What is drawn depends on `kind` and `number` alone.
    pub(crate) fn of(kind: &str, number: usize) -> Self {
        let kind = kind.bytes().fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        Self((kind << 40) ^ number as u64)
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// 64 hexadecimal digits.
    pub(crate) fn hex(&mut self) -> String {
        let mut text = String::with_capacity(64);
        (0..4).for_each(|_| text.push_str(&format!("{:016x}", self.number())));
        text
    }

    /// A UID.
    pub(crate) fn uid(&mut self) -> String {
        let (a, b) = (self.number(), self.number());
        let field = |bits: u64, shift: u32, mask: u64| (bits >> shift) & mask;
        format!(
            "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
            field(a, 32, 0xffff_ffff),
            field(a, 16, 0xffff),
            field(a, 0, 0xfff),
            field(b, 48, 0xfff),
            field(b, 0, 0xffff_ffff_ffff)
        )
    }
}
