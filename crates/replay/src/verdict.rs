//! How a transaction ended, from its differences.

use crate::options::ExpectedRule;
use alloy_primitives::FixedBytes;
use cutover_types::{
    TransactionVerdict,
    execution::Status,
    replay::{Difference, DifferenceKind},
};

/// The verdict of a transaction whose control held, and for `expected` the reasons.
pub(crate) fn verdict(
    blue: Status,
    green: Option<Status>,
    differences: &[Difference],
    selector: Option<FixedBytes<4>>,
    rules: &[ExpectedRule],
) -> (TransactionVerdict, Option<String>) {
    let green_succeeds = green.is_some_and(Status::is_success);
    let plain = match (blue.is_success(), green_succeeds) {
        (true, false) => TransactionVerdict::Regressed,
        (false, true) => TransactionVerdict::Repaired,
        _ if differences.is_empty() => TransactionVerdict::Identical,
        _ if differences.iter().all(is_gas) => TransactionVerdict::GasOnly,
        _ => TransactionVerdict::Changed,
    };
    if matches!(
        plain,
        TransactionVerdict::Identical | TransactionVerdict::GasOnly
    ) {
        return (plain, None);
    }
    let mut reasons: Vec<&str> = Vec::new();
    // Gas alone never needs a rule, so it needs none beside other differences.
    for difference in differences.iter().filter(|d| !is_gas(d)) {
        let Some(rule) = rules
            .iter()
            .find(|rule| matches(rule, difference, selector))
        else {
            return (plain, None);
        };
        if !reasons.contains(&rule.reason.as_str()) {
            reasons.push(&rule.reason);
        }
    }
    if reasons.is_empty() {
        return (plain, None);
    }
    (TransactionVerdict::Expected, Some(reasons.join("; ")))
}

fn is_gas(difference: &Difference) -> bool {
    difference.what == DifferenceKind::Gas
}

pub(crate) fn matches(
    rule: &ExpectedRule,
    difference: &Difference,
    selector: Option<FixedBytes<4>>,
) -> bool {
    let place = |rule: &str| match rule.strip_suffix('*') {
        Some(start) => difference
            .place
            .get(..start.len())
            .is_some_and(|found| found.eq_ignore_ascii_case(start)),
        None => difference.place.eq_ignore_ascii_case(rule),
    };
    rule.selector.is_none_or(|wanted| Some(wanted) == selector)
        && rule.what.is_none_or(|what| what == difference.what)
        && rule.place.as_deref().is_none_or(place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use DifferenceKind::{Gas, Log, Storage};
    use Status::{Halt, Revert, Success};
    use TransactionVerdict::{Changed, Expected, GasOnly, Identical, Regressed, Repaired};

    fn difference(what: DifferenceKind, place: &str) -> Difference {
        Difference {
            what,
            place: place.into(),
            blue: "1".into(),
            green: "2".into(),
        }
    }

    #[test]
    fn verdicts_follow_status_then_differences() {
        let cases = [
            (Success, Some(Success), vec![], Identical),
            (Revert, Some(Revert), vec![], Identical),
            (Success, Some(Success), vec![Gas], GasOnly),
            (Success, Some(Success), vec![Gas, Log], Changed),
            (
                Success,
                Some(Revert),
                vec![DifferenceKind::Status],
                Regressed,
            ),
            (Success, None, vec![DifferenceKind::Status], Regressed),
            (
                Revert,
                Some(Success),
                vec![DifferenceKind::Status],
                Repaired,
            ),
            (Revert, Some(Halt), vec![DifferenceKind::Status], Changed),
        ];
        for (blue, green, kinds, expected) in cases {
            let differences: Vec<_> = kinds.iter().map(|kind| difference(*kind, "x")).collect();
            let (found, why) = verdict(blue, green, &differences, None, &[]);
            assert_eq!(
                (found, why),
                (expected, None),
                "{blue:?} {green:?} {kinds:?}"
            );
        }
    }

    #[test]
    fn expected_only_when_every_difference_has_a_rule() {
        let rule = |what, place: Option<&str>| ExpectedRule {
            selector: None,
            what: Some(what),
            place: place.map(str::to_owned),
            reason: format!("{what:?} moves"),
        };
        let differences = [
            difference(Gas, "gas"),
            difference(Log, "log 0"),
            difference(Storage, "fees[0xAb]"),
        ];
        let cases = [
            (vec![rule(Log, None)], Changed, None),
            (
                vec![rule(Log, None), rule(Storage, Some("FEES[*"))],
                Expected,
                Some("Log moves; Storage moves"),
            ),
            (
                vec![rule(Log, None), rule(Storage, Some("balances[*"))],
                Changed,
                None,
            ),
        ];
        for (rules, expected, why) in cases {
            let found = verdict(Success, Some(Success), &differences, None, &rules);
            assert_eq!(found, (expected, why.map(str::to_owned)));
        }
    }
}
