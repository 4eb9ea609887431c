//! Where a JSON value ends, found while it arrives. Pure.

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
            let (length, has_ended) = self.step(rest);
            at += length;
            if has_ended {
                return (at, true);
            }
        }
        (bytes.len(), false)
    }

    /// Goes on to the next byte that matters.
    fn step(&mut self, rest: &[u8]) -> (usize, bool) {
        match self.inside {
            Inside::Nothing => {
                self.inside = match rest.first() {
                    Some(b'{' | b'[') => Inside::Brackets,
                    Some(b'"') => Inside::String,
                    _ => Inside::Scalar,
                };
                self.depth = usize::from(matches!(self.inside, Inside::Brackets));
                (1, false)
            }
            Inside::Brackets => self.brackets(rest),
            Inside::String => match memchr::memchr2(b'"', b'\\', rest) {
                None => (rest.len(), false),
                Some(at) if rest.get(at) == Some(&b'\\') => {
                    self.inside = Inside::Escape;
                    (at + 1, false)
                }
                Some(at) => {
                    self.inside = Inside::Brackets;
                    (at + 1, self.depth == 0)
                }
            },
            Inside::Escape => {
                self.inside = Inside::String;
                (1, false)
            }
            // What ends it is no part of it.
            Inside::Scalar => match rest.iter().position(|byte| b",:]} \t\n\r".contains(byte)) {
                None => (rest.len(), false),
                Some(at) => (at, true),
            },
        }
    }

    fn brackets(&mut self, rest: &[u8]) -> (usize, bool) {
        for (at, byte) in rest.iter().enumerate() {
            match byte {
                b'"' => {
                    self.inside = Inside::String;
                    return (at + 1, false);
                }
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return (at + 1, true);
                    }
                }
                _ => {}
            }
        }
        (rest.len(), false)
    }
}
