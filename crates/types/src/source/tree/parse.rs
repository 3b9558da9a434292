//! Making trees from JSON.

use super::{Field, Inner, Tree, name::Name};
use alloy_primitives::map::HashSet;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::Value;
use smol_str::SmolStr;
use std::fmt;

/// Shorter texts lie in place.
const IN_PLACE: usize = 23;
/// Longer texts are documentation, and hardly the same twice.
const MAX_SHARED: usize = 512;
/// The key under which serde_json hands over a number whose digits it keeps.
const NUMBER: &str = "$serde_json::private::Number";

/// What the values of one tree are made with.
#[derive(Default)]
struct Builder {
    /// Texts that were seen.
    shared: HashSet<SmolStr>,
    /// Values of the lists and nodes that are not complete: each is made in its final size.
    items: Vec<Tree>,
    fields: Vec<Field>,
}

impl Builder {
    fn text(&mut self, text: &str) -> Tree {
        if text.len() <= IN_PLACE || text.len() > MAX_SHARED {
            return Tree(Inner::Text(SmolStr::new(text)));
        }
        let known = self.shared.get(text).cloned();
        let text = known.unwrap_or_else(|| {
            let text = SmolStr::new(text);
            self.shared.insert(text.clone());
            text
        });
        Tree(Inner::Text(text))
    }

    /// The node with the fields from this place on. Of two fields of one name the later counts.
    fn node(&mut self, start: usize) -> Tree {
        let found = &self.fields[start..];
        if found.is_sorted_by(|one, next| one.name < next.name) {
            return Tree(Inner::Node(self.fields.drain(start..).collect()));
        }
        let mut fields: Vec<_> = self.fields.drain(start..).rev().collect();
        fields.sort_by(|one, next| one.name.cmp(&next.name));
        fields.dedup_by(|one, before| one.name == before.name);
        Tree(Inner::Node(fields.into()))
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Part(&mut Builder::default()).deserialize(deserializer)
    }
}

struct Part<'b>(&'b mut Builder);

impl<'de> DeserializeSeed<'de> for Part<'_> {
    type Value = Tree;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Part<'_> {
    type Value = Tree;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a syntax tree")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::default())
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Tree, E> {
        Ok(Tree(Inner::Bool(flag)))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Tree, E> {
        Ok(Tree(Inner::Number(number)))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Tree, E> {
        Ok(i64::try_from(number).map_or(Tree::default(), |number| Tree(Inner::Number(number))))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Tree, E> {
        Ok(Tree::default())
    }

    fn visit_str<E>(self, text: &str) -> Result<Tree, E> {
        Ok(self.0.text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tree, A::Error> {
        let start = self.0.items.len();
        while let Some(item) = items.next_element_seed(Part(self.0))? {
            self.0.items.push(item);
        }
        Ok(Tree(Inner::List(self.0.items.drain(start..).collect())))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Tree, A::Error> {
        let start = self.0.fields.len();
        while let Some(name) = fields.next_key_seed(Key)? {
            if self.0.fields.len() == start && *name == *NUMBER {
                let digits: String = fields.next_value()?;
                let number = digits.parse().ok();
                return Ok(number.map_or(Tree::default(), |number| Tree(Inner::Number(number))));
            }
            if name.is_unread() {
                fields.next_value::<IgnoredAny>()?;
                continue;
            }
            let value = fields.next_value_seed(Part(self.0))?;
            self.0.fields.push(Field { name, value });
        }
        Ok(self.0.node(start))
    }
}

/// Reads a name.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Name;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Name, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key {
    type Value = Name;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a name")
    }

    fn visit_str<E>(self, text: &str) -> Result<Name, E> {
        Ok(Name::of(text))
    }
}

/// The same tree, of a value whose depth is bounded by the parser it came from.
impl From<Value> for Tree {
    fn from(value: Value) -> Self {
        Self::deserialize(value).unwrap_or_default()
    }
}
