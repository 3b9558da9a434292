//! What the upgrade itself takes from the proxy, and who says that it should.

use crate::{engine::Step, setup::Setup, verdict::matches};
use cutover_types::{
    Outcome, Outflow,
    execution::merge_diff,
    outflows,
    replay::{Difference, DifferenceKind},
};

/// What `step` and the calls before it took.
pub(crate) fn of(setup: &Setup, step: &Step, outcome: &Outcome) -> Vec<Outflow> {
    let mut changes = step.place.clone();
    merge_diff(&mut changes, &outcome.diff);
    let logs = step.logs.iter().chain(&outcome.logs);
    let mut found = outflows(setup.proxy, &changes, logs, [outcome]);
    for flow in &mut found {
        let difference = Difference {
            what: DifferenceKind::Balance,
            place: flow.place(),
            blue: String::new(),
            green: String::new(),
        };
        let rules = &setup.options.expected;
        // A rule that names no place was written for transactions.
        let rule = rules
            .iter()
            .find(|rule| rule.place.is_some() && matches(rule, &difference, None));
        flow.expected = rule.map(|rule| rule.reason.clone());
    }
    found
}
