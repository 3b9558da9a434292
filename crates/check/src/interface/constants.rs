//! Constants whose value changed, and immutables, whose value only the deployment decides.

use super::{Contract, Outcome};
use crate::rules;
use alloy_primitives::{U256, hex, keccak256};
use cutover_types::{
    Finding, Severity,
    source::{Node, Tree, kind},
    text::terminal,
};
use std::collections::BTreeMap;

/// Expressions nested deeper than this are compared as text.
const MAX_DEPTH: usize = 32;
/// Longest value in a message.
const MAX_TEXT: usize = 80;
/// Immutables named in one line.
const MAX_NAMED: usize = 8;

pub(super) fn compare(blue: &Contract<'_>, green: &Contract<'_>, outcome: &mut Outcome) {
    let old = constants(blue);
    for ((owner, name), after) in constants(green) {
        let same_name = |key: &&(&str, &str)| key.1 == name;
        let before = match old.get(&(owner, name)) {
            Some(before) => before,
            // The contract around it may have been renamed; several of one name are not told apart.
            None => match old.keys().filter(same_name).collect::<Vec<_>>().as_slice() {
                [one] => &old[one],
                _ => continue,
            },
        };
        let (was, is) = (&before.tree["value"], &after.tree["value"]);
        let values = (value(blue, was, 0), value(green, is, 0));
        let texts = (text(blue, before, was), text(green, &after, is));
        let known = match (&values.0, &values.1) {
            (Some(old), Some(new)) if old == new => continue,
            // A text and a number may be the same 32 bytes.
            (Some(Known::Bytes(_)), Some(new)) => matches!(new, Known::Bytes(_)),
            (Some(_), Some(new)) => !matches!(new, Known::Bytes(_)),
            _ => false,
        };
        let message = if known {
            format!(
                "`{name}` is {} now, {} before",
                shown(&texts.1),
                shown(&texts.0)
            )
        } else if is_alike(&texts, (was, is)) {
            continue;
        } else {
            format!(
                "`{name}` is written {} now, {} before: whether that is the same value was not worked out",
                shown(&texts.1),
                shown(&texts.0)
            )
        };
        // Roles, type hashes and slots: what is stored or signed under the old value is not found any more.
        let key = known && after.tree["typeDescriptions"]["typeString"] == "bytes32";
        outcome.findings.push(Finding {
            severity: if key {
                Severity::Warning
            } else {
                rules::CONSTANT_CHANGED.severity
            },
            ..green.finding(
                rules::CONSTANT_CHANGED,
                name,
                Some(&after),
                terminal(&message, 400),
            )
        });
    }
    immutables(green, outcome);
}

/// Immutables that the constructor sets from what the deployer gives it.
fn immutables(green: &Contract<'_>, outcome: &mut Outcome) {
    let names: Vec<_> = green
        .members("VariableDeclaration")
        .filter(|node| node.tree["mutability"] == "immutable" && node.tree["value"].is_null())
        .filter_map(|node| node.tree["name"].as_str())
        .map(|name| format!("`{}`", terminal(name, MAX_TEXT)))
        .collect();
    if !names.is_empty() {
        outcome.unchecked.push(format!(
            "green's constructor sets {}{}: what the deployed code has there was not compared",
            names
                .iter()
                .take(MAX_NAMED)
                .cloned()
                .collect::<Vec<_>>()
                .join(", "),
            if names.len() > MAX_NAMED {
                " and others"
            } else {
                ""
            },
        ));
    }
}

/// Constants by contract and name.
fn constants<'a>(contract: &Contract<'a>) -> BTreeMap<(&'a str, &'a str), Node<'a>> {
    contract
        .members("VariableDeclaration")
        .filter(|node| node.tree["constant"] == true && node.tree["value"].is_object())
        .filter_map(|node| {
            let owner = contract.index.get(node.contract?)?;
            Some((
                (owner.tree["name"].as_str()?, node.tree["name"].as_str()?),
                node,
            ))
        })
        .collect()
}

/// A value that can be compared.
#[derive(Debug, PartialEq)]
enum Known {
    Word(U256),
    /// Digits as the compiler writes them, signs included.
    Number(String),
    Bytes(Vec<u8>),
    Bool(bool),
}

