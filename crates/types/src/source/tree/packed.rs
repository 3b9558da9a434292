//! Trees as bytes, for a cache: quicker to read than the JSON they came from, and smaller.
//!
//! Names and texts that come more than once are in tables, then values follow in the order of the
//! tree. Names are written out, so that bytes do not depend on which names have numbers.

use super::{Field, Inner, Tree, name::Name};
use alloy_primitives::map::HashMap;
use smol_str::SmolStr;

const NULL: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
const NUMBER: u8 = 3;
const TEXT: u8 = 4;
const LIST: u8 = 5;
const NODE: u8 = 6;
/// A text that comes only here.
const SINGLE: u8 = 7;

/// More is only made room for when it is there.
const ROOM: usize = 256;
/// Deeper than any parser lets a tree be.
const MAX_DEPTH: usize = 256;

impl Tree {
    /// The tree as bytes.
    pub fn pack(&self) -> Vec<u8> {
        let mut packer = Packer::default();
        packer.count(self);
        packer.tree(self);
        let mut bytes = Vec::new();
        for table in [&packer.names, &packer.texts] {
            number(&mut bytes, table.all.len() as u64);
            for text in &table.all {
                number(&mut bytes, text.len() as u64);
                bytes.extend(text.as_bytes());
            }
        }
        bytes.extend(packer.values);
        bytes
    }

    /// The tree these bytes are; `None` when they are none.
    pub fn unpack(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let names = reader.table(Name::of)?;
        let texts = reader.table(SmolStr::new)?;
        let mut unpacker = Unpacker {
            reader,
            names,
            texts,
        };
        let tree = unpacker.tree(0)?;
        unpacker.reader.0.is_empty().then_some(tree)
    }
}

/// Texts by the order in which they came first.
#[derive(Default)]
struct Table<'t> {
    all: Vec<&'t str>,
    places: HashMap<&'t str, u64>,
}

impl<'t> Table<'t> {
    fn place(&mut self, text: &'t str) -> u64 {
        *self.places.entry(text).or_insert_with(|| {
            self.all.push(text);
            self.all.len() as u64 - 1
        })
    }
}

#[derive(Default)]
struct Packer<'t> {
    /// How often each text comes.
    counts: HashMap<&'t str, usize>,
    names: Table<'t>,
    texts: Table<'t>,
    values: Vec<u8>,
}

impl<'t> Packer<'t> {
    fn count(&mut self, tree: &'t Tree) {
        match &tree.0 {
            Inner::Text(text) => *self.counts.entry(text).or_default() += 1,
            Inner::List(items) => items.iter().for_each(|item| self.count(item)),
            Inner::Node(fields) => fields.iter().for_each(|field| self.count(&field.value)),
            _ => {}
        }
    }

    fn tree(&mut self, tree: &'t Tree) {
        match &tree.0 {
            Inner::Null => self.values.push(NULL),
            Inner::Bool(flag) => self.values.push(if *flag { TRUE } else { FALSE }),
            Inner::Number(value) => {
                self.tagged(NUMBER, ((value << 1) ^ (value >> 63)).cast_unsigned());
            }
            Inner::Text(text) if self.counts.get(&**text) == Some(&1) => {
                self.tagged(SINGLE, text.len() as u64);
                self.values.extend(text.as_bytes());
            }
            Inner::Text(text) => {
                let place = self.texts.place(text);
                self.tagged(TEXT, place);
            }
            Inner::List(items) => {
                self.tagged(LIST, items.len() as u64);
                items.iter().for_each(|item| self.tree(item));
            }
            Inner::Node(fields) => {
                self.tagged(NODE, fields.len() as u64);
                for field in fields {
                    let name = self.names.place(&field.name);
                    number(&mut self.values, name);
                    self.tree(&field.value);
                }
            }
        }
    }

    fn tagged(&mut self, tag: u8, value: u64) {
        self.values.push(tag);
        number(&mut self.values, value);
    }
}

