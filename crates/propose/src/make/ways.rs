//! Forward, back and forward again, as calls.

use super::Reports;
use crate::{Refusal, safe::SafeFacts};
use alloy_primitives::{Address, Bytes};
use cutover_types::{
    Call, StepCall, UpgradePath,
    inspection::{CodeAt, ProxyFacts},
    upgrade::batch,
};

/// The calls of one way.
pub(super) struct Way {
    pub(super) first: Call,
    pub(super) then: Vec<StepCall>,
}

impl Way {
    fn of(calls: Vec<StepCall>) -> Option<Self> {
        let mut calls = calls.into_iter();
        let first = calls.next()?.call;
        Some(Self {
            first,
            then: calls.collect(),
        })
    }
}

/// Forward, back and forward again, each what the replay executed.
pub(super) fn calls(
    reports: &Reports<'_>,
    path: &UpgradePath,
    proxy: &ProxyFacts,
    initializer: &Bytes,
    refusals: &mut Vec<Refusal>,
) -> Option<[Way; 3]> {
    let replay = reports.replay;
    let (green, blue) = (&replay.green, &proxy.implementation);
    let none = Bytes::new();
    let Some(forward) = path.calls(green, initializer).and_then(Way::of) else {
        refusals.push(Refusal::NoInitializer {
            length: initializer.len(),
        });
        return None;
    };
    let back = path.back().calls(blue, &none).and_then(Way::of)?;
    let again = path.again().calls(green, &none).and_then(Way::of)?;
    let mut compare = |call, way: &Way, executed: &Bytes, then: &[StepCall]| {
        if way.first.data != *executed {
            refusals.push(Refusal::NotWhatWasExecuted {
                call,
                proposed: way.first.data.clone(),
                executed: executed.clone(),
            });
        } else if way.then != then {
            let data = |steps: &[StepCall]| {
                let parts = steps.iter().flat_map(|step| step.call.data.to_vec());
                parts.collect::<Vec<u8>>().into()
            };
            refusals.push(Refusal::NotWhatWasExecuted {
                call,
                proposed: data(&way.then),
                executed: data(then),
            });
        }
    };
    let rollback = &replay.rollback;
    compare(
        "forward",
        &forward,
        &replay.upgrade.data,
        &replay.upgrade.then,
    );
    if rollback.rehearsed {
        compare("back", &back, &rollback.back, &rollback.back_then);
        let executed = &rollback.forward_again;
        compare(
            "forward_again",
            &again,
            executed,
            &rollback.forward_again_then,
        );
    }
    for (what, executed, inspected) in [
        ("who sends the upgrade", replay.upgrade.from, path.from),
        ("who receives the upgrade", replay.upgrade.to, path.to),
    ] {
        if executed != inspected {
            refusals.push(Refusal::ReportsDisagree {
                what,
                replay: executed.to_string(),
                inspect: inspected.to_string(),
            });
        }
    }
    Some([forward, back, again])
}

/// Each way as one transaction of `safe`, where it takes several calls.
pub(super) fn batched(
    calls: [Way; 3],
    safe: Address,
    facts: Option<&SafeFacts>,
) -> Result<([Way; 3], CodeAt), Refusal> {
    let refuse = |why: &'static str| Refusal::CannotBatch { safe, why };
    let facts = facts.ok_or(Refusal::SafeFactsMissing { address: safe })?;
    let multi_send = facts.multi_send.clone().ok_or(refuse(
        "no MultiSendCallOnly of a release that is known here is on this chain",
    ))?;
    let one = |way: Way| {
        if way.then.is_empty() {
            return Ok(way);
        }
        if way.then.iter().any(|step| step.wait_seconds > 0) {
            return Err(refuse("a call has to wait for the one before"));
        }
        if way.then.iter().any(|step| step.from != safe) {
            return Err(refuse("not every call is the Safe's own"));
        }
        let mut all = vec![way.first];
        all.extend(way.then.into_iter().map(|step| step.call));
        let first = batch::pack(multi_send.address, &all);
        Ok(Way {
            first: first.ok_or(refuse("one of the calls is a delegate call"))?,
            then: Vec::new(),
        })
    };
    let [forward, back, again] = calls;
    Ok(([one(forward)?, one(back)?, one(again)?], multi_send))
}
