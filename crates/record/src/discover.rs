//! Which transactions of a block reach the proxy.

use crate::{error::RecordError, gather::Body, trace};
use alloy_consensus::{ReceiptEnvelope, Transaction as _, TxEnvelope};
use alloy_eips::eip2718::Decodable2718;
use alloy_primitives::{Address, B256, BloomInput, Bytes};
use cutover_chain::{ChainError, FetchedBlock, Node, rpc};
use cutover_evm::SignedTransaction;
use cutover_types::{Missing, Reach, Target};
use futures::{StreamExt, stream};
use serde_json::{Value, json, value::RawValue};
use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::{Duration, Instant},
};

/// A node that takes longer to trace a block would take as long for a hint: asking for keys is faster.
const SLOW: Duration = Duration::from_millis(1_500);

/// A block of the window, looked at.
#[derive(Debug)]
pub(crate) struct Sighting {
    pub(crate) block: FetchedBlock,
    /// Transactions that reach the proxy, in order; only candidates when not traced.
    pub(crate) targets: Vec<Target>,
    /// Why there was no trace.
    pub(crate) untraced: Option<String>,
    /// Whether a prestate trace is worth asking for.
    pub(crate) hint: bool,
}

/// Looks for transactions through blocks, in the best way the node has.
#[derive(Debug)]
pub(crate) struct Discoverer {
    node: Node,
    proxy: Address,
    way: AtomicU8,
}

/// The ways to trace a block, best first.
const WAYS: [&str; 3] = [
    "debug_traceBlockByNumber",
    "debug_traceBlockByHash",
    "debug_traceTransaction",
];

impl Discoverer {
    pub(crate) fn new(node: Node, proxy: Address) -> Self {
        Self {
            node,
            proxy,
            way: AtomicU8::new(0),
        }
    }

    /// Looks at one block.
    pub(crate) async fn look(&self, number: u64) -> Result<Sighting, RecordError> {
        let block = self
            .node
            .block(number)
            .await
            .map_err(RecordError::block(number))?;
        let started = Instant::now();
        let traced = self.trace(&block, "callTracer").await?;
        let hint = started.elapsed() < SLOW;
        let direct = self.direct(&block);
        let (reached, untraced) = match traced {
            Ok(traces) => {
                let mut reached = direct.clone();
                for (index, trace) in traces.iter().enumerate() {
                    let calls = trace::calls(trace, self.proxy).map_err(|detail| {
                        RecordError::block(number)(ChainError::Malformed {
                            method: WAYS[0].into(),
                            detail: rpc::shown(&detail),
                        })
                    })?;
                    if calls > 0 {
                        reached.insert(index);
                    }
                }
                (reached, None)
            }
            Err(why) => {
                let mut reached = direct.clone();
                reached.extend(self.by_logs(&block).await?);
                (reached, Some(why))
            }
        };
        Ok(Sighting {
            targets: targets(&block, &direct, reached),
            block,
            hint: hint && untraced.is_none(),
            untraced,
        })
    }

    /// Keys the block's first `count` transactions read, if the node says so.
    pub(crate) async fn hints(&self, block: &FetchedBlock, count: usize) -> BTreeSet<Missing> {
        let mut keys = BTreeSet::new();
        let Ok(Ok(traces)) = self.trace(block, "prestateTracer").await else {
            return keys;
        };
        for trace in traces.iter().take(count) {
            if let Err(error) = trace::keys(trace, &mut keys) {
                tracing::debug!(number = block.header.number, %error, "no hint");
            }
        }
        keys
    }

    /// The traces of a block's transactions in order; or why there are none.
    async fn trace(
        &self,
        block: &FetchedBlock,
        tracer: &str,
    ) -> Result<Result<Vec<Box<RawValue>>, String>, RecordError> {
        let number = block.header.number;
        if block.transactions.is_empty() {
            return Ok(Ok(Vec::new()));
        }
        let options = json!({"tracer": tracer, "tracerConfig": {"disableCode": true}});
        loop {
            let way = self.way.load(Ordering::Relaxed);
            let Some(method) = WAYS.get(usize::from(way)) else {
                return Ok(Err("the node does not trace".into()));
            };
            let traced = match way {
                0 => {
                    self.trace_block(block, method, json!([rpc::quantity(number), options]))
                        .await
                }
                1 => {
                    self.trace_block(block, method, json!([block.hash, options]))
                        .await
                }
                _ => self.trace_each(block, method, &options).await,
            };
            return match traced {
                Ok(traces) => Ok(Ok(traces)),
                Err(ChainError::Unsupported { .. }) => {
                    self.way.fetch_max(way + 1, Ordering::Relaxed);
                    continue;
                }
                // It traces, but not this block: the recording says so.
                Err(ChainError::Rpc { code, .. }) => {
                    Ok(Err(format!("the node did not trace it (error {code})")))
                }
                Err(error) => Err(RecordError::block(number)(error)),
            };
        }
    }

