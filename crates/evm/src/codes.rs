//! Codes in the form the interpreter runs, analysed once for all executions.

use crate::error::Fault;
use alloy_primitives::{B256, Bytes, keccak256, map::B256Map};
use revm::state::Bytecode;
use std::sync::{LazyLock, PoisonError, RwLock};

/// About 100 MB of the largest codes.
const LIMIT: usize = 4096;

// Keyed by content and checked before it is kept, so one state cannot mislead another.
static ANALYSED: LazyLock<RwLock<B256Map<Bytecode>>> = LazyLock::new(RwLock::default);

/// `raw`, which is filed under `hash`, ready to run.
pub(crate) fn analysed(hash: B256, raw: Bytes) -> Result<Bytecode, Fault> {
    let known = ANALYSED.read().unwrap_or_else(PoisonError::into_inner);
    if let Some(code) = known.get(&hash)
        && code.original_byte_slice() == &raw[..]
    {
        return Ok(code.clone());
    }
    drop(known);
    let computed = keccak256(&raw);
    if computed != hash {
        return Err(Fault::WrongCode { hash, computed });
    }
    let code = bytecode(raw);
    let mut known = ANALYSED.write().unwrap_or_else(PoisonError::into_inner);
    if known.len() >= LIMIT {
        known.clear();
    }
    known.insert(hash, code.clone());
    Ok(code)
}

fn bytecode(raw: Bytes) -> Bytecode {
    Bytecode::new_raw_checked(raw.clone()).unwrap_or_else(|_| Bytecode::new_legacy(raw))
}
