//! Bugs of solc that damage stored values or the layout, told only where the source has what triggers them.
//!
//! Versions and conditions are those of `docs/bugs.json` in solc's own repository.

use super::version;
use crate::{Side, rules};
use alloy_primitives::U256;
use cutover_types::{
    Finding, Severity,
    source::{Index, Node, Tree, kind, reachable, visit},
};
use semver::Version;

/// A known bug.
struct Bug {
    name: &'static str,
    introduced: Version,
    fixed: Version,
    /// The code generator it needs: through the intermediate representation or not.
    via_ir: Option<bool>,
    optimizer: bool,
    what: &'static str,
    triggers: fn(&Code<'_, '_>) -> Option<Trigger>,
}

/// What triggers a bug.
struct Trigger {
    unit: String,
    tree: Tree,
    certain: bool,
}

/// What the triggers look at.
struct Code<'c, 'a> {
    index: &'c Index<'a>,
    /// Functions and modifiers that can run.
    functions: &'c [Node<'a>],
    side: &'c Side<'a>,
    version: Version,
}

fn known() -> [Bug; 8] {
    let v = Version::new;
    [
        Bug {
            name: "TransientStorageClearingHelperCollision",
            introduced: v(0, 8, 28),
            fixed: v(0, 8, 34),
            via_ir: Some(true),
            optimizer: false,
            what: "`delete` of a transient variable may clear storage instead, or `delete` of storage the transient variable",
            triggers: transient_delete,
        },
        Bug {
            name: "InheritanceOrderReversalOnStorageEndWarning",
            introduced: v(0, 8, 29),
            fixed: v(0, 8, 36),
            via_ir: None,
            optimizer: false,
            what: "with a layout that near to the end of storage, bases are taken in the reverse order",
            triggers: storage_end,
        },
        Bug {
            name: "StorageWriteRemovalBeforeConditionalTermination",
            introduced: v(0, 8, 13),
            fixed: v(0, 8, 17),
            via_ir: None,
            optimizer: true,
            what: "storage writes before a call of code that ends in assembly may be left out",
            triggers: |code| {
                code.assembly(|_, called| called.iter().any(|f| f == "return" || f == "stop"))
            },
        },
        Bug {
            name: "InlineAssemblyMemorySideEffects",
            introduced: v(0, 8, 13),
            fixed: v(0, 8, 15),
            via_ir: Some(false),
            optimizer: true,
            what: "memory writes of this assembly block may be left out",
            triggers: |code| {
                code.assembly(|block, called| {
                    let alone = block["externalReferences"]
                        .as_array()
                        .is_some_and(<[_]>::is_empty);
                    alone && called.iter().any(|f| f == "mstore" || f == "mstore8")
                })
            },
        },
        Bug {
            name: "DirtyBytesArrayToStorage",
            introduced: v(0, 0, 1),
            fixed: v(0, 8, 15),
            via_ir: Some(false),
            optimizer: false,
            what: "bytes that `.push()` adds may not be zero",
            triggers: |code| code.pushed(|array| array.starts_with("bytes storage")),
        },
        Bug {
            name: "UserDefinedValueTypesBug",
            introduced: v(0, 8, 8),
            fixed: v(0, 8, 9),
            via_ir: None,
            optimizer: false,
            what: "short user-defined value types take a whole slot, which no other version does",
            triggers: user_type,
        },
        Bug {
            name: "DynamicArrayCleanup",
            introduced: v(0, 0, 1),
            fixed: v(0, 7, 3),
            via_ir: None,
            optimizer: false,
            what: "elements that the array grows by may not be zero",
            triggers: |code| code.pushed(short_elements),
        },
        Bug {
            name: "SignedArrayStorageCopy",
            introduced: v(0, 4, 7),
            fixed: v(0, 5, 10),
            via_ir: None,
            optimizer: false,
            what: "negative elements assigned to an array of another type damage their neighbours",
            triggers: signed_copy,
        },
    ]
}

/// Adds a finding for each bug whose version, settings and trigger are there.
pub(super) fn look(green: &Side<'_>, findings: &mut Vec<Finding>) {
    let name = green.contract.unwrap_or_default();
    let Some(version) = green.compiler.and_then(version) else {
        return;
    };
    let applies = |bug: &Bug| {
        let inside = bug.introduced <= version && version < bug.fixed;
        let generator = green
            .via_ir
            .is_none_or(|via| bug.via_ir.is_none_or(|want| want == via));
        inside && generator && (!bug.optimizer || green.optimizer != Some(false))
    };
    let bugs: Vec<_> = known().into_iter().filter(applies).collect();
    if bugs.is_empty() {
        return;
    }
    let Some(index) = green.index() else {
        return;
    };
    let Some(bases) = index.contract(name).and_then(|one| index.linearized(&one)) else {
        return;
    };
    let functions: Vec<_> = reachable(&index, &bases, |_| true)
        .into_iter()
        .map(|reached| reached.node)
        .collect();
    let code = Code {
        index: &index,
        functions: &functions,
        side: green,
        version,
    };
    for bug in bugs {
        let Some(trigger) = (bug.triggers)(&code) else {
            continue;
        };
        let rule = rules::COMPILER_BUG;
        findings.push(Finding {
            label: Some(bug.name.to_owned()),
            severity: if trigger.certain {
                Severity::Error
            } else {
                rule.severity
            },
            source: index.line(&trigger.unit, &trigger.tree),
            ..rule.finding(
                name,
                format!("solc {} has {}: {}", code.version, bug.name, bug.what),
            )
        });
    }
}

