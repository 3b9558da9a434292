//! What an evaluator has to know of the functions a contract runs: who calls them with what, and
//! which value each local variable gets.

use cutover_types::source::{Index, Node, Tree, dispatch, id, kind, reachable, visit};
use std::collections::{HashMap, HashSet};

/// A call of a function, and the function it is in.
#[derive(Clone)]
pub(crate) struct Call<'a> {
    pub(crate) caller: Node<'a>,
    pub(crate) arguments: Vec<&'a Tree>,
}

/// Where a local variable gets its value.
#[derive(Clone, Copy)]
pub(crate) enum Definition<'a> {
    /// From a Solidity expression.
    Solidity(&'a Tree),
    /// From a Yul expression in an assembly block.
    Yul(&'a Tree, &'a Tree),
    /// From several places, or not on every path.
    Unclear,
}

/// What is put into a local variable.
#[derive(Default)]
struct Values<'a> {
    all: Vec<Definition<'a>>,
    /// Whether it is not simply one of these, or not on every path.
    unclear: bool,
}

/// Functions a contract can run, read once.
#[derive(Default)]
pub(crate) struct Functions<'a> {
    pub(crate) reached: Vec<Node<'a>>,
    callers: HashMap<i64, Vec<Call<'a>>>,
    values: HashMap<i64, Values<'a>>,
    returns: HashMap<i64, Vec<&'a Tree>>,
}

/// A function called from more places than this is not followed to its callers.
const MAX_CALLERS: usize = 256;

impl<'a> Functions<'a> {
    pub(crate) fn of(index: &Index<'a>, linearized: &[Node<'a>]) -> Self {
        let mut all = Self::default();
        for function in reachable(index, linearized, |_| true) {
            all.read(index, linearized, function.node);
        }
        all
    }

    /// Calls of a function; `None` when there are too many.
    pub(crate) fn callers(&self, function: i64) -> Option<&[Call<'a>]> {
        let calls = self.callers.get(&function).map_or(&[][..], Vec::as_slice);
        (calls.len() <= MAX_CALLERS).then_some(calls)
    }

    /// The only value a local variable gets.
    pub(crate) fn definition(&self, variable: i64) -> Option<Definition<'a>> {
        let known = self.values.get(&variable)?;
        Some(match known.all.as_slice() {
            [one] if !known.unclear => *one,
            _ => Definition::Unclear,
        })
    }

    /// All that is put into a local variable, or that what is put there is made of.
    pub(crate) fn values(&self, variable: i64) -> &[Definition<'a>] {
        let known = self.values.get(&variable);
        known.map_or(&[], |known| known.all.as_slice())
    }

    /// The `return` statements of a function.
    pub(crate) fn returns(&self, function: i64) -> &[&'a Tree] {
        self.returns.get(&function).map_or(&[], Vec::as_slice)
    }

    fn read(&mut self, index: &Index<'a>, linearized: &[Node<'a>], function: Node<'a>) {
        self.reached.push(function);
        let own = id(function.tree);
        let certain = unconditional(function.tree);
        visit(function.tree, &mut |tree| match kind(tree) {
            "FunctionCall" => self.call(index, linearized, function, tree),
            "Return" => self.returns.entry(own).or_default().push(tree),
            "VariableDeclarationStatement" => {
                let declared = tree["declarations"].as_array().unwrap_or_default();
                for variable in declared.iter().filter(|one| one.is_object()) {
                    if tree["initialValue"].is_object() {
                        let value = Definition::Solidity(&tree["initialValue"]);
                        self.define(id(variable), value, declared.len() == 1);
                    }
                }
            }
            "Assignment" => {
                let left = &tree["leftHandSide"];
                if let Some(variable) = left["referencedDeclaration"].as_i64() {
                    let plain = tree["operator"] == "=";
                    let value = if plain { &tree["rightHandSide"] } else { tree };
                    let clear = plain && certain.contains(&address(tree));
                    self.define(variable, Definition::Solidity(value), clear);
                }
                for part in left["components"].as_array().into_iter().flatten() {
                    if let Some(variable) = part["referencedDeclaration"].as_i64() {
                        let value = Definition::Solidity(&tree["rightHandSide"]);
                        self.define(variable, value, false);
                    }
                }
            }
            "UnaryOperation"
                if matches!(tree["operator"].as_str(), Some("++" | "--" | "delete")) =>
            {
                if let Some(variable) = tree["subExpression"]["referencedDeclaration"].as_i64() {
                    self.define(variable, Definition::Solidity(tree), false);
                }
            }
            "InlineAssembly" => self.assembly(tree, &certain),
            _ => {}
        });
    }

    fn assembly(&mut self, block: &'a Tree, certain: &HashSet<usize>) {
        let references = references(block);
        visit(&block["AST"], &mut |tree| {
            if kind(tree) != "YulAssignment" {
                return;
            }
            let names = tree["variableNames"].as_array().unwrap_or_default();
            for name in names {
                if let Some(variable) = declaration(&references, name) {
                    let value = Definition::Yul(block, &tree["value"]);
                    let clear = names.len() == 1 && certain.contains(&address(tree));
                    self.define(variable, value, clear);
                }
            }
        });
    }

    fn define(&mut self, variable: i64, value: Definition<'a>, clear: bool) {
        let known = self.values.entry(variable).or_default();
        known.all.push(value);
        known.unclear |= !clear;
    }

    fn call(
        &mut self,
        index: &Index<'a>,
        linearized: &[Node<'a>],
        caller: Node<'a>,
        tree: &'a Tree,
    ) {
        if let Some((target, arguments)) = called(index, linearized, tree) {
            let calls = self.callers.entry(id(target.tree)).or_default();
            // One more than is followed, so that `callers` can tell.
            if calls.len() <= MAX_CALLERS {
                calls.push(Call { caller, arguments });
            }
        }
    }
}

