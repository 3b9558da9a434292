//! Delegate calls whose target nobody chooses at run time: the contract itself, a constant, an
//! immutable, a literal, also handed on through local variables and parameters.

use super::{Subject, name, opcodes::Operation};
use cutover_types::source::{Node, Reached, Tree, id, kind, visit};
use std::collections::HashMap;

/// Longest way an expression is followed.
const MAX_STEPS: usize = 12;
/// Most call sites of one function that are looked at.
const MAX_SITES: usize = 64;

/// Where targets come from in all the contract can run.
pub(super) struct Targets<'s, 'a> {
    subject: &'s Subject<'a>,
    /// Where each function is named: the function around it, the call, or nothing when it is a value.
    sites: HashMap<i64, Vec<(Node<'a>, Option<&'a Tree>)>>,
}

impl<'s, 'a> Targets<'s, 'a> {
    pub(super) fn new(subject: &'s Subject<'a>, reached: &[Reached<'a>]) -> Self {
        let mut sites: HashMap<i64, Vec<_>> = HashMap::new();
        for from in reached {
            let mut calls = HashMap::new();
            visit(from.node.tree, &mut |tree| {
                if kind(tree) == "FunctionCall" {
                    calls.insert(id(&tree["expression"]), tree);
                }
            });
            visit(from.node.tree, &mut |tree| {
                if let Some(to) = subject.graph.target(&from.node, tree) {
                    let call = calls.get(&id(tree)).copied();
                    sites
                        .entry(id(to.tree))
                        .or_default()
                        .push((from.node, call));
                }
            });
        }
        Self { subject, sites }
    }

    /// What the operation's target is when it is fixed, in words.
    pub(super) fn fixed(
        &self,
        function: &Reached<'a>,
        operation: &Operation<'a>,
    ) -> Option<String> {
        let to = operation.to?;
        match operation.assembly {
            Some(block) => self.yul(function.node, block, to),
            None => self.expression(function.node, to, MAX_STEPS),
        }
    }

    fn expression(&self, inside: Node<'a>, tree: &'a Tree, steps: usize) -> Option<String> {
        let steps = steps.checked_sub(1)?;
        match kind(tree) {
            "Literal" => Some(format!("`{}`", tree["value"].as_str()?)),
            "TupleExpression" => match tree["components"].as_array()? {
                [one] => self.expression(inside, one, steps),
                _ => None,
            },
            "FunctionCall" if tree["kind"] == "typeConversion" => {
                self.expression(inside, tree["arguments"].get(0)?, steps)
            }
            "FunctionCall" => {
                let callee = &tree["expression"];
                let getter = self.subject.graph.target(&inside, callee)?;
                match getter.tree["body"]["statements"].as_array()? {
                    [only] if kind(only) == "Return" => {
                        self.expression(getter, &only["expression"], steps)
                    }
                    _ => None,
                }
            }
            "Identifier" if tree["name"] == "this" => Some("this contract".to_owned()),
            "Identifier" | "MemberAccess" => {
                let declared = tree["referencedDeclaration"].as_i64()?;
                self.declared(inside, self.subject.index.get(declared)?, steps)
            }
            _ => None,
        }
    }

    fn declared(&self, inside: Node<'a>, what: Node<'a>, steps: usize) -> Option<String> {
        let tree = what.tree;
        if kind(tree) == "ContractDefinition" && tree["contractKind"] == "library" {
            return Some(format!("`{}`", name(tree)));
        }
        if kind(tree) != "VariableDeclaration" {
            return None;
        }
        if tree["constant"] == true
            || matches!(tree["mutability"].as_str(), Some("constant" | "immutable"))
        {
            return Some(format!("`{}`", name(tree)));
        }
        if tree["stateVariable"] == true || reassigned(inside.tree, tree) {
            return None;
        }
        let parameters = inside.tree["parameters"]["parameters"].as_array()?;
        if let Some(place) = parameters.iter().position(|one| id(one) == id(tree)) {
            return self.argument(inside, place, parameters.len(), steps);
        }
        let mut value = None;
        visit(inside.tree, &mut |statement| {
            let declares =
                |list: &Tree| matches!(list.as_array(), Some([one]) if id(one) == id(tree));
            if kind(statement) == "VariableDeclarationStatement"
                && declares(&statement["declarations"])
            {
                value = Some(&statement["initialValue"]);
            }
        });
        self.expression(inside, value?, steps)
    }

    /// What every caller passes as a parameter, when all pass something fixed.
    fn argument(
        &self,
        function: Node<'a>,
        place: usize,
        parameters: usize,
        steps: usize,
    ) -> Option<String> {
        let visibility = function.tree["visibility"].as_str();
        let library = self.subject.owner(&function);
        let own = library.is_none_or(|owner| owner.tree["contractKind"] != "library");
        if kind(function.tree) != "FunctionDefinition"
            || (own && matches!(visibility, Some("public" | "external")))
        {
            return None;
        }
        let sites = self.sites.get(&id(function.tree))?;
        if sites.len() > MAX_SITES {
            return None;
        }
        let mut told = None;
        for (from, call) in sites {
            let call = (*call)?;
            let given = call["arguments"].as_array()?;
            if call["names"]
                .as_array()
                .is_some_and(|names| !names.is_empty())
            {
                return None;
            }
            // `using for`: what stands before the dot is the first argument.
            let bound = parameters.checked_sub(given.len())?;
            let argument = match (bound, place) {
                (0, place) => given.get(place)?,
                (1, 0) => &call["expression"]["expression"],
                (1, place) => given.get(place.checked_sub(1)?)?,
                _ => return None,
            };
            // Recursion through itself ends at the number of steps.
            told = Some(self.expression(*from, argument, steps / sites.len().max(1))?);
        }
        told
    }

    fn yul(&self, inside: Node<'a>, block: &'a Tree, tree: &'a Tree) -> Option<String> {
        match kind(tree) {
            "YulLiteral" => Some(format!("`{}`", tree["value"].as_str()?)),
            "YulFunctionCall" if tree["functionName"]["name"] == "address" => {
                Some("this contract".to_owned())
            }
            "YulIdentifier" => {
                let outside = block["externalReferences"].as_array()?;
                let declared = outside
                    .iter()
                    .find(|one| one["src"] == tree["src"] && one["isSlot"] != true)?;
                let declared = self.subject.index.get(declared["declaration"].as_i64()?)?;
                self.declared(inside, declared, MAX_STEPS)
            }
            _ => None,
        }
    }
}

/// Whether a function changes a local variable after its declaration.
fn reassigned(function: &Tree, variable: &Tree) -> bool {
    let mut found = false;
    visit(function, &mut |tree| match kind(tree) {
        "Assignment" => visit(&tree["leftHandSide"], &mut |part| {
            found |= part["referencedDeclaration"].as_i64() == Some(id(variable));
        }),
        "UnaryOperation" if matches!(tree["operator"].as_str(), Some("++" | "--" | "delete")) => {
            found |= tree["subExpression"]["referencedDeclaration"].as_i64() == Some(id(variable));
        }
        "YulAssignment" => visit(&tree["variableNames"], &mut |part| {
            found |= part["name"] == variable["name"];
        }),
        // Assembly that is text: anything may be in it.
        "InlineAssembly" => found |= tree["operations"].is_string(),
        _ => {}
    });
    found
}
