//! How slots are hashed from a seed: where it stands in what is hashed, and the keys around it.

use super::{Subject, Value, calls, constants, is_hash, literal, value_of, varies};
use cutover_types::source::{Node, Tree, kind, visit};
use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fmt,
};

/// Where a seed stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Form {
    Window(Window),
    /// What has no fixed length, as it is written, without names.
    Shape(String),
}

/// So many bytes behind the first of those that are hashed, and how many these are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Window {
    at: i64,
    length: i64,
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at byte {} of {}", self.at, self.length)
    }
}

/// All the ways in which one seed is hashed.
#[derive(Default)]
pub(super) struct Forms {
    forms: BTreeSet<Form>,
    /// Names of the keys, in the order in which they are hashed.
    keys: BTreeSet<Vec<String>>,
}

impl Forms {
    /// Where the seed stands, when that is always the same.
    pub(super) fn only_window(&self) -> Option<Window> {
        let mut all = self.forms.iter();
        match (all.next(), all.next()) {
            (Some(Form::Window(window)), None) => Some(*window),
            _ => None,
        }
    }

    /// Whether green hashes in all of these ways too, and the same keys in the same order.
    pub(super) fn is_kept_in(&self, green: &Self) -> bool {
        let mut lost = self.keys.difference(&green.keys);
        let exchanged = lost.any(|keys| {
            let mut new = green.keys.difference(&self.keys);
            new.any(|other| sorted(other) == sorted(keys))
        });
        self.forms.is_subset(&green.forms) && !exchanged
    }

    fn add(&mut self, form: Form, keys: Vec<String>) {
        self.forms.insert(form);
        self.keys.insert(keys);
    }
}

fn sorted(keys: &[String]) -> Vec<&String> {
    let mut keys: Vec<_> = keys.iter().collect();
    keys.sort();
    keys
}

/// Adds how a function hashes its seeds.
pub(super) fn of_function(
    subject: &Subject<'_>,
    inside: &Node<'_>,
    found: &mut BTreeMap<Value, Forms>,
) {
    let mut memory = Memory::default();
    visit(inside.tree, &mut |tree| match kind(tree) {
        "InlineAssembly" => assembly(subject, tree, &mut memory, found),
        "FunctionCall" if is_hash(tree) => solidity(subject, tree, found),
        _ => {}
    });
}

/// Something that is hashed after other things.
#[derive(Default)]
struct Piece {
    seeds: Vec<Value>,
    key: Option<String>,
    /// In bytes, when it has always as many.
    width: Option<i64>,
}

/// `keccak256(abi.encode(key, SEED))`.
fn solidity(subject: &Subject<'_>, hash: &Tree, found: &mut BTreeMap<Value, Forms>) {
    let varies = varies(subject, &hash["arguments"]);
    let mut pieces = Vec::new();
    let mut shape = String::new();
    for argument in hash["arguments"].as_array().into_iter().flatten() {
        let way = Way::Packed;
        add(subject, argument, (way, varies), &mut pieces, &mut shape);
    }
    let keys: Vec<_> = pieces.iter().filter_map(|one| one.key.clone()).collect();
    let mut length = Some(0);
    let starts: Vec<_> = pieces
        .iter()
        .map(|piece| {
            let start = length;
            length = length.zip(piece.width).map(|(all, one)| all + one);
            start
        })
        .collect();
    for (place, (piece, start)) in pieces.iter().zip(starts).enumerate() {
        for seed in &piece.seeds {
            let form = match (start, length) {
                (Some(at), Some(length)) => Form::Window(Window { at, length }),
                _ => Form::Shape(format!("{place} {shape}")),
            };
            let forms = found.entry(seed.clone()).or_default();
            forms.add(form, keys.clone());
        }
    }
}

/// How values follow each other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Each takes a word.
    Words,
    Packed,
}

/// Adds the pieces of an expression.
fn add(
    subject: &Subject<'_>,
    tree: &Tree,
    (way, varies): (Way, bool),
    pieces: &mut Vec<Piece>,
    shape: &mut String,
) {
    let callee = &tree["expression"];
    let inner = match callee["memberName"].as_str() {
        Some("encode") if way == Way::Packed => Some(Way::Words),
        Some("encodePacked" | "concat") if way == Way::Packed => Some(Way::Packed),
        _ => None,
    };
    if let (Some(inner), "FunctionCall", Some(arguments)) =
        (inner, kind(tree), tree["arguments"].as_array())
    {
        shape.push_str(if inner == Way::Words { "encode(" } else { "(" });
        for argument in arguments {
            add(subject, argument, (inner, varies), pieces, shape);
        }
        shape.push(')');
        return;
    }
    let mut piece = Piece {
        width: width(tree, way),
        ..Piece::default()
    };
    visit(tree, &mut |part| {
        let declared = part["referencedDeclaration"].as_i64();
        let declared = declared.and_then(|id| subject.index.get(id));
        let declared = declared.filter(|one| kind(one.tree) == "VariableDeclaration");
        match (declared, part["value"].as_str()) {
            (Some(one), _) if one.tree["constant"] == true => {
                piece.seeds.push(value_of(subject, &one));
            }
            (Some(one), _) => {
                let name = one.tree["name"].as_str().map(str::to_owned);
                piece.key = piece.key.take().or(name);
            }
            (None, Some(text)) if varies && kind(part) == "Literal" => {
                piece.seeds.push(literal(text));
            }
            _ => {}
        }
    });
    shape.push_str(if piece.width.is_some() { "v," } else { "d," });
    pieces.push(piece);
}

