//! The conditions a function ends without, and what each asks of a caller.

use super::{
    MAX_LEVELS, Subject,
    answers::toll,
    flow::{Flow, is_foreign},
    is_builtin,
    itself::as_itself,
    marks::{Marks, Value},
    reverts,
    ways::{Stops, callee, stops_in},
};
use cutover_types::source::{Node, Tree, id, kind, visit, visit_while};
use std::collections::{HashMap, HashSet};

/// Deepest a condition is taken apart.
pub(super) const MAX_DEPTH: usize = 64;

/// What keeps a stranger out, the lightest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::safety) enum Weight {
    Nothing,
    Anybody,
    /// Nothing but the time.
    Block,
    State,
    Origin,
    /// The caller is looked at, and what comes of it is not known.
    Perhaps,
    Caller,
}

/// A condition, and what it must be for the function to go on, where that is plain.
pub(super) struct Condition<'a> {
    pub(super) tree: &'a Tree,
    pub(super) must: Option<bool>,
    /// The whole `if` that it belongs to.
    pub(super) branch: Option<&'a Tree>,
    /// Whether the function stops where it does not hold.
    pub(super) stops: Stops,
}

pub(super) fn conditions<'a>(
    subject: &Subject<'a>,
    function: &Node<'a>,
    first: bool,
) -> Vec<Condition<'a>> {
    let mut found = Vec::new();
    // What only answers leaves the decision to who asks.
    let results = function.tree["returnParameters"]["parameters"].as_array();
    let reads = matches!(
        function.tree["stateMutability"].as_str(),
        Some("view" | "pure")
    );
    let answers = results.is_some_and(|all| !all.is_empty());
    let leaves = match kind(function.tree) {
        "FunctionDefinition" if !answers => works(&function.tree["body"]),
        _ => first || !reads || !answers,
    };
    let decides = |part: &'a Tree| decides(subject, part, leaves);
    // Calls whose failure is caught, and what is inside a `try` that may go on without it.
    let mut caught = HashMap::new();
    let mut doubtful = HashSet::new();
    // Calls whose answer is looked at: that decides, not that there is one.
    let mut answering = HashSet::new();
    visit_while(function.tree, &mut |tree| {
        let stops = match doubtful.contains(&std::ptr::from_ref(tree)) {
            true => Stops::Perhaps,
            false => Stops::Always,
        };
        let condition = match kind(tree) {
            "FunctionCall" if callee(tree)["name"] == "require" => &tree["arguments"][0],
            _ => &tree["condition"],
        };
        visit(condition, &mut |part| {
            if kind(part) == "FunctionCall" {
                answering.insert(id(part));
            }
        });
        match kind(tree) {
            "TryStatement" => {
                let stops = stops_in(subject, function, tree);
                if stops != Stops::Always {
                    caught.insert(id(&tree["externalCall"]), stops);
                    visit(&tree["clauses"], &mut |inner| {
                        doubtful.insert(std::ptr::from_ref(inner));
                    });
                }
            }
            "IfStatement" => {
                let (yes, no) = (&tree["trueBody"], &tree["falseBody"]);
                if decides(yes) || decides(no) {
                    let must = if ends(subject, function, yes) {
                        Some(false)
                    } else if ends(subject, function, no) {
                        Some(true)
                    } else {
                        None
                    };
                    found.push(Condition {
                        tree: &tree["condition"],
                        must,
                        branch: Some(tree),
                        stops,
                    });
                }
            }
            "Conditional"
                if decides(&tree["trueExpression"]) || decides(&tree["falseExpression"]) =>
            {
                found.push(Condition {
                    tree: &tree["condition"],
                    must: None,
                    branch: None,
                    stops,
                });
            }
            "WhileStatement" | "DoWhileStatement" | "ForStatement" if decides(&tree["body"]) => {
                found.push(Condition {
                    tree: &tree["condition"],
                    must: None,
                    branch: None,
                    stops,
                });
            }
            "FunctionCall" => {
                let callee = callee(tree);
                if matches!(callee["name"].as_str(), Some("require" | "assert"))
                    && is_builtin(subject, callee)
                {
                    found.push(Condition {
                        tree: &tree["arguments"][0],
                        must: Some(true),
                        branch: None,
                        stops,
                    });
                } else if is_foreign(callee)
                    && !answering.contains(&id(tree))
                    && !is_bare(callee)
                    && subject.graph.target(function, callee).is_none()
                {
                    // A call to another contract may fail there.
                    let caught = caught.get(&id(tree)).copied();
                    // Where it answers yes or no, it need not fail to say no.
                    let stops = match says_yes_or_no(callee) {
                        true => stops.min(Stops::Perhaps),
                        false => stops,
                    };
                    found.push(Condition {
                        tree,
                        must: None,
                        branch: None,
                        stops: caught.unwrap_or(Stops::Always).min(stops),
                    });
                }
            }
            _ => {}
        }
        kind(tree) != "EmitStatement"
    });
    found
}

/// Whether a call says in its result that it failed.
pub(super) fn is_bare(callee: &Tree) -> bool {
    let type_id = callee["typeDescriptions"]["typeIdentifier"].as_str();
    type_id.is_some_and(|id| id.starts_with("t_function_bare"))
}

/// Whether what is called answers with a yes or no.
fn says_yes_or_no(callee: &Tree) -> bool {
    let type_id = callee["typeDescriptions"]["typeIdentifier"].as_str();
    type_id.is_some_and(|id| id.contains("returns$_t_bool_$"))
}

