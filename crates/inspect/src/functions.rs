//! Which functions code has: the walk of what compares the first four bytes of the calldata, from the first
//! instruction on, without going into any function.

use crate::code::address;
use alloy_primitives::{Address, U256};
use std::collections::BTreeSet;

/// Instructions that are followed, all branches together.
const STEPS: usize = 60_000;
/// Branches that wait.
const BRANCHES: usize = 4_096;
/// The deepest stack there is.
const STACK: usize = 1_024;

/// What code does with a call, before and without any function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Functions {
    /// The selectors that it knows.
    pub(crate) selectors: BTreeSet<[u8; 4]>,
    /// Whether it looks at state, creates or calls for a call that it does not know.
    pub(crate) acts: bool,
}

/// A value on the stack, as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Value {
    Known(U256),
    /// The first word of the calldata.
    Word,
    /// Its first four bytes, as a number.
    Selector,
    /// Not zero if the selector is this (`true`), or if it is not.
    Is(U256, bool),
    Other,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Branch {
    at: usize,
    stack: Vec<Value>,
}

/// The functions of `code`; `None` when it chooses in a way that is not followed here.
pub(crate) fn functions(code: &[u8]) -> Option<Functions> {
    let mut found = Functions::default();
    let mut seen = BTreeSet::new();
    let mut open = vec![Branch {
        at: 0,
        stack: Vec::new(),
    }];
    let mut left = STEPS;
    while let Some(mut branch) = open.pop() {
        if !seen.insert(branch.clone()) {
            continue;
        }
        loop {
            left = left.checked_sub(1)?;
            match step(code, &mut branch, &mut found)? {
                Next::On => {}
                Next::End => break,
                Next::Either(other) => {
                    if open.len() >= BRANCHES {
                        return None;
                    }
                    open.push(other);
                }
            }
        }
    }
    Some(found)
}

enum Next {
    On,
    End,
    Either(Branch),
}

/// Follows one instruction.
fn step(code: &[u8], branch: &mut Branch, found: &mut Functions) -> Option<Next> {
    // Behind the end stands STOP.
    let instruction = code.get(branch.at).copied().unwrap_or(0);
    branch.at += 1;
    match instruction {
        // STOP, RETURN, REVERT, INVALID
        0x00 | 0xf3 | 0xfd | 0xfe => return Some(Next::End),
        // SLOAD, SSTORE, TLOAD, TSTORE, CREATE, CALL, CALLCODE, DELEGATECALL, CREATE2, STATICCALL, SELFDESTRUCT
        0x54 | 0x55 | 0x5c | 0x5d | 0xf0..=0xf2 | 0xf4 | 0xf5 | 0xfa | 0xff => {
            found.acts = true;
            return Some(Next::End);
        }
        0x5f..=0x7f => {
            let length = usize::from(instruction - 0x5f);
            let end = (branch.at + length).min(code.len());
            let data = code.get(branch.at..end).unwrap_or_default();
            let missing = length - data.len();
            branch.at += length;
            let value = U256::from_be_slice(data) << (8 * missing);
            return branch.push(Value::Known(value));
        }
        // DUP1 to DUP16, SWAP1 to SWAP16
        0x80..=0x8f => {
            let index = branch
                .stack
                .len()
                .checked_sub(usize::from(instruction - 0x7f))?;
            let value = *branch.stack.get(index)?;
            return branch.push(value);
        }
        0x90..=0x9f => {
            let top = branch.stack.len().checked_sub(1)?;
            let other = top.checked_sub(usize::from(instruction - 0x8f))?;
            branch.stack.swap(top, other);
            return Some(Next::On);
        }
        0x56 => {
            let Value::Known(to) = branch.pop()? else {
                return None;
            };
            return branch.jump(code, to);
        }
        0x57 => {
            let (Value::Known(to), condition) = (branch.pop()?, branch.pop()?) else {
                return None;
            };
            let mut other = branch.clone();
            return match condition {
                Value::Known(value) if value.is_zero() => Some(Next::On),
                Value::Known(_) => branch.jump(code, to),
                // The function itself is not gone into.
                Value::Is(selector, true) => {
                    found.add(selector);
                    Some(Next::On)
                }
                Value::Is(selector, false) => {
                    found.add(selector);
                    branch.jump(code, to)
                }
                _ => {
                    other.jump(code, to)?;
                    Some(Next::Either(other))
                }
            };
        }
        _ => {}
    }
    let (takes, gives) = arity(instruction)?;
    let mut taken = [Value::Other; 8];
    for slot in taken.iter_mut().take(takes) {
        *slot = branch.pop()?;
    }
    if gives == 0 {
        return Some(Next::On);
    }
    branch.push(result(instruction, taken[0], taken[1]))
}