/// How many bytes a value takes; `None` when that depends on the value.
fn width(tree: &Tree, way: Way) -> Option<i64> {
    let name = tree["typeDescriptions"]["typeString"].as_str()?;
    if way == Way::Words {
        let dynamic = name.starts_with("literal_string")
            || name.contains(' ')
                && !["contract ", "enum ", "int_const "]
                    .iter()
                    .any(|head| name.starts_with(head))
                && name != "address payable"
            || name.ends_with(']');
        return (!dynamic).then_some(32);
    }
    let number = |prefix: &str| name.strip_prefix(prefix)?.parse::<i64>().ok();
    match name {
        "address" | "address payable" => Some(20),
        "bool" => Some(1),
        _ if name.starts_with("contract ") => Some(20),
        _ if name.starts_with("enum ") => Some(1),
        _ if name.starts_with("literal_string") => {
            let digits = tree["hexValue"].as_str()?;
            i64::try_from(digits.len() / 2).ok()
        }
        _ => {
            let bits = number("uint").or_else(|| number("int"));
            bits.map(|bits| bits / 8).or_else(|| number("bytes"))
        }
    }
}

/// What assembly wrote to memory last, by what the place is counted from and how far it is from there.
type Memory = BTreeMap<(String, i64), Piece>;

fn assembly(
    subject: &Subject<'_>,
    block: &Tree,
    memory: &mut Memory,
    found: &mut BTreeMap<Value, Forms>,
) {
    let named = constants(subject, block);
    // What is written before a revert is the reason for it.
    let mut reasons = HashSet::new();
    visit(block, &mut |part| {
        let statements = part["statements"].as_array().unwrap_or_default();
        if kind(part) == "YulBlock" && statements.iter().any(|one| calls(one, "revert")) {
            let calls = statements.iter().map(|one| &one["expression"]);
            reasons.extend(calls.map(std::ptr::from_ref));
        }
    });
    visit(block, &mut |part| {
        let Some([first, second]) = part["arguments"].as_array() else {
            return;
        };
        match part["functionName"]["name"].as_str() {
            Some("mstore") if !reasons.contains(&std::ptr::from_ref(part)) => {
                if let Some(place) = place(first) {
                    let mut piece = Piece::default();
                    visit(second, &mut |value| {
                        let constant = named.get(value["src"].as_str().unwrap_or_default());
                        if let (Some(constant), "YulIdentifier") = (constant, kind(value)) {
                            piece.seeds.push(value_of(subject, constant));
                        }
                    });
                    if let Some(Value::Word(word)) = second["value"].as_str().map(literal) {
                        piece.seeds.push(Value::Word(word));
                    }
                    if piece.seeds.is_empty() {
                        piece.key = second["name"].as_str().map(str::to_owned);
                    }
                    memory.insert(place, piece);
                }
            }
            Some("keccak256") => {
                if let (Some((base, start)), Some((None, length))) = (
                    place(first),
                    place(second)
                        .map(|(base, length)| ((!base.is_empty()).then_some(base), length)),
                ) {
                    hashed(memory, (&base, start, length), found);
                }
            }
            _ => {}
        }
    });
}

/// Adds what a hash of so many bytes of memory is made of.
fn hashed(
    memory: &Memory,
    (base, start, length): (&str, i64, i64),
    found: &mut BTreeMap<Value, Forms>,
) {
    // A small number is in the last bytes of its word.
    let end = start.saturating_add(length);
    let inside: Vec<_> = memory
        .iter()
        .filter(|((from, at), _)| from == base && at + 31 >= start && at + 31 < end)
        .collect();
    let pieces = || inside.iter().map(|(_, piece)| piece);
    let keys: Vec<_> = pieces().filter_map(|one| one.key.clone()).collect();
    for ((_, at), piece) in &inside {
        for seed in &piece.seeds {
            let window = Window {
                at: at - start,
                length,
            };
            let forms = found.entry(seed.clone()).or_default();
            forms.add(Form::Window(window), keys.clone());
        }
    }
}

/// A place in memory: a number, a variable, or so many bytes behind one.
fn place(tree: &Tree) -> Option<(String, i64)> {
    match kind(tree) {
        "YulLiteral" => Some((String::new(), number(tree)?)),
        "YulIdentifier" => Some((tree["name"].as_str()?.to_owned(), 0)),
        "YulFunctionCall" if tree["functionName"]["name"] == "add" => {
            let [one, other] = tree["arguments"].as_array()? else {
                return None;
            };
            let ((base, at), more) = match (number(one), number(other)) {
                (_, Some(more)) => (place_of_name(one)?, more),
                (Some(more), None) => (place_of_name(other)?, more),
                _ => return None,
            };
            Some((base, at + more))
        }
        _ => None,
    }
}

fn place_of_name(tree: &Tree) -> Option<(String, i64)> {
    let name = tree["name"]
        .as_str()
        .filter(|_| kind(tree) == "YulIdentifier");
    name.map(|name| (name.to_owned(), 0))
}

/// A number of memory's size.
fn number(tree: &Tree) -> Option<i64> {
    let text = tree["value"]
        .as_str()
        .filter(|_| kind(tree) == "YulLiteral")?;
    let number = match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => text.parse(),
    };
    number.ok().map(i64::from)
}
