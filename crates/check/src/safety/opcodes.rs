//! Code that destroys the contract or runs foreign code on its storage, assembly included.

use super::{Outcome, Subject, is_constructor};
use crate::rules::{self, Rule};
use cutover_types::source::{allows, reachable, visit};
use serde_json::Value;

pub(super) fn inspect(subject: &Subject<'_>, outcome: &mut Outcome) {
    for rule in [rules::SELFDESTRUCT, rules::DELEGATECALL] {
        if subject.options.unsafe_allow.contains(rule.id) {
            continue;
        }
        let reached = reachable(subject.index, subject.linearized, |node| {
            let owner = subject.owner(node);
            !is_constructor(node.tree)
                && !allows(node.tree, rule.id, true)
                && !owner.is_some_and(|owner| allows(owner.tree, rule.id, true))
        });
        for function in reached {
            if subject.allowed(rule, &function.node) {
                continue;
            }
            visit(function.node.tree, &mut |tree| {
                let Some(what) = opcode(rule, tree) else {
                    return;
                };
                outcome.findings.push(subject.finding(
                    rule,
                    &function.node,
                    tree,
                    format!("`{what}` can run through {}", function.path.join(" → ")),
                ));
            });
        }
    }
}

/// The unsafe operation a node is, if it is one.
fn opcode(rule: &Rule, tree: &Value) -> Option<&'static str> {
    let words: &[&'static str] = if rule.id == rules::SELFDESTRUCT.id {
        &["selfdestruct", "suicide"]
    } else {
        &["delegatecall", "callcode"]
    };
    match tree["nodeType"].as_str()? {
        "YulFunctionCall" => {
            let called = tree["functionName"]["name"].as_str()?;
            words.iter().find(|word| **word == called).copied()
        }
        // Before solc 0.6 assembly is text.
        "InlineAssembly" => {
            let text = tree["operations"].as_str()?;
            text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .find_map(|token| words.iter().find(|word| **word == token).copied())
        }
        "Identifier" | "MemberAccess" => {
            let id = tree["typeDescriptions"]["typeIdentifier"].as_str()?;
            if id.starts_with("t_function_selfdestruct_") {
                words
                    .first()
                    .copied()
                    .filter(|word| *word == "selfdestruct")
            } else if id.starts_with("t_function_baredelegatecall_") {
                words
                    .first()
                    .copied()
                    .filter(|word| *word == "delegatecall")
            } else if id.starts_with("t_function_barecallcode_") {
                words.get(1).copied().filter(|word| *word == "callcode")
            } else {
                None
            }
        }
        _ => None,
    }
}
