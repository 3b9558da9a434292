//! Constant expressions that name storage slots: literals, hashes, arithmetic on them, and the
//! functions that return or take such a value.

mod around;
mod places;
mod solidity;

pub(crate) use places::Variables;
use places::is_slot;

use crate::{
    functions::{Call, Definition, Functions, declaration, parameters, references},
    words::{Datum, Type, convert, number},
};
use alloy_primitives::{B256, U256};
use cutover_types::source::{Index, Node, Tree, id, kind, visit};
use std::collections::BTreeSet;

/// Expressions nested deeper than this are left alone.
const MAX_DEPTH: usize = 48;
/// A parameter is followed through this many callers, one above the other.
const MAX_CHAIN: usize = 5;
/// Steps for one expression, and for all of a contract: sources are not trusted to be sane.
const STEPS: usize = 20_000;
const STEPS_IN_ALL: usize = 1_000_000;

/// Where a slot is, and what it comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Root {
    pub(crate) slot: B256,
    pub(crate) constant: Option<String>,
    /// The variable it is worked out from, by the id of its declaration.
    pub(crate) variable: Option<i64>,
    /// The function in which it is written, by the id of its definition.
    pub(crate) function: i64,
}

/// All that an expression can name.
#[derive(Default)]
pub(crate) struct Found {
    /// Slots; `None` is one that could not be read.
    pub(crate) roots: BTreeSet<Option<Root>>,
    /// Variables from whose slots some that could not be read are so and so far.
    pub(crate) near: BTreeSet<i64>,
}

/// An expression of an assembly block.
#[derive(Clone, Copy)]
pub(crate) struct Yul<'a> {
    pub(crate) block: &'a Tree,
    pub(crate) value: &'a Tree,
}

/// What can name a slot.
#[derive(Clone, Copy)]
pub(crate) enum Expression<'a> {
    Yul(Yul<'a>),
    /// A variable, by the id of its declaration.
    Variable(i64),
}

/// Evaluates expressions in the functions of one contract.
pub(crate) struct Evaluator<'a, 'i> {
    index: &'i Index<'a>,
    linearized: &'i [Node<'a>],
    functions: &'i Functions<'a>,
    variables: Option<&'i Variables>,
    frames: Vec<Frame<'a>>,
    constant: Option<i64>,
    /// The variable whose slot was asked for.
    variable: Option<i64>,
    steps: usize,
    left: usize,
}

/// A function under evaluation. `caller` is the frame its arguments are in.
struct Frame<'a> {
    function: Node<'a>,
    arguments: Vec<&'a Tree>,
    caller: Option<usize>,
}

/// Why there is no value.
#[derive(Debug)]
enum Stop {
    Unknown,
    /// It depends on a parameter of the outermost function.
    Parameter,
}

type Evaluated<T> = Result<T, Stop>;

