//! What constants stand in runtime code.

use alloy_primitives::{Address, B256, U256};
use std::collections::BTreeSet;

const DELEGATECALL: u8 = 0xf4;
const PUSH1: u8 = 0x60;
const PUSH32: u8 = 0x7f;

/// The data of every `PUSH` instruction, by a sweep from the first byte.
fn constants(code: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut at = 0;
    std::iter::from_fn(move || {
        while let Some(&instruction) = code.get(at) {
            at += 1;
            if (PUSH1..=PUSH32).contains(&instruction) {
                let end = (at + usize::from(instruction - PUSH1) + 1).min(code.len());
                let data = &code[at..end];
                at = end;
                return Some(data);
            }
        }
        None
    })
}

/// Whether the code has a `DELEGATECALL` instruction. A contract without one is no proxy of the usual
/// kind; one with it may route by selector, as diamonds do, and forward no call it does not know.
pub fn has_delegatecall(code: &[u8]) -> bool {
    let mut at = 0;
    while let Some(&instruction) = code.get(at) {
        match instruction {
            DELEGATECALL => return true,
            PUSH1..=PUSH32 => at += usize::from(instruction - PUSH1) + 2,
            _ => at += 1,
        }
    }
    false
}

/// Whether the code compares calldata with this selector. Compilers push it as four bytes, as a word,
/// or without its trailing zero bits before a shift, and compare by adding its negative too.
pub(crate) fn has_selector(code: &[u8], selector: [u8; 4]) -> bool {
    let selector = u32::from_be_bytes(selector);
    let forms = [selector, selector.wrapping_neg()];
    let odd = |form: u32| form.checked_shr(form.trailing_zeros()).unwrap_or(0);
    let word = |form: u32| U256::from(form) << 224_u32;
    constants(code).any(|data| match data.len() {
        3..=4 => {
            let value = data.iter().fold(0_u32, |sum, b| sum << 8 | u32::from(*b));
            forms
                .iter()
                .any(|form| value == *form || value == odd(*form))
        }
        32 => {
            let value = U256::from_be_slice(data);
            forms.iter().any(|form| value == word(*form))
        }
        _ => false,
    })
}

/// Constants of four bytes: what the code may compare calldata's first four with.
pub(crate) fn selectors(code: &[u8]) -> BTreeSet<[u8; 4]> {
    constants(code)
        .filter_map(|data| data.try_into().ok())
        .filter(|selector| *selector != [0xff; 4])
        .collect()
}

/// Whether the code holds this word.
pub(crate) fn has_word(code: &[u8], word: B256) -> bool {
    constants(code).any(|data| data == word.as_slice())
}

/// Whether the code holds this address, as a constant or an immutable.
pub(crate) fn has_address(code: &[u8], address: Address) -> bool {
    code.windows(20).any(|window| window == address.as_slice())
}

/// Constants that could be addresses: 20 bytes, or a word with 12 leading zeros.
pub(crate) fn addresses(code: &[u8]) -> BTreeSet<Address> {
    constants(code).filter_map(address).collect()
}

/// A constant as an address; masks and small numbers are none.
pub(crate) fn address(data: &[u8]) -> Option<Address> {
    let address = match data.len() {
        20 => Address::from_slice(data),
        32 if data.starts_with(&[0; 12]) => Address::from_slice(&data[12..]),
        _ => return None,
    };
    let word = U256::from_be_slice(address.as_slice());
    let ones = word >> word.trailing_zeros();
    let mask = (ones & ones.wrapping_add(U256::ONE)).is_zero();
    (!mask && address[..8] != [0; 8]).then_some(address)
}

/// Whether the code delegates in one place and looks at nothing by which it could choose another target: no
/// state, no block, no caller, no content of the call, no other contract. What stands after an end is no code
/// until the next `JUMPDEST`.
pub(crate) fn only_delegates(code: &[u8]) -> bool {
    const JUMPDEST: u8 = 0x5b;
    let (mut at, mut runs, mut delegations) = (0, true, 0);
    while let Some(&instruction) = code.get(at) {
        at += match instruction {
            PUSH1..=PUSH32 => usize::from(instruction - PUSH1) + 2,
            _ => 1,
        };
        runs |= instruction == JUMPDEST;
        if !runs {
            continue;
        }
        match instruction {
            DELEGATECALL => delegations += 1,
            // STOP, JUMP, RETURN, REVERT, INVALID
            0x00 | 0x56 | 0xf3 | 0xfd | 0xfe => runs = false,
            // Arithmetic; the sizes and copies of calldata and returned data; POP, MSTORE, MSTORE8; JUMPI; MSIZE, GAS,
            // JUMPDEST; MCOPY; PUSH0 to SWAP16.
            0x01..=0x1d
            | 0x36
            | 0x37
            | 0x3d
            | 0x3e
            | 0x50
            | 0x52
            | 0x53
            | 0x57
            | 0x59..=0x5b
            | 0x5e..=0x9f => {}
            _ => return false,
        }
    }
    delegations == 1
}

