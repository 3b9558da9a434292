//! Whether a transaction ran an implementation at all: one that did not says nothing about it.

use cutover_types::{CallKind, Outcome};

use alloy_primitives::{Address, FixedBytes};

/// Whether the proxy ran `implementation`, directly or through others it called. In a diamond the
/// functions in `kept` stay with the old facet, so that running them there asks nothing of the new.
pub(crate) fn ran(
    outcome: &Outcome,
    proxy: Address,
    implementation: Address,
    kept: &[FixedBytes<4>],
) -> bool {
    // The depth of the outermost call of the proxy that is still open.
    let mut inside: Option<u32> = None;
    for frame in &outcome.calls {
        if inside.is_some_and(|depth| frame.depth <= depth) {
            inside = None;
        }
        let runs_code = matches!(
            frame.kind,
            CallKind::Call | CallKind::StaticCall | CallKind::DelegateCall | CallKind::CallCode
        );
        if !runs_code {
            continue;
        }
        let asked = frame.input.get(..4).map(FixedBytes::<4>::from_slice);
        let stays = asked.is_some_and(|selector| kept.contains(&selector));
        if inside.is_some() && frame.to == implementation && !stays {
            return true;
        }
        if inside.is_none() && frame.to == proxy {
            inside = Some(frame.depth);
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{Bytes, U256};
    use cutover_types::{CallFrame, execution::Status};

    /// Its depth, its kind and whose code it runs.
    type Frame = (u32, CallKind, Address);

    const PROXY: Address = Address::repeat_byte(0xaa);
    const GREEN: Address = Address::repeat_byte(0xb2);
    const OTHER: Address = Address::repeat_byte(0xcc);

    #[test]
    fn only_code_that_the_proxy_runs_counts() {
        use CallKind::{Call, DelegateCall, SelfDestruct};
        let cases: [(&[Frame], bool); 7] = [
            (&[(0, Call, PROXY), (1, DelegateCall, GREEN)], true),
            (&[(0, Call, PROXY), (1, Call, GREEN)], true),
            (
                &[
                    (0, Call, PROXY),
                    (1, DelegateCall, OTHER),
                    (2, DelegateCall, GREEN),
                ],
                true,
            ),
            (&[(0, Call, PROXY), (1, DelegateCall, OTHER)], false),
            (
                &[(0, Call, OTHER), (1, Call, PROXY), (1, Call, GREEN)],
                false,
            ),
            (&[(0, Call, PROXY), (1, SelfDestruct, GREEN)], false),
            (&[(0, Call, GREEN)], false),
        ];
        for (frames, expected) in cases {
            let outcome = outcome(frames);
            assert_eq!(ran(&outcome, PROXY, GREEN, &[]), expected, "{frames:?}");
        }
    }

    #[test]
    fn a_function_that_stays_with_the_old_facet_asks_nothing_of_the_new() {
        let outcome = outcome(&[
            (0, CallKind::Call, PROXY),
            (1, CallKind::DelegateCall, GREEN),
        ]);
        assert!(ran(&outcome, PROXY, GREEN, &[[9; 4].into()]));
        assert!(!ran(&outcome, PROXY, GREEN, &[[1; 4].into()]));
    }

    fn outcome(frames: &[Frame]) -> Outcome {
        let frame = |(depth, kind, to): &Frame| CallFrame {
            depth: *depth,
            kind: *kind,
            from: OTHER,
            to: *to,
            value: U256::ZERO,
            input: Bytes::from_static(&[1; 4]),
            output: Bytes::new(),
            status: Status::Success,
        };
        Outcome {
            status: Status::Success,
            halt: None,
            gas_used: 0,
            output: Bytes::new(),
            created: None,
            logs: Vec::new(),
            diff: Default::default(),
            calls: frames.iter().map(frame).collect(),
            environment: Default::default(),
        }
    }
}
