//! What the values inside a function come from: the caller, or something a caller has no say in.

use super::{Subject, has_token};
use cutover_types::source::{Node, Reached, Tree, id, kind, visit, visit_while};
use std::{
    collections::HashMap,
    ops::{BitOr, BitOrAssign},
};

/// Most times that all is gone through again; a longer way of a value is not followed.
const MAX_ROUNDS: usize = 12;

/// What a value depends on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks(u8);

impl Marks {
    /// `msg.sender`.
    pub(super) const SENDER: Self = Self(1);
    /// `tx.origin`.
    pub(super) const ORIGIN: Self = Self(2);
    /// State, the block, a signature, an address that is written out.
    pub(super) const OTHER: Self = Self(4);
    /// The contract's own address.
    pub(super) const THIS: Self = Self(8);
    /// A constant that is no address.
    pub(super) const FIXED: Self = Self(16);

    pub(super) fn any(self, wanted: Self) -> bool {
        self.0 & wanted.0 != 0
    }

    fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl BitOr for Marks {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Marks {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// The marks of all variables and of what functions return, by their definition's id.
pub(super) struct Flow<'s, 'a> {
    subject: &'s Subject<'a>,
    marks: HashMap<i64, Marks>,
    changed: bool,
}

impl<'s, 'a> Flow<'s, 'a> {
    /// `inside` is all that runs. Nothing is known of the first one's arguments: callers choose them.
    pub(super) fn new(subject: &'s Subject<'a>, inside: &[Reached<'a>]) -> Self {
        let mut flow = Self {
            subject,
            marks: HashMap::new(),
            changed: true,
        };
        for _ in 0..MAX_ROUNDS {
            if !std::mem::take(&mut flow.changed) {
                break;
            }
            for function in inside {
                flow.go_through(&function.node);
            }
        }
        flow
    }

    /// What an expression inside a function depends on.
    pub(super) fn of(&self, inside: &Node<'a>, tree: &'a Tree) -> Marks {
        let mut marks = Marks::default();
        visit_while(tree, &mut |node| {
            let member = node["memberName"].as_str();
            if kind(node) == "MemberAccess"
                && matches!(member, Some("code" | "codehash" | "balance"))
            {
                // What the contract has is not where it is: state, as OpenZeppelin's initializers ask it.
                let whose = self.of(inside, &node["expression"]);
                marks |= match whose.any(Marks::THIS) {
                    true => whose.without(Marks::THIS) | Marks::OTHER,
                    false => whose,
                };
                return false;
            }
            if let Some(called) = self.target(inside, node) {
                marks |= self.known(id(called.tree));
            }
            match (kind(node), node["name"].as_str()) {
                ("MemberAccess", _) => {
                    let of = node["expression"]["name"].as_str();
                    match (of, node["memberName"].as_str()) {
                        (Some("msg"), Some("sender")) => marks |= Marks::SENDER,
                        (Some("tx"), Some("origin")) => marks |= Marks::ORIGIN,
                        _ => {}
                    }
                }
                ("Identifier", Some("this")) => marks |= Marks::THIS,
                ("Identifier", Some("block" | "now" | "ecrecover")) => marks |= Marks::OTHER,
                ("Literal", _) if is_address(node) => marks |= Marks::OTHER,
                _ => {}
            }
            if let Some(variable) = self.variable(node) {
                marks |= self.known(id(variable.tree)) | own(variable.tree);
            }
            true
        });
        marks
    }

    /// What a block of assembly looks at by itself, and through variables from outside of it.
    pub(super) fn of_assembly(&self, block: &Tree) -> (Marks, Marks) {
        let mut marks = Marks::default();
        let words = [
            ("caller", Marks::SENDER),
            ("origin", Marks::ORIGIN),
            ("address", Marks::THIS),
            ("sload", Marks::OTHER),
            ("call", Marks::OTHER),
            ("staticcall", Marks::OTHER),
            ("timestamp", Marks::OTHER),
            ("number", Marks::OTHER),
        ];
        let text = block["operations"].as_str().unwrap_or_default();
        for (word, mark) in words {
            if has_token(text, word) {
                marks |= mark;
            }
        }
        visit(block, &mut |tree| {
            let called = tree["functionName"]["name"].as_str();
            for (word, mark) in words {
                if called == Some(word) {
                    marks |= mark;
                }
            }
        });
        let mut outside = Marks::default();
        for variable in self.outer(block) {
            outside |= self.known(id(variable.tree)) | own(variable.tree);
        }
        (marks, outside)
    }

    fn known(&self, id: i64) -> Marks {
        self.marks.get(&id).copied().unwrap_or_default()
    }

    fn add(&mut self, id: i64, marks: Marks) {
        let entry = self.marks.entry(id).or_default();
        let more = *entry | marks;
        self.changed |= more != *entry;
        *entry = more;
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
    fn outer(&self, block: &Tree) -> Vec<Node<'a>> {
        let mut found = Vec::new();
        visit(&block["externalReferences"], &mut |tree| {
            let declared = tree["declaration"].as_i64();
            found.extend(declared.and_then(|id| self.subject.index.get(id)));
        });
        found
    }

    /// Hands marks on along assignments, calls and results.
    fn go_through(&mut self, function: &Node<'a>) {
        let own_id = id(function.tree);
        let mut found: Vec<(i64, Marks)> = Vec::new();
        visit(function.tree, &mut |tree| match kind(tree) {
            "VariableDeclarationStatement" => {
                let marks = self.of(function, &tree["initialValue"]);
                for one in tree["declarations"].as_array().into_iter().flatten() {
                    found.push((id(one), marks));
                }
            }
            "Assignment" => {
                let marks = self.of(function, &tree["rightHandSide"]);
                self.assigned(&tree["leftHandSide"], marks, &mut found);
            }
            "Return" => found.push((own_id, self.of(function, &tree["expression"]))),
            // What is done under a condition tells about the condition.
            "IfStatement" | "WhileStatement" | "DoWhileStatement" | "ForStatement" => {
                let marks = self.of(function, &tree["condition"]);
                for part in ["trueBody", "falseBody", "body"] {
                    visit(&tree[part], &mut |inner| match kind(inner) {
                        "Assignment" => self.assigned(&inner["leftHandSide"], marks, &mut found),
                        "Return" => found.push((own_id, marks)),
                        _ => {}
                    });
                }
            }
            "FunctionCall" => {
                let callee = &tree["expression"];
                let callee = match kind(callee) {
                    "FunctionCallOptions" => &callee["expression"],
                    _ => callee,
                };
                self.passed(function, callee, tree, &mut found);
            }
            "ModifierInvocation" => {
                self.passed(function, &tree["modifierName"], tree, &mut found);
            }
            "InlineAssembly" => {
                let (inside, outside) = self.of_assembly(tree);
                for variable in self.outer(tree) {
                    if variable.tree["stateVariable"] != true {
                        found.push((id(variable.tree), inside | outside));
                    }
                }
            }
            _ => {}
        });
        let results = &function.tree["returnParameters"]["parameters"];
        for result in results.as_array().into_iter().flatten() {
            found.push((own_id, self.known(id(result))));
        }
        for (to, marks) in found {
            self.add(to, marks);
        }
    }

    /// The variables on the left of an assignment.
    fn assigned(&self, left: &Tree, marks: Marks, found: &mut Vec<(i64, Marks)>) {
        match kind(left) {
            "Identifier" => {
                found.extend(self.variable(left).map(|one| (id(one.tree), marks)));
            }
            "TupleExpression" => {
                for part in left["components"].as_array().into_iter().flatten() {
                    if kind(part) == "Identifier" {
                        self.assigned(part, marks, found);
                    }
                }
            }
            // A part of a local struct or array.
            "MemberAccess" | "IndexAccess" => {
                let bases = [&left["expression"], &left["baseExpression"]];
                let base = bases.into_iter().find_map(|base| self.variable(base));
                let local = base.filter(|base| {
                    base.tree["stateVariable"] != true && base.tree["storageLocation"] == "memory"
                });
                found.extend(local.map(|one| (id(one.tree), marks)));
            }
            _ => {}
        }
    }

    /// The parameters of what is called.
    fn passed(
        &self,
        function: &Node<'a>,
        callee: &'a Tree,
        call: &'a Tree,
        found: &mut Vec<(i64, Marks)>,
    ) {
        let Some(called) = self.target(function, callee) else {
            return;
        };
        let given = call["arguments"].as_array().unwrap_or_default();
        let parameters = called.tree["parameters"]["parameters"].as_array();
        let parameters = parameters.unwrap_or_default();
        let named = call["names"].as_array().is_some_and(|all| !all.is_empty());
        if named || parameters.len() < given.len() {
            let marks = self.of(function, call);
            found.extend(parameters.iter().map(|one| (id(one), marks)));
            return;
        }
        // `using for`: what stands before the dot is the first argument.
        let bound = parameters.len() - given.len();
        let first = (bound > 0).then(|| &callee["expression"]);
        for (parameter, argument) in parameters.iter().zip(first.into_iter().chain(given)) {
            found.push((id(parameter), self.of(function, argument)));
        }
    }
}

/// What a variable is by itself.
fn own(variable: &Tree) -> Marks {
    let constant = variable["constant"] == true || variable["mutability"] == "constant";
    if constant && !is_address(variable) {
        Marks::FIXED
    } else if constant
        || variable["stateVariable"] == true
        || variable["storageLocation"] == "storage"
    {
        Marks::OTHER
    } else {
        Marks::default()
    }
}

fn is_address(tree: &Tree) -> bool {
    let type_id = tree["typeDescriptions"]["typeIdentifier"].as_str();
    type_id.is_some_and(|id| id.starts_with("t_address") || id.starts_with("t_contract"))
}
