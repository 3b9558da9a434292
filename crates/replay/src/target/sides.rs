//! What a report says of blue and of green.

use super::Place;
use crate::{base::Base, compare::reason, engine::points_at, reached::ran, setup::Setup};
use alloy_primitives::{Address, FixedBytes};
use cutover_types::{Outcome, replay::Side};

/// Makes the two sides of a report.
pub(super) struct Sides<'a> {
    pub(super) setup: &'a Setup,
    /// The implementation that the proxy had on blue's side.
    pub(super) live: Address,
}

impl<'a> Sides<'a> {
    pub(super) fn of(place: &Place<'a>, base: &Base) -> Self {
        let setup = place.setup;
        let (holder, slot) = setup.pointer();
        let found = place.exact.view(base).storage(holder, slot);
        let live = found.map_or(setup.blue.address, |value| {
            points_at(value, setup.path.offset)
        });
        Self { setup, live }
    }

    pub(super) fn blue(&self, outcome: &Outcome) -> Side {
        let cut = self.setup.options.cut.as_ref();
        let kept = cut.map_or(&[][..], |cut| &cut.kept);
        self.side(outcome, self.live, kept)
    }

    pub(super) fn green(&self, outcome: &Outcome) -> Side {
        self.side(outcome, self.setup.green.address, &[])
    }

    fn side(&self, outcome: &Outcome, implementation: Address, kept: &[FixedBytes<4>]) -> Side {
        Side {
            status: outcome.status,
            gas: outcome.gas_used,
            output: outcome.output.clone(),
            reason: reason(outcome, self.setup.green.abi.as_ref()),
            ran: ran(outcome, self.setup.proxy, implementation, kept),
        }
    }
}
