//! A JSON-RPC node: calls and batches that survive a poor provider.

use crate::{
    answer::{Answer, Refusal},
    error::ChainError,
    rpc,
    transport::{Fault, Transport, Tries},
};
use futures::{StreamExt, stream};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json, value::RawValue};
use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::sync::OnceCell;
use url::Url;

pub use crate::block::FetchedBlock;

/// How a node is treated.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Requests under way at once.
    pub concurrency: usize,
    /// How often a call that meets a fault is tried; being told to wait does not count.
    pub attempts: u32,
    /// How long one request may take.
    pub timeout: Duration,
    /// How long one call may take, retries and waits included.
    pub budget: Duration,
    /// Calls in one batch at most.
    pub max_batch: usize,
    /// Bytes of one answer at most.
    pub max_response: usize,
    /// How long a node may do nothing but limit requests before it is given up.
    pub patience: Duration,
    /// Who is told what is waited for.
    pub notice: Option<Notice>,
}

/// Tells somebody what is waited for.
#[derive(Clone)]
pub struct Notice(Arc<dyn Fn(&str) + Send + Sync>);

impl Notice {
    /// Calls `tell` with a line.
    pub fn new(tell: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    pub(crate) fn tell(&self, line: &str) {
        (self.0)(line);
    }
}

impl fmt::Debug for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Notice")
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            concurrency: 16,
            attempts: 8,
            timeout: Duration::from_secs(120),
            budget: Duration::from_secs(300),
            max_batch: 100,
            max_response: 512 << 20,
            patience: Duration::from_secs(120),
            notice: None,
        }
    }
}

impl Policy {
    /// Every call is sent once: for calls that must not happen twice.
    pub fn once() -> Self {
        Self {
            attempts: 1,
            ..Self::default()
        }
    }
}

/// What a node was asked so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct NodeStats {
    /// Calls, each member of a batch counted.
    pub calls: u64,
    /// Bytes received.
    pub bytes: u64,
    /// Requests sent again after a fault.
    pub retries: u64,
}

/// A JSON-RPC node, cheap to clone. Its address is never shown beyond scheme, host and port.
#[derive(Clone)]
pub struct Node {
    inner: Arc<Inner>,
}

struct Inner {
    transport: Transport,
    next_id: AtomicU64,
    batch: AtomicUsize,
    chain_id: OnceCell<u64>,
    /// What the node can do beyond the minimum: see `fetch`.
    account_info: AtomicU8,
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Node({})", self.inner.transport.shown)
    }
}

impl Node {
    /// A node at this address. Nothing is sent yet.
    pub fn new(url: Url, policy: Policy) -> Self {
        Self {
            inner: Arc::new(Inner {
                next_id: AtomicU64::new(1),
                batch: AtomicUsize::new(policy.max_batch.max(1)),
                chain_id: OnceCell::new(),
                account_info: AtomicU8::new(0),
                transport: Transport::new(url, policy),
            }),
        }
    }

    /// Scheme, host and port: what may be shown of the address.
    pub fn shown(&self) -> &str {
        &self.inner.transport.shown
    }

    /// The whole address, with its secrets: to start a fork from it, never to show it.
    pub fn url(&self) -> &Url {
        self.inner.transport.url()
    }

    /// Makes one call. `params` is an array; `null` means none.
    ///
    /// # Errors
    /// When the node refuses it, no usable answer arrives, or the answer is not an `R`.
    pub async fn call<R: DeserializeOwned>(
        &self,
        method: &str,
        params: Value,
    ) -> Result<R, ChainError> {
        let raw = self.raw(method, &params).await?;
        serde_json::from_str(raw.get()).map_err(|error| ChainError::Malformed {
            method: method.into(),
            detail: rpc::shown(&error.to_string()),
        })
    }

    /// Makes many calls and answers in their order. The batch is cut to what the node takes; members
    /// that meet a fault are asked again.
    pub async fn batch(&self, calls: Vec<(String, Value)>) -> Vec<Result<Value, ChainError>> {
        let mut results = Vec::with_capacity(calls.len());
        let mut rest = &calls[..];
        // The size can shrink while the batches run, so they are cut wave by wave.
        while !rest.is_empty() {
            let size = self.inner.batch.load(Ordering::Relaxed).max(1);
            let wave = size.saturating_mul(self.inner.transport.policy.concurrency.max(1));
            let (now, later) = rest.split_at(rest.len().min(wave));
            let chunks: Vec<_> = stream::iter(now.chunks(size).map(|chunk| self.chunk(chunk)))
                .buffered(self.inner.transport.policy.concurrency.max(1))
                .collect()
                .await;
            results.extend(chunks.into_iter().flatten());
            rest = later;
        }
        results
    }

