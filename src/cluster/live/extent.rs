//! Where a JSON value ends, found while it arrives. Pure.

use crate::json::StringPart;

/// The way through one value. Brackets of both kinds count alike: a value in which they do not match is none, and its
/// decoder will say so.
#[derive(Debug, Default)]
pub(super) struct Extent {
    inside: Inside,
    /// brackets that are open
    depth: usize,
}

#[derive(Debug, Clone, Copy, Default)]
enum Inside {
    /// before the first byte
    #[default]
    Nothing,
    /// an object or a list, and no string in it
    Brackets,
    String,
    /// a string, after a backslash
    Escape,
    /// a number, or a word such as `null`
    Scalar,
}

impl Extent {
    /// Goes on over `bytes`. Returns how many of them are the value's, and whether it ends with them.
    pub(super) fn advance(&mut self, bytes: &[u8]) -> (usize, bool) {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let (length, has_ended) = match self.inside {
                Inside::Nothing => self.begin(rest),
                Inside::Brackets => self.brackets(rest),
                Inside::String => self.string(rest),
                Inside::Escape => {
                    self.inside = Inside::String;
                    (1, false)
                }
                // What ends it is no part of it.
                Inside::Scalar => match rest.iter().position(|byte| b",:]} \t\n\r".contains(byte)) {
                    None => (rest.len(), false),
                    Some(at) => (at, true),
                },
            };
            at += length;
            if has_ended {
                return (at, true);
            }
        }
        (bytes.len(), false)
    }

    fn begin(&mut self, rest: &[u8]) -> (usize, bool) {
        self.inside = match rest.first() {
            Some(b'{' | b'[') => Inside::Brackets,
            Some(b'"') => Inside::String,
            _ => Inside::Scalar,
        };
        self.depth = usize::from(matches!(self.inside, Inside::Brackets));
        (1, false)
    }

    #[inline(always)]
    fn string(&mut self, rest: &[u8]) -> (usize, bool) {
        let (length, inside) = match StringPart::of(rest) {
            StringPart::End(length) => (length, Inside::Brackets),
            StringPart::Open => (rest.len(), Inside::String),
            StringPart::Escaping => (rest.len(), Inside::Escape),
        };
        self.inside = inside;
        (length, matches!(inside, Inside::Brackets) && self.depth == 0)
    }

    /// Most of a list's bytes are gone over here, strings among them.
    fn brackets(&mut self, rest: &[u8]) -> (usize, bool) {
        let mut at = 0;
        while let Some(byte) = rest.get(at) {
            at += 1;
            match byte {
                b'"' => {
                    at += self.string(rest.get(at..).unwrap_or_default()).0;
                    if !matches!(self.inside, Inside::Brackets) {
                        break;
                    }
                }
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return (at, true);
                    }
                }
                _ => {}
            }
        }
        (at, false)
    }
}