impl<'a, 'i> Evaluator<'a, 'i> {
    pub(crate) fn new(
        index: &'i Index<'a>,
        linearized: &'i [Node<'a>],
        functions: &'i Functions<'a>,
    ) -> Self {
        Self {
            index,
            linearized,
            functions,
            variables: None,
            frames: Vec::new(),
            constant: None,
            variable: None,
            steps: 0,
            left: STEPS_IN_ALL,
        }
    }

    /// The same, knowing where the contract's variables are.
    pub(crate) fn with(self, variables: &'i Variables) -> Self {
        Self {
            variables: Some(variables),
            ..self
        }
    }

    /// Every slot an expression of `function` can name, over all callers.
    pub(crate) fn roots(&mut self, function: Node<'a>, expression: Expression<'a>) -> Found {
        self.steps = STEPS.min(self.left);
        let given = self.steps;
        let mut found = Found::default();
        let mut chains: Vec<Vec<Call<'a>>> = vec![Vec::new()];
        while let Some(chain) = chains.pop() {
            let outermost = chain.last().map_or(function, |call| call.caller);
            self.enter(function, &chain);
            (self.constant, self.variable) = (None, None);
            let top = self.frames.len() - 1;
            let value = match expression {
                Expression::Yul(yul) => self.yul(yul, top, 0),
                Expression::Variable(id) => {
                    let datum = self.variable(id, top, 0);
                    datum.and_then(|datum| as_word(Some(datum)))
                }
            };
            match value {
                Ok(word) => {
                    let constant = self.constant.and_then(|id| self.index.get(id));
                    let constant = constant.filter(|_| self.variable.is_none());
                    found.roots.insert(Some(Root {
                        slot: B256::from(word),
                        constant: constant
                            .and_then(|node| node.tree["name"].as_str().map(str::to_owned)),
                        variable: self.variable,
                        function: id(outermost.tree),
                    }));
                }
                Err(Stop::Unknown) => {
                    self.around(expression, top, &mut found.near);
                    found.roots.insert(None);
                }
                Err(Stop::Parameter) => {
                    let callers = self.functions.callers(id(outermost.tree));
                    match callers {
                        Some(calls) if !calls.is_empty() && chain.len() < MAX_CHAIN => {
                            for call in calls {
                                let mut longer = chain.clone();
                                longer.push(call.clone());
                                chains.push(longer);
                            }
                        }
                        _ => {
                            self.around(expression, top, &mut found.near);
                            found.roots.insert(None);
                        }
                    }
                }
            }
            if self.steps == 0 {
                found.roots.insert(None);
                break;
            }
        }
        self.left -= given - self.steps;
        found
    }

    /// The value of an expression outside all functions.
    pub(crate) fn constant(&mut self, tree: &'a Tree) -> Option<U256> {
        self.steps = STEPS.min(self.left);
        self.frames.clear();
        self.word(tree, usize::MAX, 0).ok()
    }

    fn enter(&mut self, function: Node<'a>, chain: &[Call<'a>]) {
        self.frames.clear();
        let outermost = chain.last().map_or(function, |call| call.caller);
        self.frames.push(Frame {
            function: outermost,
            arguments: Vec::new(),
            caller: None,
        });
        for (i, call) in chain.iter().enumerate().rev() {
            let callee = match i {
                0 => function,
                i => chain[i - 1].caller,
            };
            self.frames.push(Frame {
                function: callee,
                arguments: call.arguments.clone(),
                caller: Some(self.frames.len() - 1),
            });
        }
    }

    fn step(&mut self, depth: usize) -> Evaluated<()> {
        if depth > MAX_DEPTH || self.steps == 0 {
            return Err(Stop::Unknown);
        }
        self.steps -= 1;
        Ok(())
    }

    fn yul(&mut self, yul: Yul<'a>, frame: usize, depth: usize) -> Evaluated<U256> {
        self.step(depth)?;
        let Yul { block, value } = yul;
        match kind(value) {
            "YulLiteral" => {
                let text = value["value"].as_str().ok_or(Stop::Unknown)?;
                match value["kind"].as_str() {
                    Some("string") => {
                        let text = Datum::Bytes(text.as_bytes().to_vec());
                        as_word(convert(text, Type::Text, Type::Fixed(32)))
                    }
                    _ => number(text).ok_or(Stop::Unknown),
                }
            }
            "YulIdentifier" => {
                let references = references(block);
                // Looking through a block costs as much as it is long.
                self.steps = self.steps.saturating_sub(references.len() / 8);
                let name = value["name"].as_str().unwrap_or_default();
                if let Some(id) = declaration(&references, value) {
                    if is_slot(name) && self.is_stored(id) {
                        return self.place(id);
                    }
                    let datum = self.variable(id, frame, depth + 1)?;
                    return as_word(Some(datum));
                }
                let (value, looked) = local(block, name);
                self.steps = self.steps.saturating_sub(looked / 8);
                let value = value.ok_or(Stop::Unknown)?;
                self.yul(Yul { block, value }, frame, depth + 1)
            }
            "YulFunctionCall" => {
                let name = value["functionName"]["name"].as_str().unwrap_or_default();
                let operator = match name {
                    "add" | "sub" | "mul" | "and" | "or" | "xor" | "shl" | "shr" | "not" => name,
                    _ => return Err(Stop::Unknown),
                };
                let mut words = Vec::new();
                let mut unknown = false;
                for value in value["arguments"].as_array().into_iter().flatten().take(2) {
                    match self.yul(Yul { block, value }, frame, depth + 1) {
                        Ok(word) => words.push(word),
                        // What the other comes from can show in the callers.
                        Err(Stop::Unknown) => unknown = true,
                        Err(stop) => return Err(stop),
                    }
                }
                if unknown {
                    return Err(Stop::Unknown);
                }
                let by = |bits: U256| usize::try_from(bits).unwrap_or(256);
                Ok(match (operator, words.as_slice()) {
                    ("add", [a, b]) => a.wrapping_add(*b),
                    ("sub", [a, b]) => a.wrapping_sub(*b),
                    ("mul", [a, b]) => a.wrapping_mul(*b),
                    ("and", [a, b]) => a & b,
                    ("or", [a, b]) => a | b,
                    ("xor", [a, b]) => a ^ b,
                    ("shl", [a, b]) => b.wrapping_shl(by(*a)),
                    ("shr", [a, b]) => b.wrapping_shr(by(*a)),
                    ("not", [a]) => !a,
                    _ => return Err(Stop::Unknown),
                })
            }
            _ => Err(Stop::Unknown),
        }
    }

    /// The value of a constant, a parameter, or a local variable that is set once.
    fn variable(&mut self, variable: i64, frame: usize, depth: usize) -> Evaluated<Datum> {
        self.step(depth)?;
        let tree = self.index.get(variable).ok_or(Stop::Unknown)?.tree;
        let fixed = tree["constant"] == true || tree["mutability"] == "constant";
        if fixed || self.is_set_once(variable, tree) {
            self.constant.get_or_insert(variable);
            return self.typed(&tree["value"], tree, usize::MAX, depth);
        }
        let here = self.frames.get(frame).ok_or(Stop::Unknown)?;
        if tree["stateVariable"] == true {
            return Err(Stop::Unknown);
        }
        let place = parameters(here.function.tree)
            .iter()
            .position(|parameter| id(parameter) == variable);
        match (place, self.functions.definition(variable)) {
            (Some(place), None) => {
                let caller = here.caller.ok_or(Stop::Parameter)?;
                let argument = *here.arguments.get(place).ok_or(Stop::Unknown)?;
                self.typed(argument, tree, caller, depth)
            }
            (None, Some(Definition::Solidity(value))) => self.typed(value, tree, frame, depth),
            (None, Some(Definition::Yul(block, value))) => self
                .yul(Yul { block, value }, frame, depth + 1)
                .map(Datum::Word),
            _ => Err(Stop::Unknown),
        }
    }

    /// Whether a variable is immutable and has the value it is declared with.
    fn is_set_once(&mut self, variable: i64, tree: &Tree) -> bool {
        if tree["mutability"] != "immutable" || !tree["value"].is_object() {
            return false;
        }
        // Looking through all of a contract costs as much.
        self.steps = self.steps.saturating_sub(STEPS / 20);
        let mut set = false;
        for contract in self.linearized {
            visit(contract.tree, &mut |part| {
                let to = &part["leftHandSide"]["referencedDeclaration"];
                set |= kind(part) == "Assignment" && to.as_i64() == Some(variable);
            });
        }
        !set
    }

    /// An expression's value as a variable holds it.
    fn typed(
        &mut self,
        value: &'a Tree,
        variable: &'a Tree,
        frame: usize,
        depth: usize,
    ) -> Evaluated<Datum> {
        if variable["storageLocation"] == "storage" {
            return self.pointer(value, frame, depth + 1).map(Datum::Word);
        }
        let datum = self.datum(value, frame, depth + 1)?;
        match (type_of(value), type_of(variable)) {
            (Some(from), Some(to)) => convert(datum, from, to).ok_or(Stop::Unknown),
            // User-defined value types keep their bits.
            _ if type_name(value) == type_name(variable) => Ok(datum),
            _ => Err(Stop::Unknown),
        }
    }
}

