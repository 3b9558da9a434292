//! The declarations a finding is about: green's first, blue's second.

use crate::{Side, layout, rules};
use alloy_primitives::U512;
use cutover_types::{
    Category, Finding, StorageItem, StorageLayout,
    check::{Role, Span},
    source::{Excerpt, Index, Node},
};
use std::borrow::Cow;

/// More findings than anyone reads; looking up declarations takes time for each.
const MAX_FILLED: usize = 500;

/// Fills the spans of findings that have none yet.
pub(crate) fn fill(findings: &mut [Finding], blue: &Side<'_>, green: &Side<'_>) {
    if findings.is_empty() {
        return;
    }
    let blue = Source::of(Role::Blue, blue);
    let green = Source::of(Role::Green, green);
    let bare = findings.iter_mut().filter(|f| f.spans.is_empty());
    for finding in bare.take(MAX_FILLED) {
        finding.spans = match finding.category {
            Category::Layout => declarations(finding, &blue, &green),
            Category::Safety | Category::Interface => only(&green, finding),
            Category::Chain if finding.rule == rules::NEWER_EVM.id => only(&green, finding),
            Category::Chain => only(&blue, finding),
        };
    }
}

/// A span of green's at an excerpt.
pub(crate) fn at(role: Role, excerpt: Excerpt, note: String) -> Span {
    Span {
        role,
        file: excerpt.file,
        line: excerpt.line,
        column: excerpt.column,
        length: excerpt.length,
        text: excerpt.text,
        note,
    }
}

/// One side with what is needed to find declarations.
struct Source<'a> {
    role: Role,
    contract: &'a str,
    layout: Option<&'a StorageLayout>,
    index: Option<Cow<'a, Index<'a>>>,
}

/// A variable, in the namespace it is in.
#[derive(Clone, Copy)]
struct Found<'a> {
    item: &'a StorageItem,
    scope: Option<&'a str>,
}

impl<'a> Source<'a> {
    fn of(role: Role, side: &Side<'a>) -> Self {
        Self {
            role,
            contract: side.contract.unwrap_or_default(),
            layout: side.layout,
            index: side.index(),
        }
    }

    fn name(&self) -> &'static str {
        match self.role {
            Role::Blue => "blue",
            Role::Green => "green",
        }
    }

    /// Every variable, the contract's own first.
    fn variables(&self) -> impl Iterator<Item = Found<'a>> + use<'a> {
        let own = self.layout.into_iter().flat_map(|layout| &layout.storage);
        let named = self
            .layout
            .into_iter()
            .flat_map(|layout| &layout.namespaces);
        own.map(|item| Found { item, scope: None })
            .chain(named.flat_map(|(scope, items)| {
                items.iter().map(|item| Found {
                    item,
                    scope: Some(scope),
                })
            }))
    }

    /// The variable a finding names: by its place where there is one.
    fn named(&self, finding: &Finding) -> Option<Found<'a>> {
        let label = finding.label.as_deref()?;
        self.variables().find(|found| {
            found.item.label == label
                && found.item.contract == finding.contract
                && finding.slot.as_ref() == Some(&found.item.slot)
                && finding.offset == Some(found.item.offset)
        })
    }

    /// What this side has of another side's variable: the same name, or else the same bytes.
    fn counterpart(&self, other: Found<'_>, from: &Source<'_>) -> Option<Found<'a>> {
        let inside = |found: &Found<'a>| found.scope == other.scope;
        let same = |found: &Found<'a>| found.item.label == other.item.label;
        let same_contract = |found: &Found<'a>| found.item.contract == other.item.contract;
        let mine = || self.variables().filter(inside);
        mine()
            .find(|found| same(found) && same_contract(found))
            .or_else(|| mine().find(same))
            .or_else(|| {
                let wanted = range(other.item, from.layout)?;
                mine().find(|found| {
                    range(found.item, self.layout)
                        .is_some_and(|(start, end)| start < wanted.1 && wanted.0 < end)
                })
            })
    }

    fn declaration(&self, found: Found<'_>) -> Option<Span> {
        let item = found.item;
        let place = layout::place::shown(item);
        let mut note = format!("{} has `{}` in {place}", self.name(), item.label);
        if let Some(scope) = found.scope {
            note.push_str(&format!(" of `{scope}`"));
        }
        let exact = self.index.as_deref().and_then(|index| {
            let node = index.get(item.ast_id)?;
            (node.tree["name"] == item.label.as_str())
                .then(|| index.span(node.unit, node.tree))
                .flatten()
        });
        if let Some(excerpt) = exact {
            return Some(at(self.role, excerpt, note));
        }
        let line = item.source.as_ref()?;
        Some(Span {
            role: self.role,
            file: line.file.clone(),
            line: line.line,
            column: 1,
            length: 1,
            text: String::new(),
            note,
        })
    }

    /// The contract's own name.
    fn contract(&self, qualified: &str, note: String) -> Option<Span> {
        let index = self.index.as_deref()?;
        let Node { unit, tree, .. } = index.contract(qualified)?;
        Some(at(self.role, index.span(unit, tree)?, note))
    }
}

fn declarations(finding: &Finding, blue: &Source<'_>, green: &Source<'_>) -> Vec<Span> {
    if let Some(new) = green.named(finding) {
        let old = blue.counterpart(new, green);
        let spans = [
            green.declaration(new),
            old.and_then(|old| blue.declaration(old)),
        ];
        let spans: Vec<_> = spans.into_iter().flatten().collect();
        // What the code keeps at a slot by number is declared nowhere.
        return if spans.is_empty() {
            only(green, finding)
        } else {
            spans
        };
    }
    let Some(old) = blue.named(finding) else {
        return only(green, finding);
    };
    // Gone from green: what is in its place now, or else where it is missing.
    let label = &old.item.label;
    let new = green.counterpart(old, blue);
    let place = new
        .and_then(|new| green.declaration(new))
        .or_else(|| green.contract(green.contract, format!("green has no `{label}`")));
    [place, blue.declaration(old)]
        .into_iter()
        .flatten()
        .collect()
}

/// The finding's own line, or else its contract.
fn only(side: &Source<'_>, finding: &Finding) -> Vec<Span> {
    if finding.source.is_some() {
        return Vec::new();
    }
    let place = side
        .contract(&finding.contract, String::new())
        .or_else(|| side.contract(side.contract, String::new()));
    place.into_iter().collect()
}

fn range(item: &StorageItem, layout: Option<&StorageLayout>) -> Option<(U512, U512)> {
    let range = layout::place::Range::of(item, layout?.types.get(&item.type_id))?;
    Some((range.start, range.end))
}
