//! Root slots: is each where its id says, and named where it is used?

use super::{
    Outcome, Pair,
    namespaces::{called, computed, finding},
};
use crate::rules;
use cutover_types::{Finding, layout::erc7201};

pub(super) fn inspect(pair: Pair<'_>, outcome: &mut Outcome) {
    let green = pair.green;
    for (id, members) in &green.namespaces {
        let root = green.namespace_roots.get(id);
        if let (Some(name), Some(root)) = (id.strip_prefix("erc7201:"), root) {
            let meant = erc7201(name.as_bytes());
            if meant != *root {
                let known = pair.blue.namespace_roots.get(id) == Some(root);
                let mut wrong = finding(
                    rules::NAMESPACE_WRONG_ROOT,
                    id,
                    members,
                    format!("namespace `{id}` is at {root}, but its id stands for {meant}"),
                );
                if known {
                    wrong.help = "leave the slot as it is: blue's values are there; correct the annotation if it misleads".to_owned();
                }
                outcome.findings.push(wrong);
            }
        }
        let declared = green.namespace_structs.get(id);
        if let Some(one) = declared.filter(|one| !one.annotated) {
            let message = if computed(green, id) {
                format!(
                    "`{id}` is placed at slots worked out at run time: its members were compared, the slots were not"
                )
            } else {
                let from = match &one.constant {
                    Some(constant) => format!(" (`{constant}`)"),
                    None => String::new(),
                };
                let name = called(green, id);
                format!("{name}{from} has a root slot of its own and no annotation")
            };
            outcome.findings.push(Finding {
                source: one.source.clone(),
                label: Some(one.name.clone()),
                ..rules::NAMESPACE_UNANNOTATED.finding(&one.contract, message)
            });
        }
    }
}
