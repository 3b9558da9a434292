//! Who may have the contract call itself: to ask that the caller is the contract is worth no more.

use super::{
    Door, Guard, Subject,
    assembly::outer,
    conditions::Weight,
    door,
    flow::Flow,
    guard,
    marks::Marks,
    never_ends, runs,
    versions::Local,
    ways::{Inside, callee},
};
use crate::safety::initializers::once;
use cutover_types::source::{Node, Tree, entry_points, kind, visit};

/// What it takes to have the contract call itself with data of one's own.
pub(super) fn as_itself(subject: &Subject<'_>) -> Weight {
    if let Some(known) = subject.itself.get() {
        return known;
    }
    // Who has to be the contract to have it call itself cannot.
    subject.itself.set(Some(Weight::Caller));
    let entries = entry_points(subject.linearized).into_iter();
    let weights = entries
        .filter(|entry| {
            !matches!(
                entry.tree["stateMutability"].as_str(),
                Some("view" | "pure")
            )
        })
        .filter_map(|entry| weight(subject, entry));
    let lightest = weights.min().unwrap_or(Weight::Caller);
    subject.itself.set(Some(lightest));
    lightest
}

/// What it takes to have the contract call itself by one function; `None` where it does not.
fn weight<'a>(subject: &Subject<'a>, entry: Node<'a>) -> Option<Weight> {
    let calls = |one: &Node<'_>| {
        let mut found = false;
        visit(one.tree, &mut |tree| {
            found |= tree["memberName"] == "call" || tree["functionName"]["name"] == "call";
        });
        found
    };
    if !runs(subject, entry).iter().any(|one| calls(&one.node)) || never_ends(subject, entry) {
        return None;
    }
    let inside = Inside::new(subject, entry);
    let flow = Flow::new(subject, &inside);
    let functions = || inside.all.iter().map(|one| one.node);
    if !functions().any(|one| hands_on(&flow, &one)) || functions().any(|one| spares(&flow, &one)) {
        return None;
    }
    Some(match guard(subject, entry) {
        Guard::Open | Guard::Anybody | Guard::Block => Weight::Anybody,
        // What was decided about these very calls, by a vote for one, or what happens once.
        Guard::State
            if functions().any(|one| picks(&flow, &one))
                || once(subject, &entry)
                || door(subject, entry) == Door::Shut =>
        {
            Weight::Caller
        }
        Guard::State => Weight::State,
        Guard::Origin => Weight::Origin,
        Guard::Caught | Guard::Unknown(_) => Weight::Perhaps,
        Guard::Caller => Weight::Caller,
    })
}

/// Whether a function calls the contract, or whom its caller chooses, with its caller's data.
fn hands_on<'a>(flow: &Flow<'_, 'a>, function: &Node<'a>) -> bool {
    let mut found = false;
    visit(function.tree, &mut |tree| match kind(tree) {
        "FunctionCall" => {
            let callee = callee(tree);
            let type_id = callee["typeDescriptions"]["typeIdentifier"].as_str();
            if callee["memberName"] == "call"
                && type_id.is_some_and(|id| id.starts_with("t_function_barecall"))
                && may_be_itself(flow.of(function, &callee["expression"]))
                && let Some(data) = tree["arguments"].get(0)
            {
                found |= is_chosen(flow, function, data);
            }
        }
        "InlineAssembly" => visit(&tree["AST"], &mut |part| {
            let arguments = part["arguments"].as_array().unwrap_or_default();
            if part["functionName"]["name"] == "call"
                && let [_, to, _, from, length, ..] = arguments
            {
                let of = |argument: &'a Tree| of_assembly(flow, tree, argument);
                let data = of(from) | of(length);
                found |= may_be_itself(of(to)) && data.any(Marks::CHOSEN);
            }
        }),
        _ => {}
    });
    found
}

fn may_be_itself(to: Marks) -> bool {
    to.any(Marks::THIS) || (to.any(Marks::CHOSEN) && !to.any(Marks::OTHER))
}

/// Whether the caller chooses what is called, not just what is handed over.
fn is_chosen<'a>(flow: &Flow<'_, 'a>, function: &Node<'a>, data: &'a Tree) -> bool {
    let written = match flow.local(data) {
        Local::Is(written) if kind(data) == "Identifier" => written,
        _ => data,
    };
    let encodes = written["expression"]["memberName"].as_str();
    let part = match encodes {
        Some("encodeCall" | "encodeWithSelector" | "encodeWithSignature") => {
            written["arguments"].get(0).unwrap_or(data)
        }
        _ => data,
    };
    flow.of(function, part).any(Marks::CHOSEN)
}

/// What the variables from outside in a part of assembly depend on.
fn of_assembly<'a>(flow: &Flow<'_, 'a>, block: &'a Tree, part: &'a Tree) -> Marks {
    let mut marks = Marks::default();
    visit(part, &mut |one| {
        if one["functionName"]["name"] == "address" {
            marks |= Marks::THIS;
        }
        if let Some(variable) = outer(flow, block, one) {
            marks |= flow.named(&variable, one);
        }
    });
    marks
}

/// Whether a function asks that what is called is not the contract.
fn spares<'a>(flow: &Flow<'_, 'a>, function: &Node<'a>) -> bool {
    let mut found = false;
    visit(function.tree, &mut |tree| {
        if matches!(tree["operator"].as_str(), Some("==" | "!=")) {
            let sides = ["leftExpression", "rightExpression"];
            let [left, right] = sides.map(|side| flow.of(function, &tree[side]));
            let asks = |own: Marks, other: Marks| {
                own.any(Marks::THIS) && other.any(Marks::CHOSEN) && !other.any(Marks::SENDER)
            };
            found |= asks(left, right) || asks(right, left);
        }
    });
    found
}

/// Whether a function looks up what its caller hands in, or hashes it.
fn picks<'a>(flow: &Flow<'_, 'a>, function: &Node<'a>) -> bool {
    let mut found = false;
    visit(function.tree, &mut |tree| {
        let chosen = |part: &'a Tree| flow.of(function, part).any(Marks::CHOSEN);
        let stored = tree["baseExpression"]["typeDescriptions"]["typeString"].as_str();
        found |= match kind(tree) {
            "IndexAccess" => {
                stored.is_some_and(|name| name.starts_with("mapping"))
                    && chosen(&tree["indexExpression"])
            }
            "FunctionCall" => {
                tree["expression"]["name"] == "keccak256" && chosen(&tree["arguments"])
            }
            _ => false,
        };
    });
    found
}
