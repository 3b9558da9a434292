//! Upgrade safety: what goes wrong behind a proxy whatever the layout.

mod annotations;
pub(crate) mod constant;
mod construction;
mod fixed_target;
mod guard;
mod initializers;
mod linking;
mod opcodes;
mod slots;
mod stored_functions;
mod upgrade_function;

use crate::{Options, Side, rules::Rule, spans};
use cutover_types::{
    Finding,
    check::Role,
    source::{CallGraph, Index, Node, Reached, Tree, allows},
};
use slots::Slots;
use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
};

/// Functions that are remembered as running in others.
const MAX_REMEMBERED: usize = 50_000;

/// What the safety rules say.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Findings, in the order of the rules.
    pub(crate) findings: Vec<Finding>,
    /// What could not be told, each a reason for "inconclusive".
    pub(crate) unknown: Vec<String>,
}

/// What the rules of this family look at.
pub(crate) struct Subject<'a> {
    pub(crate) index: &'a Index<'a>,
    /// The contract and its bases, most derived first.
    linearized: &'a [Node<'a>],
    /// What its functions run.
    pub(crate) graph: CallGraph<'a>,
    options: &'a Options,
    /// All that runs inside functions, by id, and how much more of it is remembered.
    runs: RefCell<HashMap<i64, Rc<[Reached<'a>]>>>,
    room: Cell<usize>,
    /// Whether functions always revert, by id and by how many levels were looked at.
    stuck: RefCell<HashMap<(i64, usize), bool>>,
    /// What functions write by number, by id.
    written: RefCell<HashMap<i64, Rc<Slots>>>,
    /// What it takes to have the contract call itself, once that was asked.
    itself: Cell<Option<guard::Weight>>,
    /// What becomes of the conditions of functions, by id.
    doors: RefCell<HashMap<i64, Rc<guard::Seen>>>,
}

/// Looks at green; blue says what its proxy has been through already.
pub(crate) fn inspect(blue: &Side<'_>, green: &Side<'_>, options: &Options) -> Outcome {
    let mut outcome = Outcome::default();
    linking::inspect(green, options, &mut outcome);
    let Some(index) = green.index() else {
        outcome
            .unknown
            .push("green has no syntax tree: no safety rule that reads the source ran".to_owned());
        return outcome;
    };
    let Some(linearized) = chain(&index, green) else {
        outcome.unknown.push(format!(
            "the syntax trees of `{}` and its bases are not all there: no safety rule that reads the source ran",
            green.contract.unwrap_or_default()
        ));
        return outcome;
    };
    let before = blue.index();
    let before = before
        .as_deref()
        .and_then(|index| Some((index, chain(index, blue)?)));
    // What subjects remember is not shared: each thread has its own.
    let subjects = || {
        let before = before.as_ref();
        let before = before.map(|(index, linearized)| Subject::new(index, linearized, options));
        (Subject::new(&index, &linearized, options), before)
    };
    let construction = || {
        let (subject, before) = subjects();
        let mut outcome = Outcome::default();
        linking::called(&subject, green.libraries, &mut outcome);
        construction::inspect(&subject, &mut outcome);
        upgrade_function::inspect(&subject, before.as_ref(), &mut outcome);
        stored_functions::inspect(&subject, green.layout, &mut outcome);
        outcome
    };
    let initialization = || {
        let (subject, before) = subjects();
        let mut outcome = Outcome::default();
        opcodes::inspect(&subject, &mut outcome);
        let layouts = [blue, green].map(|side| side.layout);
        initializers::inspect(&subject, before.as_ref(), layouts, &mut outcome);
        annotations::inspect(&subject, &mut outcome);
        outcome
    };
    let (here, there) = std::thread::scope(|scope| {
        let there = scope.spawn(initialization);
        let here = construction();
        let there = there.join();
        (
            here,
            there.unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
        )
    });
    outcome.add(here);
    outcome.add(there);
    outcome
}

impl Outcome {
    fn add(&mut self, other: Self) {
        self.findings.extend(other.findings);
        self.unknown.extend(other.unknown);
    }
}

/// Lets `look` see a side's contract; `None` when its syntax trees are not all there.
pub(crate) fn with_subject<R>(
    side: &Side<'_>,
    options: &Options,
    look: impl FnOnce(&Subject<'_>) -> R,
) -> Option<R> {
    let index = side.index()?;
    let linearized = chain(&index, side)?;
    Some(look(&Subject::new(&index, &linearized, options)))
}

/// A side's contract and its bases, most derived first.
fn chain<'a>(index: &Index<'a>, side: &Side<'_>) -> Option<Vec<Node<'a>>> {
    let contract = index.contract(side.contract.unwrap_or_default())?;
    index.linearized(&contract)
}

impl<'a> Subject<'a> {
    fn new(index: &'a Index<'a>, linearized: &'a [Node<'a>], options: &'a Options) -> Self {
        Self {
            index,
            linearized,
            graph: CallGraph::new(index, linearized),
            options,
            runs: RefCell::default(),
            room: Cell::new(MAX_REMEMBERED),
            stuck: RefCell::default(),
            written: RefCell::default(),
            itself: Cell::default(),
            doors: RefCell::default(),
        }
    }

    /// The contract around a node.
    fn owner(&self, node: &Node<'_>) -> Option<Node<'a>> {
        node.contract.and_then(|id| self.index.get(id))
    }

    /// Whether an annotation on the node or the contract around it, or an option, allows a rule.
    fn allowed(&self, rule: &Rule, node: &Node<'_>) -> bool {
        self.options.unsafe_allow.contains(rule.id)
            || allows(node.tree, rule.id, false)
            || self
                .owner(node)
                .is_some_and(|owner| allows(owner.tree, rule.id, false))
    }

    /// A finding about `tree`, inside or equal to `node`.
    fn finding(&self, rule: &Rule, node: &Node<'_>, tree: &Tree, message: String) -> Finding {
        let owner = self.owner(node);
        let owner = owner.as_ref().unwrap_or(node);
        let label = match node.tree["name"].as_str() {
            Some("") | None => node.tree["kind"].as_str().map(str::to_owned),
            Some(name) => Some(name.to_owned()),
        };
        let contract = format!("{}:{}", owner.unit, name(owner.tree));
        let place = self.index.span(node.unit, tree);
        Finding {
            label,
            source: self.index.line(node.unit, tree),
            spans: place
                .map(|place| spans::at(Role::Green, place, String::new()))
                .into_iter()
                .collect(),
            ..rule.finding(&contract, message)
        }
    }
}

/// Members of a contract of one kind.
fn members<'a>(contract: &Node<'a>, kind: &str) -> Vec<Node<'a>> {
    contract.tree["nodes"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|tree| tree["nodeType"] == kind)
        .map(|tree| Node {
            unit: contract.unit,
            contract: tree_id(contract.tree),
            tree,
        })
        .collect()
}

fn tree_id(tree: &Tree) -> Option<i64> {
    tree["id"].as_i64()
}

fn name(tree: &Tree) -> &str {
    tree["name"].as_str().unwrap_or_default()
}