impl Code<'_, '_> {
    /// The first node of the code that is wanted.
    fn find(&self, mut wanted: impl FnMut(&Tree) -> bool) -> Option<Trigger> {
        let mut found = None;
        for function in self.functions {
            visit(function.tree, &mut |tree| {
                if found.is_none() && wanted(tree) {
                    found = Some(Trigger {
                        unit: function.unit.to_owned(),
                        tree: tree.clone(),
                        certain: false,
                    });
                }
            });
        }
        found
    }

    /// The first assembly block that is wanted, given the names of what it calls.
    fn assembly(&self, wanted: fn(&Tree, &[String]) -> bool) -> Option<Trigger> {
        self.find(|tree| {
            if kind(tree) != "InlineAssembly" {
                return false;
            }
            let mut called = Vec::new();
            visit(tree, &mut |inner| {
                if kind(inner) == "YulFunctionCall"
                    && let Some(name) = inner["functionName"]["name"].as_str()
                {
                    called.push(name.to_owned());
                }
            });
            wanted(tree, &called)
        })
    }

    /// The first storage array of a wanted type that grows without a value.
    fn pushed(&self, wanted: fn(&str) -> bool) -> Option<Trigger> {
        let array = |tree: &Tree, member: &str| {
            tree["memberName"] == member
                && tree["expression"]["typeDescriptions"]["typeString"]
                    .as_str()
                    .is_some_and(wanted)
        };
        self.find(|tree| match kind(tree) {
            "FunctionCall" => {
                tree["arguments"].as_array().is_some_and(<[_]>::is_empty)
                    && array(&tree["expression"], "push")
            }
            // Before solc 0.6.
            "Assignment" => array(&tree["leftHandSide"], "length"),
            "UnaryOperation" => tree["operator"] == "++" && array(&tree["subExpression"], "length"),
            _ => false,
        })
    }

    /// The state variable an expression is, or is a part of.
    fn variable(&self, tree: &Tree) -> Option<&Tree> {
        let mut tree = tree;
        // Bounded by the depth the tree was parsed with.
        loop {
            match kind(tree) {
                "Identifier" => {
                    let declared = self.index.get(tree["referencedDeclaration"].as_i64()?)?;
                    return (declared.tree["stateVariable"] == true).then_some(declared.tree);
                }
                "IndexAccess" => tree = &tree["baseExpression"],
                "MemberAccess" => tree = &tree["expression"],
                _ => return None,
            }
        }
    }
}

fn transient_delete(code: &Code<'_, '_>) -> Option<Trigger> {
    let deleted = |tree: &Tree, transient: bool| {
        let target = &tree["subExpression"];
        let clears = kind(tree) == "UnaryOperation" && tree["operator"] == "delete";
        let variable = code.variable(target).filter(|_| clears)?;
        let there = variable["storageLocation"] == "transient";
        (there == transient)
            .then(|| {
                target["typeDescriptions"]["typeString"]
                    .as_str()
                    .map(str::to_owned)
            })
            .flatten()
    };
    let mut types = Vec::new();
    let mut trigger = code.find(|tree| match deleted(tree, true) {
        Some(name) => {
            types.push(name);
            true
        }
        None => false,
    })?;
    let same = code.find(|tree| deleted(tree, false).is_some_and(|name| types.contains(&name)));
    trigger.certain = same.is_some();
    Some(trigger)
}

/// Slots in the last 2^64.
fn storage_end(code: &Code<'_, '_>) -> Option<Trigger> {
    let near = U256::MAX - U256::from(u64::MAX);
    let there = code.side.layout?.storage.iter().any(|item| {
        let slot: Option<U256> = item.slot.to_string().parse().ok();
        slot.is_some_and(|slot| slot >= near)
    });
    there.then(|| Trigger {
        unit: String::new(),
        tree: Tree::default(),
        certain: false,
    })
}

fn user_type(code: &Code<'_, '_>) -> Option<Trigger> {
    let layout = code.side.layout?;
    let used = layout
        .types
        .keys()
        .any(|id| id.starts_with("t_userDefinedValueType"));
    used.then(|| Trigger {
        unit: String::new(),
        tree: Tree::default(),
        certain: false,
    })
}

/// `uint128[] storage …` and others of which two or more share a slot.
fn short_elements(array: &str) -> bool {
    let Some((element, _)) = array.split_once("[] storage") else {
        return false;
    };
    let digits = |prefix: &str| {
        let text = element.strip_prefix(prefix)?;
        text.parse::<u32>().ok()
    };
    match (digits("uint").or_else(|| digits("int")), digits("bytes")) {
        (Some(bits), _) => bits <= 128,
        (_, Some(bytes)) => bytes <= 16,
        _ => element == "bool" || element.starts_with("enum "),
    }
}

fn signed_copy(code: &Code<'_, '_>) -> Option<Trigger> {
    let element = |tree: &Tree| {
        let text = tree["typeDescriptions"]["typeString"].as_str()?;
        let (element, rest) = text.split_once('[')?;
        Some((element.to_owned(), rest.contains("] storage")))
    };
    code.find(|tree| {
        if kind(tree) != "Assignment" {
            return false;
        }
        let (to, from) = (
            element(&tree["leftHandSide"]),
            element(&tree["rightHandSide"]),
        );
        match (to, from) {
            (Some((to, true)), Some((from, _))) => from.starts_with("int") && to != from,
            _ => false,
        }
    })
}
