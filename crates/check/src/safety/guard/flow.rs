//! What the values inside a function come from: the caller, or something a caller has no say in.

use super::{
    Subject,
    answers::Answers,
    conditions::{MAX_DEPTH, Weight, is_bare},
    evaluate::{TIME, evaluate},
    has_token,
    marks::{Marks, Value},
    versions::{Local, Versions},
    ways::{Inside, callee},
    writes::place,
};
use alloy_primitives::U256;
use cutover_types::source::{Node, Tree, id, is_own, kind, visit, visit_while};
use std::{
    cell::RefCell,
    collections::{BTreeSet, HashMap, HashSet},
};

/// A time that no delay reaches from zero.
const LATER: U256 = U256::from_limbs([1 << 40, 0, 0, 0]);

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

    /// What an expression inside a function depends on.
    pub(super) fn of(&self, inside: &Node<'a>, tree: &'a Tree) -> Marks {
        self.value(inside, tree).marks
    }

    /// What an expression inside a function depends on, and which state.
    pub(super) fn value(&self, inside: &Node<'a>, tree: &'a Tree) -> Value {
        let mut value = Value::default();
        // What a member of a struct is taken from: that member is read, and no more of it.
        let mut around = HashSet::new();
        visit_while(tree, &mut |node| {
            let member = node["memberName"].as_str();
            if kind(node) == "MemberAccess"
                && matches!(member, Some("code" | "codehash" | "balance"))
            {
                // What the contract has is not where it is: state, as OpenZeppelin's initializers ask it.
                let mut whose = self.value(inside, &node["expression"]);
                if whose.marks.any(Marks::THIS) {
                    whose.marks = whose.marks.without(Marks::THIS) | Marks::OTHER | Marks::AWAY;
                }
                value.add(&whose);
                return false;
            }
            let states_count = !around.contains(&id(node));
            if kind(node) == "FunctionCall" && is_foreign(callee(node)) {
                value.add(&self.answer(inside, node));
                return false;
            }
            let called = match kind(node) {
                "FunctionCall" => self.inner(inside, node),
                _ => self.target(inside, node),
            };
            if let Some(called) = called {
                match self.values.get(&id(called.tree)) {
                    Some(known) if states_count => value.add(known),
                    Some(known) => value.marks |= known.marks,
                    None => {}
                }
                // What a function makes of what it is given is in its result.
                if kind(node) == "FunctionCall" {
                    return false;
                }
            }
            match (kind(node), node["name"].as_str()) {
                ("MemberAccess", _) => {
                    let of = node["expression"]["name"].as_str();
                    match (of, node["memberName"].as_str()) {
                        (Some("msg"), Some("sender")) if self.has_caller(inside) => {
                            value.marks |= Marks::SENDER;
                        }
                        (Some("tx"), Some("origin")) => value.marks |= Marks::ORIGIN,
                        _ => {}
                    }
                }
                ("Identifier", Some("this")) => value.marks |= Marks::THIS,
                ("Identifier", Some("block" | "now")) => {
                    value.marks |= Marks::BLOCK | Marks::AWAY;
                }
                ("Identifier", Some("ecrecover")) => {
                    value.marks |= Marks::SIGNER | Marks::AWAY;
                }
                ("Literal", _) if is_address(node) => value.marks |= Marks::OTHER,
                _ => {}
            }
            if let Some(variable) = self.variable(node) {
                let known = self.known(&variable, place(node));
                value.marks |=
                    known.map_or(own(variable.tree), |known| known.marks | own(variable.tree));
                let member = kind(node) == "MemberAccess" && variable.tree["stateVariable"] != true;
                if is_stored(node, &variable)
                    || (member && self.copied(inside, &node["expression"]))
                {
                    if states_count {
                        value.states.insert(id(variable.tree));
                        if member {
                            value.from.extend(self.roots(inside, &node["expression"]));
                        }
                    }
                    if member {
                        around.extend(taken_from(node));
                    }
                } else if let Some(known) = known.filter(|_| states_count) {
                    value.states.extend(&known.states);
                    value.from.extend(&known.from);
                }
            }
            true
        });
        value
    }

    /// What another contract's answer depends on; what the contract's own does, where it is asked.
    fn answer(&self, inside: &Node<'a>, call: &'a Tree) -> Value {
        let callee = callee(call);
        let member = kind(callee) == "MemberAccess";
        if member && is_own(&callee["expression"]) {
            if let Some(called) = self.target(inside, callee) {
                let known = self.values.get(&id(called.tree));
                return known.cloned().unwrap_or_default();
            }
            if let Some(variable) = self.variable(callee) {
                return Value {
                    marks: own(variable.tree),
                    states: [id(variable.tree)].into(),
                    ..Value::default()
                };
            }
        }
        let asked = match member {
            true => self.value(inside, &callee["expression"]),
            false => self.value(inside, callee),
        };
        let mut value = Value::default();
        for argument in call["arguments"].as_array().into_iter().flatten() {
            value.add(&self.value(inside, argument));
        }
        if !asked.marks.any(Marks::OTHER | Marks::THIS) {
            // Whom the caller chose says what the caller likes, whatever it is asked.
            value.marks = value
                .marks
                .without(Marks::OTHER | Marks::THIS | Marks::FIXED);
            value.states.clear();
        }
        value.add(&asked);
        value.marks |= Marks::ANSWER | Marks::AWAY;
        value
    }

    /// Whether a condition holds for somebody of whom no mapping has an entry.
    pub(super) fn lets_in(&self, inside: &Node<'a>, tree: &'a Tree, must: bool) -> bool {
        let unset = |id| {
            let variable = self.subject.index.get(id);
            match variable {
                _ if id == TIME => Some(LATER),
                Some(one) if kind(&one.tree["typeName"]) == "Mapping" => Some(U256::ZERO),
                _ => None,
            }
        };
        let holds = evaluate(self.subject, inside, tree, &unset, MAX_DEPTH);
        holds.is_some_and(|holds| holds.is_zero() != must)
    }

    /// Whether no function ever changes these.
    pub(super) fn keeps(&self, states: &BTreeSet<i64>) -> bool {
        let mut all = states.iter().filter_map(|id| self.subject.index.get(*id));
        all.all(|one| one.tree["mutability"] == "immutable")
    }

    /// What a variable that assembly names depends on.
    pub(super) fn named(&self, variable: &Node<'_>, at: &Tree) -> Marks {
        let known = self.known(variable, place(at));
        own(variable.tree) | known.map_or_else(Marks::default, |known| known.marks)
    }

    /// Whether `msg.sender` in a function is the caller.
    pub(super) fn has_caller(&self, inside: &Node<'_>) -> bool {
        !self.as_itself.contains(&id(inside.tree))
    }

    /// What a block of assembly looks at by itself, and through variables from outside of it.
    pub(super) fn of_assembly(&self, inside: &Node<'a>, block: &Tree) -> (Marks, Marks) {
        let mut marks = Marks::default();
        let words = [
            ("caller", Marks::SENDER),
            ("origin", Marks::ORIGIN),
            ("address", Marks::THIS),
            ("sload", Marks::OTHER),
            ("call", Marks::OTHER),
            ("staticcall", Marks::OTHER),
            ("timestamp", Marks::BLOCK),
            ("number", Marks::BLOCK),
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
            let known = self.known(&variable, place(block));
            let known = known.map_or_else(Marks::default, |known| known.marks);
            outside |= known | own(variable.tree);
        }
        if !self.has_caller(inside) {
            marks = marks.without(Marks::SENDER);
        }
        let asks_code = ["extcodesize", "extcodehash"];
        let mut code = asks_code.iter().any(|word| has_token(text, word));
        visit(block, &mut |tree| {
            let called = tree["functionName"]["name"].as_str();
            code |= called.is_some_and(|called| asks_code.contains(&called));
        });
        if code && (marks | outside).any(Marks::THIS) {
            marks = marks.without(Marks::THIS) | Marks::OTHER | Marks::AWAY;
            outside = outside.without(Marks::THIS);
        }
        (marks, outside)
    }

    fn add(&mut self, id: i64, value: &Value) {
        let entry = self.values.entry(id).or_default();
        let size = |value: &Value| (value.marks, value.states.len(), value.from.len());
        let before = size(entry);
        entry.add(value);
        if before != size(entry) {
            self.changed = true;
            self.copies.get_mut().clear();
        }
    }

    /// Whether an expression comes from state. Each part of a long one is looked into once.
    fn copied(&self, inside: &Node<'a>, tree: &'a Tree) -> bool {
        let key = std::ptr::from_ref(tree);
        let known = self.copies.borrow().get(&key).copied();
        known.unwrap_or_else(|| {
            let copied = !self.value(inside, tree).states.is_empty();
            self.copies.borrow_mut().insert(key, copied);
            copied
        })
    }

    /// Where what an expression points at lies: the state variable that it is a part of, or the first
    /// member of a struct that nobody knows the place of.
    pub(super) fn roots(&self, inside: &Node<'a>, mut tree: &'a Tree) -> BTreeSet<i64> {
        let mut last = BTreeSet::new();
        loop {
            let variable = self.variable(tree);
            let pointer = match kind(tree) {
                "Identifier" | "MemberAccess"
                    if variable.is_some_and(|one| one.tree["stateVariable"] == true) =>
                {
                    return variable.iter().map(|one| id(one.tree)).collect();
                }
                "IndexAccess" => {
                    tree = &tree["baseExpression"];
                    continue;
                }
                "MemberAccess" => {
                    if let Some(variable) = variable {
                        last = [id(variable.tree)].into();
                    }
                    tree = &tree["expression"];
                    continue;
                }
                "Identifier" => variable.and_then(|one| self.known(&one, place(tree))),
                "FunctionCall" => {
                    let called = self.inner(inside, tree);
                    called.and_then(|called| self.values.get(&id(called.tree)))
                }
                _ => None,
            };
            let roots = pointer.map(Value::root).filter(|roots| !roots.is_empty());
            return roots.cloned().unwrap_or(last);
        }
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

    /// Variables that a block of assembly assigns to; all that it names, where it is kept as text.
    fn set_by(&self, block: &Tree) -> Vec<Node<'a>> {
        if !block["operations"].is_null() {
            return self.outer(block);
        }
        let mut places = HashSet::new();
        visit(block, &mut |tree| {
            if kind(tree) == "YulAssignment" {
                let names = tree["variableNames"].as_array().into_iter().flatten();
                places.extend(names.filter_map(|name| name["src"].as_str()));
            }
        });
        let mut found = Vec::new();
        visit(&block["externalReferences"], &mut |tree| {
            if tree["src"]
                .as_str()
                .is_some_and(|place| places.contains(place))
            {
                let declared = tree["declaration"].as_i64();
                found.extend(declared.and_then(|id| self.subject.index.get(id)));
            }
        });
        found
    }

    /// Variables in memory that a block of assembly may write a part of.
    fn filled_by(&self, block: &Tree) -> Vec<Node<'a>> {
        let mut fills = has_token(block["operations"].as_str().unwrap_or_default(), "mstore");
        visit(block, &mut |tree| {
            fills |= tree["functionName"]["name"] == "mstore"
        });
        let mut all = self.outer(block);
        all.retain(|one| fills && one.tree["storageLocation"] == "memory");
        all
    }

    /// Hands marks on along assignments, calls and results.
    fn go_through(&mut self, function: &Node<'a>) {
        let own_id = id(function.tree);
        let mut found: Vec<(i64, Value)> = Vec::new();
        // Where it leaves with what its results are by then.
        let mut ends = Vec::new();
        visit(function.tree, &mut |tree| match kind(tree) {
            "Return" if tree["expression"].is_null() => ends.push(place(tree)),
            "VariableDeclarationStatement" => {
                let value = &tree["initialValue"];
                let all = tree["declarations"].as_array().into_iter().flatten();
                let values = self.results(function, value);
                for (place, one) in all.enumerate() {
                    found.push((id(one), values.at(place)));
                }
            }
            "Assignment" => {
                let values = self.results(function, &tree["rightHandSide"]);
                let left = &tree["leftHandSide"];
                match left["components"].as_array() {
                    Some(parts) => {
                        for (place, part) in parts.iter().enumerate() {
                            if kind(part) == "Identifier" {
                                self.assigned(part, &values.at(place), &mut found);
                            }
                        }
                    }
                    None => self.assigned(left, &values.at(0), &mut found),
                }
            }
            "Return" => found.push((own_id, self.value(function, &tree["expression"]))),
            // What is done under a condition tells about the condition.
            "IfStatement" | "WhileStatement" | "DoWhileStatement" | "ForStatement" => {
                let value = self.value(function, &tree["condition"]);
                for part in ["trueBody", "falseBody", "body"] {
                    visit(&tree[part], &mut |inner| match kind(inner) {
                        "Assignment" => self.assigned(&inner["leftHandSide"], &value, &mut found),
                        "Return" => found.push((own_id, value.clone())),
                        _ => {}
                    });
                }
            }
            // So does what is done after a call that may have failed.
            "TryStatement" => {
                let call = &tree["externalCall"];
                let mut value = self.value(function, call);
                if is_own(&callee(call)["expression"]) {
                    // Whether it fails may depend on all that it is given.
                    value.add(&self.value(function, &call["arguments"]));
                    value.marks |= Marks::THIS | Marks::AWAY;
                }
                for clause in tree["clauses"].as_array().into_iter().flatten() {
                    let given = clause["parameters"]["parameters"].as_array();
                    let given = given.into_iter().flatten();
                    found.extend(given.map(|one| (id(one), value.clone())));
                    visit(&clause["block"], &mut |inner| match kind(inner) {
                        "Assignment" => self.assigned(&inner["leftHandSide"], &value, &mut found),
                        "Return" => found.push((own_id, value.clone())),
                        _ => {}
                    });
                }
            }
            "FunctionCall" => {
                self.passed(function, callee(tree), tree, &mut found);
            }
            "ModifierInvocation" => {
                self.passed(function, &tree["modifierName"], tree, &mut found);
            }
            "InlineAssembly" => {
                let (inside, outside) = self.of_assembly(function, tree);
                let mut value = Value {
                    marks: inside | outside,
                    ..Value::default()
                };
                for variable in self.outer(tree) {
                    if variable.tree["stateVariable"] == true {
                        value.states.insert(id(variable.tree));
                    } else if let Some(known) = self.known(&variable, place(tree)) {
                        value.states.extend(&known.states);
                    }
                }
                for variable in self.set_by(tree).into_iter().chain(self.filled_by(tree)) {
                    if variable.tree["stateVariable"] != true {
                        let version = self.versions.at(id(variable.tree), place(tree));
                        found.push((version, value.clone()));
                    }
                }
            }
            _ => {}
        });
        let results = &function.tree["returnParameters"]["parameters"];
        for result in results.as_array().into_iter().flatten() {
            for place in ends.iter().copied().chain([usize::MAX]) {
                let version = self.versions.at(id(result), place);
                let known = self.values.get(&version).cloned();
                found.extend(known.map(|known| (own_id, known)));
            }
        }
        for (to, value) in found {
            self.add(to, &value);
        }
    }

    /// What is put into the variables that an expression is assigned to.
    fn results(&self, function: &Node<'a>, tree: &'a Tree) -> Results {
        let value = self.value(function, tree);
        let bare = kind(tree) == "FunctionCall" && is_bare(callee(tree));
        Results {
            bare: bare && !self.only_fails(tree),
            value,
        }
    }

    /// Whether what a call names has no answer but to fail.
    fn only_fails(&self, call: &Tree) -> bool {
        let mut found = false;
        visit(&call["arguments"], &mut |tree| {
            let named = tree["referencedDeclaration"].as_i64();
            let named = named.and_then(|id| self.subject.index.get(id));
            found |= named.is_some_and(|named| {
                let results = &named.tree["returnParameters"]["parameters"];
                kind(named.tree) == "FunctionDefinition"
                    && results.as_array().is_some_and(<[_]>::is_empty)
            });
        });
        found
    }

    /// The variables on the left of an assignment.
    fn assigned(&self, left: &Tree, value: &Value, found: &mut Vec<(i64, Value)>) {
        match kind(left) {
            "Identifier" => {
                let one = self.variable(left);
                // What was put into state may be another caller's by the time it is asked.
                let one = one.filter(|one| one.tree["stateVariable"] != true);
                let one = one.map(|one| self.versions.set(id(one.tree), left));
                found.extend(one.map(|one| (one, value.clone())));
            }
            "TupleExpression" => {
                for part in left["components"].as_array().into_iter().flatten() {
                    if kind(part) == "Identifier" {
                        self.assigned(part, value, found);
                    }
                }
            }
            // A part of a local struct or array.
            "MemberAccess" | "IndexAccess" => {
                let mut base = left;
                while let "MemberAccess" | "IndexAccess" = kind(base) {
                    base = match kind(base) {
                        "MemberAccess" => &base["expression"],
                        _ => &base["baseExpression"],
                    };
                }
                let local = self.variable(base).filter(|base| {
                    base.tree["stateVariable"] != true && base.tree["storageLocation"] == "memory"
                });
                let local = local.map(|one| self.versions.at(id(one.tree), place(base)));
                found.extend(local.map(|one| (one, value.clone())));
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
        found: &mut Vec<(i64, Value)>,
    ) {
        let Some(called) = self.target(function, callee) else {
            return;
        };
        let given = call["arguments"].as_array().unwrap_or_default();
        let parameters = called.tree["parameters"]["parameters"].as_array();
        let parameters = parameters.unwrap_or_default();
        let named = call["names"].as_array().is_some_and(|all| !all.is_empty());
        if named || parameters.len() < given.len() {
            let value = self.value(function, call);
            found.extend(parameters.iter().map(|one| (id(one), value.clone())));
            return;
        }
        // `using for`: what stands before the dot is the first argument.
        let bound = parameters.len() - given.len();
        let first = (bound > 0).then(|| &callee["expression"]);
        for (parameter, argument) in parameters.iter().zip(first.into_iter().chain(given)) {
            found.push((id(parameter), self.value(function, argument)));
        }
    }
}

/// The value of an expression, which may be several.
struct Results {
    value: Value,
    /// Whether the first one says whether another contract answered, and the second one what.
    bare: bool,
}

impl Results {
    fn at(&self, place: usize) -> Value {
        let mut value = self.value.clone();
        match place {
            _ if !self.bare => {}
            0 => value.marks |= Marks::SUCCESS,
            _ => value.marks |= Marks::DATA,
        }
        value
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

/// The nodes a member or an entry is taken from.
fn taken_from(mut tree: &Tree) -> Vec<i64> {
    let mut found = Vec::new();
    loop {
        tree = match kind(tree) {
            "MemberAccess" | "FunctionCall" => &tree["expression"],
            "IndexAccess" => &tree["baseExpression"],
            _ => return found,
        };
        found.push(id(tree));
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
