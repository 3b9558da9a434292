//! The values a local variable has one after the other: where it is set anew, what it was before is
//! gone.

use super::{weigh::end, writes::place};
use cutover_types::source::{Node, Tree, id, kind, visit};
use std::collections::{HashMap, HashSet};

/// What a local variable is at some place.
pub(super) enum Local<'a> {
    /// This, and nothing else.
    Is(&'a Tree),
    /// What the function was given; no local variable at all.
    Given,
    /// One thing or another.
    Several,
}

/// Where the local variables of functions are set, whatever way the function is gone through.
#[derive(Default)]
pub(super) struct Versions<'a> {
    /// By the variable: from where on, and the id of what stands on the left there.
    from: HashMap<i64, Vec<(usize, i64)>>,
    /// What is put into each version; `None` for what is not plain.
    values: HashMap<i64, Vec<Option<&'a Tree>>>,
}

impl<'a> Versions<'a> {
    pub(super) fn read(&mut self, function: &Node<'a>) {
        let named = |list: &str| {
            let all = function.tree[list]["parameters"].as_array();
            all.into_iter().flatten().map(id)
        };
        let results: Vec<_> = named("returnParameters").collect();
        let body = &function.tree["body"];
        let mut variables: HashSet<_> = named("parameters").chain(results.clone()).collect();
        self.block(body, &mut variables);
        visit(body, &mut |tree| {
            if matches!(kind(tree), "Block" | "UncheckedBlock") && !std::ptr::eq(tree, body) {
                self.block(tree, &mut HashSet::new());
            }
        });
        for result in results {
            self.values.entry(result).or_default().push(None);
        }
        self.fill(body);
        for all in self.from.values_mut() {
            all.sort_unstable();
            all.dedup();
        }
    }

    /// Which version of a variable a name at a place stands for, by an id of its own.
    pub(super) fn at(&self, variable: i64, place: usize) -> i64 {
        let all = self.from.get(&variable).into_iter().flatten();
        let before = all.take_while(|(from, _)| *from <= place);
        before.last().map_or(variable, |(_, version)| *version)
    }

    /// Which version of a variable an assignment to `left` adds to.
    pub(super) fn set(&self, variable: i64, left: &Tree) -> i64 {
        let mut all = self.from.get(&variable).into_iter().flatten();
        match all.any(|(_, version)| *version == id(left)) {
            true => id(left),
            false => self.at(variable, place(left)),
        }
    }

    pub(super) fn local(&self, variable: i64, name: &Tree) -> Local<'a> {
        let version = self.at(variable, place(name));
        match self.values.get(&version).map(Vec::as_slice) {
            None => Local::Given,
            Some([Some(one)]) => Local::Is(one),
            Some(_) => Local::Several,
        }
    }

    /// The statements of a block that always run one after the other.
    fn block(&mut self, block: &'a Tree, variables: &mut HashSet<i64>) {
        for statement in block["statements"].as_array().into_iter().flatten() {
            match kind(statement) {
                "VariableDeclarationStatement" => {
                    let all = statement["declarations"].as_array().into_iter().flatten();
                    variables.extend(all.map(id));
                }
                "Block" | "UncheckedBlock" => self.block(statement, variables),
                "ExpressionStatement" => {
                    let set = &statement["expression"];
                    if kind(set) != "Assignment" || set["operator"] != "=" {
                        continue;
                    }
                    for left in lefts(set) {
                        let variable = left["referencedDeclaration"].as_i64();
                        let variable = variable.filter(|one| variables.contains(one));
                        if let Some(variable) = variable {
                            let all = self.from.entry(variable).or_default();
                            all.push((end(set), id(left)));
                            all.sort_unstable();
                        }
                    }
                }
                _ => {}
            }
        }
    }

    /// Notes what is put into each version.
    fn fill(&mut self, body: &'a Tree) {
        visit(body, &mut |tree| match kind(tree) {
            "VariableDeclarationStatement" => {
                let all = tree["declarations"].as_array().unwrap_or_default();
                let value = &tree["initialValue"];
                for one in all {
                    let plain = all.len() == 1 && value.is_object();
                    let values = self.values.entry(id(one)).or_default();
                    values.push(plain.then_some(value));
                }
            }
            "Assignment" => {
                for left in lefts(tree) {
                    if let Some(variable) = left["referencedDeclaration"].as_i64() {
                        let plain =
                            tree["operator"] == "=" && std::ptr::eq(left, &tree["leftHandSide"]);
                        let version = self.set(variable, left);
                        let values = self.values.entry(version).or_default();
                        values.push(plain.then_some(&tree["rightHandSide"]));
                    }
                }
            }
            "UnaryOperation" => {
                if let Some(variable) = tree["subExpression"]["referencedDeclaration"].as_i64()
                    && matches!(tree["operator"].as_str(), Some("++" | "--" | "delete"))
                {
                    let version = self.at(variable, place(tree));
                    self.values.entry(version).or_default().push(None);
                }
            }
            "InlineAssembly" => visit(&tree["externalReferences"], &mut |one| {
                if let Some(variable) = one["declaration"].as_i64() {
                    let version = self.at(variable, place(tree));
                    self.values.entry(version).or_default().push(None);
                }
            }),
            _ => {}
        });
    }
}

/// The names on the left of an assignment.
fn lefts(set: &Tree) -> Vec<&Tree> {
    let left = &set["leftHandSide"];
    let all = left["components"].as_array();
    let all = all.unwrap_or(std::slice::from_ref(left)).iter();
    all.filter(|one| kind(one) == "Identifier").collect()
}