/// The delegate of an EIP-7702 account.
pub(crate) fn delegation(code: &[u8]) -> Option<Address> {
    match code {
        [0xef, 0x01, 0x00, delegate @ ..] if delegate.len() == 20 => {
            Some(Address::from_slice(delegate))
        }
        _ => None,
    }
}

/// The code as its own constructor would have written it at another address: immutables that hold the
/// contract's own address follow it.
pub(crate) fn moved(code: &[u8], from: Address, to: Address) -> Vec<u8> {
    let mut code = code.to_vec();
    let mut at = 0;
    while at + 20 <= code.len() {
        if code[at..at + 20] == from[..] {
            code[at..at + 20].copy_from_slice(to.as_slice());
            at += 20;
        } else {
            at += 1;
        }
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::hex;

    #[test]
    fn selectors_are_found_in_every_form() {
        let selector = hex!("3659cfe6");
        assert!(has_selector(&hex!("80633659cfe614"), selector));
        assert!(has_selector(&hex!("631b2ce7f360e11b14"), selector));
        assert!(has_selector(&hex!("6364d3180d60e11b8101"), selector));
        assert!(!has_selector(&hex!("3659cfe6"), selector));
        // Inside the data of another PUSH it is no constant of its own.
        assert!(!has_selector(&hex!("65633659cfe6ff"), selector));
    }

    #[test]
    fn code_that_looks_at_something_may_go_elsewhere() {
        // calldatacopy(0, 0, calldatasize()); delegatecall(gas(), 0xab.., 0, calldatasize(), 0, 0); stop
        let plain = hex!("365f5f375f5f365f73abababababababababababababababababababab5af400");
        assert!(only_delegates(&plain));
        // Metadata after an end is no code, but for what a jump may reach.
        assert!(only_delegates(&[&plain[..], &hex!("fe54f1")].concat()));
        assert!(!only_delegates(&[&plain[..], &hex!("fe5b54")].concat()));
        // sload, calldataload, timestamp, callvalue, mload, staticcall, a second delegatecall
        for byte in [0x54, 0x35, 0x42, 0x34, 0x51, 0xfa, DELEGATECALL] {
            assert!(
                !only_delegates(&[&[byte], &plain[..]].concat()),
                "{byte:#x}"
            );
        }
        assert!(!only_delegates(&hex!("00")));
    }

    #[test]
    fn immutable_addresses_are_found_and_masks_are_not() {
        let mut code = vec![PUSH32];
        code.extend([0; 12]);
        code.extend([0xab; 20]);
        code.push(0x73);
        code.extend([0xff; 20]);
        code.push(0x73);
        code.extend([0xff; 14]);
        code.extend([0; 6]);
        assert_eq!(
            addresses(&code),
            BTreeSet::from([Address::repeat_byte(0xab)])
        );
    }

    #[test]
    fn delegatecall_inside_pushed_data_is_no_instruction() {
        assert!(has_delegatecall(&[0x60, 0x00, 0xf4]));
        assert!(!has_delegatecall(&[0x60, 0xf4]));
        assert!(!has_delegatecall(&[0x7f, 0xf4]));
    }

    #[test]
    fn cut_short_code_does_not_panic() {
        assert!(addresses(&[PUSH32, 1, 2]).is_empty());
        assert!(!has_selector(&[0x63], [0; 4]));
        assert_eq!(moved(&[1, 2], Address::ZERO, Address::ZERO), [1, 2]);
    }

    #[test]
    fn moved_code_names_its_new_address() {
        let old = Address::repeat_byte(0x11);
        let new = Address::repeat_byte(0x22);
        let mut code = vec![0x73];
        code.extend(old);
        assert!(has_address(&moved(&code, old, new), new));
    }
}
