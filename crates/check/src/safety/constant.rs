//! Values that are written in the source.

use super::Subject;
use alloy_primitives::{U256, keccak256};
use cutover_types::source::{Node, Tree, kind};

/// Longest way a constant is followed.
const MAX_STEPS: usize = 12;

/// The value of an expression inside a definition, when it is a constant.
pub(crate) fn value<'a>(subject: &Subject<'a>, inside: Node<'a>, tree: &'a Tree) -> Option<U256> {
    follow(subject, inside, tree, MAX_STEPS)
}

/// The value a function returns, when all it does is to return a constant.
pub(super) fn returned<'a>(subject: &Subject<'a>, function: Node<'a>) -> Option<U256> {
    value_of_only_return(subject, function, MAX_STEPS)
}

fn value_of_only_return<'a>(
    subject: &Subject<'a>,
    function: Node<'a>,
    steps: usize,
) -> Option<U256> {
    match function.tree["body"]["statements"].as_array()? {
        [only] if kind(only) == "Return" => follow(subject, function, &only["expression"], steps),
        _ => None,
    }
}

fn follow<'a>(
    subject: &Subject<'a>,
    inside: Node<'a>,
    tree: &'a Tree,
    steps: usize,
) -> Option<U256> {
    let steps = steps.checked_sub(1)?;
    match kind(tree) {
        "Literal" => tree["value"].as_str()?.parse().ok(),
        "TupleExpression" => follow(subject, inside, tree["components"].get(0)?, steps),
        "FunctionCall" => {
            let callee = &tree["expression"];
            if tree["kind"] == "typeConversion" {
                return follow(subject, inside, tree["arguments"].get(0)?, steps);
            }
            if callee["name"] == "keccak256" || callee["name"] == "sha3" {
                let mut text = tree["arguments"].get(0)?;
                for _ in 0..steps {
                    let same = text["kind"] == "typeConversion"
                        || text["expression"]["memberName"] == "encodePacked";
                    if same && let Some([only]) = text["arguments"].as_array() {
                        text = only;
                    }
                }
                let bytes = (text["kind"] == "string").then(|| text["value"].as_str())??;
                return Some(keccak256(bytes).into());
            }
            let getter = subject.graph.target(&inside, callee)?;
            value_of_only_return(subject, getter, steps)
        }
        "BinaryOperation" => {
            let left = follow(subject, inside, &tree["leftExpression"], steps)?;
            let right = follow(subject, inside, &tree["rightExpression"], steps)?;
            match tree["operator"].as_str()? {
                "+" => left.checked_add(right),
                "-" => left.checked_sub(right),
                "*" => left.checked_mul(right),
                "/" => left.checked_div(right),
                _ => None,
            }
        }
        "Identifier" | "MemberAccess" => {
            let declared = subject.index.get(tree["referencedDeclaration"].as_i64()?)?;
            let constant =
                declared.tree["constant"] == true || declared.tree["mutability"] == "constant";
            constant.then(|| follow(subject, declared, &declared.tree["value"], steps))?
        }
        _ => None,
    }
}
