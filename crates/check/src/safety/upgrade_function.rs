//! A UUPS implementation must keep the function that upgrades it, and not for everybody.

mod itself;
mod keys;
mod nowhere;
mod proxiable;

use super::{
    Outcome, Subject, constant,
    guard::{Guard, guard, never_ends, runs},
    name,
    slots::{Slot, slots_of},
};
use crate::{input::Kind, rules};
use alloy_primitives::B256;
use cutover_types::{
    Finding, Severity, abi,
    source::{Node, Reached, Tree, entry_points, kind, visit},
};
use itself::{Itself, itself, puts};
use nowhere::{Lands, lands, wanted};

/// Internal functions of OpenZeppelin's and zos's libraries that put another implementation in place.
const SWITCHES: [&str; 6] = [
    "_upgradeTo",
    "_upgradeToAndCall",
    "_upgradeToAndCallUUPS",
    "_upgradeToAndCallSecure",
    "_setImplementation",
    "ERC1967Utils.upgradeToAndCall",
];

pub(super) fn inspect(subject: &Subject<'_>, blue: Option<&Subject<'_>>, outcome: &mut Outcome) {
    let Some(contract) = subject.linearized.first() else {
        return;
    };
    let entries = entry_points(subject.linearized);
    let upgrades: Vec<_> = entries
        .iter()
        .copied()
        .filter(|function| is_upgrade(function) || puts(subject, *function))
        .collect();
    let itself = itself(subject, blue);
    if let Some(itself) = &itself {
        kept(subject, blue, contract, &upgrades, itself, outcome);
    }
    protected(subject, &entries, outcome);
    keys::inspect(subject, blue, outcome);
    if itself.is_some() {
        proxiable::inspect(subject, blue, contract, outcome);
    }
}

fn kept<'a>(
    subject: &Subject<'a>,
    blue: Option<&Subject<'_>>,
    contract: &Node<'_>,
    upgrades: &[Node<'a>],
    itself: &Itself<'_>,
    outcome: &mut Outcome,
) {
    let rule = rules::MISSING_PUBLIC_UPGRADETO;
    if subject.allowed(rule, contract) {
        return;
    }
    let last = format!("the proxy could never be upgraded again{}", itself.advice());
    let finding = if upgrades.is_empty() {
        let message = format!(
            "`{}` has no public `upgradeTo(address)` or `upgradeToAndCall(address,bytes)`: {last}",
            name(contract.tree)
        );
        subject.finding(rule, contract, contract.tree, message)
    } else if upgrades
        .iter()
        .all(|function| never_ends(subject, *function))
    {
        let one = upgrades.first().unwrap_or(contract);
        let message = format!("`{}` always reverts: {last}", name(one.tree));
        subject.finding(rule, one, one.tree, message)
    } else if let Some(one) = upgrades
        .iter()
        .find(|one| upgrades.len() == 1 && is_empty(one))
    {
        let message = format!("`{}` does nothing: {last}", name(one.tree));
        Finding {
            severity: Severity::Warning,
            ..subject.finding(rule, one, one.tree, message)
        }
    } else {
        let wanted = wanted(subject, blue);
        let live = upgrades.iter().filter(|one| !never_ends(subject, **one));
        let Some((best, one)) = live
            .map(|one| (lands(subject, *one, &wanted), one))
            .max_by_key(|(lands, _)| *lands)
        else {
            return;
        };
        let what = name(one.tree);
        match best {
            Lands::Slot => return,
            Lands::Perhaps => {
                outcome.unknown.push(format!(
                    "whether `{what}` puts another implementation in place is not known: it runs code that is not at hand, or writes a slot that cannot be told"
                ));
                return;
            }
            Lands::Variable
                if blue.is_some_and(|blue| nowhere::is_in_a_variable(blue, &wanted)) =>
            {
                return;
            }
            Lands::Variable | Lands::Nowhere => {
                let message = format!(
                    "`{what}` does not write the slot the proxy reads its implementation from: {last}"
                );
                subject.finding(rule, one, one.tree, message)
            }
        }
    };
    outcome.findings.push(finding);
}

fn is_upgrade(function: &Node<'_>) -> bool {
    let parameters: Vec<_> = function.tree["parameters"]["parameters"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|one| one["typeDescriptions"]["typeString"].as_str())
        .map(|text| text.split_whitespace().next().unwrap_or_default())
        .collect();
    function.tree["body"].is_object()
        && matches!(
            (name(function.tree), parameters.as_slice()),
            ("upgradeTo", ["address"]) | ("upgradeToAndCall", ["address", "bytes"])
        )
}

fn is_empty(function: &Node<'_>) -> bool {
    let none = |list: &Tree| list.as_array().is_none_or(<[_]>::is_empty);
    none(&function.tree["body"]["statements"]) && none(&function.tree["modifiers"])
}