    async fn trace_block(
        &self,
        block: &FetchedBlock,
        method: &str,
        params: Value,
    ) -> Result<Vec<Box<RawValue>>, ChainError> {
        let malformed = |detail: String| ChainError::Malformed {
            method: method.into(),
            detail: rpc::shown(&detail),
        };
        let raw: Box<RawValue> = self.node.call(method, params).await?;
        let entries: Vec<trace::Entry<'_>> =
            serde_json::from_str(raw.get()).map_err(|error| malformed(error.to_string()))?;
        if entries.len() != block.transactions.len() {
            return Err(malformed(format!(
                "{} traces for the {} transactions of block {}",
                entries.len(),
                block.transactions.len(),
                block.header.number
            )));
        }
        entries
            .into_iter()
            .zip(&block.transaction_hashes)
            .map(|(entry, hash)| match entry {
                trace::Entry {
                    hash: Some(other), ..
                } if other != *hash => Err(ChainError::Lie {
                    what: format!(
                        "the transaction of a trace of block {}",
                        block.header.number
                    ),
                    claimed: other,
                    computed: *hash,
                }),
                trace::Entry {
                    result: Some(result),
                    ..
                } => Ok(result.to_owned()),
                _ => Err(malformed(format!("it has no trace of transaction {hash}"))),
            })
            .collect()
    }

    async fn trace_each(
        &self,
        block: &FetchedBlock,
        method: &str,
        options: &Value,
    ) -> Result<Vec<Box<RawValue>>, ChainError> {
        // Not as a batch, so that deep traces stay text; the first answer says whether the node can.
        let one = async |hash: &B256| self.node.call(method, json!([hash, options])).await;
        let mut traces = Vec::with_capacity(block.transactions.len());
        if let [first, rest @ ..] = &block.transaction_hashes[..] {
            traces.push(one(first).await?);
            let mut rest = stream::iter(rest.iter().map(one)).buffered(16);
            while let Some(trace) = rest.next().await {
                traces.push(trace?);
            }
        }
        Ok(traces)
    }

    /// Transactions sent to the proxy.
    fn direct(&self, block: &FetchedBlock) -> BTreeSet<usize> {
        let to_proxy = |raw: &Bytes| {
            TxEnvelope::decode_2718(&mut raw.as_ref()).is_ok_and(|tx| tx.to() == Some(self.proxy))
        };
        let all = block.transactions.iter().enumerate();
        all.filter(|(_, raw)| to_proxy(raw))
            .map(|(index, _)| index)
            .collect()
    }

    /// Transactions in which the proxy logs. The header's bloom filter, which the block hash covers,
    /// says for most blocks that there are none.
    async fn by_logs(&self, block: &FetchedBlock) -> Result<BTreeSet<usize>, RecordError> {
        if !block
            .header
            .logs_bloom
            .contains_input(BloomInput::Raw(self.proxy.as_slice()))
        {
            return Ok(BTreeSet::new());
        }
        let receipts = receipts(&self.node, block).await?;
        let logs =
            |receipt: &ReceiptEnvelope| receipt.logs().iter().any(|log| log.address == self.proxy);
        let all = receipts.iter().enumerate();
        Ok(all
            .filter(|(_, receipt)| logs(receipt))
            .map(|(index, _)| index)
            .collect())
    }
}

/// Targets in block order.
pub(crate) fn targets(
    block: &FetchedBlock,
    direct: &BTreeSet<usize>,
    reached: impl IntoIterator<Item = usize>,
) -> Vec<Target> {
    reached
        .into_iter()
        .filter_map(|index| {
            Some(Target {
                hash: *block.transaction_hashes.get(index)?,
                index: index as u64,
                reach: if direct.contains(&index) {
                    Reach::Direct
                } else {
                    Reach::Internal
                },
            })
        })
        .collect()
}

/// The receipts of a block, which hash to its header's receipts root.
async fn receipts(node: &Node, block: &FetchedBlock) -> Result<Vec<ReceiptEnvelope>, RecordError> {
    let number = block.header.number;
    let receipts = node
        .receipts(number)
        .await
        .map_err(RecordError::block(number))?;
    block
        .check_receipts(&receipts)
        .map_err(RecordError::block(number))?;
    Ok(receipts)
}

/// The block with its receipts and the senders of its transactions.
pub(crate) async fn body(node: &Node, block: &FetchedBlock) -> Result<Arc<Body>, RecordError> {
    let receipts = receipts(node, block).await?;
    let header = block.header.clone();
    let number = header.number;
    let raw: Vec<(B256, Bytes)> = block
        .transaction_hashes
        .iter()
        .copied()
        .zip(block.transactions.iter().cloned())
        .collect();
    let decoding = tokio::task::spawn_blocking(move || {
        raw.iter()
            .map(|(hash, raw)| {
                SignedTransaction::decode(raw).map_err(|source| RecordError::Transaction {
                    hash: *hash,
                    number,
                    source,
                })
            })
            .collect::<Result<Vec<_>, _>>()
    });
    let transactions = decoding.await.map_err(|_| RecordError::Interrupted)??;
    Ok(Arc::new(Body {
        header,
        transactions,
        receipts,
    }))
}
