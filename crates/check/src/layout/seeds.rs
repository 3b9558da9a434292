//! Mappings made by hand: slots hashed from a key and a seed that the source names.

mod forms;

use super::{Outcome, Pair, Way};
use crate::{
    Side,
    rules::{self, Rule},
    safety::{Subject, constant, with_subject},
};
use alloy_primitives::U256;
use cutover_types::{
    Finding,
    layout::SourceLine,
    source::{Node, Tree, id, kind, visit},
};
use forms::Forms;
use std::collections::{BTreeMap, HashSet};

/// What slots are hashed from, by value.
type Seeds = BTreeMap<Value, Seed>;

/// The value of a seed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Value {
    Word(U256),
    /// One that is computed, as it is written.
    Written(String),
}

struct Seed {
    /// The constant's name.
    name: Option<String>,
    contract: String,
    source: Option<SourceLine>,
}

impl Seed {
    fn nameless() -> Self {
        Self {
            name: None,
            contract: String::new(),
            source: None,
        }
    }
}

/// All that a contract hashes slots from, and how.
#[derive(Default)]
struct Hashing {
    seeds: Seeds,
    forms: BTreeMap<Value, Forms>,
}

pub(super) fn compare(pair: Pair<'_>, outcome: &mut Outcome) {
    let of = |side: &Side<'_>| with_subject(side, pair.options, collect).unwrap_or_default();
    let (writer, reader) = (of(pair.blue_side), of(pair.green_side));
    rehashed(pair.way, &writer, &reader, outcome);
    let (blue, green) = (writer.seeds, reader.seeds);
    for (value, before) in blue.iter().filter(|(value, _)| !green.contains_key(value)) {
        let same = green.iter().find(|(value, after)| {
            after.name.is_some() && after.name == before.name && !blue.contains_key(value)
        });
        match (same, &before.name) {
            (Some((to, after)), Some(name)) if is_seed(name) && words(value, to) => {
                outcome
                    .findings
                    .push(moved(rules::NAMESPACE_MOVED, name, [value, to], after));
            }
            (Some((to, _)), Some(name)) => outcome.unknown.push(format!(
                "`{name}`, from which slots are hashed by hand, is {} in {} and {} in {}: whether entries are found again cannot be told",
                shown(value),
                pair.way.writer(),
                shown(to),
                pair.way.reader()
            )),
            // A rollback leaves green's own entries where they are.
            _ if pair.way == Way::Back => {}
            _ => outcome.unknown.push(format!(
                "blue hashes slots by hand from {}, and green does not: whether the entries there are found again cannot be told",
                match &before.name {
                    Some(name) => format!("`{name}` ({})", shown(value)),
                    None => shown(value),
                }
            )),
        }
    }
}

/// Seeds that blue hashes in a way in which green does not.
fn rehashed(way: Way, writer: &Hashing, reader: &Hashing, outcome: &mut Outcome) {
    let (blue, green) = match way {
        Way::Forward => (writer, reader),
        Way::Back => (reader, writer),
    };
    for (value, before) in &blue.forms {
        let Some(seed) = green.seeds.get(value) else {
            continue;
        };
        let none = Forms::default();
        let after = green.forms.get(value).unwrap_or(&none);
        let name = seed.name.as_deref().unwrap_or_default();
        match (before.only_window(), after.only_window()) {
            (Some(from), Some(to)) if from != to && is_seed(name) => {
                outcome.findings.push(Finding {
                    label: Some(name.to_owned()),
                    source: seed.source.clone(),
                    ..rules::NAMESPACE_MOVED.finding(
                        &seed.contract,
                        format!("of what is hashed for a slot, `{name}` is {from} in blue and {to} in green: no entry is found again"),
                    )
                });
            }
            _ if before.is_kept_in(after) => {}
            _ => {
                let name = match &seed.name {
                    Some(name) => format!("`{name}`"),
                    None => shown(value),
                };
                outcome.unknown.push(format!(
                    "slots are hashed by hand from {name} in another way by green than by blue: whether entries are found again cannot be told"
                ));
            }
        }
    }
}

fn moved(rule: &'static Rule, name: &str, [from, to]: [&Value; 2], after: &Seed) -> Finding {
    Finding {
        label: Some(name.to_owned()),
        source: after.source.clone(),
        ..rule.finding(
            &after.contract,
            format!(
                "`{name}`, from which slots are hashed by hand, was {} and is {}: no entry is found again",
                shown(from),
                shown(to)
            ),
        )
    }
}

fn words(one: &Value, other: &Value) -> bool {
    matches!((one, other), (Value::Word(_), Value::Word(_)))
}

/// Whether a constant's name says that slots come from it.
fn is_seed(name: &str) -> bool {
    let name = name.to_lowercase();
    let words = ["seed", "slot", "position", "location", "storage"];
    words.iter().any(|word| name.contains(word))
}

fn shown(value: &Value) -> String {
    match value {
        Value::Word(word) => format!("{word:#x}"),
        Value::Written(text) => format!("`{}`", cutover_types::text::terminal(text, 80)),
    }
}

fn collect(subject: &Subject<'_>) -> Hashing {
    let mut found = Hashing::default();
    let all = subject.graph.all();
    // What a function hands to one that loads and stores may be a slot.
    let mut helpers = HashSet::new();
    for one in all.iter().filter(|one| touches_storage(one.node.tree)) {
        visit(one.node.tree, &mut |tree| {
            let called = subject.graph.target(&one.node, tree);
            helpers.extend(called.map(|called| id(called.tree)));
        });
    }
    for one in all {
        let tree = one.node.tree;
        if hashes(tree) && (touches_storage(tree) || helpers.contains(&id(tree))) {
            of_function(subject, &one.node, &mut found.seeds);
            forms::of_function(subject, &one.node, &mut found.forms);
        }
    }
    found
}

