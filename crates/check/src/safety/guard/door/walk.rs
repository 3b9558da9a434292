//! What the conditions of a function do, branch by branch.

use super::{Door, Looks, Parts};
use crate::safety::guard::{
    conditions::{self, Condition, MAX_DEPTH},
    leaves,
    weigh::{Branch, is_choice},
};
use cutover_types::source::{Node, Tree, kind, visit};

impl<'a> Looks<'_, 'a> {
    /// What the conditions in one branch do, where they keep anybody out.
    pub(super) fn branch(
        &self,
        inside: &Node<'a>,
        first: bool,
        parts: &Parts<'a>,
        branch: Option<Branch>,
        depth: usize,
    ) -> Option<Door> {
        let depth = depth.checked_sub(1)?;
        let conditions = parts.get(&branch).into_iter().flatten();
        let doors = conditions.flat_map(|condition| {
            let own = self.at(inside, condition, first);
            let Some(one) = condition.branch else {
                return own;
            };
            let [yes, no] = [true, false].map(|side| {
                let branch = Some((std::ptr::from_ref(one), side));
                self.branch(inside, first, parts, branch, depth)
            });
            // What is asked on one way only lets through who takes the other.
            let both = match is_choice(self.subject, inside, first, false, one)
                && condition.must.is_none()
            {
                true => yes.zip(no).map(|(yes, no)| yes.min(no)),
                false => yes.max(no),
            };
            own.max(both)
        });
        doors.max()
    }

    /// What a condition does, where it keeps anybody out.
    fn at(&self, inside: &Node<'a>, condition: &Condition<'a>, first: bool) -> Option<Door> {
        let must = condition.must.or_else(|| {
            let branch = condition.branch?;
            let [yes, no] = ["trueBody", "falseBody"].map(|part| &branch[part]);
            let counts = |part| conditions::decides(self.subject, part, true);
            match (leaves(yes), leaves(no)) {
                (true, false) if first || kind(inside.tree) == "ModifierDefinition" => Some(false),
                (false, true) if first || kind(inside.tree) == "ModifierDefinition" => Some(true),
                (false, false) if self.holds_all(inside, branch, first) => {
                    (counts(yes) != counts(no)).then(|| counts(yes))
                }
                _ => None,
            }
        })?;
        self.part(inside, condition.tree, must, MAX_DEPTH)
    }

    /// Whether all that a function does is done inside one `if`.
    fn holds_all(&self, inside: &Node<'a>, branch: &'a Tree, first: bool) -> bool {
        let mut body = false;
        visit(branch, &mut |tree| {
            body |= kind(tree) == "PlaceholderStatement"
        });
        if body {
            return true;
        }
        let statements = inside.tree["body"]["statements"].as_array();
        let outside = statements.into_iter().flatten();
        let mut outside = outside.filter(|one| !std::ptr::eq(*one, branch));
        first && !outside.any(|one| conditions::decides(self.subject, one, false))
    }

    fn part(&self, inside: &Node<'a>, tree: &'a Tree, must: bool, depth: usize) -> Option<Door> {
        let depth = depth.checked_sub(1)?;
        let part = |tree: &'a Tree| self.part(inside, tree, must, depth);
        match (kind(tree), tree["operator"].as_str().unwrap_or_default()) {
            ("TupleExpression", _) => part(tree["components"].get(0)?),
            ("UnaryOperation", "!") => self.part(inside, &tree["subExpression"], !must, depth),
            ("BinaryOperation", operator @ ("&&" | "||")) => {
                let parts = [
                    part(&tree["leftExpression"]),
                    part(&tree["rightExpression"]),
                ];
                if must == (operator == "||") {
                    // One of the two is enough to get through.
                    let [left, right] = parts;
                    left.zip(right).map(|(left, right)| left.min(right))
                } else {
                    parts.into_iter().flatten().max()
                }
            }
            ("Conditional", _) => {
                let [yes, no] =
                    [("trueExpression", true), ("falseExpression", false)].map(|(way, is)| {
                        let condition = self.part(inside, &tree["condition"], is, depth);
                        condition.into_iter().chain(part(&tree[way])).max()
                    });
                yes.zip(no).map(|(yes, no)| yes.min(no))
            }
            _ => self.leaf(inside, tree, must),
        }
    }
}
