#![allow(clippy::print_stderr)]

use super::*;
use crate::{
    Policy,
    anvil::{Anvil, AnvilOptions, tests::there_is_anvil},
    keys::Signer,
};
use alloy::signers::local::PrivateKeySigner;
use alloy_primitives::hex;

fn signer() -> Signer {
    let key = hex!("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80");
    Signer::new(PrivateKeySigner::from_slice(&key).unwrap())
}

async fn chain() -> Option<Anvil> {
    if !there_is_anvil() {
        return None;
    }
    let options = AnvilOptions {
        accounts: 1,
        no_mining: true,
        ..AnvilOptions::default()
    };
    Some(Anvil::start(&options).await.unwrap())
}

#[tokio::test]
async fn a_call_is_prepared_sent_and_found() {
    let Some(anvil) = chain().await else { return };
    let (node, signer) = (anvil.node(), signer());
    let to = Address::repeat_byte(7);
    let call = Call {
        value: U256::from(5),
        ..Call::new(to, Bytes::new())
    };
    let (transaction, required) = prepare(node, signer.address(), &call, None).await.unwrap();
    assert_eq!((transaction.chain_id, transaction.nonce), (31_337, 0));
    assert_eq!(transaction.gas_limit, 26_250);
    assert!(transaction.max_fee_per_gas > transaction.max_priority_fee_per_gas);
    assert!(balance(node, signer.address()).await.unwrap() > required && required > U256::from(5));
    let (hash, raw) = signer.sign(transaction.into()).await.unwrap();
    assert_eq!(broadcast(node, &raw).await.unwrap(), Broadcast::Accepted);
    assert_eq!(
        broadcast(node, &raw).await.unwrap(),
        Broadcast::AlreadyKnown
    );
    assert_eq!(included(node, hash).await.unwrap(), None);
    assert_eq!(
        nonces(node, signer.address()).await.unwrap(),
        Nonces {
            latest: 0,
            pending: 1
        }
    );
    // The next call queues behind it.
    assert_eq!(
        prepare(node, signer.address(), &call, None)
            .await
            .unwrap()
            .0
            .nonce,
        1
    );
    anvil.mine().await.unwrap();
    let found = wait(node, hash).await.unwrap();
    assert!(found.success && found.block == 1 && found.gas_used == 21_000);
    assert_eq!(block_hash(node, 1).await.unwrap(), Some(found.block_hash));
    assert_eq!(block_hash(node, 99).await.unwrap(), None);
    assert_eq!(broadcast(node, &raw).await.unwrap(), Broadcast::NonceTooLow);
    assert_eq!(balance(node, to).await.unwrap(), U256::from(5));
}

#[tokio::test]
async fn a_call_that_would_fail_is_refused_before_it_is_signed() {
    let Some(anvil) = chain().await else { return };
    let to = Address::repeat_byte(7);
    anvil
        .set_code(to, &Bytes::from_static(&hex!("602a5f5360015ffd")))
        .await
        .unwrap();
    let call = Call::new(to, Bytes::new());
    let error = prepare(anvil.node(), signer().address(), &call, None)
        .await
        .unwrap_err();
    assert!(
        matches!(&error, PrepareError::Chain(ChainError::Rpc { data: Some(data), .. }) if data[..] == [0x2a]),
        "{error:?}"
    );
    let delegate = Call {
        operation: 1,
        ..call
    };
    assert!(
        prepare(anvil.node(), signer().address(), &delegate, None)
            .await
            .is_err()
    );
    let junk = broadcast(anvil.node(), &Bytes::from_static(&[2, 0xc0]))
        .await
        .unwrap_err();
    assert!(matches!(junk, ChainError::Rpc { .. }), "{junk:?}");
}

