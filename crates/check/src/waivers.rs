//! Findings someone accepted in advance, until a date.
//!
//! A waiver that does nothing, or more than its author saw, is itself worth a word: it will be
//! believed to protect something.

use crate::{
    Options, Side, WaiverRule,
    rules::{self, Rule},
};
use cutover_types::{Finding, check::Waiver, text::terminal};
use std::collections::BTreeSet;

/// Longest text of a waiver in a message.
const MAX_TEXT: usize = 120;

/// Marks what is waived, and says which waivers came too late, fit nothing, or fit too much.
pub(crate) fn apply(findings: &mut Vec<Finding>, sides: [&Side<'_>; 2], options: &Options) {
    if options.waivers.is_empty() {
        return;
    }
    let mut contracts = contracts(sides);
    contracts.extend(findings.iter().map(|finding| finding.contract.clone()));
    let mut used = vec![0_usize; options.waivers.len()];
    let mut late = vec![false; options.waivers.len()];
    let mut said = Vec::new();
    for finding in findings.iter_mut() {
        let blocks = finding.blocks();
        let mut fitting = (0..)
            .zip(&options.waivers)
            .filter(|(_, rule)| fits(rule, finding) && fault(rule).is_none());
        if let Some((at, rule)) = fitting
            .clone()
            .find(|(_, rule)| counts(rule, &options.today))
        {
            let at: usize = at;
            // What does not block needs no waiver, and is no reason to call one broad.
            used[at] += usize::from(blocks).max(usize::from(used[at] == 0));
            finding.waived = Some(Waiver {
                by: rule.by.clone(),
                reason: rule.reason.clone(),
                expires: rule.expires.clone(),
            });
        } else if let Some((at, rule)) = fitting.next() {
            late[at] = true;
            said.push(expired(finding, rule));
        }
    }
    let green = sides[1].contract.unwrap_or(sides[1].reference);
    for (at, waiver) in options.waivers.iter().enumerate() {
        let about = |rule: &Rule, message: String| Finding {
            label: Some(terminal(&waiver.rule, MAX_TEXT)),
            ..rule.finding(
                &terminal(waiver.contract.as_deref().unwrap_or(green), MAX_TEXT),
                message,
            )
        };
        let here = waiver
            .contract
            .as_deref()
            .is_none_or(|wanted| contracts.iter().any(|known| is_called(known, wanted)));
        if rules::rule(&waiver.rule).is_none() {
            said.push(about(
                rules::WAIVER_UNKNOWN_RULE,
                format!(
                    "no rule is called `{}`: the nearest are {}",
                    terminal(&waiver.rule, MAX_TEXT),
                    rules::quoted(&rules::near(&waiver.rule, None))
                ),
            ));
        } else if let Some(why) = fault(waiver) {
            said.push(about(rules::WAIVER_INVALID, why));
        } else if used[at] == 0 && !late[at] && here {
            said.push(about(
                rules::WAIVER_UNUSED,
                format!("nothing fits the waiver of {}", scope(waiver)),
            ));
        } else if used[at] > 1 && waiver.contract.is_none() && waiver.variable.is_none() {
            said.push(about(
                rules::WAIVER_BROAD,
                format!(
                    "the waiver of {} by {} accepts {} findings, whatever they are about",
                    scope(waiver),
                    terminal(&waiver.by, MAX_TEXT),
                    used[at]
                ),
            ));
        }
    }
    findings.extend(said);
}

fn fits(rule: &WaiverRule, finding: &Finding) -> bool {
    let contract = rule
        .contract
        .as_ref()
        .is_none_or(|wanted| is_called(&finding.contract, wanted));
    let variable = rule.variable.as_ref().is_none_or(|wanted| {
        finding.label.as_ref().is_some_and(|label| {
            // A function is named with or without its parameters.
            label == wanted
                || label
                    .split_once('(')
                    .is_some_and(|(name, _)| name == wanted)
        })
    });
    rule.rule == finding.rule && contract && variable
}

/// Whether `Source.sol:Contract` is called so, with or without its source.
fn is_called(contract: &str, wanted: &str) -> bool {
    contract == wanted || contract.rsplit(':').next() == Some(wanted)
}

/// Why a waiver cannot count at all.
fn fault(rule: &WaiverRule) -> Option<String> {
    for (name, text) in [("by", &rule.by), ("reason", &rule.reason)] {
        if text.trim().is_empty() {
            return Some(format!("the waiver of {} has no `{name}`", scope(rule)));
        }
    }
    for (name, text) in [("contract", &rule.contract), ("variable", &rule.variable)] {
        let text = text.as_deref().unwrap_or("-");
        if text.trim().is_empty() || text.contains(['*', '?']) {
            return Some(format!(
                "`{name} = \"{}\"` of the waiver of `{}` is taken by the letter and fits nothing",
                terminal(text, MAX_TEXT),
                rule.rule
            ));
        }
    }
    match &rule.expires {
        Some(day) if !is_date(day) => Some(format!(
            "the waiver of {} expires on `{}`, which is no day",
            scope(rule),
            terminal(day, MAX_TEXT)
        )),
        _ => None,
    }
}

/// A date that is no date never counts: dates compare as text only in one form.
fn counts(rule: &WaiverRule, today: &str) -> bool {
    match &rule.expires {
        None => true,
        Some(last) => is_date(today) && today <= last.as_str(),
    }
}

fn is_date(text: &str) -> bool {
    let form = text.len() == 10
        && text.bytes().enumerate().all(|(i, byte)| match i {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    let part = |from, to| {
        let digits = text.get(from..to)?;
        digits.parse::<u32>().ok()
    };
    let (Some(year), Some(month), Some(day)) = (part(0, 4), part(5, 7), part(8, 10)) else {
        return false;
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    form && (1..=days).contains(&day)
}

/// Contracts that findings of this check can be about.
fn contracts(sides: [&Side<'_>; 2]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for side in sides {
        let own = side.contract.unwrap_or(side.reference);
        names.insert(own.to_owned());
        let Some(index) = side.index() else {
            continue;
        };
        let bases = index.contract(own).and_then(|own| index.linearized(&own));
        for base in bases.into_iter().flatten() {
            let name = base.tree["name"].as_str().unwrap_or_default();
            names.insert(format!("{}:{name}", base.unit));
        }
    }
    names
}

/// `rule` of `variable` in `contract`.
fn scope(waiver: &WaiverRule) -> String {
    let mut text = format!("`{}`", terminal(&waiver.rule, MAX_TEXT));
    let parts = [(" for ", &waiver.variable), (" in ", &waiver.contract)];
    for (word, name) in parts {
        if let Some(name) = name {
            text.push_str(&format!("{word}`{}`", terminal(name, MAX_TEXT)));
        }
    }
    text
}

fn expired(finding: &Finding, rule: &WaiverRule) -> Finding {
    let about = rules::WAIVER_EXPIRED;
    Finding {
        rule: about.id.to_owned(),
        category: finding.category,
        severity: about.severity,
        message: format!(
            "the waiver of `{}` by {} ended on {}",
            finding.rule,
            terminal(&rule.by, MAX_TEXT),
            rule.expires.as_deref().unwrap_or_default()
        ),
        help: about.help.to_owned(),
        waived: None,
        ..finding.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiver(rule: &str, change: impl FnOnce(&mut WaiverRule)) -> WaiverRule {
        let mut waiver = WaiverRule {
            rule: rule.to_owned(),
            contract: None,
            variable: None,
            by: "Ada".to_owned(),
            reason: "seen".to_owned(),
            expires: None,
        };
        change(&mut waiver);
        waiver
    }

    fn found(rule: &Rule, label: &str) -> Finding {
        Finding {
            label: Some(label.to_owned()),
            ..rule.finding("A.sol:A", String::new())
        }
    }

    /// Rules said of a waiver, and how many findings it waived.
    fn said(waiver: WaiverRule) -> (Vec<String>, usize) {
        let mut findings = vec![
            found(rules::DELETE, "a"),
            found(rules::DELETE, "b"),
            found(rules::FUNCTION_REMOVED, "f(uint256)"),
        ];
        let side = Side {
            reference: "A.sol:A",
            contract: Some("A.sol:A"),
            ..Side::default()
        };
        let options = Options {
            waivers: vec![waiver],
            today: "2030-02-01".to_owned(),
            ..Options::default()
        };
        apply(&mut findings, [&side, &side], &options);
        let waived = findings.iter().filter(|f| f.waived.is_some()).count();
        let rules = findings.into_iter().skip(3).map(|f| f.rule).collect();
        (rules, waived)
    }

    #[test]
    fn a_waiver_that_does_nothing_or_too_much_is_told() {
        let delete = |change: fn(&mut WaiverRule)| waiver("delete", change);
        let name = |name: &str| Some(name.to_owned());
        let cases: [(WaiverRule, &[&str], usize); 16] = [
            (delete(|w| w.variable = Some("a".into())), &[], 1),
            (
                waiver("function-removed", |w| w.variable = name("f")),
                &[],
                1,
            ),
            (
                waiver("function-removed", |w| w.variable = name("f(uint256)")),
                &[],
                1,
            ),
            (
                waiver("function-removed", |w| w.variable = name("f(int256)")),
                &["waiver-unused"],
                0,
            ),
            (delete(|w| w.contract = Some("A".into())), &[], 2),
            (delete(|_| ()), &["waiver-broad"], 2),
            (waiver("insert", |_| ()), &["waiver-unused"], 0),
            (
                delete(|w| w.variable = Some("c".into())),
                &["waiver-unused"],
                0,
            ),
            // Another contract's waiver is for another check.
            (delete(|w| w.contract = Some("B".into())), &[], 0),
            (waiver("*", |_| ()), &["waiver-unknown-rule"], 0),
            (waiver("Delete", |_| ()), &["waiver-unknown-rule"], 0),
            (
                delete(|w| w.contract = Some("*".into())),
                &["waiver-invalid"],
                0,
            ),
            (
                delete(|w| w.variable = Some("".into())),
                &["waiver-invalid"],
                0,
            ),
            (delete(|w| w.reason = " ".into()), &["waiver-invalid"], 0),
            (
                delete(|w| w.expires = Some("2031-02-29".into())),
                &["waiver-invalid"],
                0,
            ),
            (
                delete(|w| w.expires = Some("2030-01-31".into())),
                &["waiver-expired", "waiver-expired"],
                0,
            ),
        ];
        for (waiver, rules, waived) in cases {
            let text = format!("{waiver:?}");
            let expected = (rules.iter().map(|&id| id.to_owned()).collect(), waived);
            assert_eq!(said(waiver), expected, "{text}");
        }
    }

    #[test]
    fn days_are_days_of_the_calendar() {
        for (text, is) in [
            ("2030-12-31", true),
            ("2028-02-29", true),
            ("2030-02-29", false),
            ("2100-02-29", false),
            ("2030-13-01", false),
            ("2030-04-31", false),
            ("2030-00-10", false),
            ("2030-1-01", false),
            ("2030-01-0x", false),
            ("+030-01-01", false),
            ("", false),
        ] {
            assert_eq!(is_date(text), is, "{text}");
        }
    }
}
