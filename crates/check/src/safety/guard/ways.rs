//! What runs inside a function, and which of it stops the whole by failing.

use super::{Subject, conditions};
use cutover_types::source::{Node, Reached, Tree, id, is_from_outside, kind, visit};
use std::{
    collections::{HashMap, HashSet},
    rc::Rc,
};

/// Whether what fails there stops the function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stops {
    /// It is caught, and nothing comes of it.
    Never,
    /// It is caught, and something may come of it.
    Perhaps,
    Always,
}

/// All that runs inside a function.
pub(super) struct Inside<'a> {
    /// The functions and modifiers, the function itself first.
    pub(super) all: Rc<[Reached<'a>]>,
    with_caller: HashSet<i64>,
}

impl<'a> Inside<'a> {
    pub(super) fn new(subject: &Subject<'a>, function: Node<'a>) -> Self {
        let all = super::runs(subject, function);
        let onward: HashMap<_, _> = all
            .iter()
            .map(|one| (id(one.node.tree), ways(subject, &one.node)))
            .collect();
        let mut with_caller = HashSet::from([id(function.tree)]);
        let mut next = vec![id(function.tree)];
        while let Some(from) = next.pop() {
            let onward = onward.get(&from).into_iter().flatten();
            for way in onward.filter(|way| !way.from_outside) {
                let to = id(way.to.tree);
                if with_caller.insert(to) {
                    next.push(to);
                }
            }
        }
        Self { all, with_caller }
    }

    /// Whether `msg.sender` in one of them is who called the whole, and not the contract itself.
    pub(super) fn has_caller(&self, function: &Node<'_>) -> bool {
        self.with_caller.contains(&id(function.tree))
    }
}

/// A way from one function into another.
pub(super) struct Way<'a> {
    pub(super) to: Node<'a>,
    /// What names it.
    pub(super) at: &'a Tree,
    /// Whether it goes through a call of `this`, in which the contract is the caller.
    from_outside: bool,
    pub(super) stops: Stops,
}

pub(super) fn ways<'a>(subject: &Subject<'a>, from: &Node<'a>) -> Vec<Way<'a>> {
    let mut called = HashSet::new();
    let mut caught = HashMap::new();
    visit(from.tree, &mut |tree| match kind(tree) {
        "FunctionCall" => {
            called.insert(id(callee(tree)));
        }
        "TryStatement" => {
            let stops = stops_in(subject, from, tree);
            caught.insert(id(callee(&tree["externalCall"])), stops);
        }
        _ => {}
    });
    let mut found = Vec::new();
    visit(from.tree, &mut |tree| {
        let Some(target) = subject.graph.target(from, tree) else {
            return;
        };
        let from_outside = is_from_outside(tree);
        // `this.f.selector` and `abi.encodeCall(this.f, …)` run nothing.
        let stops = match called.contains(&id(tree)) || !from_outside {
            true => caught.get(&id(tree)).copied().unwrap_or(Stops::Always),
            false => Stops::Never,
        };
        found.push(Way {
            to: target,
            at: tree,
            from_outside,
            stops,
        });
    });
    found
}

/// What a call calls, without the value and the gas that it hands on.
pub(super) fn callee(call: &Tree) -> &Tree {
    let mut callee = &call["expression"];
    loop {
        callee = match kind(callee) {
            "FunctionCallOptions" => &callee["expression"],
            // Before solc 0.7 they are written like calls.
            "FunctionCall"
                if matches!(
                    callee["expression"]["memberName"].as_str(),
                    Some("value" | "gas")
                ) =>
            {
                &callee["expression"]["expression"]
            }
            _ => return callee,
        };
    }
}

/// What becomes of a failure that a `try` catches.
pub(super) fn stops_in<'a>(subject: &Subject<'a>, function: &Node<'a>, tried: &'a Tree) -> Stops {
    let clauses = tried["clauses"].as_array().into_iter().flatten().skip(1);
    let blocks: Vec<_> = clauses.map(|clause| &clause["block"]).collect();
    let ends = |block: &&'a Tree| conditions::ends(subject, function, block);
    if blocks.iter().all(ends) {
        Stops::Always
    } else if blocks
        .iter()
        .any(|block| conditions::decides(subject, block, false))
    {
        Stops::Perhaps
    } else {
        Stops::Never
    }
}