/// Whether a function does anything but to ask, so that leaving it early leaves something out.
fn works(tree: &Tree) -> bool {
    let statements = tree["statements"].as_array().into_iter().flatten();
    let mut statements = statements.map(|one| (kind(one), one));
    statements.any(|(kind, one)| match kind {
        "ExpressionStatement" | "InlineAssembly" | "RevertStatement" | "Throw" => true,
        "Block" | "UncheckedBlock" => works(one),
        _ => false,
    })
}

/// Whether it makes a difference that a part of a function runs: it can stop or skip the rest,
/// change state, or call what may. Events and counters make none.
pub(super) fn decides(subject: &Subject<'_>, part: &Tree, leaves: bool) -> bool {
    let mut found = false;
    visit_while(part, &mut |tree| {
        found |= match kind(tree) {
            "RevertStatement"
            | "Throw"
            | "PlaceholderStatement"
            | "Break"
            | "Continue"
            | "InlineAssembly" => true,
            "Return" => leaves,
            "Assignment" => {
                let left = &tree["leftHandSide"];
                let declared = left["referencedDeclaration"].as_i64();
                let declared = declared.and_then(|id| subject.index.get(id));
                // Where a local variable is looked at later, that is a condition of its own.
                tree["operator"] == "="
                    && declared.is_none_or(|what| what.tree["stateVariable"] == true)
            }
            "FunctionCall" => tree["kind"]
                .as_str()
                .is_none_or(|kind| kind == "functionCall"),
            _ => false,
        };
        kind(tree) != "EmitStatement"
    });
    found
}

/// Whether a part of a function changes state, or hands over to what may.
pub(super) fn changes(subject: &Subject<'_>, part: &Tree) -> bool {
    let mut found = false;
    visit(part, &mut |tree| {
        found |= match kind(tree) {
            "InlineAssembly" => true,
            "Assignment" => {
                let declared = tree["leftHandSide"]["referencedDeclaration"].as_i64();
                let declared = declared.and_then(|id| subject.index.get(id));
                declared.is_none_or(|what| what.tree["stateVariable"] == true)
            }
            "FunctionCall" => {
                let callee = &tree["expression"]["typeDescriptions"]["typeIdentifier"];
                callee.as_str().is_some_and(|id| {
                    id.starts_with("t_function") && !id.contains("_view$") && !id.contains("_pure$")
                }) && !is_builtin(subject, &tree["expression"])
            }
            _ => false,
        };
    });
    found
}

/// Whether a branch ends in a revert.
pub(super) fn ends<'a>(subject: &Subject<'a>, function: &Node<'a>, branch: &'a Tree) -> bool {
    let last = match kind(branch) {
        "Block" => branch["statements"].as_array().and_then(|all| all.last()),
        _ => Some(branch),
    };
    last.is_some_and(|last| reverts(subject, function, last, MAX_LEVELS))
}

pub(super) fn weight<'a>(
    flow: &Flow<'_, 'a>,
    inside: &Node<'a>,
    tree: &'a Tree,
    must: Option<bool>,
    depth: usize,
) -> Weight {
    let [no, yes] = toll(flow, inside, tree, depth);
    match must {
        // What nobody can make true keeps everybody out.
        Some(must) => if must { yes } else { no }.unwrap_or(Weight::Caller),
        None => no.max(yes).unwrap_or(Weight::Nothing),
    }
}

/// The weight of a condition without parts.
pub(super) fn single<'a>(
    flow: &Flow<'_, 'a>,
    inside: &Node<'a>,
    tree: &'a Tree,
    must: bool,
) -> Weight {
    let Value { marks, states, .. } = flow.value(inside, tree);
    let operator = tree["operator"].as_str().unwrap_or_default();
    let lets_in = flow.lets_in(inside, tree, must);
    let excludes = match (kind(tree), operator) {
        ("BinaryOperation", "==" | "!=") => {
            let sides = [&tree["leftExpression"], &tree["rightExpression"]];
            must == (operator == "!=")
                && sides
                    .iter()
                    .any(|side| flow.of(inside, side) == Marks::SENDER)
        }
        // An entry that nobody made says no.
        ("IndexAccess", _) => !must,
        _ => false,
    };
    let excludes = excludes || lets_in;
    match marks.any(Marks::SENDER | Marks::ORIGIN) {
        true if excludes => Weight::Anybody,
        true if !marks.any(Marks::OTHER | Marks::THIS | Marks::FIXED) => Weight::Anybody,
        // What the contract answers itself, asked by a way that is not followed.
        true if marks.any(Marks::AWAY)
            && marks.any(Marks::THIS)
            && !marks.any(Marks::OTHER | Marks::FIXED) =>
        {
            Weight::Perhaps
        }
        // Who was asked may have said no.
        true if marks.any(Marks::SUCCESS) && !marks.any(Marks::DATA) => Weight::Perhaps,
        true if marks.any(Marks::SENDER)
            && marks.any(Marks::THIS)
            && !marks.any(Marks::OTHER | Marks::FIXED | Marks::AWAY) =>
        {
            as_itself(flow.subject())
        }
        true if marks.any(Marks::SENDER) => flow.compared(&states),
        true => Weight::Origin,
        // Who chooses the entry chooses one that nobody made.
        false if lets_in && marks.any(Marks::CHOSEN) => Weight::Nothing,
        // `address(this) == SELF` asks whether a proxy is in front, not who calls.
        false
            if marks.any(Marks::THIS)
                && !marks.any(Marks::AWAY)
                && flow.keeps(&states)
                && kind(tree) != "FunctionCall" =>
        {
            Weight::Nothing
        }
        false if marks.any(Marks::BLOCK) && !marks.any(Marks::ANSWER) && flow.keeps(&states) => {
            Weight::Block
        }
        false if marks.any(Marks::OTHER) => Weight::State,
        false => Weight::Nothing,
    }
}
