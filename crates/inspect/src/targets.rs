//! Where code hands its calldata on, and where it has the address from: every delegate call that some branch
//! reaches, not only the one that an execution took.

use crate::{
    code::has_delegatecall,
    functions::{arity, without_metadata},
};
use alloy_primitives::{Address, B256, U256};
use std::collections::{BTreeMap, BTreeSet};

/// Instructions that are followed, all branches together.
const STEPS: usize = 40_000;
/// Branches that wait.
const BRANCHES: usize = 2_048;
/// How often both ways of one choice are followed: a loop has no end here.
const TIMES: usize = 24;
/// The deepest stack there is.
const STACK: usize = 1_024;

const CALLCODE: u8 = 0xf2;
const DELEGATECALL: u8 = 0xf4;

/// Where the target of a delegate call is from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    /// It stands in the code.
    Code(Address),
    /// It stands in this slot.
    Slot(B256),
    /// It stands in a slot that is computed.
    Storage,
    /// Another contract answers with it.
    Answer,
    /// The caller says it.
    Caller,
    /// Not followed.
    Other,
}

impl Source {
    /// Whether it is in storage.
    pub(crate) fn is_stored(&self) -> bool {
        matches!(self, Self::Slot(_) | Self::Storage)
    }
}

/// Where code hands calls on to as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Targets {
    /// Calls with no function it has.
    pub(crate) unknown: BTreeSet<Source>,
    /// Any call.
    pub(crate) any: BTreeSet<Source>,
    /// What the first four bytes are compared with, also after something else was looked at.
    pub(crate) selectors: BTreeSet<[u8; 4]>,
    /// Whether it has delegate calls that no branch that was followed came to: there is an end to how far code is
    /// followed, and hostile code is written to be beyond it.
    pub(crate) unseen: bool,
}

impl Targets {
    /// Where a call of no function it has may go that is not up to its caller.
    pub(crate) fn decided(&self) -> impl Iterator<Item = &Source> {
        let own = |source: &&Source| !matches!(source, Source::Caller | Source::Other);
        self.unknown.iter().filter(own)
    }

    /// Where calls may go that can be another tomorrow, without any other code.
    pub(crate) fn moving(&self) -> Option<&Source> {
        let mut stored = self.any.iter().filter(|source| source.is_stored());
        let answer = || self.unknown.get(&Source::Answer);
        stored.next().or_else(answer)
    }
}

/// The delegate calls of `code` that carry its whole calldata.
pub(crate) fn targets(code: &[u8]) -> Targets {
    if !has_delegatecall(code) {
        return Targets::default();
    }
    let code = without_metadata(code);
    let all = Walk::over(code, true);
    let unseen = delegate_calls(code).any(|at| !all.delegations.contains(&at));
    Targets {
        unseen,
        unknown: Walk::over(code, false).found,
        any: all.found,
        selectors: all.selectors,
    }
}

/// The places of delegate calls, by a sweep: what stands behind an end is no code until the next `JUMPDEST`.
fn delegate_calls(code: &[u8]) -> impl Iterator<Item = usize> {
    let (mut next, mut runs) = (0, true);
    std::iter::from_fn(move || {
        loop {
            let at = next;
            let instruction = *code.get(at)?;
            next += match instruction {
                0x60..=0x7f => usize::from(instruction - 0x5f) + 1,
                _ => 1,
            };
            match instruction {
                0x5b => runs = true,
                CALLCODE | DELEGATECALL if runs => return Some(at),
                // STOP, JUMP, RETURN, REVERT, INVALID, SELFDESTRUCT
                0x00 | 0x56 | 0xf3 | 0xfd | 0xfe | 0xff => runs = false,
                _ => {}
            }
        }
    })
}

/// A value on the stack, as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Value {
    Known(U256),
    /// The contract's own address.
    Own,
    /// The size of the calldata, or computed from it.
    Size,
    /// The first word of the calldata.
    Word,
    /// Its first four bytes, as a number or a word.
    Selector,
    /// Not zero if the selector is one (`true`), or if it is not.
    Is(bool),
    /// From this slot, or, `None`, from one that is computed.
    Loaded(Option<U256>),
    /// What another contract answered.
    Answer,
    /// Some of the calldata.
    Given,
    Other,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Branch {
    at: usize,
    stack: Vec<Value>,
    /// Whether it called another contract: what it then reads from memory is taken for the answer.
    called: bool,
}