/// What an instruction makes of the value on top and the one under it.
fn result(instruction: u8, top: Value, under: Value) -> Value {
    use Value::{Is, Known, Other, Selector, Word};
    let shift = |bits: U256| usize::try_from(bits).ok().filter(|bits| *bits < 256);
    match (instruction, top, under) {
        // CALLDATALOAD
        (0x35, Known(at), _) if at.is_zero() => Word,
        // SHR
        (0x1c, Known(bits), Word) if bits == U256::from(224) => Selector,
        (0x1c, Known(bits), Known(value)) => {
            Known(shift(bits).map_or(U256::ZERO, |bits| value >> bits))
        }
        // SHL
        (0x1b, Known(bits), Known(value)) => {
            Known(shift(bits).map_or(U256::ZERO, |bits| value << bits))
        }
        // DIV
        (0x04, Word, Known(by)) if by == U256::ONE << 224 => Selector,
        // AND
        (0x16, Selector, Known(mask)) | (0x16, Known(mask), Selector)
            if mask == U256::from(u32::MAX) =>
        {
            Selector
        }
        (0x16, Known(one), Known(other)) => Known(one & other),
        // EQ
        (0x14, Selector, Known(value)) | (0x14, Known(value), Selector) => Is(value, true),
        (0x14, Known(one), Known(other)) => Known(U256::from(one == other)),
        // SUB, XOR
        (0x03 | 0x18, Selector, Known(value)) | (0x03 | 0x18, Known(value), Selector) => {
            Is(value, false)
        }
        (0x03, Known(one), Known(other)) => Known(one.wrapping_sub(other)),
        // ADD
        (0x01, Known(one), Known(other)) => Known(one.wrapping_add(other)),
        // ISZERO
        (0x15, Is(value, is), _) => Is(value, !is),
        (0x15, Known(value), _) => Known(U256::from(value.is_zero())),
        _ => Other,
    }
}

/// How many values an instruction takes and gives that changes nothing and calls nobody.
pub(crate) fn arity(instruction: u8) -> Option<(usize, usize)> {
    Some(match instruction {
        // POP
        0x50 => (1, 0),
        0x5b => (0, 0),
        // MSTORE, MSTORE8; CALLDATACOPY, CODECOPY, RETURNDATACOPY, MCOPY; EXTCODECOPY
        0x52 | 0x53 => (2, 0),
        0x37 | 0x39 | 0x3e | 0x5e => (3, 0),
        0x3c => (4, 0),
        0x08 | 0x09 => (3, 1),
        0x15 | 0x19 => (1, 1),
        0x01..=0x07 | 0x0a | 0x0b | 0x10..=0x14 | 0x16..=0x18 | 0x1a..=0x1d | 0x20 => (2, 1),
        // What is read of accounts, the calldata, blocks and memory
        0x31 | 0x35 | 0x3b | 0x3f | 0x40 | 0x49 | 0x51 => (1, 1),
        0x30 | 0x32..=0x34 | 0x36 | 0x38 | 0x3a | 0x3d | 0x41..=0x48 | 0x4a | 0x58..=0x5a => (0, 1),
        // LOG0 to LOG4
        0xa0..=0xa4 => (2 + usize::from(instruction - 0xa0), 0),
        _ => return None,
    })
}

impl Branch {
    fn push(&mut self, value: Value) -> Option<Next> {
        if self.stack.len() >= STACK {
            return Some(Next::End);
        }
        self.stack.push(value);
        Some(Next::On)
    }

    fn pop(&mut self) -> Option<Value> {
        self.stack.pop()
    }

    fn jump(&mut self, code: &[u8], to: U256) -> Option<Next> {
        const JUMPDEST: u8 = 0x5b;
        self.at = usize::try_from(to).ok()?;
        Some(match code.get(self.at) {
            Some(&JUMPDEST) => Next::On,
            _ => Next::End,
        })
    }
}

impl Functions {
    fn add(&mut self, selector: U256) {
        // More than four bytes are never equal.
        if let Ok(selector) = u32::try_from(selector) {
            self.selectors.insert(selector.to_be_bytes());
        }
    }
}