/// The function a call runs, with an argument for each of its parameters.
pub(crate) fn called<'a>(
    index: &Index<'a>,
    linearized: &[Node<'a>],
    call: &'a Tree,
) -> Option<(Node<'a>, Vec<&'a Tree>)> {
    let callee = &call["expression"];
    let target = index.get(callee["referencedDeclaration"].as_i64()?)?;
    if kind(target.tree) != "FunctionDefinition" {
        return None;
    }
    let target = if kind(callee) == "Identifier" {
        dispatch(linearized, target)
    } else {
        target
    };
    let mut arguments: Vec<_> = call["arguments"].as_array()?.iter().collect();
    let named = call["names"]
        .as_array()
        .is_some_and(|names| !names.is_empty());
    let wanted = parameters(target.tree).len();
    if arguments.len() + 1 == wanted {
        // `value.f()` with `using … for …`: the value comes first.
        arguments.insert(0, &callee["expression"]);
    }
    (arguments.len() == wanted && !named).then_some((target, arguments))
}

/// The parameters of a function.
pub(crate) fn parameters(function: &Tree) -> &[Tree] {
    let list = function["parameters"]["parameters"].as_array();
    list.unwrap_or_default()
}

/// Solidity declarations that an assembly block refers to, by the place of the reference.
pub(crate) fn references(block: &Tree) -> HashMap<&str, i64> {
    let list = block["externalReferences"].as_array().into_iter().flatten();
    list.filter_map(|one| Some((one["src"].as_str()?, one["declaration"].as_i64()?)))
        .collect()
}

/// The Solidity declaration behind an identifier of an assembly block.
pub(crate) fn declaration(references: &HashMap<&str, i64>, identifier: &Tree) -> Option<i64> {
    references.get(identifier["src"].as_str()?).copied()
}

/// Assignments that run whenever the function does: those not inside a branch or a loop.
fn unconditional(function: &Tree) -> HashSet<usize> {
    let mut found = HashSet::new();
    let mut blocks = vec![&function["body"]["statements"]];
    while let Some(block) = blocks.pop() {
        for statement in block.as_array().into_iter().flatten() {
            match kind(statement) {
                "Block" | "UncheckedBlock" | "YulBlock" => blocks.push(&statement["statements"]),
                "InlineAssembly" => blocks.push(&statement["AST"]["statements"]),
                "ExpressionStatement" => {
                    found.insert(address(&statement["expression"]));
                }
                "YulAssignment" => {
                    found.insert(address(statement));
                }
                _ => {}
            }
        }
    }
    found
}

/// Tells nodes of one tree apart.
fn address(tree: &Tree) -> usize {
    std::ptr::from_ref(tree) as usize
}
