//! What anvil says of a mined transaction.

use super::Anvil;
use crate::{error::ChainError, rpc};
use alloy_primitives::{Address, B256, Bytes, Log, U64, U256};
use cutover_types::execution::{CallFrame, CallKind, Status};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{json, value::RawValue};
use std::collections::BTreeMap;

/// Calls kept of one transaction, as many as the in-process engine keeps.
const MOST_FRAMES: usize = 100_000;
/// Calls nest 1024 deep, which no parser on a common stack survives.
const DEEP_STACK: usize = 512 << 20;

/// A receipt as far as an outcome needs it.
#[derive(Clone, Debug)]
pub struct Mined {
    /// Status 1.
    pub success: bool,
    /// Gas used by this transaction.
    pub gas_used: u64,
    /// Logs in order.
    pub logs: Vec<Log>,
    /// The contract it created.
    pub created: Option<Address>,
    /// Number of its block.
    pub block: u64,
    /// Hash of its block.
    pub block_hash: B256,
}

/// The newest block.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Head {
    pub(super) transactions: Vec<B256>,
}

/// The call tree, flat.
#[derive(Clone, Debug)]
pub(super) struct Calls {
    pub(super) frames: Vec<CallFrame>,
    /// Why the top call failed.
    pub(super) error: Option<String>,
}

/// prestateTracer's `diffMode`: accounts that changed, before and after.
///
/// `pre` has every field of a changed account and only the changed slots that were not zero; `post` has
/// only what changed, and no zero slots. A created account is in `post` alone, a destroyed one in `pre`.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Diff {
    /// Before.
    pub pre: BTreeMap<Address, Side>,
    /// After.
    pub post: BTreeMap<Address, Side>,
}

/// An account on one side.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Side {
    /// Wei.
    pub balance: Option<U256>,
    /// Nonce; absent when zero.
    pub nonce: Option<u64>,
    /// Code; absent when empty.
    pub code: Option<Bytes>,
    /// Slots; absent when zero.
    pub storage: BTreeMap<B256, U256>,
}

impl Anvil {
    /// The receipt of a transaction, if it is in a block of this node.
    pub async fn mined(&self, hash: B256) -> Result<Option<Mined>, ChainError> {
        let method = "eth_getTransactionReceipt";
        let receipt: Option<Receipt> = self.node.call(method, json!([hash])).await?;
        let Some(receipt) = receipt else {
            return Ok(None);
        };
        if receipt.transaction_hash != hash {
            return Err(ChainError::Malformed {
                method: method.into(),
                detail: format!("asked for {hash}, got {}", receipt.transaction_hash),
            });
        }
        let logs = receipt.logs.into_iter().map(|log| {
            Log::new(log.address, log.topics, log.data).ok_or_else(|| ChainError::Malformed {
                method: method.into(),
                detail: "a log has more than four topics".into(),
            })
        });
        Ok(Some(Mined {
            success: receipt.status == U64::from(1),
            gas_used: receipt.gas_used.to(),
            logs: logs.collect::<Result<_, _>>()?,
            created: receipt.contract_address,
            block: receipt.block_number.to(),
            block_hash: receipt.block_hash,
        }))
    }

    pub(super) async fn head(&self) -> Result<Head, ChainError> {
        self.node
            .call("eth_getBlockByNumber", json!(["latest", false]))
            .await
    }

    /// The changes a transaction made.
    pub async fn diff(&self, hash: B256) -> Result<Diff, ChainError> {
        let tracer = json!({"tracer": "prestateTracer", "tracerConfig": {"diffMode": true}});
        self.trace(hash, tracer).await
    }

    /// The calls of a transaction, depth first.
    pub async fn calls(&self, hash: B256) -> Result<Vec<CallFrame>, ChainError> {
        Ok(self.call_tree(hash).await?.frames)
    }

    pub(super) async fn call_tree(&self, hash: B256) -> Result<Calls, ChainError> {
        // Not as a value: that would parse it, and it may be nested too deep for that.
        let raw: Box<RawValue> = self.trace(hash, json!({"tracer": "callTracer"})).await?;
        parse(raw.get()).map_err(|detail| ChainError::Malformed {
            method: "debug_traceTransaction".into(),
            detail: rpc::shown(&detail),
        })
    }

