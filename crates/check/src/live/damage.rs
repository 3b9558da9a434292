//! What a layout finding does to the values that are stored.

use super::{
    Live,
    values::{Row, Values},
};
use cutover_types::{Category, Finding, check::Damage};

/// Values shown of one finding.
const MAX_SHOWN: usize = 8;

/// Adds to each layout finding what its variables read now and will read. The finding stays as severe as
/// it is: other proxies and later values are not looked at.
pub(super) fn attach(findings: &mut [Finding], values: &Values, live: &Live) {
    for finding in findings {
        if finding.category != Category::Layout {
            continue;
        }
        let about: Vec<&Row> = values
            .all()
            .iter()
            .filter(|row| row.known && is_about(finding, row))
            .collect();
        let changed = about.iter().filter(|row| row.value.changed);
        finding.damage = changed.take(MAX_SHOWN).map(|row| damage(row)).collect();
        let (Some(block), true) = (live.block, finding.damage.is_empty()) else {
            continue;
        };
        if about.is_empty() {
            continue;
        }
        let now = if about.iter().all(|row| row.zero) {
            "is zero"
        } else {
            "reads the same"
        };
        finding.message.push_str(&format!(
            " (at block {} every value read of it {now})",
            block.number
        ));
    }
}

fn damage(row: &Row) -> Damage {
    let value = &row.value;
    let nothing = || "nothing".to_owned();
    Damage {
        variable: value.variable.clone(),
        slot: value.slot,
        blue: match (&value.blue, &row.over) {
            (Some(blue), _) => blue.clone(),
            (None, Some(over)) => over.clone(),
            (None, None) => nothing(),
        },
        green: match (&value.green, &value.green_variable) {
            (Some(green), Some(name)) => format!("{green} (`{name}`)"),
            (Some(green), None) => green.clone(),
            (None, _) => nothing(),
        },
    }
}

/// Whether a row is of the variable, or the namespace, a finding is about.
fn is_about(finding: &Finding, row: &Row) -> bool {
    let Some(label) = finding.label.as_deref() else {
        return false;
    };
    let label = label.strip_prefix("erc7201:").unwrap_or(label);
    row.variables.iter().any(|variable| {
        let Some((scope, name)) = variable.rsplit_once('.') else {
            return variable == label;
        };
        // A namespace as a whole, or a member of it, which the message names.
        scope == label
            || variable == label
            || (name == label
                && (finding.message.contains(scope) || finding.contract.ends_with(scope)))
    })
}
