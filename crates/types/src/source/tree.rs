//! A compiler's syntax tree, in a form that is quick to read, to walk and to keep.
//!
//! A contract and what it imports is a hundred thousand small values, most of them strings that come
//! again and again. Names of fields are numbers, short strings lie in place, long ones are shared, and
//! fields that nothing reads are left out.

mod name;
mod packed;
mod parse;

use name::{Name, UNREAD};
use smol_str::SmolStr;
use std::ops::Index;

/// A node of a syntax tree, or a value in one. Where something is not there it is null.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tree(Inner);

#[derive(Clone, Debug, Default, PartialEq)]
enum Inner {
    #[default]
    Null,
    Bool(bool),
    Number(i64),
    Text(SmolStr),
    List(Box<[Tree]>),
    /// Sorted by name, each name once.
    Node(Box<[Field]>),
}

#[derive(Clone, Debug, PartialEq)]
struct Field {
    name: Name,
    value: Tree,
}

static NULL: Tree = Tree(Inner::Null);

impl Tree {
    /// A text.
    pub fn as_str(&self) -> Option<&str> {
        match &self.0 {
            Inner::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A number. Those that have a fraction or do not fit are null, as no compiler writes them.
    pub fn as_i64(&self) -> Option<i64> {
        match self.0 {
            Inner::Number(number) => Some(number),
            _ => None,
        }
    }

    /// The items of a list.
    pub fn as_array(&self) -> Option<&[Tree]> {
        match &self.0 {
            Inner::List(items) => Some(items),
            _ => None,
        }
    }

    /// An item of a list.
    pub fn get(&self, place: usize) -> Option<&Tree> {
        self.as_array()?.get(place)
    }

    /// Whether it is a node, or anything else with fields.
    pub fn is_object(&self) -> bool {
        matches!(self.0, Inner::Node(_))
    }

    /// Whether it is a list.
    pub fn is_array(&self) -> bool {
        matches!(self.0, Inner::List(_))
    }

    /// Whether it is a text.
    pub fn is_string(&self) -> bool {
        matches!(self.0, Inner::Text(_))
    }

    /// Whether nothing is there.
    pub fn is_null(&self) -> bool {
        matches!(self.0, Inner::Null)
    }

    /// The fields of a node, by name; those of anything else are none.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &Tree)> {
        let fields = self.inner_fields();
        fields.iter().map(|field| (&*field.name, &field.value))
    }

    /// The tree of a JSON text.
    ///
    /// # Errors
    /// When it is no JSON, or nested too deep.
    pub fn from_json(text: &[u8]) -> serde_json::Result<Self> {
        match str::from_utf8(text) {
            // Looked at once, and not again for each of the strings in it.
            Ok(text) => serde_json::from_str(text),
            Err(_) => serde_json::from_slice(text),
        }
    }

    /// The field of this name alone.
    pub fn into_field(self, name: &str) -> Self {
        let mut fields = self.into_fields();
        let found = fields.find(|(known, _)| known == name);
        found.map(|(_, value)| value).unwrap_or_default()
    }

    /// The fields of a node, by name; those of anything else are none.
    pub fn into_fields(self) -> impl Iterator<Item = (String, Tree)> {
        let fields = match self.0 {
            Inner::Node(fields) => fields,
            _ => Box::default(),
        };
        let fields = fields.into_iter();
        fields.map(|field| ((*field.name).to_owned(), field.value))
    }

    /// The kind of a node.
    pub(super) fn kind(&self) -> &str {
        self.known(Name::NODE_TYPE).as_str().unwrap_or_default()
    }

    /// The id of a node.
    pub(super) fn id(&self) -> Option<i64> {
        self.known(Name::ID).as_i64()
    }

    /// The values that may have nodes in them, each with its place. Descriptions of types, half of
    /// all there is, have none.
    pub(super) fn inside(&self) -> impl Iterator<Item = (usize, &Tree)> {
        let items = match &self.0 {
            Inner::List(items) => &items[..],
            _ => &[],
        };
        let fields = self.inner_fields().iter().enumerate();
        let fields = fields
            .filter(|(_, field)| matches!(field.value.0, Inner::List(_) | Inner::Node(_)))
            .filter(|(_, field)| !field.name.is_of_types())
            .map(|(at, field)| (at, &field.value));
        items.iter().enumerate().chain(fields)
    }

    /// The value at a place that [`Self::inside`] gave.
    pub(super) fn at(&self, place: usize) -> &Tree {
        let found = match &self.0 {
            Inner::List(items) => items.get(place),
            Inner::Node(fields) => fields.get(place).map(|field| &field.value),
            _ => None,
        };
        found.unwrap_or(&NULL)
    }

    fn known(&self, name: Name) -> &Tree {
        let mut fields = self.inner_fields().iter();
        let found = fields.find(|field| field.name == name);
        found.map_or(&NULL, |field| &field.value)
    }

    fn inner_fields(&self) -> &[Field] {
        match &self.0 {
            Inner::Node(fields) => fields,
            _ => &[],
        }
    }
}

impl Index<&str> for Tree {
    type Output = Tree;

    #[inline]
    fn index(&self, name: &str) -> &Tree {
        debug_assert!(!UNREAD.contains(&name), "`{name}` is not in trees");
        let mut fields = self.inner_fields().iter();
        let found = fields.find(|field| *field.name == *name);
        found.map_or(&NULL, |field| &field.value)
    }
}

impl Index<usize> for Tree {
    type Output = Tree;

    fn index(&self, place: usize) -> &Tree {
        self.get(place).unwrap_or(&NULL)
    }
}

impl PartialEq<str> for Tree {
    fn eq(&self, text: &str) -> bool {
        self.as_str() == Some(text)
    }
}

impl PartialEq<&str> for Tree {
    fn eq(&self, text: &&str) -> bool {
        self.as_str() == Some(text)
    }
}

impl PartialEq<bool> for Tree {
    fn eq(&self, flag: &bool) -> bool {
        matches!(self.0, Inner::Bool(own) if own == *flag)
    }
}

#[cfg(test)]
mod tests;
