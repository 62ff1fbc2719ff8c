//! A value, or a list of such values.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};

use super::{Item, Spanned};
use crate::model::Refusal;

/// One value, or a list of them, each of which has its place and is refused by itself.
#[derive(Debug)]
pub enum OneOrMore<T> {
    /// The value alone.
    One(T),
    /// A list.
    List(Vec<Spanned<Item<T>>>),
}

impl<T> Spanned<OneOrMore<T>> {
    /// The values that can be read, each with its place.
    pub fn values(&self) -> Vec<(Range<usize>, &T)> {
        match self.get_ref() {
            OneOrMore::One(value) => vec![(self.span(), value)],
            OneOrMore::List(items) => items
                .iter()
                .filter_map(|item| Some((item.span(), item.get_ref().0.as_ref().ok()?)))
                .collect(),
        }
    }
}

struct OneOrMoreVisitor<T>(PhantomData<T>);

impl<'de, T: TryFrom<String, Error = Refusal>> Visitor<'de> for OneOrMoreVisitor<T> {
    type Value = OneOrMore<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        T::try_from(text.to_owned())
            .map(OneOrMore::One)
            .map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(OneOrMore::List(items))
    }
}

impl<'de, T: TryFrom<String, Error = Refusal>> Deserialize<'de> for OneOrMore<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrMoreVisitor(PhantomData))
    }
}