/// Whether a function has assembly that loads, stores, or points to a slot.
fn touches_storage(tree: &Tree) -> bool {
    let mut found = false;
    visit(tree, &mut |part| {
        let called = part["functionName"]["name"].as_str();
        found |= matches!(called, Some("sload" | "sstore"))
            || (kind(part) == "YulAssignment"
                && part["variableNames"][0]["name"]
                    .as_str()
                    .is_some_and(|name| name.ends_with(".slot")));
    });
    found
}

fn hashes(tree: &Tree) -> bool {
    let mut found = false;
    visit(tree, &mut |part| found |= is_hash(part));
    found
}

fn is_hash(tree: &Tree) -> bool {
    tree["functionName"]["name"] == "keccak256" || tree["expression"]["name"] == "keccak256"
}

/// What a function writes to memory before it hashes, and what it hashes outside of assembly.
fn of_function(subject: &Subject<'_>, inside: &Node<'_>, seeds: &mut Seeds) {
    visit(inside.tree, &mut |tree| match kind(tree) {
        "InlineAssembly" if hashes(tree) => {
            let named = constants(subject, tree);
            visit(tree, &mut |block| {
                // What is written before a revert is the reason for it.
                let statements = block["statements"].as_array().unwrap_or_default();
                if kind(block) != "YulBlock" || statements.iter().any(|one| calls(one, "revert")) {
                    return;
                }
                for statement in statements.iter().filter(|one| calls(one, "mstore")) {
                    let value = &statement["expression"]["arguments"][1];
                    visit(value, &mut |part| {
                        let place = part["src"].as_str().unwrap_or_default();
                        let literal = part["value"].as_str().and_then(|text| text.parse().ok());
                        match (kind(part), named.get(place), literal) {
                            ("YulIdentifier", Some(constant), _) => {
                                add_constant(subject, constant, seeds);
                            }
                            ("YulLiteral", _, Some(word)) => {
                                let word = Value::Word(word);
                                seeds.entry(word).or_insert_with(Seed::nameless);
                            }
                            _ => {}
                        }
                    });
                }
            });
        }
        "FunctionCall" if is_hash(tree) => {
            let varies = varies(subject, &tree["arguments"]);
            visit(&tree["arguments"], &mut |part| {
                let constant = part["referencedDeclaration"].as_i64();
                let constant = constant.and_then(|id| subject.index.get(id));
                if let Some(constant) = constant.filter(|one| one.tree["constant"] == true) {
                    add_constant(subject, &constant, seeds);
                } else if let (true, "Literal", Some(text)) =
                    (varies, kind(part), part["value"].as_str())
                {
                    seeds.entry(literal(text)).or_insert_with(Seed::nameless);
                }
            });
        }
        _ => {}
    });
}

/// The constants that an assembly block names, by the place of the name.
fn constants<'a, 't>(subject: &Subject<'a>, block: &'t Tree) -> BTreeMap<&'t str, Node<'a>> {
    let mut named = BTreeMap::new();
    visit(&block["externalReferences"], &mut |one| {
        let constant = one["declaration"].as_i64();
        let constant = constant.and_then(|id| subject.index.get(id));
        let constant = constant.filter(|one| one.tree["constant"] == true);
        if let (Some(place), Some(constant)) = (one["src"].as_str(), constant) {
            named.insert(place, constant);
        }
    });
    named
}

/// Whether what is hashed is another each time; what is always the same is a root slot, and read.
fn varies(subject: &Subject<'_>, arguments: &Tree) -> bool {
    let mut found = false;
    visit(arguments, &mut |part| {
        let named = part["referencedDeclaration"].as_i64();
        let named = named.and_then(|id| subject.index.get(id));
        found |= part["expression"]["name"] == "msg"
            || named.is_some_and(|one| {
                kind(one.tree) == "VariableDeclaration" && one.tree["constant"] != true
            });
    });
    found
}

fn literal(text: &str) -> Value {
    match text.parse() {
        Ok(word) => Value::Word(word),
        Err(_) => Value::Written(text.to_owned()),
    }
}

fn calls(statement: &Tree, what: &str) -> bool {
    statement["expression"]["functionName"]["name"] == what
}

fn value_of<'a>(subject: &Subject<'a>, constant: &Node<'a>) -> Value {
    let tree = &constant.tree["value"];
    match constant::value(subject, *constant, tree) {
        Some(word) => Value::Word(word),
        None => {
            let mut words = Vec::new();
            visit(tree, &mut |part| {
                for field in ["name", "memberName", "operator", "value"] {
                    words.extend(part[field].as_str());
                }
            });
            Value::Written(words.join(" "))
        }
    }
}

fn add_constant<'a>(subject: &Subject<'a>, constant: &Node<'a>, seeds: &mut Seeds) {
    let value = value_of(subject, constant);
    let owner = constant.contract.and_then(|id| subject.index.get(id));
    let owner = owner.as_ref().and_then(|owner| owner.tree["name"].as_str());
    seeds.insert(
        value,
        Seed {
            name: constant.tree["name"].as_str().map(str::to_owned),
            contract: match owner {
                Some(owner) => format!("{}:{owner}", constant.unit),
                None => constant.unit.to_owned(),
            },
            source: subject.index.line(constant.unit, constant.tree),
        },
    );
}