#[tokio::test]
async fn slots_and_code_are_read_at_the_block_that_is_named() {
    let Some(anvil) = chain().await else { return };
    let node = anvil.node();
    let (address, key) = (Address::repeat_byte(7), B256::with_last_byte(1));
    assert!(code_at(node, address).await.unwrap().is_empty());
    anvil
        .set_code(address, &Bytes::from_static(&[0]))
        .await
        .unwrap();
    anvil
        .set_storage(address, key, U256::from(1))
        .await
        .unwrap();
    anvil.mine().await.unwrap();
    let first = block_hash(node, 1).await.unwrap().unwrap();
    // What is set counts from the newest block on.
    anvil.mine().await.unwrap();
    anvil
        .set_storage(address, key, U256::from(2))
        .await
        .unwrap();
    for (at, expected) in [
        (At::Number(1), 1),
        (At::Hash(first), 1),
        (At::Number(2), 2),
        (At::Latest, 2),
    ] {
        let found = slot(node, address, key, at).await.unwrap();
        assert_eq!(found, B256::with_last_byte(expected), "{at:?}");
    }
    assert_eq!(
        code(node, address, At::Hash(first)).await.unwrap(),
        Bytes::from_static(&[0])
    );
    anvil.reorg(2).await.unwrap();
    assert!(slot(node, address, key, At::Hash(first)).await.is_err());
}

#[tokio::test]
async fn finality_is_what_the_node_says() {
    let Some(anvil) = chain().await else { return };
    anvil.mine_many(100).await.unwrap();
    let settled = settled(anvil.node()).await.unwrap();
    let expected = Settled {
        latest: 100,
        safe: Some(68),
        finalized: Some(36),
        assumed: false,
    };
    assert_eq!(settled, expected);
}

/// A node that answers every method by one rule.
async fn mock(answer: impl Fn(&str, &Value) -> Value + Clone + Send + Sync + 'static) -> Node {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    let app = axum::Router::new().route(
        "/",
        axum::routing::post(async move |axum::Json(request): axum::Json<Value>| {
            let mut reply = answer(request["method"].as_str().unwrap(), &request["params"]);
            reply["jsonrpc"] = json!("2.0");
            reply["id"] = request["id"].clone();
            axum::Json(reply)
        }),
    );
    tokio::spawn(async move { axum::serve(listener, app).await });
    Node::new(url, Policy::once())
}

#[tokio::test]
async fn a_chain_without_the_tags_is_taken_to_settle_by_depth_and_says_so() {
    let node = mock(|method, params| match (method, params[0].as_str()) {
        ("eth_blockNumber", _) => json!({"result": "0x3e8"}),
        (_, Some("safe" | "finalized")) => {
            json!({"error": {"code": -32602, "message": "invalid block tag"}})
        }
        _ => json!({"result": null}),
    })
    .await;
    let expected = Settled {
        latest: 1000,
        safe: Some(968),
        finalized: Some(936),
        assumed: true,
    };
    assert_eq!(settled(&node).await.unwrap(), expected);
    let young = mock(|method, _| match method {
        "eth_blockNumber" => json!({"result": "0x3"}),
        _ => json!({"error": {"code": -39001, "message": "finalized block not found"}}),
    })
    .await;
    let expected = Settled {
        latest: 3,
        safe: None,
        finalized: None,
        assumed: false,
    };
    assert_eq!(settled(&young).await.unwrap(), expected);
    // Not being able to tell is not the same as having no tags.
    let broken = mock(|method, _| match method {
        "eth_blockNumber" => json!({"result": "0x3e8"}),
        _ => json!({"error": {"code": -32603, "message": "internal error"}}),
    })
    .await;
    assert!(settled(&broken).await.is_err());
}