fn value(contract: &Contract<'_>, tree: &Tree, depth: usize) -> Option<Known> {
    if depth > MAX_DEPTH {
        return None;
    }
    // The compiler writes the value of a constant expression into its type.
    let type_string = tree["typeDescriptions"]["typeString"]
        .as_str()
        .unwrap_or_default();
    if let Some(digits) = type_string.strip_prefix("int_const ")
        && !digits.contains("omitted")
    {
        return Some(match U256::from_str_radix(digits, 10) {
            Ok(word) => Known::Word(word),
            Err(_) => Known::Number(digits.to_owned()),
        });
    }
    match kind(tree) {
        "Literal" => match tree["kind"].as_str()? {
            "bool" => Some(Known::Bool(tree["value"] == "true")),
            "number" => {
                let digits = tree["value"].as_str()?.replace('_', "");
                if !tree["subdenomination"].is_null() {
                    return None;
                }
                let word = match digits.strip_prefix("0x") {
                    Some(digits) => U256::from_str_radix(digits, 16),
                    None => U256::from_str_radix(&digits, 10),
                };
                word.ok().map(Known::Word)
            }
            _ => Some(Known::Bytes(hex::decode(tree["hexValue"].as_str()?).ok()?)),
        },
        "TupleExpression" => match tree["components"].as_array()? {
            [one] => value(contract, one, depth + 1),
            _ => None,
        },
        "Identifier" | "MemberAccess" => {
            let target = contract
                .index
                .get(tree["referencedDeclaration"].as_i64()?)?;
            if target.tree["constant"] != true && target.tree["mutability"] != "constant" {
                return None;
            }
            value(contract, &target.tree["value"], depth + 1)
        }
        "FunctionCall" => {
            let argument = match tree["arguments"].as_array()? {
                [one] => one,
                _ => return None,
            };
            if tree["expression"]["name"] == "keccak256" {
                return match value(contract, argument, depth + 1)? {
                    Known::Bytes(bytes) => Some(Known::Word(keccak256(bytes).into())),
                    _ => None,
                };
            }
            // Only conversions that keep every bit of what they convert here.
            let keeps = [
                "uint256",
                "bytes32",
                "address",
                "address payable",
                "bytes memory",
                "string memory",
            ];
            let inner = value(contract, argument, depth + 1);
            match inner? {
                Known::Bytes(bytes) if type_string == "bytes32" && bytes.len() <= 32 => {
                    let mut word = [0; 32];
                    word[..bytes.len()].copy_from_slice(&bytes);
                    Some(Known::Word(U256::from_be_bytes(word)))
                }
                inner if tree["kind"] == "typeConversion" && keeps.contains(&type_string) => {
                    Some(inner)
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// The expression as it is written, blanks aside.
fn text(contract: &Contract<'_>, at: &Node<'_>, tree: &Tree) -> Option<String> {
    let source = contract.side.sources?.units.get(at.unit)?.text.as_ref()?;
    let mut numbers = tree["src"].as_str()?.split(':').map(str::parse::<usize>);
    let (start, length) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    let text = source.get(start..start.checked_add(length)?)?;
    Some(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Whether two expressions are written alike; by their trees, where a source text is missing.
fn is_alike(texts: &(Option<String>, Option<String>), trees: (&Tree, &Tree)) -> bool {
    match texts {
        (Some(before), Some(after)) => before == after,
        _ => same_tree(trees.0, trees.1),
    }
}

/// Whether two trees are the same, apart from where they stand and how the compiler numbers them.
fn same_tree(before: &Tree, after: &Tree) -> bool {
    const OF_A_BUILD: [&str; 7] = [
        "id",
        "src",
        "referencedDeclaration",
        "overloadedDeclarations",
        "typeDescriptions",
        "nameLocations",
        "memberLocation",
    ];
    if let (Some(old), Some(new)) = (before.as_array(), after.as_array()) {
        return old.len() == new.len() && old.iter().zip(new).all(|(a, b)| same_tree(a, b));
    }
    if !before.is_object() || !after.is_object() {
        return before == after;
    }
    let own = |field: &(&str, &Tree)| !OF_A_BUILD.contains(&field.0);
    let mut rest = after.fields().filter(own);
    let all = before.fields().filter(own).all(|(name, old)| {
        let same = |(other, new): (&str, &Tree)| name == other && same_tree(old, new);
        rest.next().is_some_and(same)
    });
    all && rest.next().is_none()
}

fn shown(text: &Option<String>) -> String {
    match text {
        Some(text) => format!("`{}`", terminal(text, MAX_TEXT)),
        None => "otherwise".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_without_their_texts_are_compared_by_their_trees() {
        let tree = |id: u32, operator: &str, value: &str| {
            let text = format!(
                r#"{{"id": {id}, "src": "{id}:3:0", "nodeType": "BinaryOperation", "operator": "{operator}",
                    "leftExpression": {{"id": {}, "nodeType": "Literal", "value": "{value}"}}, "arguments": [{{"id": {id}}}]}}"#,
                id + 1
            );
            Tree::from_json(text.as_bytes()).unwrap()
        };
        let old = tree(4, "&", "7");
        for (new, same) in [
            (tree(40, "&", "7"), true),
            (tree(4, "|", "7"), false),
            (tree(4, "&", "8"), false),
        ] {
            assert_eq!(is_alike(&(None, None), (&old, &new)), same, "{new:?}");
        }
        let texts = (Some("a & b".to_owned()), Some("a | b".to_owned()));
        assert!(!is_alike(&texts, (&old, &old)));
    }
}
