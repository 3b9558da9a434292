//! What the values inside a function come from: the caller, or something a caller has no say in.

mod ask;
mod fill;

use super::{
    Subject,
    answers::Answers,
    conditions::Weight,
    marks::{Marks, Value},
    versions::{Local, Versions},
    ways::{Inside, callee},
};
use cutover_types::source::{Node, Tree, id, kind, visit};
use std::{
    cell::RefCell,
    collections::{BTreeSet, HashMap, HashSet},
};

/// Most times that all is gone through again; a longer way of a value is not followed.
const MAX_ROUNDS: usize = 12;

/// The values of all variables and of what functions return, by their definition's id.
pub(super) struct Flow<'s, 'a> {
    subject: &'s Subject<'a>,
    values: HashMap<i64, Value>,
    versions: Versions<'a>,
    /// Functions that the contract calls as itself.
    as_itself: HashSet<i64>,
    /// Whether nodes are copies of state, as far as it was asked since anything changed.
    copies: RefCell<HashMap<*const Tree, bool>>,
    answers: RefCell<Answers>,
    /// State that the caller is compared with.
    asked: RefCell<BTreeSet<i64>>,
    /// State that others can change, and what it takes.
    open: HashMap<i64, Weight>,
    changed: bool,
}

impl<'s, 'a> Flow<'s, 'a> {
    /// `inside` is all that runs. Callers choose the first one's arguments.
    pub(super) fn new(subject: &'s Subject<'a>, inside: &Inside<'a>) -> Self {
        let functions = || inside.all.iter().map(|one| one.node);
        let itself = functions().filter(|one| !inside.has_caller(one));
        let mut flow = Self {
            subject,
            values: HashMap::new(),
            versions: Versions::default(),
            as_itself: itself.map(|one| id(one.tree)).collect(),
            copies: RefCell::default(),
            answers: RefCell::default(),
            asked: RefCell::default(),
            open: HashMap::new(),
            changed: true,
        };
        let first = inside.all.first().map(|one| &one.node.tree["parameters"]);
        let parameters = first.and_then(|all| all["parameters"].as_array());
        for one in parameters.into_iter().flatten() {
            let value = Value {
                marks: Marks::CHOSEN,
                ..Value::default()
            };
            flow.add(id(one), &value);
        }
        for function in functions() {
            flow.versions.read(&function);
        }
        for round in 0..MAX_ROUNDS {
            if !std::mem::take(&mut flow.changed) {
                break;
            }
            // What is handed in goes down, what is returned comes up.
            let down = round % 2 == 0;
            let mut all: Vec<_> = functions().collect();
            if !down {
                all.reverse();
            }
            for function in all {
                flow.go_through(&function);
            }
        }
        flow
    }

    pub(super) fn subject(&self) -> &'s Subject<'a> {
        self.subject
    }

    /// From now on, what is compared with state that others can change counts for what that takes.
    pub(super) fn set_open(&mut self, open: HashMap<i64, Weight>) {
        self.open = open;
        self.answers = RefCell::default();
    }

    /// State that the caller was compared with in what was weighed.
    pub(super) fn asked(&self) -> BTreeSet<i64> {
        self.asked.borrow().clone()
    }

    /// What it is worth that the caller is compared with state.
    pub(super) fn compared(&self, states: &BTreeSet<i64>) -> Weight {
        self.asked.borrow_mut().extend(states);
        let open = self.opened(states);
        open.map_or(Weight::Caller, |open| open.max(Weight::Anybody))
    }

    /// What it takes to change the most open of some state; `None` where others cannot.
    pub(super) fn opened(&self, states: &BTreeSet<i64>) -> Option<Weight> {
        let open = states.iter().filter_map(|one| self.open.get(one));
        open.copied().min()
    }

    /// What is known of conditions.
    pub(super) fn answers(&self) -> &RefCell<Answers> {
        &self.answers
    }

    /// What a name stands for, where it is a local variable's.
    pub(super) fn local(&self, name: &Tree) -> Local<'a> {
        let declared = name["referencedDeclaration"].as_i64();
        declared.map_or(Local::Given, |declared| self.versions.local(declared, name))
    }

    /// What a variable depends on at a place.
    fn known(&self, variable: &Node<'_>, place: usize) -> Option<&Value> {
        self.values.get(&self.versions.at(id(variable.tree), place))
    }

    /// The function of this contract that a call runs.
    pub(super) fn inner(&self, inside: &Node<'a>, call: &'a Tree) -> Option<Node<'a>> {
        let callee = callee(call);
        let called = self
            .target(inside, callee)
            .filter(|_| !is_foreign(callee))?;
        let results = called.tree["returnParameters"]["parameters"].as_array()?;
        (called.tree["body"].is_object() && !results.is_empty()).then_some(called)
    }

    fn target(&self, inside: &Node<'a>, tree: &Tree) -> Option<Node<'a>> {
        self.subject.graph.target(inside, tree)
    }

    fn variable(&self, tree: &Tree) -> Option<Node<'a>> {
        let declared = tree["referencedDeclaration"].as_i64()?;
        self.subject
            .index
            .get(declared)
            .filter(|what| kind(what.tree) == "VariableDeclaration")
    }

    /// Variables that a block of assembly names.
    pub(super) fn outer(&self, block: &Tree) -> Vec<Node<'a>> {
        let mut found = Vec::new();
        visit(&block["externalReferences"], &mut |tree| {
            let declared = tree["declaration"].as_i64();
            found.extend(declared.and_then(|id| self.subject.index.get(id)));
        });
        found
    }
}

/// Whether a call, by what is called, is one to another contract.
pub(super) fn is_foreign(callee: &Tree) -> bool {
    let type_id = callee["typeDescriptions"]["typeIdentifier"].as_str();
    type_id.is_some_and(|id| {
        id.starts_with("t_function_external") || id.starts_with("t_function_bare")
    })
}

/// Whether a node that names a variable reads state that can change.
pub(super) fn is_stored(node: &Tree, variable: &Node<'_>) -> bool {
    let fixed = variable.tree["constant"] == true || variable.tree["mutability"] == "constant";
    let of = node["expression"]["typeDescriptions"]["typeIdentifier"].as_str();
    let member = kind(node) == "MemberAccess" && of.is_some_and(|of| of.contains("_storage"));
    !fixed && (variable.tree["stateVariable"] == true || member)
}