/// Seven bits in a byte, the lowest first; the eighth says that more follow.
fn number(bytes: &mut Vec<u8>, mut value: u64) {
    while value > 0x7f {
        bytes.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    bytes.push(value.to_le_bytes()[0]);
}

struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    fn number(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    /// A number of things that take a byte each at least.
    fn count(&mut self) -> Option<usize> {
        let count = usize::try_from(self.number()?).ok()?;
        (count <= self.0.len()).then_some(count)
    }

    fn table<T>(&mut self, make: impl Fn(&'b str) -> T) -> Option<Vec<T>> {
        let count = self.count()?;
        let mut made = Vec::with_capacity(count);
        for _ in 0..count {
            made.push(make(self.text()?));
        }
        Some(made)
    }

    fn text(&mut self) -> Option<&'b str> {
        let length = self.count()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        str::from_utf8(text).ok()
    }
}

struct Unpacker<'b> {
    reader: Reader<'b>,
    names: Vec<Name>,
    texts: Vec<SmolStr>,
}

impl Unpacker<'_> {
    fn tree(&mut self, depth: usize) -> Option<Tree> {
        if depth > MAX_DEPTH {
            return None;
        }
        Some(Tree(match self.reader.byte()? {
            NULL => Inner::Null,
            FALSE => Inner::Bool(false),
            TRUE => Inner::Bool(true),
            NUMBER => {
                let value = self.reader.number()?;
                Inner::Number((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
            }
            TEXT => {
                let place = usize::try_from(self.reader.number()?).ok()?;
                Inner::Text(self.texts.get(place)?.clone())
            }
            SINGLE => Inner::Text(SmolStr::new(self.reader.text()?)),
            LIST => {
                let count = self.reader.count()?;
                let mut items = Vec::with_capacity(count.min(ROOM));
                for _ in 0..count {
                    items.push(self.tree(depth + 1)?);
                }
                Inner::List(items.into())
            }
            NODE => {
                let count = self.reader.count()?;
                let mut fields: Vec<Field> = Vec::with_capacity(count.min(ROOM));
                for _ in 0..count {
                    let place = usize::try_from(self.reader.number()?).ok()?;
                    let name = self.names.get(place)?.clone();
                    if fields.last().is_some_and(|before| before.name >= name) {
                        return None;
                    }
                    let value = self.tree(depth + 1)?;
                    fields.push(Field { name, value });
                }
                Inner::Node(fields.into())
            }
            _ => return None,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn tree() -> Tree {
        json!({
            "nodeType": "SourceUnit", "id": 7, "no name compilers use": [null, true, false, [], {}],
            "numbers": [0, 1, -1, 127, 128, -129, i64::MAX, i64::MIN],
            "nodes": [
                { "nodeType": "a text that does not lie in place", "src": "1:2:3", "id": 7 },
                { "nodeType": "a text that does not lie in place", "src": "", "text": "ü\u{1f600}" },
            ],
        })
        .into()
    }

    #[test]
    fn what_was_packed_comes_out_again() {
        for tree in [tree(), Tree::default(), json!([]).into(), json!("x").into()] {
            assert_eq!(Tree::unpack(&tree.pack()), Some(tree));
        }
        let unpacked = Tree::unpack(&tree().pack()).unwrap();
        let text = |place: usize| unpacked["nodes"][place]["nodeType"].as_str().unwrap();
        assert_eq!(text(0).as_ptr(), text(1).as_ptr(), "texts are shared");
    }

    #[test]
    fn damaged_bytes_are_survived() {
        let whole = tree().pack();
        for end in 0..whole.len() {
            assert_eq!(Tree::unpack(&whole[..end]), None);
        }
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut bytes = whole.clone();
                bytes[at] ^= 1 << bit;
                let _ = Tree::unpack(&bytes);
            }
        }
        assert_eq!(Tree::unpack(&[&whole[..], &[0]].concat()), None);
        // Two fields of one name, lists in lists without end, a count nobody has room for.
        let twice = [1, 1, b'a', 0, NODE, 2, 0, NULL, 0, NULL];
        let deep = [&[0, 0][..], &[LIST, 1].repeat(100_000), &[NULL]].concat();
        let many = [0, 0, LIST, 0xff, 0xff, 0xff, 0xff, 0x7f];
        for bytes in [&twice[..], &deep, &many, &[0xff; 12], b""] {
            assert_eq!(Tree::unpack(bytes), None);
        }
    }
}
