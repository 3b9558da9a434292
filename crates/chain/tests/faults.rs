//! A poor provider, in every way a provider can be poor.
#![allow(clippy::unwrap_used, missing_docs)]

use alloy_primitives::{Address, U256};
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::post,
};
use cutover_chain::{ChainError, LazyState, Node, Notice, Policy};
use cutover_types::Missing;
use serde_json::{Value, json};
use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use url::Url;

type Fault = fn(&Value) -> Response;
type Expected = fn(&ChainError) -> bool;
type Answer = Arc<dyn Fn(usize, Value) -> Response + Send + Sync>;

#[derive(Clone)]
struct Mock {
    count: Arc<AtomicUsize>,
    answer: Answer,
}

/// Runs a test against a node that answers the n-th request as it is told.
async fn against<F: Future>(
    policy: Policy,
    answer: impl Fn(usize, Value) -> Response + Send + Sync + 'static,
    test: impl FnOnce(Node) -> F,
) -> usize {
    let mock = Mock {
        count: Arc::default(),
        answer: Arc::new(answer),
    };
    let count = mock.count.clone();
    let router = Router::new()
        .route("/{*path}", post(handle))
        .with_state(mock);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let url = format!("http://user:hunter2pass@127.0.0.1:{port}/v2/s3cretkey?token=t0psecret");
    test(Node::new(Url::parse(&url).unwrap(), policy)).await;
    server.abort();
    count.load(Ordering::SeqCst)
}

async fn handle(State(mock): State<Mock>, body: Bytes) -> Response {
    let n = mock.count.fetch_add(1, Ordering::SeqCst);
    (mock.answer)(n, serde_json::from_slice(&body).unwrap())
}

fn result(call: &Value, result: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": call["id"], "result": result})
}

fn error(call: &Value, code: i64, message: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": call["id"], "error": {"code": code, "message": message}})
}

fn text(value: &Value) -> Response {
    value.to_string().into_response()
}

fn quick() -> Policy {
    Policy {
        timeout: Duration::from_secs(5),
        budget: Duration::from_secs(20),
        ..Policy::default()
    }
}

#[tokio::test]
async fn faults_are_passed_over() {
    let faults: [(&str, Fault); 7] = [
        ("503", |_| {
            (StatusCode::SERVICE_UNAVAILABLE, "upstream").into_response()
        }),
        ("internal error", |call| {
            text(&error(call, -32603, "internal error"))
        }),
        ("limit exceeded", |call| {
            text(&error(call, -32005, "limit exceeded"))
        }),
        ("cut short", |_| {
            r#"{"jsonrpc":"2.0","id":1,"resu"#.into_response()
        }),
        ("no JSON", |_| "<html>hello</html>".into_response()),
        ("another call's answer", |_| {
            text(&json!({"jsonrpc": "2.0", "id": 999_999, "result": "0x5"}))
        }),
        ("neither result nor error", |call| {
            text(&json!({"id": call["id"]}))
        }),
    ];
    for (name, fault) in faults {
        let answer = move |n, call| {
            if n == 0 {
                fault(&call)
            } else {
                text(&result(&call, json!("0x7")))
            }
        };
        let asked = against(quick(), answer, |node| async move {
            assert_eq!(node.latest().await.unwrap(), 7, "{name}");
            assert_eq!(node.stats().retries, 1, "{name}");
        })
        .await;
        assert_eq!(asked, 2, "{name}");
    }
}

#[tokio::test]
async fn refusals_are_final() {
    let refusals: [(i64, &str, Expected); 4] = [
        (-32601, "no such method", |error| {
            matches!(error, ChainError::Unsupported { .. })
        }),
        (-32000, "missing trie node 0xab", |error| {
            matches!(error, ChainError::Pruned { .. })
        }),
        (4444, "pruned history unavailable", |error| {
            matches!(error, ChainError::Pruned { .. })
        }),
        (3, "execution reverted", |error| {
            matches!(error, ChainError::Rpc { code: 3, .. })
        }),
    ];
    for (code, message, expected) in refusals {
        let asked = against(
            quick(),
            move |_, call| text(&error(&call, code, message)),
            |node| async move {
                let error = node.latest().await.unwrap_err();
                assert!(expected(&error), "{error:?}");
            },
        )
        .await;
        assert_eq!(asked, 1, "{message}");
    }
}

#[tokio::test]
async fn too_many_calls_wait_as_long_as_they_are_told() {
    let started = Instant::now();
    let answer = |n, call| {
        if n < 2 {
            (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "1")], "").into_response()
        } else {
            text(&result(&call, json!("0x1")))
        }
    };
    // Being told to wait is no failed attempt.
    let policy = Policy {
        attempts: 1,
        ..quick()
    };
    against(policy, answer, |node| async move {
        assert_eq!(node.chain_id().await.unwrap(), 1);
        assert_eq!(node.chain_id().await.unwrap(), 1);
        assert_eq!(node.stats().calls, 3, "the chain id is asked once");
    })
    .await;
    assert!(started.elapsed() >= Duration::from_secs(2));
}

