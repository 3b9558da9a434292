//! Conditions that are true, or false, whatever the values in them: they ask nothing.

use super::{conditions, flow::Flow, versions::Local};
use crate::safety::constant;
use alloy_primitives::U256;
use cutover_types::source::{Node, Tree, id, kind, visit};

/// Deepest an expression is taken apart, and the longest it gets when functions stand for what
/// they return.
const MAX_DEPTH: usize = 24;
const MAX_LENGTH: usize = 2_000;
const MAX_STEPS: usize = 1_000;

/// What a comparison always answers.
pub(super) fn always<'a>(flow: &Flow<'_, 'a>, inside: &Node<'a>, tree: &'a Tree) -> Option<bool> {
    if kind(tree) == "Literal" {
        return tree["value"].as_str().and_then(|value| value.parse().ok());
    }
    if kind(tree) != "BinaryOperation" {
        return None;
    }
    let operator = tree["operator"].as_str()?;
    let [left, right] = [&tree["leftExpression"], &tree["rightExpression"]];
    let alike = match operator {
        "==" | "<=" | ">=" => Some(true),
        "!=" | "<" | ">" => Some(false),
        _ => return None,
    };
    if same(flow, inside, left, right) {
        return alike;
    }
    let [left, right] = [left, right].map(|side| range(flow, inside, side, MAX_DEPTH));
    let (left, right) = (left?, right?);
    let less = |one: Range, other: Range| match () {
        () if one.most < other.least => Some(true),
        () if one.least >= other.most => Some(false),
        () => None,
    };
    let not = |answer: Option<bool>| answer.map(|answer| !answer);
    match operator {
        "<" => less(left, right),
        ">=" => not(less(left, right)),
        ">" => less(right, left),
        "<=" => not(less(right, left)),
        _ => None,
    }
}

/// Between which numbers a value lies.
#[derive(Clone, Copy)]
struct Range {
    least: U256,
    most: U256,
}

impl Range {
    fn up_to(most: U256) -> Self {
        Self {
            least: U256::ZERO,
            most,
        }
    }

    fn one(value: U256) -> Self {
        Self {
            least: value,
            most: value,
        }
    }
}

fn range<'a>(
    flow: &Flow<'_, 'a>,
    inside: &Node<'a>,
    tree: &'a Tree,
    depth: usize,
) -> Option<Range> {
    let depth = depth.checked_sub(1)?;
    let of = |tree: &'a Tree| range(flow, inside, tree, depth);
    let type_id = tree["typeDescriptions"]["typeIdentifier"].as_str()?;
    if let Some(number) = type_id.strip_prefix("t_rational_") {
        return Some(Range::one(
            number.strip_suffix("_by_1")?.parse::<U256>().ok()?,
        ));
    }
    let all = Range::up_to(largest(type_id)?);
    let narrower = match kind(tree) {
        "TupleExpression" => of(tree["components"].get(0)?),
        "MemberAccess" if tree["expression"]["expression"]["name"] == "type" => {
            match tree["memberName"].as_str() {
                Some("max") => Some(Range::one(all.most)),
                Some("min") => Some(Range::one(U256::ZERO)),
                _ => None,
            }
        }
        "FunctionCall" if tree["kind"] == "typeConversion" => of(tree["arguments"].get(0)?),
        "BinaryOperation" => {
            let [left, right] = [&tree["leftExpression"], &tree["rightExpression"]];
            match tree["operator"].as_str()? {
                "-" | "^" if same(flow, inside, left, right) => Some(Range::one(U256::ZERO)),
                "&" => {
                    let most = [of(left), of(right)].into_iter().flatten();
                    most.map(|one| one.most).min().map(Range::up_to)
                }
                "*" => {
                    let mut sides = [of(left), of(right)].into_iter().flatten();
                    let none = sides.any(|one| one.most.is_zero());
                    none.then(|| Range::one(U256::ZERO))
                }
                "%" => {
                    let most = of(right)?.most.checked_sub(U256::from(1))?;
                    Some(Range::up_to(most))
                }
                _ => None,
            }
        }
        _ => constant::value(flow.subject(), *inside, tree).map(Range::one),
    };
    Some(narrower.filter(|one| one.most <= all.most).unwrap_or(all))
}

/// The largest number of a type without a sign.
fn largest(type_id: &str) -> Option<U256> {
    let bits = match type_id.strip_prefix("t_uint") {
        Some(bits) => bits.parse::<usize>().ok()?,
        None if type_id.starts_with("t_address") => 160,
        None => return None,
    };
    let unused = 256_usize.checked_sub(bits)?;
    Some(U256::MAX >> unused)
}

/// Whether two expressions are worth the same, whatever state is.
fn same<'a>(flow: &Flow<'_, 'a>, inside: &Node<'a>, left: &'a Tree, right: &'a Tree) -> bool {
    let term = |tree| {
        let mut term = Term {
            flow,
            text: String::new(),
            known: Vec::new(),
            steps: MAX_STEPS,
        };
        term.write(inside, tree, MAX_DEPTH).map(|()| term.text)
    };
    let left = term(left);
    left.is_some() && left == term(right)
}

/// An expression, written so that the same text is the same value.
struct Term<'t, 's, 'a> {
    flow: &'t Flow<'s, 'a>,
    text: String,
    /// What parameters and variables of the functions that are gone into stand for.
    known: Vec<(i64, String)>,
    steps: usize,
}

