//! Nodes that take a transaction and do not say so, or show it late: nothing is ever sent twice.
#![allow(clippy::unwrap_used)]

mod world;

use axum::{Json, Router, extract::State, routing::post};
use cutover_chain::{ChainError, Node};
use cutover_rollout::{Journal, RolloutError};
use cutover_types::rollout::{Event, Receipt};
use serde_json::{Value, json};
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use world::{Anvil, BLUE, GREEN, Ground, events, node, owner};

/// What the facade answers, given the method, how often it was asked, and the honest answer.
type Answer = fn(&str, usize, Value) -> Result<Value, &'static str>;

#[derive(Clone)]
struct Facade {
    behind: Node,
    answer: Answer,
    asked: Arc<AtomicUsize>,
}

/// A node that passes everything on and answers as it is told.
async fn facade(anvil: &Anvil, answer: Answer) -> Node {
    let state = Facade {
        behind: node(&anvil.url),
        answer,
        asked: Arc::default(),
    };
    let router = Router::new().route("/", post(pass_on)).with_state(state);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    node(&url)
}

async fn pass_on(State(facade): State<Facade>, Json(request): Json<Value>) -> Json<Value> {
    let method = request["method"].as_str().unwrap().to_owned();
    let honest = facade.behind.call(&method, request["params"].clone()).await;
    let refuse = |code: i64, message: &str| json!({"jsonrpc": "2.0", "id": request["id"], "error": {"code": code, "message": message}});
    Json(match honest {
        Ok(honest) => {
            let count = match method.as_str() {
                "eth_getTransactionReceipt" | "eth_getProof" => {
                    facade.asked.fetch_add(1, Ordering::SeqCst)
                }
                _ => 0,
            };
            match (facade.answer)(&method, count, honest) {
                Ok(result) => json!({"jsonrpc": "2.0", "id": request["id"], "result": result}),
                Err(message) => refuse(-32000, message),
            }
        }
        Err(ChainError::Rpc { code, message, .. }) => refuse(code, &message),
        Err(error) => refuse(-32000, &error.to_string()),
    })
}

impl Ground {
    /// A proxy that takes so many calls for an upgrade.
    async fn of_calls(calls: usize) -> Option<Self> {
        match calls {
            2 => Self::two_steps(0).await,
            _ => Self::new(&[]).await,
        }
    }

    async fn upgrade_at(&self, node: &Node) -> Result<Receipt, RolloutError> {
        let run = self.asked.upgrade(node, &self.path);
        self.anvil.while_mining(run).await
    }

    /// The upgrade is done, by one transaction for each call, none of them given up.
    async fn is_done_once(&self) {
        assert_eq!(self.anvil.implementation().await, GREEN);
        let sent = self.anvil.nonce(owner().address()).await;
        let events = events(&self.path);
        let signed = events.iter().filter(|event| **event == "signed").count();
        let calls = 1 + self.asked.proposal.forward_then.len();
        assert_eq!((sent, signed), (calls as u64, calls));
    }

