//! Where variables get their values.

use super::{Source, Subject};
use cutover_types::source::{Node, Reached, Tree, id, kind, visit};
use std::collections::HashMap;

/// Where the variables of all that runs in a function get their values.
#[derive(Default)]
pub(super) struct Bindings<'a> {
    variables: HashMap<i64, Vec<Source<'a>>>,
    /// Those of assembly, by the block's place in memory and their name.
    assembly: HashMap<(*const Tree, &'a str), Vec<Source<'a>>>,
}

impl<'a> Bindings<'a> {
    pub(super) fn of(subject: &Subject<'a>, inside: &[Reached<'a>]) -> Self {
        let mut all = Self::default();
        for function in inside {
            all.read(subject, function.node);
        }
        all
    }

    pub(super) fn of_variable(&self, variable: i64) -> &[Source<'a>] {
        self.variables.get(&variable).map_or(&[], Vec::as_slice)
    }

    pub(super) fn of_assembly(&self, block: &Tree, name: &'a str) -> &[Source<'a>] {
        let key = (std::ptr::from_ref(block), name);
        self.assembly.get(&key).map_or(&[], Vec::as_slice)
    }

    fn read(&mut self, subject: &Subject<'a>, inside: Node<'a>) {
        let results = inside.tree["returnParameters"]["parameters"].as_array();
        visit(inside.tree, &mut |tree| {
            let mut bind = |to: &'a [Tree], value| {
                let source = Source {
                    inside,
                    block: None,
                    value,
                };
                self.bind(to, source);
            };
            match kind(tree) {
                "VariableDeclarationStatement" => {
                    let to = tree["declarations"].as_array();
                    bind(to.unwrap_or_default(), &tree["initialValue"]);
                }
                "Assignment" => {
                    let left = &tree["leftHandSide"];
                    let one = std::slice::from_ref(left);
                    let to = left["components"].as_array().unwrap_or(one);
                    bind(to, &tree["rightHandSide"]);
                }
                "Return" => bind(results.unwrap_or_default(), &tree["expression"]),
                "FunctionCall" | "ModifierInvocation" => {
                    let callee = match kind(tree) {
                        "FunctionCall" => &tree["expression"],
                        _ => &tree["modifierName"],
                    };
                    let source = Source {
                        inside,
                        block: None,
                        value: tree,
                    };
                    if let Some(called) = subject.graph.target(&inside, callee) {
                        for (to, source) in arguments(source, called) {
                            self.variables.entry(to).or_default().push(source);
                        }
                    }
                }
                "InlineAssembly" => self.block(inside, tree),
                _ => {}
            }
        });
    }

    /// Binds one value to one variable, or the parts of one to several.
    fn bind(&mut self, to: &'a [Tree], source: Source<'a>) {
        let parts = source.value["components"].as_array();
        let parts = parts.filter(|parts| parts.len() == to.len() && to.len() > 1);
        for (place, to) in to.iter().enumerate() {
            let variable = match kind(to) {
                "VariableDeclaration" => Some(id(to)),
                "Identifier" => to["referencedDeclaration"].as_i64(),
                _ => None,
            };
            let value = parts.and_then(|parts| parts.get(place));
            let value = value.unwrap_or(source.value);
            if let Some(variable) = variable
                && value.is_object()
            {
                let all = self.variables.entry(variable).or_default();
                all.push(Source { value, ..source });
            }
        }
    }

    fn block(&mut self, inside: Node<'a>, block: &'a Tree) {
        let source = |value| Source {
            inside,
            block: Some(block),
            value,
        };
        visit(&block["AST"], &mut |tree| {
            let names = match kind(tree) {
                "YulVariableDeclaration" => &tree["variables"],
                "YulAssignment" => &tree["variableNames"],
                "YulFunctionCall" => {
                    let Some(definition) = function(block, name(&tree["functionName"])) else {
                        return;
                    };
                    let names = definition["parameters"].as_array().into_iter().flatten();
                    let values = tree["arguments"].as_array().into_iter().flatten();
                    for (to, value) in names.zip(values) {
                        self.named(block, name(to), source(value));
                    }
                    return;
                }
                _ => return,
            };
            let value = &tree["value"];
            for to in names.as_array().into_iter().flatten() {
                match declared(block, to) {
                    _ if !value.is_object() => {}
                    Some(variable) => {
                        let all = self.variables.entry(variable).or_default();
                        all.push(source(value));
                    }
                    None => self.named(block, name(to), source(value)),
                }
            }
        });
    }

    fn named(&mut self, block: &'a Tree, name: &'a str, source: Source<'a>) {
        let key = (std::ptr::from_ref(block), name);
        self.assembly.entry(key).or_default().push(source);
    }
}

