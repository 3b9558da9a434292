//! Findings someone accepted in advance, until a date.

use crate::{Options, WaiverRule, rules};
use cutover_types::{Finding, check::Waiver};

/// Marks what is waived, and says which waivers came too late.
pub(crate) fn apply(findings: &mut Vec<Finding>, options: &Options) {
    let mut late = Vec::new();
    for finding in findings.iter_mut() {
        let mut fitting = options.waivers.iter().filter(|rule| fits(rule, finding));
        if let Some(rule) = fitting.clone().find(|rule| counts(rule, &options.today)) {
            finding.waived = Some(Waiver {
                by: rule.by.clone(),
                reason: rule.reason.clone(),
                expires: rule.expires.clone(),
            });
        } else if let Some(rule) = fitting.next() {
            late.push(expired(finding, rule));
        }
    }
    findings.extend(late);
}

fn fits(rule: &WaiverRule, finding: &Finding) -> bool {
    let contract = rule.contract.as_ref().is_none_or(|wanted| {
        finding.contract == *wanted || finding.contract.rsplit(':').next() == Some(wanted.as_str())
    });
    let variable = rule
        .variable
        .as_ref()
        .is_none_or(|wanted| finding.label.as_ref() == Some(wanted));
    rule.rule == finding.rule && contract && variable
}

/// A date that is no date never counts: dates compare as text only in one form.
fn counts(rule: &WaiverRule, today: &str) -> bool {
    match &rule.expires {
        None => true,
        Some(last) => is_date(last) && is_date(today) && today <= last.as_str(),
    }
}

fn is_date(text: &str) -> bool {
    text.len() == 10
        && text.bytes().enumerate().all(|(i, byte)| match i {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        })
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
            rule.by,
            rule.expires.as_deref().unwrap_or_default()
        ),
        help: about.help.to_owned(),
        waived: None,
        ..finding.clone()
    }
}