#[tokio::test]
async fn a_node_that_only_limits_is_told_of_and_given_up() {
    let policy = |told: &Arc<std::sync::Mutex<Vec<String>>>| {
        let told = told.clone();
        Policy {
            patience: Duration::from_secs(7),
            notice: Some(Notice::new(move |line| {
                told.lock().unwrap().push(line.into())
            })),
            ..Policy::default()
        }
    };
    let limits: [fn(&Value) -> Response; 2] = [
        |_| (StatusCode::TOO_MANY_REQUESTS, "").into_response(),
        |call| {
            let one = |call| error(call, -32005, "rate limit exceeded");
            match call {
                Value::Array(calls) => text(&calls.iter().map(one).collect()),
                call => text(&one(call)),
            }
        },
    ];
    let each = limits.map(|limit| async move {
        let told = Arc::default();
        let (started, policy) = (Instant::now(), policy(&told));
        let asked = against(
            policy,
            move |_, call| limit(&call),
            |node| async move {
                let results = node.batch(calls(30)).await;
                assert!(results.iter().all(Result::is_err));
                let why = results[0].as_ref().unwrap_err().to_string();
                assert!(why.contains("limit"), "{why}");
            },
        )
        .await;
        let took = started.elapsed();
        assert!(took < Duration::from_secs(30), "{took:?}");
        // Each pause is longer than the one before.
        assert!(asked < 20, "{asked}");
        assert_eq!(*told.lock().unwrap(), ["the node limits requests; waiting"]);
    });
    futures::future::join_all(each).await;
}

#[tokio::test]
async fn a_node_that_takes_calls_and_never_answers_is_given_up() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}").parse().unwrap();
    let policy = Policy {
        timeout: Duration::from_secs(2),
        ..Policy::default()
    };
    let started = Instant::now();
    let node = Node::new(url, policy);
    let results = node.batch(calls(30)).await;
    assert!(results.iter().all(Result::is_err));
    assert!(started.elapsed() < Duration::from_secs(15));
}

