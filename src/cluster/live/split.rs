//! Splits a list into its objects while it arrives, so that no more of it is held than one object. Pure.
//!
//! Of JSON's grammar only as much is known here as tells where a value ends. Whether an object is well-formed is for
//! its own decoder to say, so that a bad one spoils no other.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};
use thiserror::Error;

use super::extent::Extent;
use crate::cluster::objects::ListMetadata;

/// Takes a list's bytes as they come, and gives its objects.
#[derive(Debug)]
pub(super) struct Splitter {
    place: Place,
    /// of the value under way
    extent: Extent,
    /// the value under way, as far as it has come
    value: Vec<u8>,
    /// the largest value that is kept, in bytes
    limit: usize,
    is_too_large: bool,
    metadata: Option<ListMetadata>,
    items: u64,
    /// bytes taken so far
    taken: usize,
}

/// An entry of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Item<'a> {
    /// what should be an object, as JSON
    Json(&'a str),
    /// one that was passed by, as it is larger than the limit
    TooLarge,
}

/// Why something is no list.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum NoList {
    #[error("no JSON of a list at byte {0}")]
    Syntax(usize),
    #[error("its metadata or items are not those of a list")]
    Field,
    #[error("it ends too early")]
    Truncated,
    #[error("it is no list")]
    Other,
}

/// What may come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Start,
    FirstName,
    Name,
    Colon(Field),
    Member(Field),
    AfterMember,
    FirstItem,
    Item,
    AfterItem,
    /// more of a value
    Within(Value),
    End,
}

/// A field of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Items,
    Metadata,
    Other,
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Value {
    Name,
    Of(Field),
    Item,
}

impl Splitter {
    /// At the start of a list whose objects may have `limit` bytes each.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            place: Place::Start,
            extent: Extent::default(),
            value: Vec::new(),
            limit,
            is_too_large: false,
            metadata: None,
            items: 0,
            taken: 0,
        }
    }

    /// Takes the next bytes, and hands each item that is complete with them to `take`.
    pub(super) fn push(&mut self, chunk: &[u8], take: &mut impl FnMut(Item<'_>)) -> Result<(), NoList> {
        let mut rest = chunk;
        while let Some(&byte) = rest.first() {
            let here = self.taken + (chunk.len() - rest.len());
            let Place::Within(what) = self.place else {
                self.place = self.next(byte).ok_or(NoList::Syntax(here))?;
                if matches!(self.place, Place::Within(_)) {
                    self.begin();
                } else {
                    rest = rest.split_at(1).1;
                }
                continue;
            };
            let (length, has_ended) = self.extent.advance(rest);
            let (part, beyond) = rest.split_at(length);
            self.keep(part, what);
            rest = beyond;
            if has_ended {
                self.place = self.complete(what, take)?;
            }
        }
        self.taken += chunk.len();
        Ok(())
    }

    /// The token of the next page, as soon as the list's metadata have come.
    pub(super) fn next_token(&self) -> Option<&str> {
        self.metadata.as_ref()?.continue_token.as_deref().filter(|token| !token.is_empty())
    }

    /// Ends the list, and says how many items it had. Every list tells its version; what has neither that nor items is
    /// something else, not an empty list.
    pub(super) fn finish(self) -> Result<u64, NoList> {
        if self.place != Place::End {
            return Err(NoList::Truncated);
        }
        let has_version = self.metadata.is_some_and(|metadata| metadata.resource_version.is_some());
        if self.items == 0 && !has_version { Err(NoList::Other) } else { Ok(self.items) }
    }

    /// Where `byte`, which is in no value, leads; within a value when it is the first byte of one.
    fn next(&self, byte: u8) -> Option<Place> {
        let is_value = !matches!(byte, b',' | b':' | b']' | b'}');
        Some(match (self.place, byte) {
            (place, b' ' | b'\t' | b'\n' | b'\r') => place,
            (Place::Start, b'{') => Place::FirstName,
            (Place::FirstName | Place::Name, b'"') => Place::Within(Value::Name),
            (Place::Colon(field), b':') => Place::Member(field),
            (Place::Member(Field::Items), b'[') => Place::FirstItem,
            (Place::Member(field), _) if is_value => Place::Within(Value::Of(field)),
            (Place::FirstItem | Place::Item, _) if is_value => Place::Within(Value::Item),
            (Place::AfterItem, b',') => Place::Item,
            (Place::FirstItem | Place::AfterItem, b']') => Place::AfterMember,
            (Place::AfterMember, b',') => Place::Name,
            (Place::FirstName | Place::AfterMember, b'}') => Place::End,
            _ => return None,
        })
    }

    fn begin(&mut self) {
        self.extent = Extent::default();
        self.value.clear();
        self.is_too_large = false;
    }

    /// Keeps a part of a value, unless nobody will read it.
    fn keep(&mut self, part: &[u8], what: Value) {
        if what == Value::Of(Field::Other) || self.is_too_large {
            return;
        }
        self.is_too_large = self.value.len().saturating_add(part.len()) > self.limit;
        if self.is_too_large {
            self.value = Vec::new();
        } else {
            self.value.extend_from_slice(part);
        }
    }

    /// Reads a value that has come to its end, and says what may come next.
    fn complete(&mut self, what: Value, take: &mut impl FnMut(Item<'_>)) -> Result<Place, NoList> {
        match what {
            Value::Item => {
                self.items += 1;
                match str::from_utf8(&self.value) {
                    _ if self.is_too_large => take(Item::TooLarge),
                    Ok(text) => take(Item::Json(text)),
                    // As kubectl reads it.
                    Err(_) => take(Item::Json(&String::from_utf8_lossy(&self.value))),
                }
                return Ok(Place::AfterItem);
            }
            _ if self.is_too_large => return Err(NoList::Field),
            Value::Name => return Ok(Place::Colon(self.read::<Field>()?)),
            Value::Of(Field::Other) => {}
            // A list without objects may have null in their place.
            Value::Of(Field::Items) => self.read::<()>()?,
            Value::Of(Field::Metadata) if self.metadata.is_some() => return Err(NoList::Field),
            Value::Of(Field::Metadata) => self.metadata = Some(self.read::<Option<_>>()?.unwrap_or_default()),
        }
        Ok(Place::AfterMember)
    }

    fn read<T: for<'a> Deserialize<'a>>(&self) -> Result<T, NoList> {
        serde_json::from_slice(&self.value).map_err(|_| NoList::Field)
    }
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match &*Cow::<str>::deserialize(deserializer)? {
            "items" => Self::Items,
            "metadata" => Self::Metadata,
            _ => Self::Other,
        })
    }
}

#[cfg(test)]
mod tests;
