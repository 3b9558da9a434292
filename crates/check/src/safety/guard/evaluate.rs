//! What a condition answers once state has a certain value.

use super::Subject;
use alloy_primitives::U256;
use cutover_types::source::{Node, Tree, id, kind};
use std::cell::Cell;

/// Most parts of expressions that are looked at: functions that call one another twice each make
/// more of them than anybody can count.
const MAX_STEPS: usize = 10_000;

/// The time of the block, among what is known.
pub(super) const TIME: i64 = i64::MIN;

/// The value of an expression where the state it reads is `known`; of conditions one and zero.
pub(super) fn evaluate<'a>(
    subject: &Subject<'a>,
    inside: &Node<'a>,
    tree: &'a Tree,
    known: &dyn Fn(i64) -> Option<U256>,
    depth: usize,
) -> Option<U256> {
    let steps = Cell::new(MAX_STEPS);
    within(&steps, subject, inside, tree, known, depth)
}

fn within<'a>(
    steps: &Cell<usize>,
    subject: &Subject<'a>,
    inside: &Node<'a>,
    tree: &'a Tree,
    known: &dyn Fn(i64) -> Option<U256>,
    depth: usize,
) -> Option<U256> {
    let depth = depth.checked_sub(1)?;
    steps.set(steps.get().checked_sub(1)?);
    let of = |tree: &'a Tree| within(steps, subject, inside, tree, known, depth);
    match kind(tree) {
        "Literal" => match tree["value"].as_str()? {
            "true" => Some(U256::from(1)),
            "false" => Some(U256::ZERO),
            number => number.parse().ok(),
        },
        "TupleExpression" => of(tree["components"].get(0)?),
        // Nobody's address is zero, or written in the source.
        "MemberAccess" if tree["memberName"] == "sender" && tree["expression"]["name"] == "msg" => {
            Some(U256::MAX)
        }
        "MemberAccess" if tree["expression"]["name"] == "block" => known(TIME),
        "Identifier" if tree["name"] == "now" => known(TIME),
        "Identifier" | "MemberAccess" => {
            let variable = subject.index.get(tree["referencedDeclaration"].as_i64()?)?;
            if variable.tree["constant"] == true || variable.tree["mutability"] == "constant" {
                let value = &variable.tree["value"];
                within(steps, subject, &variable, value, known, depth)
            } else {
                known(id(variable.tree))
            }
        }
        "IndexAccess" => of(&tree["baseExpression"]),
        "FunctionCall" if tree["kind"] == "typeConversion" => of(tree["arguments"].get(0)?),
        "FunctionCall" => {
            let called = subject.graph.target(inside, &tree["expression"])?;
            match called.tree["body"]["statements"].as_array()? {
                [only] if kind(only) == "Return" => {
                    within(steps, subject, &called, &only["expression"], known, depth)
                }
                _ => None,
            }
        }
        "UnaryOperation" if tree["operator"] == "!" => {
            of(&tree["subExpression"]).map(|value| U256::from(value.is_zero()))
        }
        "BinaryOperation" => {
            let left = of(&tree["leftExpression"])?;
            let right = of(&tree["rightExpression"])?;
            let answer = match tree["operator"].as_str()? {
                "+" => return left.checked_add(right),
                "==" => left == right,
                "!=" => left != right,
                "<" => left < right,
                "<=" => left <= right,
                ">" => left > right,
                ">=" => left >= right,
                "&&" => !left.is_zero() && !right.is_zero(),
                "||" => !left.is_zero() || !right.is_zero(),
                _ => return None,
            };
            Some(U256::from(answer))
        }
        _ => None,
    }
}
