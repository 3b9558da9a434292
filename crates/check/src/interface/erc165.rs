//! What `supportsInterface` answers, as far as the source says it in the usual ways.

use super::{Contract, Outcome};
use crate::rules;
use alloy_primitives::{Selector, U256, hex, keccak256};
use cutover_types::{
    source::{Node, Tree, dispatch, is_interface, kind},
    text::terminal,
};
use std::{cell::Cell, collections::BTreeMap};

/// Expressions and calls nested deeper than this are not followed.
const MAX_DEPTH: usize = 64;
const MAX_STEPS: usize = 10_000;

/// The ids a contract answers true for, each with how the source names it.
type Ids = BTreeMap<Selector, String>;

pub(super) fn compare(blue: &Contract<'_>, green: &Contract<'_>, outcome: &mut Outcome) {
    if blue.bases.is_empty() || green.bases.is_empty() {
        return;
    }
    let Some(before) = entry(blue) else {
        return;
    };
    let before = Reader::new(blue).function(&before, 0);
    let at = entry(green);
    let after = match &at {
        Some(function) => Reader::new(green).function(function, 0),
        None => Some(Ids::new()),
    };
    let (Some(before), Some(after)) = (before, after) else {
        outcome.unchecked.push(
            "`supportsInterface` is not a plain list of interface ids: ERC-165 answers were not compared"
                .to_owned(),
        );
        return;
    };
    for (id, name) in before {
        if !after.contains_key(&id) {
            let name = if name.is_empty() {
                id.to_string()
            } else {
                format!("{} ({id})", terminal(&name, 80))
            };
            outcome.findings.push(green.finding(
                rules::INTERFACE_ID_REMOVED,
                "supportsInterface",
                at.as_ref(),
                format!("`supportsInterface` is false for {name} now"),
            ));
        }
    }
}

/// The function that runs for `supportsInterface(bytes4)`.
fn entry<'a>(contract: &Contract<'a>) -> Option<Node<'a>> {
    named(contract, 0)
}

/// The first `supportsInterface(bytes4)` with a body, from a place in the linearization on.
fn named<'a>(contract: &Contract<'a>, from: usize) -> Option<Node<'a>> {
    let later: Vec<_> = contract
        .bases
        .iter()
        .skip(from)
        .map(|b| b.tree["id"].as_i64())
        .collect();
    contract
        .members("FunctionDefinition")
        .filter(|node| later.contains(&node.contract))
        .find(|node| {
            let parameters = &node.tree["parameters"]["parameters"];
            node.tree["name"] == "supportsInterface"
                && node.tree["body"].is_object()
                && parameters.as_array().is_some_and(|all| all.len() == 1)
                && parameters[0]["typeDescriptions"]["typeString"] == "bytes4"
        })
}

struct Reader<'c, 'a> {
    contract: &'c Contract<'a>,
    steps: Cell<usize>,
}

impl<'c, 'a> Reader<'c, 'a> {
    fn new(contract: &'c Contract<'a>) -> Self {
        Self {
            contract,
            steps: Cell::new(MAX_STEPS),
        }
    }

    /// `None` when there were too many parts already: functions and constants that name one another
    /// twice each have more of them than anybody can count.
    fn step(&self, depth: usize) -> Option<()> {
        let left = self.steps.get().checked_sub(1)?;
        self.steps.set(left);
        (depth <= MAX_DEPTH).then_some(())
    }

    /// `if (…) return true;` any number of times, then `return …;`.
    fn function(&self, function: &Node<'a>, depth: usize) -> Option<Ids> {
        self.step(depth)?;
        let parameter = function.tree["parameters"]["parameters"][0]["id"].as_i64()?;
        let statements = function.tree["body"]["statements"].as_array()?;
        let (last, first) = statements.split_last()?;
        let mut ids = Ids::new();
        for statement in first {
            let body = &statement["trueBody"];
            let body = match body["statements"].as_array() {
                Some(block) => match block {
                    [one] => one,
                    _ => return None,
                },
                None => body,
            };
            let accepts = kind(statement) == "IfStatement"
                && statement["falseBody"].is_null()
                && kind(body) == "Return"
                && body["expression"]["value"] == "true";
            if !accepts {
                return None;
            }
            let scope = Scope {
                function,
                parameter,
            };
            ids.extend(self.answers(&statement["condition"], &scope, depth + 1)?);
        }
        if kind(last) != "Return" {
            return None;
        }
        let scope = Scope {
            function,
            parameter,
        };
        ids.extend(self.answers(&last["expression"], &scope, depth + 1)?);
        Some(ids)
    }

