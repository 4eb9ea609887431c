//! JSON as it is validated: all of a value in two pieces of memory, where serde_json's tree takes one for each key and text.
//!
//! Each manifest of thousands is looked at once and let go. To build its tree would take longer than to look at it.

use std::fmt::Display;
use std::ops::Range;

use serde::ser::{self, Error as _, Serialize};
use serde_json::{Error, Number};

/// A JSON value, in the order in which it would be written.
#[derive(Debug, Default)]
pub(super) struct Tape {
    slots: Vec<Slot>,
    /// all texts, one after the other
    text: String,
}

/// A value, or a member's name. What an array or an object holds follows it.
#[derive(Debug)]
pub(super) enum Slot {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// a number
    Number(Number),
    /// a string; its place among all texts
    Text(Range<usize>),
    /// a string that the program knows
    Word(&'static str),
    /// so many values
    Array(Extent),
    /// so many names, each before its value
    Object(Extent),
}

/// How far an array or object goes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Extent {
    /// elements or members
    pub(super) len: usize,
    /// the slot behind it
    pub(super) end: usize,
}

/// How many slots, and how many bytes of text, most values take at first.
const ROOM: (usize, usize) = (64, 1 << 10);

impl Tape {
    /// `value` as JSON.
    ///
    /// # Errors
    /// When it cannot be JSON, or has names that are no strings.
    pub(super) fn of(value: &(impl Serialize + ?Sized)) -> Result<Self, Error> {
        let mut tape = Self { slots: Vec::with_capacity(ROOM.0), text: String::with_capacity(ROOM.1) };
        value.serialize(&mut tape)?;
        Ok(tape)
    }

    /// One string.
    pub(super) fn of_text(text: &str) -> Self {
        let mut tape = Self::default();
        tape.push_text(text);
        tape
    }

    /// What is in the slot `at`.
    pub(super) fn slot(&self, at: usize) -> &Slot {
        self.slots.get(at).unwrap_or(&Slot::Null)
    }

    /// The string in the slot `at`.
    pub(super) fn text(&self, at: usize) -> Option<&str> {
        match self.slot(at) {
            Slot::Text(range) => self.text.get(range.clone()),
            Slot::Word(word) => Some(word),
            _ => None,
        }
    }

    /// The slot behind the value in the slot `at`.
    pub(super) fn beyond(&self, at: usize) -> usize {
        match self.slot(at) {
            Slot::Array(extent) | Slot::Object(extent) => extent.end,
            _ => at + 1,
        }
    }

    fn push(&mut self, slot: Slot) {
        self.slots.push(slot);
    }

    fn push_text(&mut self, text: &str) {
        let start = self.text.len();
        self.text.push_str(text);
        self.push(Slot::Text(start..self.text.len()));
    }

    fn open(&mut self, slot: fn(Extent) -> Slot) -> Open<'_> {
        let at = self.slots.len();
        self.push(slot(Extent::default()));
        Open { tape: self, at, len: 0, slot, outer: None }
    }

    /// The value of an enum's variant: an object of one member.
    fn open_variant(&mut self, variant: &'static str, slot: fn(Extent) -> Slot) -> Open<'_> {
        let outer = self.slots.len();
        self.push(Slot::Object(Extent::default()));
        self.push(Slot::Word(variant));
        Open { outer: Some(outer), ..self.open(slot) }
    }

    fn close(&mut self, at: usize, len: usize, slot: fn(Extent) -> Slot) {
        let end = self.slots.len();
        if let Some(open) = self.slots.get_mut(at) {
            *open = slot(Extent { len, end });
        }
    }
}

/// An array or object to which more comes.
pub(super) struct Open<'a> {
    tape: &'a mut Tape,
    at: usize,
    len: usize,
    slot: fn(Extent) -> Slot,
    /// the object around it
    outer: Option<usize>,
}

impl Open<'_> {
    fn add(&mut self, value: &(impl Serialize + ?Sized)) -> Result<(), Error> {
        self.len += 1;
        value.serialize(&mut *self.tape)
    }

    fn add_field(&mut self, name: &'static str, value: &(impl Serialize + ?Sized)) -> Result<(), Error> {
        self.tape.push(Slot::Word(name));
        self.add(value)
    }

    fn close(self) {
        self.tape.close(self.at, self.len, self.slot);
        if let Some(outer) = self.outer {
            self.tape.close(outer, 1, Slot::Object);
        }
    }
}

