//! What became of a variable that is not in storage any more.

use crate::Side;
use cutover_types::source::kind;
use std::collections::HashMap;

/// State variables of a contract that take no storage, by name.
#[derive(Default)]
pub(super) struct Fates<'a> {
    fates: HashMap<&'a str, &'static str>,
}

impl<'a> Fates<'a> {
    pub(super) fn of(side: &Side<'a>) -> Self {
        let mut fates = HashMap::new();
        let bases = side.index().and_then(|index| {
            let contract = index.contract(side.contract?)?;
            index.linearized(&contract)
        });
        for contract in bases.iter().flatten() {
            for node in contract.tree["nodes"].as_array().into_iter().flatten() {
                if kind(node) != "VariableDeclaration" {
                    continue;
                }
                let fate = match node["mutability"].as_str() {
                    _ if node["storageLocation"] == "transient" => "transient",
                    _ if node["constant"] == true => "a constant",
                    Some("constant") => "a constant",
                    Some("immutable") => "an immutable",
                    _ => continue,
                };
                fates.extend(node["name"].as_str().map(|name| (name, fate)));
            }
        }
        Self { fates }
    }

    /// `a constant`, `an immutable`, `transient`.
    pub(super) fn get(&self, label: &str) -> Option<&'static str> {
        self.fates.get(label).copied()
    }
}