struct Walk<'c> {
    code: &'c [u8],
    /// Whether functions are gone into.
    enters: bool,
    open: Vec<Branch>,
    seen: BTreeSet<Branch>,
    times: BTreeMap<usize, usize>,
    found: BTreeSet<Source>,
    selectors: BTreeSet<[u8; 4]>,
    /// Places of the delegate calls it came to.
    delegations: BTreeSet<usize>,
}

/// Nothing follows, or what follows is not known.
struct End;

impl<'c> Walk<'c> {
    fn over(code: &'c [u8], enters: bool) -> Self {
        let start = Branch {
            at: 0,
            stack: Vec::new(),
            called: false,
        };
        let mut walk = Self {
            code,
            enters,
            open: vec![start],
            seen: BTreeSet::new(),
            times: BTreeMap::new(),
            found: BTreeSet::new(),
            selectors: BTreeSet::new(),
            delegations: BTreeSet::new(),
        };
        let mut left = STEPS;
        while let Some(mut branch) = walk.open.pop() {
            if !walk.seen.insert(branch.clone()) {
                continue;
            }
            while left > 0 && walk.step(&mut branch).is_ok() {
                left -= 1;
            }
            if left == 0 {
                break;
            }
        }
        walk
    }

    /// Follows one instruction.
    fn step(&mut self, branch: &mut Branch) -> Result<(), End> {
        let instruction = self.code.get(branch.at).copied().unwrap_or(0);
        branch.at += 1;
        match instruction {
            // STOP, RETURN, REVERT, INVALID, SELFDESTRUCT
            0x00 | 0xf3 | 0xfd | 0xfe | 0xff => return Err(End),
            0x5f..=0x7f => {
                let length = usize::from(instruction - 0x5f);
                let end = (branch.at + length).min(self.code.len());
                let data = self.code.get(branch.at..end).unwrap_or_default();
                let value = U256::from_be_slice(data) << (8 * (length - data.len()));
                branch.at += length;
                return branch.push(Value::Known(value));
            }
            // DUP1 to DUP16, SWAP1 to SWAP16
            0x80..=0x8f => {
                let index = branch.under(usize::from(instruction - 0x7f))?;
                return branch.push(branch.stack[index]);
            }
            0x90..=0x9f => {
                let (top, other) = (
                    branch.under(1)?,
                    branch.under(usize::from(instruction - 0x8e))?,
                );
                branch.stack.swap(top, other);
                return Ok(());
            }
            0x56 => {
                let to = branch.pop()?;
                return self.jump(branch, to);
            }
            0x57 => return self.choose(branch),
            _ => {}
        }
        let (takes, gives) = match instruction {
            // SLOAD, TLOAD; SSTORE, TSTORE
            0x54 | 0x5c => (1, 1),
            0x55 | 0x5d => (2, 0),
            // CREATE, CALL, CALLCODE, DELEGATECALL, CREATE2, STATICCALL
            0xf0 => (3, 1),
            0xf1 | 0xf2 => (7, 1),
            0xf4 | 0xfa => (6, 1),
            0xf5 => (4, 1),
            other => arity(other).ok_or(End)?,
        };
        let mut taken = [Value::Other; 8];
        for value in taken.iter_mut().take(takes) {
            *value = branch.pop()?;
        }
        if matches!(instruction, CALLCODE | DELEGATECALL) {
            self.delegations.insert(branch.at - 1);
        }
        match instruction {
            0xf2 => self.delegates(taken[1], taken[4]),
            0xf4 => self.delegates(taken[1], taken[3]),
            // SUB, EQ, XOR
            0x03 | 0x14 | 0x18 => self.compares(taken[0], taken[1]),
            _ => {}
        }
        branch.called |= matches!(instruction, 0xf1 | 0xf2 | 0xf4 | 0xfa);
        if gives == 0 {
            return Ok(());
        }
        let value = match instruction {
            0x51 if branch.called => Value::Answer,
            _ => result(instruction, taken[0], taken[1]),
        };
        branch.push(value)
    }

