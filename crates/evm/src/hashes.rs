//! What the code that runs on one account's storage hashes: the keys of its mappings.

use alloy_primitives::Address;
use cutover_types::storage::Preimages;
use revm::{
    Inspector,
    bytecode::opcode,
    interpreter::{
        Interpreter, InterpreterTypes,
        interpreter_types::{InputsTr, Jumps, MemoryTr, StackTr},
    },
};

/// Hashes kept of one execution.
const MOST: usize = 1 << 16;
/// A key and a slot: more than a word, and not much more than the longest key anybody uses.
const LENGTH: std::ops::RangeInclusive<usize> = 33..=512;

/// Writes down what is hashed in the context of one account.
pub(crate) struct Hashes {
    of: Address,
    kept: usize,
    pub(crate) preimages: Preimages,
}

impl Hashes {
    pub(crate) fn of(address: Address) -> Self {
        Self {
            of: address,
            kept: 0,
            preimages: Preimages::default(),
        }
    }
}

impl<CTX, INTR: InterpreterTypes> Inspector<CTX, INTR> for Hashes {
    #[inline]
    fn step(&mut self, interpreter: &mut Interpreter<INTR>, _: &mut CTX) {
        if interpreter.bytecode.opcode() != opcode::KECCAK256
            || interpreter.input.target_address() != self.of
            || self.kept >= MOST
        {
            return;
        }
        let [.., size, offset] = interpreter.stack.data() else {
            return;
        };
        let (Ok(offset), Ok(size)) = (usize::try_from(*offset), usize::try_from(*size)) else {
            return;
        };
        if !LENGTH.contains(&size) {
            return;
        }
        // Memory grows with the instruction, after this; what is not there yet is zero.
        let mut preimage = vec![0; size];
        let there = interpreter.memory.size().saturating_sub(offset).min(size);
        if there > 0 {
            preimage[..there].copy_from_slice(&interpreter.memory.slice(offset..offset + there));
        }
        self.kept += 1;
        self.preimages.add(&preimage);
    }
}
