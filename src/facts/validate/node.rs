//! A tape as the schema's validator reads it.

use std::borrow::Cow;
use std::ptr;

use jsonschema::JsonType;
use jsonschema::json::{Array, Json, Node, NodeIdentity, Object, cmp};
use serde_json::{Number, Value};

use super::tape::{Extent, Slot, Tape};

/// A place on a tape.
#[derive(Debug, Clone, Copy)]
pub(super) struct At<'a> {
    tape: &'a Tape,
    slot: usize,
}

/// What an array or object holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held<'a> {
    len: usize,
    slots: Elements<'a>,
}

/// The values of an array, in its order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Elements<'a> {
    next: At<'a>,
    end: usize,
}

/// The members of an object, in its order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Members<'a>(Elements<'a>);

impl Tape {
    /// Its value.
    pub(super) fn root(&self) -> At<'_> {
        At { tape: self, slot: 0 }
    }
}

impl<'a> At<'a> {
    fn slot(self) -> &'a Slot {
        self.tape.slot(self.slot)
    }

    fn text(self) -> Option<&'a str> {
        self.tape.text(self.slot)
    }

    fn holding(self, Extent { len, end }: Extent) -> Held<'a> {
        let next = Self { slot: self.slot + 1, ..self };
        Held { len, slots: Elements { next, end } }
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = At<'a>;

    fn next(&mut self) -> Option<At<'a>> {
        let At { tape, slot } = self.next;
        if slot >= self.end {
            return None;
        }
        self.next.slot = tape.beyond(slot);
        Some(At { tape, slot })
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = (&'a str, At<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, value) = (self.0.next()?, self.0.next()?);
        Some((name.text().unwrap_or_default(), value))
    }
}

impl Json for Tape {
    type Node<'a> = At<'a>;
    type PreparedKey = String;
    type StringBuffer = Self;

    // A member is found by looking at those before it.
    const KEYS_PER_LOOKUP: usize = 4;

    fn prepare_key(key: &str) -> String {
        key.to_owned()
    }

    fn with_string_node<T>(buffer: &mut Self, string: &str, f: impl FnOnce(At<'_>) -> T) -> T {
        *buffer = Self::of_text(string);
        f(buffer.root())
    }
}

impl<'a> Node<'a, Tape> for At<'a> {
    type Object = Held<'a>;
    type Array = Held<'a>;
    type Number = &'a Number;

    fn as_object(&self) -> Option<Held<'a>> {
        match self.slot() {
            Slot::Object(extent) => Some(self.holding(*extent)),
            _ => None,
        }
    }

    fn as_array(&self) -> Option<Held<'a>> {
        match self.slot() {
            Slot::Array(extent) => Some(self.holding(*extent)),
            _ => None,
        }
    }

    fn as_string(&self) -> Option<Cow<'a, str>> {
        self.text().map(Cow::Borrowed)
    }

    fn as_number(&self) -> Option<&'a Number> {
        match self.slot() {
            Slot::Number(number) => Some(number),
            _ => None,
        }
    }

    fn as_boolean(&self) -> Option<bool> {
        match self.slot() {
            Slot::Bool(value) => Some(*value),
            _ => None,
        }
    }

    fn is_null(&self) -> bool {
        matches!(self.slot(), Slot::Null)
    }

    fn json_type(&self) -> JsonType {
        match self.slot() {
            Slot::Null => JsonType::Null,
            Slot::Bool(_) => JsonType::Boolean,
            Slot::Number(_) => JsonType::Number,
            Slot::Text(_) | Slot::Word(_) => JsonType::String,
            Slot::Array(_) => JsonType::Array,
            Slot::Object(_) => JsonType::Object,
        }
    }

    fn equals_value(&self, expected: &Value) -> bool {
        match (self.text(), expected) {
            (Some(text), Value::String(expected)) => text == expected,
            (Some(_), _) | (None, Value::String(_)) => false,
            _ => cmp::equal(&self.to_value(), expected),
        }
    }

    fn to_value(&self) -> Cow<'a, Value> {
        Cow::Owned(match self.slot() {
            Slot::Null => Value::Null,
            Slot::Bool(value) => Value::Bool(*value),
            Slot::Number(number) => Value::Number(number.clone()),
            Slot::Text(_) | Slot::Word(_) => Value::String(self.text().unwrap_or_default().to_owned()),
            Slot::Array(extent) => {
                let elements = self.holding(*extent).elements();
                Value::Array(elements.map(|element| element.to_value().into_owned()).collect())
            }
            Slot::Object(extent) => {
                let members = self.holding(*extent).members();
                Value::Object(members.map(|(name, value)| (name.to_owned(), value.to_value().into_owned())).collect())
            }
        })
    }

    fn identity(&self) -> Option<NodeIdentity> {
        Some(NodeIdentity::new(ptr::from_ref(self.slot()).addr()))
    }
}

impl<'a> Object<'a, Tape> for Held<'a> {
    type Node = At<'a>;
    type MemberName = &'a str;
    type MembersIter = Members<'a>;

    fn len(&self) -> usize {
        self.len
    }

    fn get(&self, key: &String) -> Option<At<'a>> {
        self.members().find_map(|(name, value)| (name == key).then_some(value))
    }

    fn members(&self) -> Members<'a> {
        Members(self.slots)
    }
}

impl<'a> Array<'a, Tape> for Held<'a> {
    type Node = At<'a>;
    type ElementsIter = Elements<'a>;

    fn len(&self) -> usize {
        self.len
    }

    fn elements(&self) -> Elements<'a> {
        self.slots
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jsonschema::json::conformance;
    use proptest::prelude::*;
    use serde::Serialize;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_validator_reads_it_as_it_reads_any_other_json() {
        let tape = Tape::of(&conformance::document()).unwrap();
        conformance::assert_conformance::<Tape>(&tape.root());
    }

    #[derive(Serialize)]
    enum Variant {
        Unit,
        Newtype(u8),
        Tuple(i64, char),
        Struct { flag: bool, none: Option<()> },
    }

    #[derive(Serialize)]
    struct Of<'a> {
        variants: [Variant; 4],
        map: BTreeMap<&'a str, (f32, u64)>,
        #[serde(flatten)]
        more: BTreeMap<String, Value>,
        time: Option<jiff::Timestamp>,
        unit: (),
    }

    #[test]
    fn what_is_written_is_what_serde_json_would_make_of_it() {
        let value = Of {
            variants: [
                Variant::Unit,
                Variant::Newtype(7),
                Variant::Tuple(-1, 'é'),
                Variant::Struct { flag: true, none: None },
            ],
            map: [("a", (1.5, u64::MAX)), ("nan", (f32::NAN, 0))].into(),
            more: [("more".to_owned(), json!([{}, [], {"deep": [[1]]}, ""]))].into(),
            time: Some(jiff::Timestamp::UNIX_EPOCH),
            unit: (),
        };
        let tape = Tape::of(&value).unwrap();
        assert_eq!(*tape.root().to_value(), serde_json::to_value(&value).unwrap());
    }

    #[test]
    fn names_are_strings() {
        assert!(Tape::of(&BTreeMap::from([([1], 1)])).is_err());
        assert!(Tape::default().root().is_null(), "nothing is null");
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 64, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
                prop::collection::vec((".{0,4}", inner), 0..8).prop_map(|members| members.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn nothing_is_lost(value in any_json()) {
            let tape = Tape::of(&value).unwrap();
            prop_assert_eq!(&*tape.root().to_value(), &value);
            prop_assert!(tape.root().equals_value(&value));
        }
    }
}
