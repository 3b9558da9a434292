//! Root slots: is each where its id says, and named where it is used?

use super::{
    Outcome, Pair,
    namespaces::{called, finding},
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
            let at = root.map(|root| format!(", at {root}")).unwrap_or_default();
            let from = match &one.constant {
                Some(constant) => format!(" (`{constant}`)"),
                None => String::new(),
            };
            outcome.findings.push(Finding {
                source: one.source.clone(),
                label: Some(one.name.clone()),
                ..rules::NAMESPACE_UNANNOTATED.finding(
                    &one.contract,
                    format!(
                        "{} has a root slot of its own{at}{from}, without an annotation",
                        called(green, id)
                    ),
                )
            });
        }
    }
}
