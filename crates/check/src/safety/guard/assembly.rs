//! What assembly asks before it stops.

use super::{Subject, conditions::Weight, flow::Flow, has_token, itself::as_itself, marks::Marks};
use alloy_primitives::U256;
use cutover_types::source::{Node, Tree, entry_points, id, kind, visit, visit_while};
use std::collections::{BTreeSet, HashSet};

/// The weight of assembly that can stop.
pub(super) fn assembly<'a>(flow: &Flow<'_, 'a>, function: &Node<'a>) -> Weight {
    let mut heaviest = Weight::Nothing;
    visit(function.tree, &mut |block| {
        if kind(block) == "InlineAssembly" {
            let asked = match block["operations"].as_str() {
                Some(text) => as_text(flow, function, block, text),
                None => Asked::of(flow, function, block),
            };
            let weight = asked.map(|asked| asked.weight(flow));
            heaviest = heaviest.max(weight.unwrap_or(Weight::Nothing));
        }
    });
    heaviest
}

/// What a block of assembly asks.
#[derive(Default)]
struct Asked {
    marks: Marks,
    /// State variables and constants by which it finds what it asks.
    named: BTreeSet<i64>,
    /// Whether another contract is called, and whether anything is asked but that it did not fail.
    calls: bool,
    looks: bool,
}

impl Asked {
    /// Of a block that can stop.
    fn of<'a>(flow: &Flow<'_, 'a>, function: &Node<'a>, block: &'a Tree) -> Option<Self> {
        let conditions = stopping(&block["AST"])?;
        let mut reader = Reader {
            flow,
            block,
            asked: Self::default(),
            code: false,
            memory: false,
            seen: HashSet::new(),
            next: Vec::new(),
        };
        match conditions {
            Stopping::On(conditions) => {
                let conditions = conditions.into_iter().map(|one| (one, false));
                reader.next.extend(conditions);
            }
            Stopping::Anyhow => reader.next.push((&block["AST"], false)),
        }
        reader.read();
        let (mut asked, code) = (reader.asked, reader.code);
        if !flow.has_caller(function) {
            asked.marks = asked.marks.without(Marks::SENDER);
        }
        if code && asked.marks.any(Marks::THIS) {
            asked.marks = asked.marks.without(Marks::THIS) | Marks::OTHER | Marks::AWAY;
        }
        Some(asked)
    }

    fn weight(self, flow: &Flow<'_, '_>) -> Weight {
        let marks = self.marks;
        let fixed = marks.any(Marks::OTHER | Marks::FIXED);
        match marks.any(Marks::SENDER | Marks::ORIGIN) {
            true if !fixed && !marks.any(Marks::THIS) => Weight::Anybody,
            // Who was asked may have said no.
            true if self.calls && !self.looks => Weight::Perhaps,
            true if marks.any(Marks::SENDER) && !fixed => as_itself(flow.subject()),
            true if marks.any(Marks::SENDER) => flow.compared(&self.named),
            true => Weight::Origin,
            false if marks.any(Marks::OTHER) => Weight::State,
            false if marks.any(Marks::BLOCK) => Weight::Block,
            false => Weight::Nothing,
        }
    }
}

/// What a block that older compilers keep as text asks.
fn as_text<'a>(
    flow: &Flow<'_, 'a>,
    function: &Node<'a>,
    block: &'a Tree,
    text: &str,
) -> Option<Asked> {
    let any = |words: &[&str]| words.iter().any(|word| has_token(text, word));
    if !any(&["revert", "invalid", "stop", "jumpi"]) {
        return None;
    }
    let (mut marks, outside) = flow.of_assembly(function, block);
    if any(&["if", "switch", "jumpi"]) {
        marks |= outside;
    }
    let named = flow.outer(block).into_iter();
    let named = named.filter(|one| is_fixed_place(one));
    Some(Asked {
        marks,
        named: named.map(|one| id(one.tree)).collect(),
        calls: false,
        looks: true,
    })
}

fn is_fixed_place(variable: &Node<'_>) -> bool {
    variable.tree["stateVariable"] == true || variable.tree["constant"] == true
}