/// Code without the metadata that compilers put behind it.
pub(crate) fn without_metadata(code: &[u8]) -> &[u8] {
    let Some((rest, length)) = code.split_last_chunk::<2>() else {
        return code;
    };
    let length = usize::from(u16::from_be_bytes(*length));
    match rest.len().checked_sub(length) {
        // A CBOR map of a few entries.
        Some(at)
            if rest
                .get(at)
                .is_some_and(|first| (0xa1..=0xa5).contains(first)) =>
        {
            &code[..at]
        }
        _ => code,
    }
}

/// What a jump to a pushed place may reach: data behind the code is none of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reached {
    pub(crate) instructions: BTreeSet<u8>,
    /// Constants that could be addresses.
    pub(crate) addresses: BTreeSet<Address>,
}

/// What may be executed of `code`.
pub(crate) fn reached(code: &[u8]) -> Reached {
    const JUMPDEST: u8 = 0x5b;
    let mut found = Reached::default();
    let mut seen = BTreeSet::new();
    let mut open = vec![0];
    while let Some(mut at) = open.pop() {
        while let Some(&instruction) = code.get(at) {
            if !seen.insert(at) {
                break;
            }
            found.instructions.insert(instruction);
            at += 1;
            if (0x60..=0x7f).contains(&instruction) {
                let end = (at + usize::from(instruction - 0x5f)).min(code.len());
                let data = &code[at..end];
                if let Ok(to) = usize::try_from(U256::from_be_slice(data))
                    && code.get(to) == Some(&JUMPDEST)
                {
                    open.push(to);
                }
                found.addresses.extend(address(data));
                at = end;
            }
            // STOP, JUMP, RETURN, REVERT, INVALID, SELFDESTRUCT
            if matches!(instruction, 0x00 | 0x56 | 0xf3 | 0xfd | 0xfe | 0xff) {
                break;
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::hex;

    fn selectors(code: &[u8]) -> Option<Vec<u32>> {
        let found = functions(code)?;
        let numbers = found.selectors.into_iter().map(u32::from_be_bytes);
        Some(numbers.collect())
    }

    #[test]
    fn selectors_are_those_the_calldata_is_compared_with() {
        // calldataload(0) >> 224; == 0x01020304 → 0x20; == 5 → 0x20; revert
        let legacy = hex!("5f3560e01c8063010203041460205780600514602057");
        assert_eq!(selectors(&legacy), Some(vec![5, 0x0102_0304]));
        // The other way round: jumps on when it is another.
        let inverse = hex!("5f3560e01c630102030403600e575f545b00");
        assert_eq!(selectors(&inverse), Some(vec![0x0102_0304]));
        assert!(!functions(&inverse).unwrap().acts);
        // Divided, as old compilers do.
        let old = [
            &hex!("5f357c01")[..],
            &[0; 28],
            &hex!("900463ffffffff1680631122334414602057"),
        ]
        .concat();
        assert_eq!(selectors(&old), Some(vec![0x1122_3344]));
    }

    #[test]
    fn a_fallback_that_looks_at_state_acts_and_strange_jumps_are_not_followed() {
        assert!(functions(&hex!("5f54")).unwrap().acts);
        assert!(!functions(&hex!("5ffd")).unwrap().acts);
        // A jump to what the caller says.
        assert_eq!(functions(&hex!("5f3556")), None);
        // An endless loop ends.
        assert!(functions(&hex!("5b5f56")).is_none());
        assert_eq!(functions(&hex!("50")), None);
    }

    #[test]
    fn instructions_behind_an_end_count_when_something_jumps_there() {
        let has = |code: &[u8], what| reached(code).instructions.contains(&what);
        assert!(!has(&hex!("0032"), 0x32));
        assert!(has(&hex!("600456005b32"), 0x32));
        assert!(!has(&hex!("600356fe32"), 0x32));
        let key = [&[0x73][..], &[0xab; 20]].concat();
        assert_eq!(reached(&key).addresses, [Address::repeat_byte(0xab)].into());
        assert!(reached(&[&[0][..], &key].concat()).addresses.is_empty());
    }

    #[test]
    fn metadata_is_cut_where_there_is_some() {
        assert_eq!(without_metadata(&hex!("6001a2ff0002")), hex!("6001"));
        assert_eq!(without_metadata(&hex!("60010000")), hex!("60010000"));
        assert_eq!(without_metadata(&[1]), [1]);
    }
}