fn name(tree: &Tree) -> &str {
    tree["name"].as_str().unwrap_or_default()
}

/// The Solidity variable that a name in assembly stands for, also as the slot of a pointer.
pub(super) fn declared(block: &Tree, identifier: &Tree) -> Option<i64> {
    let mut all = block["externalReferences"].as_array()?.iter();
    all.find(|one| one["src"] == identifier["src"] && !identifier["src"].is_null())?["declaration"]
        .as_i64()
}

/// What a function of an assembly block calls its results.
pub(super) fn results<'a>(block: &'a Tree, called: &str) -> Vec<&'a str> {
    let results = function(block, called).and_then(|one| one["returnVariables"].as_array());
    results.into_iter().flatten().map(name).collect()
}

fn function<'a>(block: &'a Tree, called: &str) -> Option<&'a Tree> {
    let mut found = None;
    visit(&block["AST"], &mut |tree| {
        if kind(tree) == "YulFunctionDefinition" && name(tree) == called {
            found = Some(tree);
        }
    });
    found
}

/// What a call or an invocation of a modifier hands in for each parameter.
pub(super) fn arguments<'a>(call: Source<'a>, called: Node<'a>) -> Vec<(i64, Source<'a>)> {
    let wanted = parameters(called.tree);
    let given = call.value["arguments"].as_array().unwrap_or_default();
    let names = call.value["names"].as_array().unwrap_or_default();
    let mut found = Vec::new();
    let mut add = |to: &Tree, value| found.push((id(to), Source { value, ..call }));
    // `value.f()`: what stands before the dot comes first.
    let bound = (given.len() + 1 == wanted.len()).then(|| &call.value["expression"]["expression"]);
    let rest = match (bound, wanted) {
        (Some(value), [first, rest @ ..]) => {
            add(first, value);
            rest
        }
        _ => wanted,
    };
    for (place, value) in given.iter().enumerate() {
        let to = match names.get(place).and_then(Tree::as_str) {
            Some(label) => wanted.iter().find(|one| name(one) == label),
            None => rest.get(place),
        };
        if let Some(to) = to {
            add(to, value);
        }
    }
    found
}

/// What an immutable or a constant is set to.
pub(super) fn fixed<'a>(subject: &Subject<'a>, variable: Node<'a>) -> Vec<Source<'a>> {
    let source = |inside, value| Source {
        inside,
        block: None,
        value,
    };
    let mut found = Vec::new();
    if variable.tree["value"].is_object() {
        found.push(source(variable, &variable.tree["value"]));
    }
    for contract in subject.linearized {
        visit(contract.tree, &mut |tree| {
            let to = &tree["leftHandSide"]["referencedDeclaration"];
            if kind(tree) == "Assignment" && to.as_i64() == Some(id(variable.tree)) {
                found.push(source(*contract, &tree["rightHandSide"]));
            }
        });
    }
    found
}

/// The parameters of a function or a modifier.
pub(super) fn parameters(function: &Tree) -> &[Tree] {
    let list = function["parameters"]["parameters"].as_array();
    list.unwrap_or_default()
}

/// Whether an expression points at something in storage.
pub(super) fn is_pointer(tree: &Tree) -> bool {
    let name = tree["typeDescriptions"]["typeString"].as_str();
    name.is_some_and(|name| name.contains(" storage ") || name.ends_with(" storage"))
}
