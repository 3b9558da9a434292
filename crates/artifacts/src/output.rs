//! Reading what a compiler said of a contract, just now or in a build info.

use crate::{
    ArtifactError, Code, Need, bytecode, compile::not_found, held, join, placement, settings,
};
use alloy_json_abi::JsonAbi;
use cutover_types::{
    StorageLayout,
    source::{Index, Node, Sources, Tree, kind},
};
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;

/// What a compiler said of one contract.
pub(crate) struct Compiled {
    /// Its part of `contracts`.
    pub(crate) contract: Value,
    /// At least the units the contract's own unit imports.
    pub(crate) sources: Sources,
    pub(crate) version: Option<String>,
    /// The settings of the compiler's input; null when it is not at hand.
    pub(crate) settings: Value,
}

impl Compiled {
    /// The same as a code.
    pub(crate) fn code(self, unit: &str, name: &str, need: Need) -> Result<Code, ArtifactError> {
        let contract = &self.contract;
        if !contract.is_object() {
            return Err(not_found(name, unit, []));
        }
        let mut code = Code {
            contract: Some(format!("{unit}:{name}")),
            compiler: self.version,
            abi: JsonAbi::deserialize(&contract["abi"]).ok(),
            ..Code::default()
        };
        settings::fill(&mut code, &contract["metadata"], &self.settings);
        if need.bytecode {
            let evm = &contract["evm"];
            bytecode::fill(&mut code, &evm["bytecode"], &evm["deployedBytecode"]);
        }
        held::whole(&code, &contract["metadata"], &self.sources)?;
        complete(&mut code, &contract["storageLayout"], self.sources, need);
        Ok(code)
    }
}

/// Takes the value at a path out of a tree that may have any shape; null when it is not there.
pub(crate) fn take(tree: &mut Value, path: &[&str]) -> Value {
    let found = path.iter().try_fold(tree, |tree, name| tree.get_mut(name));
    found.map(Value::take).unwrap_or_default()
}

/// The units a unit imports itself.
pub(crate) fn imports(ast: &Tree) -> impl Iterator<Item = &str> {
    let nodes = ast["nodes"].as_array().into_iter().flatten();
    nodes
        .filter(|node| kind(node) == "ImportDirective")
        .filter_map(|node| node["absolutePath"].as_str())
}

/// Adds layout and sources to a code whose contract is known.
pub(crate) fn complete(code: &mut Code, layout: &Value, sources: Sources, need: Need) {
    let name = code.contract.clone().unwrap_or_default();
    let index = sources.index();
    let linearized = index
        .contract(&name)
        .and_then(|contract| index.linearized(&contract));
    if need.layout {
        match read_layout(layout, &index, linearized.as_deref()) {
            Ok(mut layout) => {
                if let Some(bases) = &linearized {
                    join::join(&mut layout, &index, bases);
                }
                code.layout = Some(layout);
            }
            Err(why) => code.missing.push(why),
        }
    }
    match linearized {
        Some(_) => code.sources = Some(closed(&sources, &name)),
        None if need.ast => code.missing.push(format!(
            "no syntax trees of `{name}` and all its bases: give `Source.sol:Contract`, a full build info, or build with `forge build --ast --force`"
        )),
        None => {}
    }
}

/// The layout as solc wrote it, or as its rules give it where solc is too old to write one.
fn read_layout(
    layout: &Value,
    index: &Index<'_>,
    linearized: Option<&[Node<'_>]>,
) -> Result<StorageLayout, String> {
    let declared = linearized.map_or(0, |bases| join::state_variables(bases).len());
    if layout.is_object() {
        let parsed: StorageLayout = StorageLayout::deserialize(layout)
            .map_err(|error| format!("the storage layout is malformed: {error}"))?;
        let listed = parsed.storage.len();
        if linearized.is_some() && listed != declared {
            return Err(if listed == 0 {
                format!(
                    "the storage layout is empty although the source declares {declared} state variables: the compiler does not lay out storage"
                )
            } else {
                format!(
                    "the storage layout has {listed} variables and the source declares {declared}: they are not of one build"
                )
            });
        }
        let other = linearized.and_then(|bases| held::other_layout(&parsed, index, bases));
        return match other {
            Some(why) => Err(format!("{why}: build again")),
            None => Ok(parsed),
        };
    }
    match linearized {
        Some(bases) => placement::contract(index, bases)
            .map_err(|why| format!("no storage layout, and none could be worked out: {why}")),
        None => Err(
            "no storage layout: build with `forge build --extra-output storageLayout`, or give `Source.sol:Contract`"
                .to_owned(),
        ),
    }
}

/// Only the units the contract's own unit imports, directly or not: the rest is another's affair.
fn closed(sources: &Sources, contract: &str) -> Sources {
    let unit = contract.rsplit_once(':').map_or(contract, |(unit, _)| unit);
    let mut kept = Sources::default();
    let mut queue = vec![unit.to_owned()];
    while let Some(name) = queue.pop() {
        let Some(unit) = sources.units.get(&name) else {
            continue;
        };
        if kept.units.contains_key(&name) {
            continue;
        }
        queue.extend(imports(&unit.ast).map(str::to_owned));
        kept.units.insert(name, Arc::clone(unit));
    }
    kept
}