/// Numbers that are written as wider ones.
macro_rules! wider {
    ($($narrow:ident: $type:ty),+ => $wide:ident) => {$(
        fn $narrow(self, value: $type) -> Result<(), Error> {
            self.$wide(value.into())
        }
    )+};
}

impl<'a> ser::Serializer for &'a mut Tape {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Open<'a>;
    type SerializeTuple = Open<'a>;
    type SerializeTupleStruct = Open<'a>;
    type SerializeTupleVariant = Open<'a>;
    type SerializeMap = Open<'a>;
    type SerializeStruct = Open<'a>;
    type SerializeStructVariant = Open<'a>;

    fn serialize_bool(self, value: bool) -> Result<(), Error> {
        self.push(Slot::Bool(value));
        Ok(())
    }

    wider! { serialize_i8: i8, serialize_i16: i16, serialize_i32: i32 => serialize_i64 }
    wider! { serialize_u8: u8, serialize_u16: u16, serialize_u32: u32 => serialize_u64 }
    wider! { serialize_f32: f32 => serialize_f64 }

    fn serialize_i64(self, value: i64) -> Result<(), Error> {
        self.push(Slot::Number(value.into()));
        Ok(())
    }

    fn serialize_u64(self, value: u64) -> Result<(), Error> {
        self.push(Slot::Number(value.into()));
        Ok(())
    }

    fn serialize_f64(self, value: f64) -> Result<(), Error> {
        self.push(Number::from_f64(value).map_or(Slot::Null, Slot::Number));
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), Error> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), Error> {
        self.push_text(value);
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_none(self) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        self.push(Slot::Null);
        Ok(())
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _name: &'static str, _index: u32, variant: &'static str) -> Result<(), Error> {
        self.push(Slot::Word(variant));
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _name: &'static str, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        let mut object = self.open(Slot::Object);
        object.add_field(variant, value)?;
        object.close();
        Ok(())
    }

    fn serialize_seq(self, _len: Option<usize>) -> Result<Open<'a>, Error> {
        Ok(self.open(Slot::Array))
    }

    fn serialize_tuple(self, _len: usize) -> Result<Open<'a>, Error> {
        Ok(self.open(Slot::Array))
    }

    fn serialize_tuple_struct(self, _name: &'static str, _len: usize) -> Result<Open<'a>, Error> {
        Ok(self.open(Slot::Array))
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Open<'a>, Error> {
        Ok(self.open_variant(variant, Slot::Array))
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<Open<'a>, Error> {
        Ok(self.open(Slot::Object))
    }

    fn serialize_struct(self, _name: &'static str, _len: usize) -> Result<Open<'a>, Error> {
        Ok(self.open(Slot::Object))
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Open<'a>, Error> {
        Ok(self.open_variant(variant, Slot::Object))
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<(), Error> {
        use std::fmt::Write as _;
        let start = self.text.len();
        write!(self.text, "{value}").map_err(Error::custom)?;
        self.push(Slot::Text(start..self.text.len()));
        Ok(())
    }
}

/// How what consists of many is added to a tape.
macro_rules! compound {
    ($($trait:ident: $add:ident($($name:ident: $type:ty)?) => $with:ident),+ $(,)?) => {$(
        impl ser::$trait for Open<'_> {
            type Ok = ();
            type Error = Error;

            fn $add<T: Serialize + ?Sized>(&mut self, $($name: $type,)? value: &T) -> Result<(), Error> {
                self.$with($($name,)? value)
            }

            fn end(self) -> Result<(), Error> {
                self.close();
                Ok(())
            }
        }
    )+};
}

compound! {
    SerializeSeq: serialize_element() => add,
    SerializeTuple: serialize_element() => add,
    SerializeTupleStruct: serialize_field() => add,
    SerializeTupleVariant: serialize_field() => add,
    SerializeStruct: serialize_field(name: &'static str) => add_field,
    SerializeStructVariant: serialize_field(name: &'static str) => add_field,
}

impl ser::SerializeMap for Open<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        let at = self.tape.slots.len();
        key.serialize(&mut *self.tape)?;
        self.tape.text(at).map(drop).ok_or_else(|| Error::custom("a name that is no string"))
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.add(value)
    }

    fn end(self) -> Result<(), Error> {
        self.close();
        Ok(())
    }
}