    /// `answer` ends the first run without a verdict; an honest node finishes what it began.
    async fn first_unclear_then_done(&self, answer: Answer, expected: &str) {
        let error = self
            .upgrade_at(&facade(&self.anvil, answer).await)
            .await
            .unwrap_err();
        assert!(error.is_inconclusive(), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
        assert!(!events(&self.path).contains(&"abandoned"));
        self.upgrade_at(&self.anvil.node).await.unwrap();
        self.is_done_once().await;
        assert!(!events(&self.path).contains(&"abandoned"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_for_a_transaction_the_node_took_is_looked_behind() {
    for calls in [1, 2] {
        let Some(ground) = Ground::of_calls(calls).await else {
            return;
        };
        let node = facade(&ground.anvil, |method, _, honest| match method {
            "eth_sendRawTransaction" => Err("internal error"),
            _ => Ok(honest),
        });
        ground.upgrade_at(&node.await).await.unwrap();
        ground.is_done_once().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_was_handed_over_and_is_not_shown_may_have_been_sent() {
    let answers: [Answer; 2] = [
        |method, _, honest| match method {
            "eth_sendRawTransaction" => Err("internal error"),
            "eth_getTransactionByHash" | "eth_getTransactionReceipt" => Ok(Value::Null),
            _ => Ok(honest),
        },
        |method, _, honest| match method {
            "eth_sendRawTransaction" => Ok(json!(alloy_primitives::B256::repeat_byte(7))),
            "eth_getTransactionByHash" | "eth_getTransactionReceipt" => Ok(Value::Null),
            _ => Ok(honest),
        },
    ];
    for answer in answers {
        for calls in [1, 2] {
            let Some(ground) = Ground::of_calls(calls).await else {
                return;
            };
            ground
                .first_unclear_then_done(answer, "may have been sent")
                .await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_that_lag_behind_the_nonce_prove_nothing() {
    let without_receipts: Answer = |method, _, honest| match method {
        "eth_getTransactionReceipt" => Ok(Value::Null),
        _ => Ok(honest),
    };
    // Neither the receipt nor the block's transactions: the nonce alone is ahead.
    let without_transactions: Answer = |method, _, mut honest| match method {
        "eth_getTransactionReceipt" | "eth_getTransactionByHash" => Ok(Value::Null),
        "eth_getBlockByNumber" if honest.is_object() => {
            honest["transactions"] = json!([]);
            Ok(honest)
        }
        _ => Ok(honest),
    };
    for (answer, expected) in [
        (without_receipts, "the node has no receipt of it"),
        (without_transactions, "the node shows no transaction there"),
    ] {
        for calls in [1, 2] {
            let Some(ground) = Ground::of_calls(calls).await else {
                return;
            };
            ground.first_unclear_then_done(answer, expected).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_that_come_late_are_waited_for() {
    let Some(ground) = Ground::of_calls(2).await else {
        return;
    };
    let node = facade(&ground.anvil, |method, asked, honest| match method {
        "eth_getTransactionReceipt" if asked % 12 < 8 => Ok(Value::Null),
        _ => Ok(honest),
    });
    ground.upgrade_at(&node.await).await.unwrap();
    ground.is_done_once().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resumed_transaction_that_moved_the_proxy_is_not_refused_as_never_sent() {
    let Some(ground) = Ground::of_calls(1).await else {
        return;
    };
    let answer: Answer = |method, _, honest| match method {
        "eth_getTransactionReceipt" => Ok(Value::Null),
        _ => Ok(honest),
    };
    let node = facade(&ground.anvil, answer).await;
    for _ in 0..2 {
        // The second time the slot holds green already, and the preflight would say no.
        let error = ground.upgrade_at(&node).await.unwrap_err();
        assert!(matches!(error, RolloutError::Untold { .. }), "{error}");
    }
    ground.upgrade_at(&ground.anvil.node).await.unwrap();
    ground.is_done_once().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_only_a_mistaken_node_names_is_paid_when_the_user_says_so() {
    let dear_tip: Answer = |method, _, honest| match method {
        "eth_maxPriorityFeePerGas" => Ok(json!("0x2386f26fc10000")),
        _ => Ok(honest),
    };
    let dear_base: Answer = |method, _, mut honest| match method {
        "eth_getBlockByNumber" if honest.is_object() => {
            honest["baseFeePerGas"] = json!("0x38d7ea4c68000");
            Ok(honest)
        }
        _ => Ok(honest),
    };
    let Some(mut ground) = Ground::of_calls(1).await else {
        return;
    };
    for (answer, expected) in [
        (dear_tip, "the tip is 10000000000000000 wei per gas"),
        (dear_base, "the fee is 20000"),
    ] {
        let node = facade(&ground.anvil, answer).await;
        let error = ground.upgrade_at(&node).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(matches!(error, RolloutError::Refused(_)) && !error.is_inconclusive());
        assert_eq!(ground.anvil.nonce(owner().address()).await, 0);
    }
    ground.asked.options.max_fee = Some(3_000_000_000);
    let node = facade(&ground.anvil, dear_tip).await;
    ground.upgrade_at(&node).await.unwrap();
    ground.is_done_once().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_could_never_be_mined_are_not_signed() {
    let answers: [(Answer, &str, bool); 3] = [
        (
            |method, _, honest| match method {
                "eth_estimateGas" => Ok(json!("0x1")),
                _ => Ok(honest),
            },
            "no transaction with its data takes less than 21",
            false,
        ),
        (
            |method, _, honest| match method {
                "eth_estimateGas" => Ok(json!("0xffffffff")),
                _ => Ok(honest),
            },
            "more than the 30000000 of a block",
            false,
        ),
        (
            |method, _, honest| match method {
                "eth_getTransactionCount" => Ok(json!("0x10000000000")),
                _ => Ok(honest),
            },
            "sent 1099511627776 transactions, but its proof of that account says 0",
            true,
        ),
    ];
    let Some(ground) = Ground::of_calls(1).await else {
        return;
    };
    for (answer, expected, inconclusive) in answers {
        let node = facade(&ground.anvil, answer).await;
        let error = ground.upgrade_at(&node).await.unwrap_err();
        assert!(matches!(error, RolloutError::Refused(_)), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(error.is_inconclusive(), inconclusive, "{error}");
        assert!(events(&ground.path).is_empty());
    }
    ground.upgrade_at(&ground.anvil.node).await.unwrap();
    ground.is_done_once().await;
    // A nonce that was used before is refused; a proof that lags a few looks behind is waited for.
    let before = events(&ground.path);
    let node = facade(&ground.anvil, |method, _, honest| match method {
        "eth_getTransactionCount" => Ok(json!("0x0")),
        _ => Ok(honest),
    });
    let error = ground.asked.rollback(&node.await, &ground.path).await;
    let text = error.unwrap_err().to_string();
    let expected = "sent 0 transactions, but its proof of that account says 1";
    assert!(text.contains(expected), "{text}");
    assert_eq!(events(&ground.path), before);
    let node = facade(&ground.anvil, |method, asked, mut honest| match method {
        "eth_getProof" if asked < 2 => {
            honest["nonce"] = json!("0x0");
            Ok(honest)
        }
        _ => Ok(honest),
    });
    let node = node.await;
    let run = ground.asked.rollback(&node, &ground.path);
    ground.anvil.while_mining(run).await.unwrap();
    assert_eq!(ground.anvil.implementation().await, BLUE);
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_fork_the_nonce_is_that_of_the_chain() {
    let Some(ground) = Ground::of_calls(1).await else {
        return;
    };
    ground.upgrade_at(&ground.anvil.node).await.unwrap();
    let Some(fork) = Anvil::start(&["--fork-url", &ground.anvil.url]) else {
        return;
    };
    let run = ground.asked.rollback(&fork.node, &ground.path);
    fork.while_mining(run).await.unwrap();
    assert_eq!(fork.implementation().await, BLUE);
    assert_eq!(fork.nonce(owner().address()).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_given_up_by_mistake_is_taken_up_again() {
    let Some(ground) = Ground::of_calls(2).await else {
        return;
    };
    let answer: Answer = |method, _, honest| match method {
        "eth_getTransactionReceipt" => Ok(Value::Null),
        _ => Ok(honest),
    };
    let node = facade(&ground.anvil, answer).await;
    ground.upgrade_at(&node).await.unwrap_err();
    give_up_the_last(&ground.path);
    assert_eq!(ground.anvil.implementation().await, BLUE);
    ground.upgrade_at(&ground.anvil.node).await.unwrap();
    ground.is_done_once().await;
}

fn give_up_the_last(path: &Path) {
    let mut journal = Journal::open(path).unwrap();
    let signed = journal.entries().iter().rev();
    let hash = signed
        .filter_map(|entry| match &entry.event {
            Event::Signed { hash, .. } => Some(*hash),
            _ => None,
        })
        .next()
        .unwrap();
    let why = "nonce 0 was used by another transaction".into();
    journal.append(Event::Abandoned { hash, why }).unwrap();
}