/// On what a block stops.
enum Stopping<'a> {
    On(Vec<&'a Tree>),
    /// Where that is not plain: all of the block counts.
    Anyhow,
}

fn stopping(block: &Tree) -> Option<Stopping<'_>> {
    let mut elsewhere = false;
    visit(block, &mut |tree| {
        elsewhere |= kind(tree) == "YulFunctionDefinition"
            || tree["functionName"]["name"] == "return"
            || (kind(tree) == "YulForLoop" && has_stop(tree) && has_jump(tree));
    });
    if !has_stop(block) {
        return None;
    }
    if elsewhere {
        return Some(Stopping::Anyhow);
    }
    let mut found = Vec::new();
    let plain = under(block, &mut Vec::new(), &mut found);
    Some(match plain {
        true => Stopping::On(found),
        false => Stopping::Anyhow,
    })
}

fn is_stop(tree: &Tree) -> bool {
    let called = tree["functionName"]["name"].as_str();
    matches!(called, Some("revert" | "invalid" | "stop"))
}

fn has_stop(tree: &Tree) -> bool {
    let mut found = false;
    visit(tree, &mut |part| found |= is_stop(part));
    found
}

/// Whether something in a loop leaves it, or begins it anew.
fn has_jump(tree: &Tree) -> bool {
    let mut found = false;
    visit(tree, &mut |part| {
        found |= matches!(kind(part), "YulBreak" | "YulContinue" | "YulLeave");
    });
    found
}

/// Adds the conditions that statements which stop are under; says whether each is under one.
fn under<'a>(tree: &'a Tree, around: &mut Vec<&'a Tree>, found: &mut Vec<&'a Tree>) -> bool {
    let mut plain = true;
    visit_while(tree, &mut |part| {
        if is_stop(part) {
            plain &= !around.is_empty();
            found.extend(around.iter());
        }
        let (condition, bodies) = match kind(part) {
            "YulIf" => (&part["condition"], vec![&part["body"]]),
            "YulSwitch" => (&part["expression"], vec![&part["cases"]]),
            "YulForLoop" => (
                &part["condition"],
                vec![&part["pre"], &part["body"], &part["post"]],
            ),
            _ => return true,
        };
        if around.len() < MAX_NESTING {
            around.push(condition);
            for body in bodies {
                plain &= under(body, around, found);
            }
            around.pop();
        } else {
            plain = false;
        }
        false
    });
    plain
}

/// Branches deeper than this are not told apart.
const MAX_NESTING: usize = 32;

/// Follows what conditions are made of through the variables and the memory of a block.
struct Reader<'r, 's, 'a> {
    flow: &'r Flow<'s, 'a>,
    block: &'a Tree,
    asked: Asked,
    /// Whether the code of something is asked for.
    code: bool,
    /// Whether what memory holds was added.
    memory: bool,
    seen: HashSet<&'a str>,
    /// What is left to read, and whether it is in memory.
    next: Vec<(&'a Tree, bool)>,
}

impl<'a> Reader<'_, '_, 'a> {
    fn read(&mut self) {
        while let Some((tree, stored)) = self.next.pop() {
            visit_while(tree, &mut |part| match kind(part) {
                "YulIdentifier" => {
                    self.name(part, stored);
                    true
                }
                "YulFunctionCall" => self.call(part, stored),
                _ => true,
            });
        }
    }

    fn name(&mut self, tree: &'a Tree, stored: bool) {
        let name = tree["name"].as_str().unwrap_or_default();
        if let Some(variable) = self.outer(tree) {
            self.asked.marks |= self.flow.named(&variable, tree);
            if is_fixed_place(&variable) {
                self.asked.named.insert(id(variable.tree));
            }
            return;
        }
        if !self.seen.insert(name) {
            return;
        }
        let next = &mut self.next;
        visit(&self.block["AST"], &mut |part| {
            let list = match kind(part) {
                "YulVariableDeclaration" => &part["variables"],
                "YulAssignment" => &part["variableNames"],
                "YulFunctionDefinition" if part["name"] == name => {
                    next.push((&part["body"], stored));
                    return;
                }
                _ => return,
            };
            let mut list = list.as_array().into_iter().flatten();
            if list.any(|one| one["name"] == name) {
                next.push((&part["value"], stored));
            }
        });
    }