fn as_word(datum: Option<Datum>) -> Evaluated<U256> {
    match datum {
        Some(Datum::Word(word)) => Ok(word),
        _ => Err(Stop::Unknown),
    }
}

fn type_name(tree: &Tree) -> &str {
    tree["typeDescriptions"]["typeString"]
        .as_str()
        .unwrap_or_default()
}

fn type_of(tree: &Tree) -> Option<Type> {
    Type::read(type_name(tree))
}

/// The value of a Yul variable that is declared once and never set again, and how many nodes were
/// looked at.
fn local<'a>(block: &'a Tree, name: &str) -> (Option<&'a Tree>, usize) {
    let mut declared = Vec::new();
    let (mut clear, mut looked) = (true, 0);
    visit(&block["AST"], &mut |tree| {
        looked += 1;
        let names = match kind(tree) {
            "YulVariableDeclaration" => &tree["variables"],
            "YulAssignment" => &tree["variableNames"],
            _ => return,
        };
        let names = names.as_array().unwrap_or_default();
        if names.iter().any(|one| one["name"] == name) {
            clear &= names.len() == 1 && kind(tree) == "YulVariableDeclaration";
            declared.push(&tree["value"]);
        }
    });
    match declared.as_slice() {
        [value] if clear => (Some(*value), looked),
        _ => (None, looked),
    }
}

#[cfg(test)]
mod tests;