/// Who may upgrade: what decides is `_authorizeUpgrade` where there is one.
fn protected<'a>(subject: &Subject<'a>, entries: &[Node<'a>], outcome: &mut Outcome) {
    let rule = rules::UNPROTECTED_UPGRADE;
    let mut told = Vec::new();
    for entry in entries {
        let Some((judge, deed)) = judge(subject, *entry) else {
            continue;
        };
        // A check may also stand before the call of `_authorizeUpgrade`.
        let seen = guard(subject, judge);
        let seen = match seen {
            Guard::Caller | Guard::Unknown(_) => seen,
            _ if guard(subject, *entry) == Guard::Caller => Guard::Caller,
            _ => seen,
        };
        if subject.allowed(rule, &judge) || told.contains(&judge.tree) {
            continue;
        }
        told.push(judge.tree);
        let what = name(judge.tree);
        let does = deed.told();
        let (severity, message) = match seen {
            Guard::Caller => continue,
            Guard::Unknown(names) => {
                outcome.unknown.push(format!(
                    "the source of `{}`, which runs in `{what}`, is not there: who may {does} is not known",
                    names.join("`, `")
                ));
                continue;
            }
            Guard::Caught => {
                outcome.unknown.push(format!(
                    "who may {does} is not known: `{what}` asks for the caller where a failure may be caught and forgotten, or where an answer is not looked at"
                ));
                continue;
            }
            _ if deed == Deed::Bounded => {
                outcome.unknown.push(format!(
                    "which slots anybody can write is not known: `{what}` asks something of the slot that its caller chooses"
                ));
                continue;
            }
            Guard::Open => (
                Severity::Error,
                format!("`{what}` lets anybody {does}: it looks at nothing but its arguments"),
            ),
            Guard::Block => (
                Severity::Error,
                format!(
                    "`{what}` lets anybody {does} at its time: it looks at nothing but the block"
                ),
            ),
            Guard::Anybody => (
                Severity::Error,
                format!(
                    "`{what}` lets anybody {does}: what it asks of the caller can be true of everybody"
                ),
            ),
            Guard::Origin => (
                Severity::Warning,
                format!(
                    "`{what}` looks at `tx.origin`: any contract that the right account calls can {does}"
                ),
            ),
            Guard::State => (
                Severity::Warning,
                format!(
                    "`{what}` does not look at who calls it: anybody can {does} while its other conditions hold"
                ),
            ),
        };
        let finding = subject.finding(rule, &judge, judge.tree, message);
        outcome.findings.push(Finding {
            severity,
            ..finding
        });
    }
}

/// What decides who may do to the proxy what a function does, and what that is.
fn judge<'a>(subject: &Subject<'a>, entry: Node<'a>) -> Option<(Node<'a>, Deed)> {
    let inside = runs(subject, entry);
    let deed = deed(subject, entry, &inside)?;
    if never_ends(subject, entry) || !inside.iter().any(changes_something) {
        return None;
    }
    let judge = inside
        .iter()
        .find(|one| name(one.node.tree) == "_authorizeUpgrade")
        .filter(|_| deed == Deed::Upgrade)
        .map_or(entry, |one| one.node);
    Some((judge, deed))
}

/// What a function does to the proxy.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Deed {
    /// It puts another implementation in place.
    Upgrade,
    /// It writes another of the proxy's own slots, which holds this.
    Write(&'static str),
    /// It writes whatever slot its caller chooses.
    Any,
    /// It writes what its caller chooses of some slots.
    Bounded,
}

impl Deed {
    fn told(self) -> String {
        match self {
            Self::Upgrade => "upgrade".to_owned(),
            Self::Write(holds) => format!("write {holds}, which the proxy keeps"),
            Self::Any | Self::Bounded => "write any slot, the implementation's as well".to_owned(),
        }
    }
}

fn deed<'a>(subject: &Subject<'a>, entry: Node<'a>, inside: &[Reached<'a>]) -> Option<Deed> {
    if is_upgrade(&entry) || inside.iter().any(|one| switches(subject, one)) {
        return Some(Deed::Upgrade);
    }
    let slots = slots_of(subject, entry);
    let writes = |slot: &B256| slots.written.contains(&Slot::Known(*slot));
    if writes(&abi::IMPLEMENTATION_SLOT) {
        return Some(Deed::Upgrade);
    }
    let chosen = |slot: &Slot| matches!(slot, Slot::Chosen(_));
    if slots.written.iter().any(chosen) {
        return Some(if slots.asked {
            Deed::Bounded
        } else {
            Deed::Any
        });
    }
    // A proxy that its implementation upgrades reads no other slot.
    let mut own = abi::PROXY_SLOTS.iter();
    let own = own.find(|(slot, _)| writes(slot) && subject.options.kind != Some(Kind::Uups));
    own.map(|(_, holds)| Deed::Write(holds))
}

/// Whether a function puts another implementation in place.
fn switches<'a>(subject: &Subject<'a>, function: &Reached<'a>) -> bool {
    let last = function.path.last();
    last.is_some_and(|last| SWITCHES.contains(&last.as_str())) || writes_slot(subject, function)
}

/// Whether a function names the implementation's slot and writes to a slot.
fn writes_slot<'a>(subject: &Subject<'a>, function: &Reached<'a>) -> bool {
    let (mut writes, mut names) = (false, false);
    visit(function.node.tree, &mut |tree| {
        writes |= match kind(tree) {
            "YulFunctionCall" => tree["functionName"]["name"] == "sstore",
            "Assignment" => tree["leftHandSide"]["memberName"] == "value",
            _ => false,
        };
    });
    if writes {
        visit(function.node.tree, &mut |tree| {
            let slot = match kind(tree) {
                "Identifier" | "MemberAccess" | "Literal" => {
                    constant::value(subject, function.node, tree).map(B256::from)
                }
                "YulLiteral" => tree["value"].as_str().and_then(|text| text.parse().ok()),
                _ => None,
            };
            names |= slot == Some(abi::IMPLEMENTATION_SLOT);
        });
    }
    writes && names
}

/// Whether a function writes to storage or runs other code on it.
fn changes_something(function: &Reached<'_>) -> bool {
    let mut found = false;
    visit(function.node.tree, &mut |tree| {
        let callee = tree["functionName"]["name"].as_str();
        found |= match kind(tree) {
            "Assignment" => true,
            "YulFunctionCall" => matches!(callee, Some("sstore" | "delegatecall")),
            "InlineAssembly" => tree["operations"].is_string(),
            "MemberAccess" => tree["memberName"] == "delegatecall",
            _ => false,
        };
    });
    found
}
