//! Several calls in one transaction of a Safe: what it delegate-calls `MultiSendCallOnly` with.

use super::Call;
use alloy_primitives::{Address, U256};
use alloy_sol_types::SolCall;

/// Calls that are read from one batch at most.
const CALLS: usize = 256;
/// Operation, receiver, value and length before each call's data.
const HEAD: usize = 1 + 20 + 32 + 32;

alloy_sol_types::sol! {
    function multiSend(bytes transactions) external payable;
}

/// The delegate call of `multi_send` that makes `calls`, in order and all or none; `None` when one of them
/// is a delegate call itself.
pub fn pack(multi_send: Address, calls: &[Call]) -> Option<Call> {
    let mut transactions = Vec::new();
    for call in calls {
        if call.operation != 0 {
            return None;
        }
        transactions.push(0);
        transactions.extend(call.to);
        transactions.extend(call.value.to_be_bytes::<32>());
        transactions.extend(U256::from(call.data.len()).to_be_bytes::<32>());
        transactions.extend(call.data.iter());
    }
    let data = multiSendCall {
        transactions: transactions.into(),
    };
    Some(Call {
        operation: 1,
        ..Call::new(multi_send, data.abi_encode())
    })
}

/// The calls that a batch makes; `None` when it is none.
pub fn unpack(batch: &Call) -> Option<Vec<Call>> {
    if batch.operation != 1 {
        return None;
    }
    let transactions = multiSendCall::abi_decode_validate(&batch.data).ok()?;
    let mut rest = transactions.transactions.as_ref();
    let mut calls = Vec::new();
    while !rest.is_empty() {
        let head = rest.get(..HEAD).filter(|_| calls.len() < CALLS)?;
        let length = usize::try_from(U256::from_be_slice(&head[53..])).ok()?;
        let data = rest.get(HEAD..HEAD.checked_add(length)?)?;
        calls.push(Call {
            value: U256::from_be_slice(&head[21..53]),
            operation: head[0],
            ..Call::new(Address::from_slice(&head[1..21]), data.to_vec())
        });
        rest = &rest[HEAD + length..];
    }
    Some(calls)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection, prelude::*};

    const MULTI_SEND: Address = Address::repeat_byte(0x99);

    proptest! {
        #[test]
        fn what_is_packed_is_read_again(
            parts in collection::vec((any::<[u8; 20]>(), any::<u64>(), collection::vec(any::<u8>(), 0..80)), 0..6)
        ) {
            let calls: Vec<_> = parts
                .into_iter()
                .map(|(to, value, data)| Call { value: U256::from(value), ..Call::new(to.into(), data) })
                .collect();
            let batch = pack(MULTI_SEND, &calls).unwrap();
            prop_assert_eq!((batch.to, batch.operation), (MULTI_SEND, 1));
            prop_assert_eq!(unpack(&batch), Some(calls));
        }

        #[test]
        fn anything_else_is_no_batch(data in collection::vec(any::<u8>(), 0..200)) {
            let call = multiSendCall { transactions: data.into() };
            let batch = Call { operation: 1, ..Call::new(MULTI_SEND, call.abi_encode()) };
            if let Some(calls) = unpack(&batch) {
                prop_assert!(calls.len() <= 2);
            }
        }
    }

    #[test]
    fn a_delegate_call_is_not_packed_and_a_call_is_no_batch() {
        let call = Call::new(MULTI_SEND, vec![1]);
        let delegate = Call {
            operation: 1,
            ..call.clone()
        };
        assert_eq!(pack(MULTI_SEND, &[delegate]), None);
        assert_eq!(unpack(&call), None);
    }
}
