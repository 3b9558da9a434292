//! Internal functions in storage: jump targets of a code that is about to be replaced.

use super::{Outcome, Subject, members, name};
use crate::rules;
use cutover_types::{StorageLayout, source::Node, source::visit};
use std::collections::HashSet;

pub(super) fn inspect(
    subject: &Subject<'_>,
    layout: Option<&StorageLayout>,
    outcome: &mut Outcome,
) {
    let rule = rules::INTERNAL_FUNCTION_STORAGE;
    let mut told = HashSet::new();
    for contract in subject.linearized {
        for variable in members(contract, "VariableDeclaration") {
            let tree = variable.tree;
            if tree["constant"] == true
                || matches!(tree["mutability"].as_str(), Some("constant" | "immutable"))
                || subject.allowed(rule, &variable)
            {
                continue;
            }
            if holds_function(subject, &variable, &mut HashSet::new()) {
                told.insert(name(tree));
                outcome.findings.push(subject.finding(
                    rule,
                    &variable,
                    tree,
                    format!("`{}` stores an internal function", name(tree)),
                ));
            }
        }
    }
    let Some(layout) = layout else { return };
    let (Some(contract), false) = (
        subject.linearized.first(),
        subject.options.unsafe_allow.contains(rule.id),
    ) else {
        return;
    };
    for (id, members) in &layout.namespaces {
        for item in members {
            if reaches_function(layout, &item.type_id, &mut HashSet::new())
                && told.insert(&item.label)
            {
                let mut finding = subject.finding(
                    rule,
                    contract,
                    contract.tree,
                    format!(
                        "`{}` of namespace `{id}` stores an internal function",
                        item.label
                    ),
                );
                finding.label = Some(item.label.clone());
                finding.source.clone_from(&item.source);
                outcome.findings.push(finding);
            }
        }
    }
}

fn holds_function(subject: &Subject<'_>, variable: &Node<'_>, seen: &mut HashSet<i64>) -> bool {
    let mut found = false;
    let mut structs = Vec::new();
    visit(
        &variable.tree["typeName"],
        &mut |tree| match tree["nodeType"].as_str() {
            Some("FunctionTypeName") => found |= tree["visibility"] == "internal",
            Some("UserDefinedTypeName") => structs.extend(tree["referencedDeclaration"].as_i64()),
            _ => {}
        },
    );
    for id in structs {
        if found || !seen.insert(id) {
            continue;
        }
        let Some(definition) = subject.index.get(id) else {
            continue;
        };
        for member in definition.tree["members"].as_array().into_iter().flatten() {
            if member["nodeType"] == "VariableDeclaration" {
                let node = Node {
                    tree: member,
                    ..definition
                };
                found |= holds_function(subject, &node, seen);
            }
        }
    }
    found
}

fn reaches_function(layout: &StorageLayout, id: &str, seen: &mut HashSet<String>) -> bool {
    if id.starts_with("t_function_internal") {
        return true;
    }
    let Some(info) = layout.types.get(id) else {
        return false;
    };
    if !seen.insert(id.to_owned()) || seen.len() > 4096 {
        return false;
    }
    let inner = [&info.value, &info.base];
    inner
        .into_iter()
        .flatten()
        .any(|id| reaches_function(layout, id, seen))
        || info
            .members
            .iter()
            .flatten()
            .any(|member| reaches_function(layout, &member.type_id, seen))
}
