//! `@custom:oz-upgrades-unsafe-allow` with a name that allows nothing: a typing error, and whoever reads
//! it believes the finding was looked at.

use super::{Outcome, Subject};
use crate::rules;
use cutover_types::source::{Node, allowances, id};
use std::collections::BTreeSet;

/// Warnings of this kind, at most.
const MAX_TOLD: usize = 20;

pub(super) fn inspect(subject: &Subject<'_>, outcome: &mut Outcome) {
    let mut left = MAX_TOLD;
    for contract in subject.linearized {
        let members = contract.tree["nodes"].as_array().into_iter().flatten();
        for tree in std::iter::once(contract.tree).chain(members) {
            let node = Node {
                tree,
                contract: Some(id(contract.tree)),
                ..*contract
            };
            let words: BTreeSet<&str> = allowances(tree).collect();
            for why in words
                .into_iter()
                .filter_map(|word| rules::allowable(word).err())
            {
                if left == 0 {
                    return;
                }
                left -= 1;
                let message = format!("this annotation allows nothing: {why}");
                let found = subject.finding(rules::WAIVER_UNKNOWN_RULE, &node, tree, message);
                outcome.findings.push(found);
            }
        }
    }
}
