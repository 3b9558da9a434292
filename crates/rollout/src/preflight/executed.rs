//! Whether a proposal is what `replay` executed. A signer's key is not handed to one file: every call,
//! and what it is about, stands in the replay too and follows from the inspection's upgrade path.

use super::PreflightError;
use alloy_primitives::{Address, Bytes};
use cutover_types::{
    Call, Inspection, Proposal, ReplayReport, StepCall, UpgradePath, diamond,
    inspection::Controller, proposal::Precondition,
};
use std::fmt::Display;

const REPLAY: &str = "replay.json has";
const INSPECT: &str = "inspect.json gives";

/// What a proposal is held against.
#[derive(Clone, Copy, Debug)]
pub struct Executed<'a> {
    /// `replay.json`: what was executed.
    pub replay: &'a ReplayReport,
    /// `inspect.json`: the path the calls follow from.
    pub inspection: &'a Inspection,
}

/// Holds every call of `proposal`, and what it is about, against what was executed.
pub(crate) fn judge_executed(
    proposal: &Proposal,
    executed: &Executed<'_>,
    refusals: &mut Vec<PreflightError>,
) {
    let (replay, inspection) = (executed.replay, executed.inspection);
    let mut held = Held { refusals };
    held.is("proxy", proposal.proxy, REPLAY, replay.proxy);
    held.is("proxy", proposal.proxy, INSPECT, inspection.address);
    held.is("chain_id", proposal.chain_id, REPLAY, replay.chain_id);
    held.is("chain_id", proposal.chain_id, INSPECT, inspection.chain_id);
    for (name, proposed, replayed) in [
        ("blue", &proposal.blue, &replay.blue),
        ("green", &proposal.green, &replay.green),
    ] {
        let field = |part| format!("{name}.{part}");
        held.is(field("address"), proposed.address, REPLAY, replayed.address);
        let (found, expected) = (proposed.code_hash, replayed.code_hash);
        held.is(field("code_hash"), found, REPLAY, expected);
    }
    held.judge_replayed(proposal, replay);
    let Some((path, controllers)) = held.judge_path(proposal, executed) else {
        return;
    };
    held.is("holder", proposal.holder, INSPECT, path.holder);
    held.is("slot", proposal.slot, INSPECT, path.slot);
    held.is("offset", proposal.offset, INSPECT, path.offset);
    let authority = &proposal.authority;
    held.is("authority.address", authority.address, INSPECT, path.from);
    let kind = kind_of(controllers, path.from);
    held.is("authority.type", authority.kind.as_str(), INSPECT, kind);
    held.judge_ways(proposal, replay, &path);
    held.judge_preconditions(proposal, &path);
}

/// The first call of a way and those after it, with their names.
type Way<'a> = (&'static str, &'a Call, &'static str, &'a [StepCall]);

fn ways(proposal: &Proposal) -> [Way<'_>; 3] {
    [
        (
            "forward",
            &proposal.forward,
            "forward_then",
            &proposal.forward_then,
        ),
        ("back", &proposal.back, "back_then", &proposal.back_then),
        (
            "forward_again",
            &proposal.forward_again,
            "forward_again_then",
            &proposal.forward_again_then,
        ),
    ]
}

struct Held<'a> {
    refusals: &'a mut Vec<PreflightError>,
}