    /// The ids for which a boolean expression is true.
    fn answers(&self, tree: &Tree, scope: &Scope<'_, 'a>, depth: usize) -> Option<Ids> {
        self.step(depth)?;
        match kind(tree) {
            "TupleExpression" => match tree["components"].as_array()? {
                [one] => self.answers(one, scope, depth + 1),
                _ => None,
            },
            "Literal" if tree["value"] == "false" => Some(Ids::new()),
            "BinaryOperation" => {
                let (left, right) = (&tree["leftExpression"], &tree["rightExpression"]);
                match tree["operator"].as_str()? {
                    "||" => {
                        let mut ids = self.answers(left, scope, depth + 1)?;
                        ids.extend(self.answers(right, scope, depth + 1)?);
                        Some(ids)
                    }
                    "==" => {
                        let id = if scope.is_parameter(left) {
                            right
                        } else if scope.is_parameter(right) {
                            left
                        } else {
                            return None;
                        };
                        Some(Ids::from([(self.id(id, depth + 1)?, self.name(id))]))
                    }
                    _ => None,
                }
            }
            "FunctionCall" => {
                let arguments = tree["arguments"].as_array()?;
                if !matches!(arguments, [one] if scope.is_parameter(one)) {
                    return None;
                }
                let callee = &tree["expression"];
                if kind(callee) == "MemberAccess" && callee["expression"]["name"] == "super" {
                    let bases = &self.contract.bases;
                    let here = bases
                        .iter()
                        .position(|base| base.tree["id"].as_i64() == scope.function.contract)?;
                    if callee["memberName"] != "supportsInterface" {
                        return None;
                    }
                    let next = named(self.contract, here + 1)?;
                    return self.function(&next, depth + 1);
                }
                let target = callee["referencedDeclaration"].as_i64()?;
                let target = self.contract.index.get(target)?;
                let inherited = self
                    .contract
                    .bases
                    .iter()
                    .any(|base| base.tree["id"].as_i64() == target.contract);
                if kind(target.tree) != "FunctionDefinition" || !inherited {
                    return None;
                }
                // `Base.f(id)` is that very function, `f(id)` its most derived override.
                let target = if kind(callee) == "MemberAccess" {
                    target
                } else {
                    dispatch(&self.contract.bases, target)
                };
                self.function(&target, depth + 1)
            }
            _ => None,
        }
    }

    /// The value of an expression of type `bytes4`.
    fn id(&self, tree: &Tree, depth: usize) -> Option<Selector> {
        self.step(depth)?;
        match kind(tree) {
            "TupleExpression" => match tree["components"].as_array()? {
                [one] => self.id(one, depth + 1),
                _ => None,
            },
            "Literal" => {
                let digits = tree["value"].as_str()?.strip_prefix("0x")?.replace('_', "");
                let value = U256::from_str_radix(&digits, 16).ok()?;
                Some(Selector::from(u32::try_from(value).ok()?.to_be_bytes()))
            }
            "BinaryOperation" if tree["operator"] == "^" => {
                let left = self.id(&tree["leftExpression"], depth + 1)?;
                Some(left ^ self.id(&tree["rightExpression"], depth + 1)?)
            }
            "Identifier" => {
                let target = self
                    .contract
                    .index
                    .get(tree["referencedDeclaration"].as_i64()?)?;
                let constant = target.tree["constant"] == true;
                constant.then(|| self.id(&target.tree["value"], depth + 1))?
            }
            "FunctionCall" if tree["kind"] == "typeConversion" => {
                let inner = tree["arguments"].as_array()?.first()?;
                if inner["expression"]["name"] == "keccak256" {
                    let text = inner["arguments"][0]["hexValue"].as_str()?;
                    let hash = keccak256(hex::decode(text).ok()?);
                    return Some(Selector::from_slice(&hash[..4]));
                }
                self.id(inner, depth + 1)
            }
            "MemberAccess" => match tree["memberName"].as_str()? {
                "interfaceId" => self.interface(tree).map(|(id, _)| id),
                "selector" => {
                    let function = tree["expression"]["referencedDeclaration"].as_i64()?;
                    selector(self.contract.index.get(function)?.tree)
                }
                _ => {
                    let target = self
                        .contract
                        .index
                        .get(tree["referencedDeclaration"].as_i64()?)?;
                    let constant = target.tree["constant"] == true;
                    constant.then(|| self.id(&target.tree["value"], depth + 1))?
                }
            },
            _ => None,
        }
    }

    /// `type(I).interfaceId`: the selectors I itself declares, not those it inherits.
    fn interface(&self, tree: &Tree) -> Option<(Selector, Node<'a>)> {
        let named = &tree["expression"]["arguments"][0]["referencedDeclaration"];
        let declared = self.contract.index.get(named.as_i64()?)?;
        if !is_interface(declared.tree) {
            return None;
        }
        let mut id = Selector::ZERO;
        for function in declared.tree["nodes"].as_array()? {
            if kind(function) == "FunctionDefinition" {
                id ^= selector(function)?;
            }
        }
        Some((id, declared))
    }

    fn name(&self, tree: &Tree) -> String {
        let named = match tree["memberName"].as_str() {
            Some("interfaceId") => self.interface(tree).map(|(_, node)| node.tree),
            _ => None,
        };
        let name = named.map_or(&tree["name"], |interface| &interface["name"]);
        name.as_str().unwrap_or_default().to_owned()
    }
}

struct Scope<'f, 'a> {
    function: &'f Node<'a>,
    parameter: i64,
}

impl Scope<'_, '_> {
    fn is_parameter(&self, tree: &Tree) -> bool {
        kind(tree) == "Identifier" && tree["referencedDeclaration"].as_i64() == Some(self.parameter)
    }
}

fn selector(function: &Tree) -> Option<Selector> {
    let bytes = hex::decode(function["functionSelector"].as_str()?).ok()?;
    Some(Selector::from(<[u8; 4]>::try_from(bytes).ok()?))
}