    /// Both ways of a choice.
    fn choose(&mut self, branch: &mut Branch) -> Result<(), End> {
        let (to, condition) = (branch.pop()?, branch.pop()?);
        match condition {
            Value::Known(value) if value.is_zero() => return Ok(()),
            Value::Known(_) => return self.jump(branch, to),
            // Of no function it has.
            Value::Is(true) if !self.enters => return Ok(()),
            Value::Is(false) if !self.enters => return self.jump(branch, to),
            _ => {}
        }
        let times = self.times.entry(branch.at).or_default();
        *times += 1;
        if *times > TIMES {
            return Err(End);
        }
        let mut other = branch.clone();
        if self.open.len() < BRANCHES && self.jump(&mut other, to).is_ok() {
            self.open.push(other);
        }
        Ok(())
    }

    fn jump(&self, branch: &mut Branch, to: Value) -> Result<(), End> {
        const JUMPDEST: u8 = 0x5b;
        let Value::Known(to) = to else {
            return Err(End);
        };
        branch.at = usize::try_from(to).map_err(|_| End)?;
        match self.code.get(branch.at) {
            Some(&JUMPDEST) => Ok(()),
            _ => Err(End),
        }
    }

    fn compares(&mut self, one: Value, other: Value) {
        let ((Value::Selector, Value::Known(value)) | (Value::Known(value), Value::Selector)) =
            (one, other)
        else {
            return;
        };
        // As a number, or as the first bytes of a word.
        let value = match value.trailing_zeros() {
            224.. => value >> 224_u32,
            _ => value,
        };
        if let Ok(selector) = u32::try_from(value) {
            self.selectors.insert(selector.to_be_bytes());
        }
    }

    fn delegates(&mut self, to: Value, size: Value) {
        if size != Value::Size {
            return;
        }
        let source = match to {
            Value::Own => return,
            Value::Known(word) => Source::Code(Address::from_word(word.into())),
            Value::Loaded(Some(slot)) => Source::Slot(slot.into()),
            Value::Loaded(None) => Source::Storage,
            Value::Answer => Source::Answer,
            Value::Word | Value::Given | Value::Size | Value::Selector => Source::Caller,
            Value::Is(_) | Value::Other => Source::Other,
        };
        self.found.insert(source);
    }
}

impl Branch {
    fn push(&mut self, value: Value) -> Result<(), End> {
        if self.stack.len() >= STACK {
            return Err(End);
        }
        self.stack.push(value);
        Ok(())
    }

    fn pop(&mut self) -> Result<Value, End> {
        self.stack.pop().ok_or(End)
    }

    /// The place of the value that has so many on it, itself counted.
    fn under(&self, count: usize) -> Result<usize, End> {
        self.stack.len().checked_sub(count).ok_or(End)
    }
}