#[tokio::test]
async fn errors_are_bounded_harmless_and_without_secrets() {
    let answer = |_, call: Value| {
        let message = format!("\u{1b}[2J s3cretkey t0psecret {}", "x".repeat(100_000));
        text(&error(&call, -32000, &message))
    };
    against(quick(), answer, |node| async move {
        let error = node.latest().await.unwrap_err();
        for shown in [error.to_string(), format!("{error:?} {node:?}")] {
            assert!(shown.len() < 1000, "{}", shown.len());
            assert!(!shown.contains('\u{1b}'));
            assert!(
                !shown.contains("s3cret") && !shown.contains("t0psecret"),
                "{shown}"
            );
        }
    })
    .await;

    let url = Url::parse("http://user:hunter2pass@127.0.0.1:9/v2/s3cretkey").unwrap();
    let policy = Policy {
        attempts: 2,
        ..quick()
    };
    let error = Node::new(url, policy).latest().await.unwrap_err();
    let shown = format!("{error} {error:?}");
    assert!(shown.contains("http://127.0.0.1:9"), "{shown}");
    assert!(
        !shown.contains("hunter2") && !shown.contains("s3cret"),
        "{shown}"
    );
    assert!(matches!(error, ChainError::Transport { attempts: 2, .. }));
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_its_end() {
    let policy = Policy {
        max_response: 10_000,
        ..quick()
    };
    let answer = |_, call| text(&result(&call, json!("x".repeat(20_000))));
    let asked = against(policy, answer, |node| async move {
        let error = node.call::<String>("m", json!([])).await.unwrap_err();
        assert!(error.to_string().contains("longer than 10000"), "{error}");
    })
    .await;
    assert_eq!(asked, 1);
}

fn calls(count: u64) -> Vec<(String, Value)> {
    (0..count).map(|n| ("echo".into(), json!([n]))).collect()
}

fn echoes(results: &[Result<Value, ChainError>]) -> bool {
    results
        .iter()
        .enumerate()
        .all(|(n, result)| result.as_ref().is_ok_and(|value| *value == json!(n)))
}

fn echo(call: &Value) -> Value {
    result(call, call["params"][0].clone())
}

#[tokio::test]
async fn a_batch_keeps_its_order_whatever_the_node_does_to_it() {
    // Reversed, with a member missing, one failing, one strange, and one twice.
    let answer = |n, body: Value| {
        let Value::Array(batch) = body else {
            return text(&echo(&body));
        };
        let mut answers: Vec<Value> = batch.iter().rev().map(echo).collect();
        if n < 2 && answers.len() > 4 {
            answers.remove(1);
            answers[2] = error(&answers[2], -32603, "internal error");
            answers.push(answers[3].clone());
            answers.push(json!({"id": "strange", "result": 1}));
        }
        text(&Value::Array(answers))
    };
    against(quick(), answer, |node| async move {
        let results = node.batch(calls(250)).await;
        assert_eq!(results.len(), 250);
        assert!(echoes(&results));
    })
    .await;
}

#[tokio::test]
async fn a_batch_is_cut_to_what_the_node_takes() {
    for most in [1, 7, 60] {
        let answer = move |_, body: Value| match &body {
            Value::Array(batch) if batch.len() > most => {
                text(&error(&Value::Null, -32600, "batch too large"))
            }
            Value::Array(batch) if most == 1 => {
                (StatusCode::PAYLOAD_TOO_LARGE, batch.len().to_string()).into_response()
            }
            Value::Array(batch) => text(&batch.iter().map(echo).collect()),
            call => text(&echo(call)),
        };
        against(quick(), answer, |node| async move {
            assert!(echoes(&node.batch(calls(130)).await), "at most {most}");
        })
        .await;
    }
}

#[tokio::test]
async fn a_refused_member_does_not_spoil_the_batch() {
    let answer = |_, body: Value| {
        let batch = body.as_array().unwrap();
        text(
            &batch
                .iter()
                .map(|call| match call["params"][0].as_u64() {
                    Some(3) => error(call, -32000, "missing trie node"),
                    _ => echo(call),
                })
                .collect(),
        )
    };
    let asked = against(quick(), answer, |node| async move {
        let results = node.batch(calls(10)).await;
        assert!(matches!(results[3], Err(ChainError::Pruned { .. })));
        assert_eq!(results.iter().filter(|one| one.is_ok()).count(), 9);
    })
    .await;
    assert_eq!(asked, 1);
}

#[tokio::test]
async fn a_block_that_hashes_to_something_else_is_a_lie() {
    let header = alloy_consensus::Header {
        number: 5,
        base_fee_per_gas: Some(7),
        ..Default::default()
    };
    let block = move |hash: alloy_primitives::B256| {
        let mut block = serde_json::to_value(&header).unwrap();
        block["hash"] = json!(hash);
        block["transactions"] = json!([]);
        block
    };
    let right = block(alloy_primitives::B256::ZERO);
    let answer = move |_, call| text(&result(&call, right.clone()));
    against(quick(), answer, |node| async move {
        assert!(matches!(node.block(5).await, Err(ChainError::Lie { .. })));
        assert!(matches!(node.header(5).await, Err(ChainError::Lie { .. })));
        assert!(node.header_unverified(5).await.is_ok());
        assert!(matches!(
            node.header_unverified(6).await,
            Err(ChainError::Malformed { .. })
        ));
    })
    .await;
}

#[tokio::test]
async fn a_transaction_of_another_kind_of_chain_is_named() {
    let header = alloy_consensus::Header {
        number: 5,
        ..Default::default()
    };
    let mut block = serde_json::to_value(&header).unwrap();
    block["hash"] = json!(header.hash_slow());
    block["transactions"] =
        json!([{"type": "0x7e", "hash": alloy_primitives::B256::repeat_byte(1)}]);
    let answer = move |_, call| text(&result(&call, block.clone()));
    against(quick(), answer, |node| async move {
        let error = node.block(5).await.unwrap_err().to_string();
        assert!(error.contains("type 0x7e"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn a_refused_account_does_not_shift_the_answers_behind_it() {
    let first = Address::repeat_byte(1);
    let second = Address::repeat_byte(2);
    let one = move |call: &Value| match call["method"].as_str() {
        Some("eth_getAccountInfo") => error(call, -32601, "no such method"),
        _ if call["params"][0] == json!(first) => error(call, -32000, "missing trie node"),
        Some("eth_getBalance") => result(call, json!("0x2")),
        Some("eth_getTransactionCount") => result(call, json!("0x3")),
        _ => result(call, json!("0x6001")),
    };
    let answer = move |_, body: Value| match &body {
        Value::Array(batch) => text(&batch.iter().map(one).collect()),
        call => text(&one(call)),
    };
    against(quick(), answer, |node| async move {
        let mut state = LazyState::new(node, 5);
        let wanted = [first, second].map(|address| Missing::Account { address });
        let refused = state.fill(&wanted.into()).await.unwrap();
        assert_eq!(refused.len(), 1);
        assert_eq!(refused[0].0, wanted[0]);
        let account = &state.known.accounts[&second];
        assert_eq!((account.nonce, account.balance), (3, U256::from(2)));
        assert!(!state.known.accounts.contains_key(&first));
    })
    .await;
}