    fn outer(&self, name: &Tree) -> Option<Node<'a>> {
        outer(self.flow, self.block, name)
    }

    /// Whether the arguments are to be read.
    fn call(&mut self, tree: &'a Tree, stored: bool) -> bool {
        let name = tree["functionName"]["name"].as_str().unwrap_or_default();
        let to = tree["arguments"].get(1);
        let own = to.is_some_and(|to| to["functionName"]["name"] == "address");
        if name == "staticcall" && own && !answers(self.flow.subject(), self.block) {
            return false;
        }
        // Whom the caller chose says what the caller likes.
        let given = to.is_some_and(|to| {
            let marks = self.outer(to).map(|outer| self.flow.named(&outer, to));
            marks.is_some_and(|marks| marks.any(Marks::CHOSEN) && !marks.any(Marks::OTHER))
        });
        if !(given && matches!(name, "staticcall" | "call")) {
            self.asked.marks |= mark(name);
        }
        self.code |= matches!(name, "extcodesize" | "extcodehash");
        if !stored {
            self.asked.calls |= matches!(name, "staticcall" | "call");
            self.asked.looks |= matches!(name, "mload" | "sload" | "tload" | "returndatacopy");
        }
        let reads = matches!(
            name,
            "keccak256" | "mload" | "staticcall" | "call" | "delegatecall"
        );
        if reads && !std::mem::replace(&mut self.memory, true) {
            let next = &mut self.next;
            visit(&self.block["AST"], &mut |part| {
                let stores = part["functionName"]["name"].as_str();
                if matches!(
                    stores,
                    Some("mstore" | "mstore8" | "calldatacopy" | "staticcall" | "call")
                ) {
                    next.push((part, true));
                }
            });
        }
        true
    }
}

/// The variable from outside of a block that a name in it stands for.
pub(super) fn outer<'a>(flow: &Flow<'_, 'a>, block: &Tree, name: &Tree) -> Option<Node<'a>> {
    let all = block["externalReferences"].as_array();
    let mut all = all.into_iter().flatten();
    let outer = all.find(|one| one["src"] == name["src"] && kind(name) == "YulIdentifier")?;
    flow.subject().index.get(outer["declaration"].as_i64()?)
}

/// What an instruction stands for.
fn mark(name: &str) -> Marks {
    match name {
        "caller" => Marks::SENDER,
        "origin" => Marks::ORIGIN,
        "address" => Marks::THIS,
        "sload" | "call" | "staticcall" => Marks::OTHER,
        "timestamp" | "number" => Marks::BLOCK,
        _ => Marks::default(),
    }
}

/// Whether what a block asks the contract itself, by a selector that it writes to memory, can have an
/// answer that changes.
fn answers(subject: &Subject<'_>, block: &Tree) -> bool {
    let mut selectors = Vec::new();
    visit(&block["AST"], &mut |tree| {
        let stored = tree["arguments"].get(1);
        let word = stored.and_then(|value| value["value"].as_str()?.parse::<U256>().ok());
        let word = word.filter(|_| tree["functionName"]["name"] == "mstore");
        let word = word.and_then(|word| u32::try_from(word).ok());
        selectors.extend(word.map(|word| format!("{word:08x}")));
    });
    let is_asked = |tree: &Tree| {
        let selector = tree["functionSelector"].as_str();
        selector.is_some_and(|selector| selectors.iter().any(|one| one == selector))
    };
    let functions = entry_points(subject.linearized).into_iter();
    let mut functions = functions.filter(|one| is_asked(one.tree));
    let variables = subject.linearized.iter();
    let mut variables = variables
        .flat_map(|one| one.tree["nodes"].as_array().into_iter().flatten())
        .filter(|tree| kind(tree) == "VariableDeclaration" && is_asked(tree));
    selectors.is_empty()
        || functions.any(|one| one.tree["stateMutability"] != "pure")
        || variables.any(|one| one["constant"] != true)
}
