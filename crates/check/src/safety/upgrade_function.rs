//! A UUPS implementation must keep the function that upgrades it.

use super::{Outcome, Subject, members, name};
use crate::{input::Kind, rules};

pub(super) fn inspect(subject: &Subject<'_>, outcome: &mut Outcome) {
    let Some(contract) = subject.linearized.first() else {
        return;
    };
    let rule = rules::MISSING_PUBLIC_UPGRADETO;
    if subject.options.kind != Some(Kind::Uups) || subject.allowed(rule, contract) {
        return;
    }
    let kept = subject
        .linearized
        .iter()
        .flat_map(|base| members(base, "FunctionDefinition"))
        .any(|function| {
            let parameters: Vec<_> = function.tree["parameters"]["parameters"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|one| one["typeDescriptions"]["typeString"].as_str())
                .map(|text| text.split_whitespace().next().unwrap_or_default())
                .collect();
            let open = matches!(
                function.tree["visibility"].as_str(),
                Some("public" | "external")
            );
            open && function.tree["body"].is_object()
                && matches!(
                    (name(function.tree), parameters.as_slice()),
                    ("upgradeTo", ["address"]) | ("upgradeToAndCall", ["address", "bytes"])
                )
        });
    if !kept {
        outcome.findings.push(subject.finding(
            rule,
            contract,
            contract.tree,
            format!(
                "`{}` has no public `upgradeTo(address)` or `upgradeToAndCall(address,bytes)`: the proxy could never be upgraded again",
                name(contract.tree)
            ),
        ));
    }
}
