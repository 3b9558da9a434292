//! Whether blue is what the proxy really runs.

use crate::{Options, Side, rules};
use cutover_types::{Finding, code::Match};

/// Compares blue's build with the code on the chain, immutables and metadata aside.
pub(crate) fn compare(blue: &Side<'_>, options: &Options) -> Vec<Finding> {
    let Some(live) = &options.live else {
        return Vec::new();
    };
    let (rule, message) = match blue.checked().build.compare(&live.code) {
        Match::Exact => return Vec::new(),
        Match::MetadataAside => (
            rules::OTHER_METADATA,
            format!("the code at {} carries other metadata", live.address),
        ),
        Match::None => (
            rules::NOT_LIVE,
            format!(
                "the proxy runs {}, whose code is not a build of this source",
                live.address
            ),
        ),
    };
    vec![rule.finding(blue.contract.unwrap_or(blue.reference), message)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Live, check};
    use alloy_primitives::{Address, Bytes};
    use cutover_types::{Category, Severity, Verdict};

    #[test]
    fn blue_that_does_not_run_blocks_and_other_metadata_does_not() {
        let build = |patch: u8, end: u8| {
            Bytes::from(vec![
                0x60, patch, 0xa1, 0x64, b's', b'o', b'l', b'c', 0x43, 0, 8, end, 0, 10,
            ])
        };
        let ours = build(1, 28);
        let side = Side {
            reference: "V.sol:V",
            runtime: Some(&ours),
            ..Side::default()
        };
        for (live, expected) in [
            (build(1, 28), None),
            (build(1, 27), Some(("other-metadata", Severity::Note))),
            (build(2, 28), Some(("not-live", Severity::Error))),
        ] {
            let options = Options {
                live: Some(Live {
                    address: Address::ZERO,
                    code: live,
                }),
                ..Options::default()
            };
            let report = check(&side, &side, &options);
            let found = report
                .findings
                .iter()
                .find(|f| f.category == Category::Chain);
            assert_eq!(found.map(|f| (f.rule.as_str(), f.severity)), expected);
            if expected.is_some_and(|(_, severity)| severity == Severity::Error) {
                assert_eq!(report.verdict, Verdict::Blocked);
            }
        }
    }
}