/// What an instruction makes of the value on top and the one under it.
fn result(instruction: u8, top: Value, under: Value) -> Value {
    use Value::{Answer, Given, Is, Known, Loaded, Other, Own, Selector, Size, Word};
    let shift = |bits: U256| usize::try_from(bits).ok().filter(|bits| *bits < 256);
    let high = U256::from(u32::MAX) << 224_u32;
    match (instruction, top, under) {
        // ADDRESS, CALLDATASIZE, CALLDATALOAD
        (0x30, ..) => Own,
        (0x36, ..) => Size,
        (0x35, Known(at), _) if at.is_zero() => Word,
        (0x35, ..) => Given,
        // SLOAD
        (0x54, Known(slot), _) => Loaded(Some(slot)),
        (0x54, ..) => Loaded(None),
        // SHR, SHL
        (0x1c, Known(bits), Word) if bits == U256::from(224) => Selector,
        (0x1c, Known(bits), Known(value)) => {
            Known(shift(bits).map_or(U256::ZERO, |bits| value >> bits))
        }
        (0x1b, Known(bits), Known(value)) => {
            Known(shift(bits).map_or(U256::ZERO, |bits| value << bits))
        }
        (0x1b | 0x1c, Known(_), kept @ (Loaded(_) | Answer | Given | Own | Selector)) => kept,
        // DIV
        (0x04, Word, Known(by)) if by == U256::ONE << 224 => Selector,
        (0x04, kept @ (Loaded(_) | Answer | Given | Own | Selector), Known(_)) => kept,
        // AND
        (0x16, Known(one), Known(other)) => Known(one & other),
        (0x16, Word, Known(mask)) | (0x16, Known(mask), Word) if mask == high => Selector,
        (0x16, kept @ (Loaded(_) | Answer | Given | Own | Selector), Known(_))
        | (0x16, Known(_), kept @ (Loaded(_) | Answer | Given | Own | Selector)) => kept,
        // EQ; SUB and XOR
        (0x14, Selector, Known(_)) | (0x14, Known(_), Selector) => Is(true),
        (0x14, Known(one), Known(other)) => Known(U256::from(one == other)),
        (0x03 | 0x18, Selector, Known(_)) | (0x03 | 0x18, Known(_), Selector) => Is(false),
        (0x03, Known(one), Known(other)) => Known(one.wrapping_sub(other)),
        // ADD, OR
        (0x01, Known(one), Known(other)) => Known(one.wrapping_add(other)),
        (0x17, Known(one), Known(other)) => Known(one | other),
        (0x01 | 0x03, Size, _) | (0x01 | 0x03, _, Size) => Size,
        // ISZERO, NOT
        (0x15, Is(is), _) => Is(!is),
        (0x15, Known(value), _) => Known(U256::from(value.is_zero())),
        (0x19, Known(value), _) => Known(!value),
        _ => Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::hex;

    /// Copies the calldata, runs `load` and delegates to what it leaves.
    fn delegates(load: &[u8]) -> Vec<u8> {
        let copy = hex!("365f5f37").to_vec();
        // retLength, retOffset, argsLength, argsOffset under the target
        let arguments = hex!("5f5f365f");
        [&copy[..], &arguments, load, &hex!("5af400")].concat()
    }

    #[test]
    fn targets_are_told_by_where_they_are_from() {
        let to = Address::repeat_byte(0xab);
        let constant = [&[0x73][..], to.as_slice()].concat();
        let slot = B256::with_last_byte(7);
        let cases: [(&[u8], Option<Source>); 8] = [
            (&constant, Some(Source::Code(to))),
            (&hex!("600754"), Some(Source::Slot(slot))),
            // Masked, and beside other values.
            (
                &hex!("600754600160a01b6001900316"),
                Some(Source::Slot(slot)),
            ),
            (&hex!("60075460081c"), Some(Source::Slot(slot))),
            // sload(keccak256(0, 32)), calldataload(32), itself
            (&hex!("60205f2054"), Some(Source::Storage)),
            (&hex!("602035"), Some(Source::Caller)),
            (&hex!("30"), None),
            // What is answered: staticcall(…), mload(0)
            (&hex!("5f5f5f5f60015afa505f51"), Some(Source::Answer)),
        ];
        for (load, source) in cases {
            let found = targets(&delegates(load));
            let expected = source.into_iter().collect();
            assert_eq!(found.unknown, expected, "{}", hex::encode(load));
            assert_eq!(found.any, expected);
        }
        // Other calldata than its own.
        assert!(targets(&hex!("5f5f60205f6007545af400")).any.is_empty());
    }

    #[test]
    fn a_branch_that_no_execution_took_counts_and_a_function_only_for_its_own_calls() {
        let slot = |byte| Source::Slot(B256::with_last_byte(byte));
        // if sload(1) { revert }, then slot 7
        let flag = hex!("60015415600a575f5ffd5b");
        let paused = [&flag[..], &delegates(&hex!("600754"))].concat();
        assert_eq!(targets(&paused).unknown, [slot(7)].into());
        // calldataload(0) >> 224 == 0x01020304: slot 8, else slot 7
        let first = delegates(&hex!("600754"));
        let start = hex!("5f3560e01c63010203041460");
        let to = u8::try_from(start.len() + 2 + first.len()).unwrap();
        let second = delegates(&hex!("600854"));
        let code = [&start[..], &[to, 0x57], &first, &[0x5b], &second].concat();
        assert_eq!(targets(&code).unknown, [slot(7)].into());
        assert_eq!(targets(&code).any, [slot(7), slot(8)].into());
        assert_eq!(targets(&code).selectors, [[1, 2, 3, 4]].into());
        // After a slot was looked at: it is the first word under a mask.
        let masked = hex!("5f545f3563ffffffff60e01b1663deadbeef60e01b1450");
        let late = [&masked[..], &first].concat();
        assert_eq!(targets(&late).selectors, [[0xde, 0xad, 0xbe, 0xef]].into());
        // What is behind more choices than are followed is not taken for nothing.
        assert!(!targets(&code).unseen);
        let jump = hex!("5f35600d575f3556fe5b00");
        let hidden = [&jump[..], &[0x5b], &delegates(&hex!("600754"))].concat();
        assert!(targets(&hidden).unseen && targets(&hidden).any.is_empty());
        // A loop ends.
        assert!(targets(&hex!("5b5f5457f4")).any.is_empty());
    }
}