impl<'a> Term<'_, '_, 'a> {
    fn write(&mut self, inside: &Node<'a>, tree: &'a Tree, depth: usize) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        self.steps = self.steps.checked_sub(1)?;
        if self.text.len() > MAX_LENGTH {
            return None;
        }
        if let Some(value) = constant::value(self.flow.subject(), *inside, tree)
            && kind(tree) != "FunctionCall"
        {
            self.text.push_str(&format!("#{value}"));
            return Some(());
        }
        match kind(tree) {
            "TupleExpression" => {
                let [one] = tree["components"].as_array()? else {
                    return None;
                };
                self.write(inside, one, depth)
            }
            "Literal" => {
                let value = tree["value"].as_str()?;
                self.text.push_str(&format!("#{value:?}"));
                Some(())
            }
            "Identifier" => self.name(inside, tree, depth),
            "MemberAccess" => {
                let name = tree["memberName"].as_str()?;
                self.text.push_str(&format!("{name}("));
                self.write(inside, &tree["expression"], depth)?;
                self.text.push(')');
                Some(())
            }
            "IndexAccess" => {
                let parts = [&tree["baseExpression"], &tree["indexExpression"]];
                self.list("[", inside, &parts, depth)
            }
            "BinaryOperation" => {
                let parts = [&tree["leftExpression"], &tree["rightExpression"]];
                self.list(tree["operator"].as_str()?, inside, &parts, depth)
            }
            "UnaryOperation" if matches!(tree["operator"].as_str(), Some("!" | "-" | "~")) => self
                .list(
                    tree["operator"].as_str()?,
                    inside,
                    &[&tree["subExpression"]],
                    depth,
                ),
            "ElementaryTypeNameExpression" => {
                let name = tree["typeDescriptions"]["typeIdentifier"].as_str()?;
                self.text.push_str(name);
                Some(())
            }
            "FunctionCall" => self.call(inside, tree, depth),
            _ => None,
        }
    }

    fn list(
        &mut self,
        head: &str,
        inside: &Node<'a>,
        parts: &[&'a Tree],
        depth: usize,
    ) -> Option<()> {
        self.text.push_str(head);
        self.text.push('(');
        for part in parts {
            self.write(inside, part, depth)?;
            self.text.push(',');
        }
        self.text.push(')');
        Some(())
    }

    fn name(&mut self, inside: &Node<'a>, tree: &'a Tree, depth: usize) -> Option<()> {
        let declared = tree["referencedDeclaration"].as_i64()?;
        let known = self.known.iter().rev().find(|(of, _)| *of == declared);
        if let Some((_, text)) = known {
            self.text.push_str(text);
            return Some(());
        }
        match self.flow.local(tree) {
            // What a variable was set to is what it was then.
            Local::Is(value) if !moves(self.flow, inside) => self.write(inside, value, depth),
            Local::Is(_) | Local::Several => None,
            Local::Given => {
                self.text.push_str(&format!("v{declared}"));
                Some(())
            }
        }
    }

    fn call(&mut self, inside: &Node<'a>, tree: &'a Tree, depth: usize) -> Option<()> {
        let callee = &tree["expression"];
        let given: Vec<_> = tree["arguments"].as_array()?.iter().collect();
        let type_id = callee["typeDescriptions"]["typeIdentifier"].as_str()?;
        let reads = tree["kind"] == "typeConversion"
            || type_id.contains("_view$")
            || type_id.contains("_pure$");
        if !reads || callee["name"] == "gasleft" {
            return None;
        }
        if tree["kind"] == "functionCall"
            && let Some(called) = self.flow.subject().graph.target(inside, callee)
            && let Some(parameters) = called.tree["parameters"]["parameters"].as_array()
            && parameters.len() == given.len()
            && tree["names"].as_array().is_none_or(<[_]>::is_empty)
        {
            let before = self.known.len();
            for (parameter, argument) in parameters.iter().zip(&given) {
                let text = self.apart(inside, argument, depth)?;
                self.known.push((id(parameter), text));
            }
            let mark = self.text.len();
            let done = self.result(&called, depth);
            self.known.truncate(before);
            if done.is_some() {
                return Some(());
            }
            self.text.truncate(mark);
        }
        self.text.push('@');
        self.write(inside, callee, depth)?;
        self.list("", inside, &given, depth)
    }

    /// What a function returns that only names parts of it before.
    fn result(&mut self, called: &Node<'a>, depth: usize) -> Option<()> {
        for statement in called.tree["body"]["statements"].as_array()? {
            match (kind(statement), statement["declarations"].as_array()) {
                ("Return", _) => return self.write(called, &statement["expression"], depth),
                ("VariableDeclarationStatement", Some([one])) => {
                    let text = self.apart(called, &statement["initialValue"], depth)?;
                    self.known.push((id(one), text));
                }
                _ => return None,
            }
        }
        None
    }

    fn apart(&mut self, inside: &Node<'a>, tree: &'a Tree, depth: usize) -> Option<String> {
        let before = std::mem::take(&mut self.text);
        let done = self.write(inside, tree, depth);
        let text = std::mem::replace(&mut self.text, before);
        done.map(|()| text)
    }
}

/// Whether state may change between two lines of a function.
fn moves(flow: &Flow<'_, '_>, inside: &Node<'_>) -> bool {
    let mut found = conditions::changes(flow.subject(), &inside.tree["body"]);
    visit(inside.tree, &mut |tree| {
        found |= kind(tree) == "PlaceholderStatement";
    });
    found
}