impl Held<'_> {
    /// The first report that says otherwise is enough for a field.
    fn is<T: PartialEq + Display>(
        &mut self,
        field: impl Into<String>,
        proposed: T,
        source: &'static str,
        expected: T,
    ) {
        let field = field.into();
        let known = |refusal: &PreflightError| match refusal {
            PreflightError::NotExecuted { field: known, .. } => *known == field,
            _ => false,
        };
        if proposed != expected && !self.refusals.iter().any(known) {
            self.refusals.push(PreflightError::NotExecuted {
                field,
                proposed: proposed.to_string(),
                source_of: source,
                expected: expected.to_string(),
            });
        }
    }

    fn call(&mut self, field: &str, proposed: &Call, source: &'static str, expected: &Call) {
        let part = |part: &str| format!("{field}.{part}");
        self.is(part("to"), proposed.to, source, expected.to);
        self.is(part("value"), proposed.value, source, expected.value);
        self.is(part("data"), &proposed.data, source, &expected.data);
        let (found, wanted) = (proposed.operation, expected.operation);
        self.is(part("operation"), found, source, wanted);
    }

    fn then(
        &mut self,
        field: &str,
        proposed: &[StepCall],
        source: &'static str,
        expected: &[StepCall],
    ) {
        let calls = |steps: &[StepCall]| format!("{} calls", steps.len());
        self.is(field, calls(proposed), source, calls(expected));
        for (index, (found, wanted)) in proposed.iter().zip(expected).enumerate() {
            let part = |part: &str| format!("{field}[{index}].{part}");
            self.is(part("from"), found.from, source, wanted.from);
            let (waits, must) = (found.wait_seconds, wanted.wait_seconds);
            self.is(part("wait_seconds"), waits, source, must);
            self.call(&part("call"), &found.call, source, &wanted.call);
        }
    }

    /// What the replay's own report says of the calls.
    fn judge_replayed(&mut self, proposal: &Proposal, replay: &ReplayReport) {
        let (upgrade, rollback) = (&replay.upgrade, &replay.rollback);
        let authority = proposal.authority.address;
        self.is("authority.address", authority, REPLAY, upgrade.from);
        self.is("forward.to", proposal.forward.to, REPLAY, upgrade.to);
        let executed = [
            (&upgrade.data, &upgrade.then),
            (&rollback.back, &rollback.back_then),
            (&rollback.forward_again, &rollback.forward_again_then),
        ];
        for ((name, first, then_name, then), (data, after)) in
            ways(proposal).into_iter().zip(executed)
        {
            self.is(format!("{name}.data"), &first.data, REPLAY, data);
            self.then(then_name, then, REPLAY, after);
        }
        if proposal.cut != replay.cut {
            let text = |cut| serde_json::to_string(cut).unwrap_or_default();
            self.is("cut", text(&proposal.cut), REPLAY, text(&replay.cut));
        }
    }

    /// The path the calls must follow from: the inspection's, for a diamond with the cut that was replayed.
    fn judge_path<'i>(
        &mut self,
        proposal: &Proposal,
        executed: &Executed<'i>,
    ) -> Option<(UpgradePath, &'i [Controller])> {
        let inspection = executed.inspection;
        let (Some(proxy), Some(upgrade)) = (&inspection.proxy, &inspection.upgrade) else {
            return self.nothing_proven("it names no upgrade of the proxy");
        };
        if !upgrade.proven {
            return self.nothing_proven("its upgrade is not proven");
        }
        let live = &proxy.implementation;
        let blue = &proposal.blue;
        self.is("blue.address", blue.address, INSPECT, live.address);
        self.is("blue.code_hash", blue.code_hash, INSPECT, live.code_hash);
        let Some(cut) = &executed.replay.cut else {
            return Some((upgrade.path.clone(), &inspection.controllers));
        };
        let before = diamond::routes(&proxy.facets);
        let sides = (live.address, executed.replay.green.address);
        if (cut.old, cut.new) != sides || !cut.fits(&before) {
            return self.nothing_proven("its facets do not fit the cut that was replayed");
        }
        match cut.path(&upgrade.path, &before) {
            Ok(path) => Some((path, &inspection.controllers)),
            Err(error) => self.nothing_proven(&error.to_string()),
        }
    }

    fn nothing_proven<T>(&mut self, why: &str) -> Option<T> {
        self.refusals.push(PreflightError::Failing {
            report: "inspection",
            why: why.to_owned(),
        });
        None
    }

    /// What the path gives for green, blue and green again.
    fn judge_ways(&mut self, proposal: &Proposal, replay: &ReplayReport, path: &UpgradePath) {
        let none = Bytes::new();
        let (green, blue) = (&proposal.green, &proposal.blue);
        let given = [
            path.calls(green, &replay.upgrade.initializer),
            path.back().calls(blue, &none),
            path.again().calls(green, &none),
        ];
        for ((name, first, then_name, then), given) in ways(proposal).into_iter().zip(given) {
            let Some((head, after)) = given.as_deref().and_then(<[_]>::split_first) else {
                let _: Option<()> =
                    self.nothing_proven(&format!("its upgrade path gives no call for {name}"));
                continue;
            };
            self.call(name, first, INSPECT, &head.call);
            self.then(then_name, then, INSPECT, after);
        }
    }

    /// All that always has to hold must be listed; more may be.
    fn judge_preconditions(&mut self, proposal: &Proposal, path: &UpgradePath) {
        let code = |at: &cutover_types::inspection::CodeAt| Precondition::CodeHash {
            address: at.address,
            expected: at.code_hash,
        };
        let always = [
            (
                "chain_id",
                Precondition::ChainId {
                    expected: proposal.chain_id,
                },
            ),
            (
                "implementation",
                Precondition::Implementation {
                    holder: path.holder,
                    slot: path.slot,
                    offset: path.offset,
                    expected: proposal.blue.address,
                },
            ),
            ("code_hash of blue", code(&proposal.blue)),
            ("code_hash of green", code(&proposal.green)),
        ];
        for (name, condition) in always {
            if !proposal.preconditions.contains(&condition) {
                self.refusals
                    .push(PreflightError::PreconditionMissing { name });
            }
        }
    }
}

/// What the inspection says the account is, in the proposal's words.
fn kind_of(controllers: &[Controller], address: Address) -> &str {
    // A worklist, because the tree comes from a file and may be deep.
    let mut open: Vec<&Controller> = controllers.iter().collect();
    while let Some(controller) = open.pop() {
        if controller.address == address {
            return match controller.kind.as_str() {
                "eoa" => "account",
                kind => kind,
            };
        }
        open.extend(&controller.members);
    }
    "contract of unknown kind"
}
