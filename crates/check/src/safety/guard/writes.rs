//! What functions put into state.

use super::{
    Subject,
    flow::{Flow, is_stored},
};
use cutover_types::source::{Node, Tree, id, kind, visit};

/// A change of something in storage.
pub(super) struct Write<'a> {
    /// A state variable, or a member of a struct, by id.
    pub(super) to: i64,
    pub(super) what: What<'a>,
    /// The function it is in, and where.
    pub(super) inside: Node<'a>,
    pub(super) at: &'a Tree,
    place: usize,
}

impl Write<'_> {
    /// Whether what is written is zero, as the source says.
    pub(super) fn is_zero(&self) -> bool {
        match self.what {
            What::Nothing => true,
            What::Value(value) => matches!(value["value"].as_str(), Some("false" | "0")),
            What::Step | What::Anything => false,
        }
    }
}

/// What is written.
#[derive(Clone, Copy)]
pub(super) enum What<'a> {
    /// An expression's value.
    Value(&'a Tree),
    /// Zero.
    Nothing,
    /// A little more or less than before.
    Step,
    /// Anything.
    Anything,
}

/// What a function writes, in the order of the source.
pub(super) fn writes<'a>(
    subject: &Subject<'a>,
    flow: &Flow<'_, 'a>,
    inside: Node<'a>,
) -> Vec<Write<'a>> {
    let mut found = Vec::new();
    visit(inside.tree, &mut |tree| {
        let mut add = |left: &'a Tree, what| {
            for to in written(subject, flow, &inside, left) {
                let place = place(tree);
                found.push(Write {
                    to,
                    what,
                    inside,
                    at: tree,
                    place,
                });
            }
        };
        match kind(tree) {
            "Assignment" if kind(&tree["leftHandSide"]) == "TupleExpression" => {
                let parts = tree["leftHandSide"]["components"].as_array();
                for part in parts.into_iter().flatten() {
                    add(part, What::Anything);
                }
            }
            "Assignment" => {
                let what = match tree["operator"].as_str() {
                    Some("=") => What::Value(&tree["rightHandSide"]),
                    Some("+=" | "-=") => What::Step,
                    _ => What::Anything,
                };
                add(&tree["leftHandSide"], what);
            }
            "UnaryOperation" => match tree["operator"].as_str() {
                Some("++" | "--") => add(&tree["subExpression"], What::Step),
                Some("delete") => add(&tree["subExpression"], What::Nothing),
                _ => {}
            },
            "FunctionCall"
                if matches!(
                    tree["expression"]["memberName"].as_str(),
                    Some("push" | "pop")
                ) =>
            {
                add(&tree["expression"]["expression"], What::Step);
            }
            "InlineAssembly" if stores(tree) => {
                for variable in flow.outer(tree) {
                    found.push(Write {
                        to: id(variable.tree),
                        what: What::Anything,
                        inside,
                        at: tree,
                        place: place(tree),
                    });
                }
            }
            _ => {}
        }
    });
    found.sort_by_key(|write| write.place);
    found
}

/// Whether a tree has assembly that writes to storage.
pub(super) fn stores(tree: &Tree) -> bool {
    let mut found = false;
    visit(tree, &mut |node| {
        found |= node["functionName"]["name"] == "sstore"
            || super::has_token(node["operations"].as_str().unwrap_or_default(), "sstore");
    });
    found
}

/// The state variables and members that an assignment to an expression changes.
fn written<'a>(
    subject: &Subject<'a>,
    flow: &Flow<'_, 'a>,
    inside: &Node<'a>,
    left: &'a Tree,
) -> Vec<i64> {
    let type_id = left["typeDescriptions"]["typeIdentifier"].as_str();
    let mut tree = left;
    while kind(tree) == "IndexAccess" {
        tree = &tree["baseExpression"];
    }
    let declared = |tree: &Tree| {
        let id = tree["referencedDeclaration"].as_i64()?;
        subject.index.get(id)
    };
    let Some(variable) = declared(tree) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    if is_stored(tree, &variable) {
        found.push(id(variable.tree));
    } else if std::ptr::eq(tree, left) || variable.tree["storageLocation"] != "storage" {
        // A pointer that is set, or something in memory.
        return found;
    }
    // Whoever copied the whole reads what is written to a part of it.
    found.extend(flow.value(inside, tree).states);
    let mut base = tree;
    while kind(base) == "MemberAccess" {
        base = &base["expression"];
        if let Some(variable) = declared(base)
            && is_stored(base, &variable)
        {
            found.push(id(variable.tree));
        }
    }
    // With the whole all members are written.
    if type_id.is_some_and(|id| id.starts_with("t_struct")) {
        found.extend(members(subject, &variable));
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// The members of the struct that a variable holds.
fn members(subject: &Subject<'_>, variable: &Node<'_>) -> Vec<i64> {
    let mut found = Vec::new();
    visit(&variable.tree["typeName"], &mut |tree| {
        let named = tree["referencedDeclaration"].as_i64();
        let named = named.and_then(|id| subject.index.get(id));
        let all = named.and_then(|named| named.tree["members"].as_array());
        found.extend(all.into_iter().flatten().map(id));
    });
    found
}

/// Where in its file a node starts.
pub(super) fn place(tree: &Tree) -> usize {
    let start = tree["src"].as_str().and_then(|src| src.split(':').next());
    start.and_then(|start| start.parse().ok()).unwrap_or(0)
}