    /// The chain id, asked once.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn chain_id(&self) -> Result<u64, ChainError> {
        self.inner
            .chain_id
            .get_or_try_init(|| self.quantity("eth_chainId"))
            .await
            .copied()
    }

    /// The number of the newest block.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn latest(&self) -> Result<u64, ChainError> {
        self.quantity("eth_blockNumber").await
    }

    /// What was asked so far.
    pub fn stats(&self) -> NodeStats {
        self.inner.transport.stats()
    }

    pub(crate) fn account_info(&self) -> &AtomicU8 {
        &self.inner.account_info
    }

    async fn quantity(&self, method: &str) -> Result<u64, ChainError> {
        let value: Value = self.call(method, json!([])).await?;
        rpc::read_u64(&value).ok_or_else(|| ChainError::Malformed {
            method: method.into(),
            detail: format!("{} is not a quantity", rpc::shown(&value.to_string())),
        })
    }

    async fn raw(&self, method: &str, params: &Value) -> Result<Box<RawValue>, ChainError> {
        let transport = &self.inner.transport;
        let mut tries = Tries::new(transport, transport.policy.attempts);
        loop {
            let fault = match self.once(method, params).await {
                Ok(outcome) => match self.outcome(method, params, outcome) {
                    Ok(result) => return result,
                    Err(fault) => fault,
                },
                Err(fault) => fault,
            };
            let (detail, last, again) = match fault {
                Fault::Passing {
                    detail,
                    last,
                    patience,
                } => (detail, last, tries.another(patience).await),
                Fault::TooLarge => ("the node takes no request of this size".into(), None, false),
                Fault::Final(detail) => (detail, None, false),
            };
            if !again {
                return Err(last.unwrap_or_else(|| self.transport_error(method, &tries, detail)));
            }
            tracing::debug!(method, detail, "asking again");
        }
    }

    fn transport_error(&self, method: &str, tries: &Tries<'_>, detail: String) -> ChainError {
        ChainError::Transport {
            method: method.into(),
            node: self.inner.transport.shown.clone(),
            attempts: tries.made.max(1),
            detail,
        }
    }

    async fn once(&self, method: &str, params: &Value) -> Result<Answer, Fault> {
        let id = self.inner.next_id.fetch_add(1, Ordering::Relaxed);
        let body = serde_json::to_vec(&request(id, method, params))
            .map_err(|error| Fault::Final(error.to_string()))?;
        let body = self.inner.transport.post(body, 1).await?;
        let answer: Answer = serde_json::from_slice(&body)
            .map_err(|error| Fault::passing(format!("the answer is no JSON-RPC: {error}")))?;
        // An error without an id is still the answer to the only call in the request.
        let named = answer.id.as_u64() == Some(id);
        if named || (answer.id.is_null() && answer.error.is_some()) {
            Ok(answer)
        } else {
            Err(Fault::passing("the answer belongs to another call"))
        }
    }

    /// What an answer means for its call: an end, or a fault worth another try.
    fn outcome(
        &self,
        method: &str,
        params: &Value,
        answer: Answer,
    ) -> Result<Result<Box<RawValue>, ChainError>, Fault> {
        if !answer
            .error
            .as_ref()
            .is_some_and(Refusal::asks_for_patience)
        {
            self.inner.transport.waiting.served();
        }
        match (answer.error, answer.result) {
            (Some(error), _) => {
                let message = self.inner.transport.harmless(&error.message);
                let (passing, patience) = (error.is_passing(method), error.asks_for_patience());
                let error = error.into_error(method, params, message);
                if passing {
                    Err(Fault::Passing {
                        detail: error.to_string(),
                        last: Some(error),
                        patience,
                    })
                } else {
                    Ok(Err(error))
                }
            }
            (None, Some(result)) => Ok(Ok(result)),
            (None, None) => Err(Fault::passing("the answer has neither result nor error")),
        }
    }

    async fn chunk(&self, calls: &[(String, Value)]) -> Vec<Result<Value, ChainError>> {
        let mut results: Vec<Option<Result<Value, ChainError>>> = vec![None; calls.len()];
        let mut pending: Vec<usize> = (0..calls.len()).collect();
        let transport = &self.inner.transport;
        // Half of the tries together, then each call alone.
        let mut tries = Tries::new(transport, transport.policy.attempts / 2);
        while pending.len() > 1 && self.inner.batch.load(Ordering::Relaxed) > 1 {
            let limit = self.inner.batch.load(Ordering::Relaxed);
            let now = &pending[..pending.len().min(limit)];
            let mut patience = false;
            match self.together(calls, now).await {
                Ok(answers) => {
                    for (index, answer) in answers {
                        let (method, params) = &calls[index];
                        match self.outcome(method, params, answer) {
                            Ok(result) => results[index] = Some(decode(method, result)),
                            Err(Fault::Passing {
                                patience: asked, ..
                            }) => patience |= asked,
                            Err(_) => {}
                        }
                    }
                    let before = pending.len();
                    pending.retain(|index| results[*index].is_none());
                    if pending.len() < before {
                        tries.went_on();
                        if !patience {
                            continue;
                        }
                    }
                }
                Err(Fault::Passing {
                    patience: asked, ..
                }) => patience = asked,
                Err(Fault::TooLarge) => {
                    let smaller = now.len() / 2;
                    self.inner
                        .batch
                        .fetch_min(smaller.max(1), Ordering::Relaxed);
                    tracing::debug!(smaller, "the node refuses the batch");
                    continue;
                }
                Err(Fault::Final(_)) => break,
            }
            if !tries.another(patience).await {
                break;
            }
        }
        if transport.gave_up() {
            // It would say the same to each.
            let detail = transport.waiting.words();
            for index in std::mem::take(&mut pending) {
                let error = self.transport_error(&calls[index].0, &tries, detail.into());
                results[index] = Some(Err(error));
            }
        }
        let alone: Vec<(usize, Result<Value, ChainError>)> =
            stream::iter(pending.into_iter().map(|index| async move {
                let (method, params) = &calls[index];
                (index, decode(method, self.raw(method, params).await))
            }))
            .buffer_unordered(transport.policy.concurrency.max(1))
            .collect()
            .await;
        for (index, result) in alone {
            results[index] = Some(result);
        }
        results
            .into_iter()
            .zip(calls)
            .map(|(result, (method, _))| {
                result.unwrap_or_else(|| {
                    Err(self.transport_error(method, &tries, "no answer in the batch".into()))
                })
            })
            .collect()
    }

    /// Sends these calls as one batch.
    async fn together(
        &self,
        calls: &[(String, Value)],
        now: &[usize],
    ) -> Result<Vec<(usize, Answer)>, Fault> {
        let first = self
            .inner
            .next_id
            .fetch_add(now.len() as u64, Ordering::Relaxed);
        let mut of_id = HashMap::with_capacity(now.len());
        let mut body = Vec::with_capacity(now.len());
        for (id, index) in (first..).zip(now) {
            let (method, params) = &calls[*index];
            body.push(request(id, method, params));
            of_id.insert(id, *index);
        }
        let body = serde_json::to_vec(&body).map_err(|error| Fault::Final(error.to_string()))?;
        let body = self.inner.transport.post(body, now.len()).await?;
        let fault = |error| Fault::passing(format!("the answer is no JSON-RPC: {error}"));
        if body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[') {
            let answers: Vec<Answer> = serde_json::from_slice(&body).map_err(fault)?;
            return Ok(answers
                .into_iter()
                .filter_map(|answer| Some((of_id.remove(&answer.id.as_u64()?)?, answer)))
                .collect());
        }
        // One error for all: a fault, or the node's way to say that it takes no batch of this size.
        let answer: Answer = serde_json::from_slice(&body).map_err(fault)?;
        Err(match answer.error {
            Some(error) if error.asks_for_patience() => Fault::Passing {
                detail: String::new(),
                last: None,
                patience: true,
            },
            Some(error) if !matches!(error.code, -32603 | -32700) => Fault::TooLarge,
            _ => Fault::passing("the answer to a batch is no batch"),
        })
    }
}

fn decode(method: &str, result: Result<Box<RawValue>, ChainError>) -> Result<Value, ChainError> {
    serde_json::from_str(result?.get()).map_err(|error| ChainError::Malformed {
        method: method.into(),
        detail: rpc::shown(&error.to_string()),
    })
}

fn request(id: u64, method: &str, params: &Value) -> Value {
    let params = if params.is_null() { &json!([]) } else { params };
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}
