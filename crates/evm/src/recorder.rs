//! Writes down the calls of an execution and what it reads of its environment.

use alloy_primitives::{Address, Bytes, U256};
use cutover_types::{CallFrame, CallKind, EnvironmentRead, Status};
use revm::{
    Inspector,
    bytecode::opcode,
    context_interface::{ContextTr, CreateScheme, JournalTr},
    inspector::JournalExt,
    interpreter::{
        CallInputs, CallOutcome, CallScheme, CallValue, CreateInputs, CreateOutcome,
        InstructionResult, Interpreter, InterpreterTypes, interpreter_types::Jumps,
    },
};
use std::collections::BTreeSet;

/// Frames kept of one execution. Real transactions make some thousands at most.
const MOST_FRAMES: usize = 100_000;
/// Bytes of calldata and return data kept of one execution; a hostile contract can pass the same
/// megabyte to a hundred thousand calls for next to no gas.
const MOST_BYTES: usize = 64 << 20;
/// What is kept of each piece of data once that is used up: a selector and one word.
const STUB: usize = 36;

/// Environment instructions in the order of their bits.
const READS: [(u8, EnvironmentRead); 7] = [
    (opcode::DIFFICULTY, EnvironmentRead::Prevrandao),
    (opcode::BLOCKHASH, EnvironmentRead::Blockhash),
    (opcode::BLOBBASEFEE, EnvironmentRead::Blobbasefee),
    (opcode::TIMESTAMP, EnvironmentRead::Timestamp),
    (opcode::NUMBER, EnvironmentRead::Number),
    (opcode::GASLIMIT, EnvironmentRead::Gaslimit),
    (opcode::GAS, EnvironmentRead::Gas),
];

/// Which bit each instruction sets.
const BITS: [u8; 256] = {
    let mut bits = [0; 256];
    let mut i = 0;
    while i < READS.len() {
        bits[READS[i].0 as usize] = 1 << i;
        i += 1;
    }
    bits
};

/// Writes down the calls of one execution, depth first, and what it reads of its environment.
#[derive(Default)]
pub(crate) struct Recorder {
    calls: Vec<CallFrame>,
    /// Open frames: their place in `calls`, unless that was full.
    open: Vec<Option<usize>>,
    bytes: usize,
    reads: u8,
}

impl Recorder {
    pub(crate) fn finish(self) -> (Vec<CallFrame>, BTreeSet<EnvironmentRead>) {
        if self.calls.len() >= MOST_FRAMES {
            tracing::warn!("only the first {MOST_FRAMES} calls of a transaction were kept");
        }
        let reads = READS
            .iter()
            .enumerate()
            .filter(|(bit, _)| self.reads & (1 << bit) != 0)
            .map(|(_, (_, read))| *read)
            .collect();
        (self.calls, reads)
    }

    fn keep(&mut self, data: &[u8], shared: Option<&Bytes>) -> Bytes {
        if self.bytes + data.len() > MOST_BYTES {
            return Bytes::copy_from_slice(&data[..data.len().min(STUB)]);
        }
        self.bytes += data.len();
        shared.map_or_else(|| Bytes::copy_from_slice(data), Bytes::clone)
    }

    fn push(&mut self, kind: CallKind, from: Address, to: Address, value: U256, input: Bytes) {
        let place = (self.calls.len() < MOST_FRAMES).then_some(self.calls.len());
        if place.is_some() {
            self.calls.push(CallFrame {
                depth: u32::try_from(self.open.len()).unwrap_or(u32::MAX),
                kind,
                from,
                to,
                value,
                input,
                output: Bytes::new(),
                status: Status::Success,
            });
        }
        self.open.push(place);
    }

    fn pop(&mut self, result: InstructionResult, output: &Bytes, created: Option<Address>) {
        let Some(Some(place)) = self.open.pop() else {
            return;
        };
        let output = self.keep(output, Some(output));
        let frame = &mut self.calls[place];
        frame.output = output;
        frame.status = status(result);
        if let Some(address) = created {
            frame.to = address;
        }
    }
}

fn status(result: InstructionResult) -> Status {
    if result.is_ok() {
        Status::Success
    } else if result == InstructionResult::Revert {
        Status::Revert
    } else {
        Status::Halt
    }
}

impl<CTX, INTR> Inspector<CTX, INTR> for Recorder
where
    CTX: ContextTr<Journal: JournalExt>,
    INTR: InterpreterTypes,
{
    #[inline]
    fn step(&mut self, interpreter: &mut Interpreter<INTR>, _: &mut CTX) {
        self.reads |= BITS[usize::from(interpreter.bytecode.opcode())];
    }

    fn call(&mut self, context: &mut CTX, inputs: &mut CallInputs) -> Option<CallOutcome> {
        let (kind, from, to) = match inputs.scheme {
            CallScheme::Call => (CallKind::Call, inputs.caller, inputs.target_address),
            CallScheme::StaticCall => (CallKind::StaticCall, inputs.caller, inputs.target_address),
            CallScheme::CallCode => (
                CallKind::CallCode,
                inputs.target_address,
                inputs.bytecode_address,
            ),
            CallScheme::DelegateCall => (
                CallKind::DelegateCall,
                inputs.target_address,
                inputs.bytecode_address,
            ),
        };
        let value = match inputs.value {
            CallValue::Transfer(value) => value,
            CallValue::Apparent(_) => U256::ZERO,
        };
        let input = match &inputs.input {
            revm::interpreter::CallInput::Bytes(bytes) => self.keep(bytes, Some(bytes)),
            shared => self.keep(&shared.as_bytes(context), None),
        };
        self.push(kind, from, to, value, input);
        None
    }

    fn call_end(&mut self, _: &mut CTX, _: &CallInputs, outcome: &mut CallOutcome) {
        self.pop(outcome.result.result, &outcome.result.output, None);
    }

    fn create(&mut self, context: &mut CTX, inputs: &mut CreateInputs) -> Option<CreateOutcome> {
        let kind = match inputs.scheme() {
            CreateScheme::Create2 { .. } => CallKind::Create2,
            _ => CallKind::Create,
        };
        // The creator runs, so it is loaded and this touches nothing.
        let nonce = context
            .journal_mut()
            .load_account(inputs.caller())
            .map_or(0, |account| account.data.info.nonce);
        let input = self.keep(inputs.init_code(), Some(inputs.init_code()));
        self.push(
            kind,
            inputs.caller(),
            inputs.created_address(nonce),
            inputs.value(),
            input,
        );
        None
    }

    fn create_end(&mut self, _: &mut CTX, _: &CreateInputs, outcome: &mut CreateOutcome) {
        self.pop(
            outcome.result.result,
            &outcome.result.output,
            outcome.address,
        );
    }

    fn selfdestruct(&mut self, contract: Address, target: Address, value: U256) {
        self.push(
            CallKind::SelfDestruct,
            contract,
            target,
            value,
            Bytes::new(),
        );
        self.open.pop();
    }
}