    async fn trace<T: DeserializeOwned>(
        &self,
        hash: B256,
        tracer: serde_json::Value,
    ) -> Result<T, ChainError> {
        self.node
            .call("debug_traceTransaction", json!([hash, tracer]))
            .await
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Receipt {
    transaction_hash: B256,
    status: U64,
    gas_used: U64,
    block_number: U64,
    block_hash: B256,
    contract_address: Option<Address>,
    logs: Vec<ReceiptLog>,
}

#[derive(Deserialize)]
struct ReceiptLog {
    address: Address,
    topics: Vec<B256>,
    data: Bytes,
}

/// A frame of callTracer. Its `gasUsed` is the block's so far, not the call's: it is not read.
#[derive(Deserialize)]
struct Frame {
    #[serde(rename = "type")]
    kind: CallKind,
    from: Address,
    #[serde(default)]
    to: Option<Address>,
    #[serde(default)]
    value: Option<U256>,
    #[serde(default)]
    input: Bytes,
    #[serde(default)]
    output: Option<Bytes>,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    calls: Vec<Frame>,
}

/// Parses a call tree on a stack that is deep enough.
fn parse(text: &str) -> Result<Calls, String> {
    let read = || {
        let mut json = serde_json::Deserializer::from_str(text);
        json.disable_recursion_limit();
        Frame::deserialize(&mut json)
            .map(flatten)
            .map_err(|error| error.to_string())
    };
    // Braces open at once bound the depth; in strings there are none, for all of them are hex or names.
    let (mut depth, mut deepest) = (0_u32, 0_u32);
    for byte in text.bytes() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            _ => continue,
        }
        deepest = deepest.max(depth);
    }
    match deepest {
        0..=48 => read(),
        49..=1100 => std::thread::scope(|scope| {
            let thread = std::thread::Builder::new()
                .stack_size(DEEP_STACK)
                .spawn_scoped(scope, read);
            let thread = thread.map_err(|error| format!("no thread to read it: {error}"))?;
            thread
                .join()
                .unwrap_or_else(|_| Err("it could not be read".into()))
        }),
        _ => Err(format!("the calls are {deepest} deep")),
    }
}

fn flatten(top: Frame) -> Calls {
    let error = top.error.clone();
    let mut frames = Vec::new();
    let mut open = vec![(0, top)];
    while let Some((depth, mut frame)) = open.pop() {
        let calls = std::mem::take(&mut frame.calls);
        if frames.len() == MOST_FRAMES {
            tracing::warn!("only the first {MOST_FRAMES} calls of a transaction were kept");
            break;
        }
        frames.push(frame.call(depth));
        open.extend(calls.into_iter().rev().map(|call| (depth + 1, call)));
    }
    Calls { frames, error }
}

impl Frame {
    fn call(self, depth: u32) -> CallFrame {
        let moves = !matches!(self.kind, CallKind::DelegateCall | CallKind::StaticCall);
        CallFrame {
            depth,
            kind: self.kind,
            from: self.from,
            to: self.to.unwrap_or_default(),
            // A delegate call shows the value of the call it is part of: none is moved by it.
            value: self.value.filter(|_| moves).unwrap_or_default(),
            input: self.input,
            output: self.output.unwrap_or_default(),
            status: status(self.error.as_deref()),
        }
    }
}

/// How a call ended that failed with this text.
pub(super) fn status(error: Option<&str>) -> Status {
    match error {
        None => Status::Success,
        Some(text) if text.eq_ignore_ascii_case("execution reverted") || text == "Revert" => {
            Status::Revert
        }
        Some(_) => Status::Halt,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(depth: usize) -> String {
        let a = Address::repeat_byte(1);
        let open = format!(r#"{{"type":"CALL","from":"{a}","to":"{a}","input":"0x","calls":["#);
        let inner = format!(r#"{{"type":"STATICCALL","from":"{a}","to":"{a}","input":"0x01"}}"#);
        format!("{}{inner}{}", open.repeat(depth), "]}".repeat(depth))
    }

    #[test]
    fn calls_as_deep_as_the_chain_allows_are_read_and_deeper_ones_refused() {
        let calls = parse(&nested(1024)).unwrap();
        assert_eq!(calls.frames.len(), 1025);
        assert_eq!(calls.frames[1024].depth, 1024);
        assert!(parse(&nested(5000)).unwrap_err().contains("deep"));
    }

    #[test]
    fn calls_come_depth_first_in_the_order_they_were_made() {
        let (a, b) = (Address::repeat_byte(1), Address::repeat_byte(2));
        let text = format!(
            r#"{{"type":"CALL","from":"{a}","to":"{b}","value":"0x5","input":"0x","error":"execution reverted","output":"0x01",
                "calls":[{{"type":"DELEGATECALL","from":"{b}","to":"{a}","value":"0x5","input":"0x0a",
                           "calls":[{{"type":"CREATE","from":"{b}","input":"0x0b","error":"out of gas"}}]}},
                         {{"type":"SELFDESTRUCT","from":"{b}","to":"{a}","value":"0x5","input":"0x"}}]}}"#
        );
        let calls = parse(&text).unwrap();
        let shape: Vec<_> = calls
            .frames
            .iter()
            .map(|f| (f.depth, f.kind, f.status))
            .collect();
        assert_eq!(
            shape,
            [
                (0, CallKind::Call, Status::Revert),
                (1, CallKind::DelegateCall, Status::Success),
                (2, CallKind::Create, Status::Halt),
                (1, CallKind::SelfDestruct, Status::Success),
            ]
        );
        assert_eq!(calls.frames[0].value, U256::from(5));
        assert_eq!(calls.frames[1].value, U256::ZERO);
        assert_eq!(calls.error.as_deref(), Some("execution reverted"));
    }
}