#[tokio::test]
async fn fees_come_from_history_and_else_from_the_newest_block() {
    let node = mock(|method, _| match method {
        "eth_feeHistory" => json!({"result": {
            "oldestBlock": "0x1", "baseFeePerGas": ["0x9", "0xa"], "gasUsedRatio": [0.5],
            "reward": [["0x0"], ["0x5"], ["0x3"], ["0x4"]],
        }}),
        _ => json!({"error": {"code": -32601, "message": "no"}}),
    })
    .await;
    assert_eq!(
        fees(&node).await.unwrap(),
        Fees {
            base_fee: 10,
            tip: 4,
            max_fee: 24
        }
    );
    let plain = mock(|method, _| match method {
        "eth_getBlockByNumber" => {
            json!({"result": {"number": "0x1", "hash": B256::ZERO, "baseFeePerGas": "0x64"}})
        }
        _ => json!({"error": {"code": -32601, "message": "no"}}),
    })
    .await;
    let expected = Fees {
        base_fee: 100,
        tip: USUAL_TIP,
        max_fee: 200 + USUAL_TIP,
    };
    assert_eq!(fees(&plain).await.unwrap(), expected);
}

/// Answers what a transaction is made of, with one answer exchanged.
async fn node_that_says(method: &'static str, answer: Value) -> Node {
    mock(move |asked, params| match asked {
        asked if asked == method && (asked != "eth_getTransactionCount" || params[1] == "pending") => {
            json!({"result": answer})
        }
        "eth_chainId" => json!({"result": "0x1"}),
        "eth_getTransactionCount" => json!({"result": "0x5"}),
        "eth_maxPriorityFeePerGas" => json!({"result": "0x3b9aca00"}),
        "eth_estimateGas" => json!({"result": "0x7530"}),
        "eth_getBlockByNumber" => json!({"result": {
            "number": "0x1", "hash": B256::ZERO, "baseFeePerGas": "0x3b9aca00", "gasLimit": "0x1c9c380",
        }}),
        _ => json!({"error": {"code": -32601, "message": "no"}}),
    })
    .await
}

#[tokio::test]
async fn nothing_is_prepared_that_is_too_dear_or_could_not_be_mined() {
    let call = Call::new(Address::repeat_byte(7), Bytes::from_static(&[1, 2, 3]));
    let cases = [
        (
            "eth_maxPriorityFeePerGas",
            "0x2386f26fc10000",
            "the tip is 10000000000000000 wei",
        ),
        ("eth_estimateGas", "0x1", "takes less than 21048"),
        (
            "eth_estimateGas",
            "0x1c9c381",
            "more than the 30000000 of a block",
        ),
        (
            "eth_getTransactionCount",
            "0x10000000000",
            "has transactions under way",
        ),
        ("eth_getProof", "", "but its proof of that account says 3"),
    ];
    let from = signer().address();
    for (method, answer, expected) in cases {
        let answer = match method {
            "eth_getProof" => json!({"nonce": "0x3", "balance": "0x1"}),
            _ => json!(answer),
        };
        let node = node_that_says(method, answer).await;
        let error = prepare(&node, from, &call, None).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
    let dear = node_that_says("eth_maxPriorityFeePerGas", json!("0x2386f26fc10000")).await;
    let (transaction, required) = prepare(&dear, from, &call, Some(2_000_000_000))
        .await
        .unwrap();
    assert_eq!((transaction.nonce, transaction.gas_limit), (5, 37_500));
    assert_eq!(required, U256::from(37_500_u64 * 2_000_000_000));
}

#[test]
fn clients_words_for_known_bytes_are_understood() {
    let cases = [
        ("already known", Some(Broadcast::AlreadyKnown)),
        (
            "transaction already imported",
            Some(Broadcast::AlreadyKnown),
        ),
        (
            "ALREADY_EXISTS: already known",
            Some(Broadcast::AlreadyKnown),
        ),
        ("AlreadyKnown, hash: 0x12", Some(Broadcast::AlreadyKnown)),
        (
            "nonce too low: next nonce 5, tx nonce 4",
            Some(Broadcast::NonceTooLow),
        ),
        ("OldNonce", Some(Broadcast::NonceTooLow)),
        ("replacement transaction underpriced", None),
        ("insufficient funds for gas * price + value", None),
    ];
    for (message, expected) in cases {
        assert_eq!(answered(message), expected, "{message}");
    }
}
