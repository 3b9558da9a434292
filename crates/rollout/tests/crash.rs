//! A run that dies at any step is resumed, and nothing is ever sent twice.
#![allow(clippy::unwrap_used)]

mod world;

use cutover_rollout::{Checkpoints, RolloutError, Step};
use std::{
    path::Path,
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};
use world::{Anvil, Asked, BLUE, GREEN, events, node, owner};

const STEP: &str = "CUTOVER_TEST_CRASH_AT";
const URL: &str = "CUTOVER_TEST_URL";
const JOURNAL: &str = "CUTOVER_TEST_JOURNAL";
const WAY: &str = "CUTOVER_TEST_WAY";

/// Ends the process without any destructor, as a power cut would.
struct Abort(String);

impl Checkpoints for Abort {
    fn reached(&self, step: Step) -> bool {
        if step.name() == self.0 {
            std::process::abort();
        }
        true
    }
}

/// Not a test of its own: the process that dies in the tests below.
#[tokio::test(flavor = "multi_thread")]
async fn child() {
    let Ok(step) = std::env::var(STEP) else {
        return;
    };
    let node = node(&std::env::var(URL).unwrap());
    let journal = std::env::var(JOURNAL).unwrap();
    let (asked, journal) = (Asked::new(), Path::new(&journal));
    let result = match std::env::var(WAY).unwrap().as_str() {
        "back" => asked.rollback_until(&node, journal, &Abort(step)).await,
        _ => asked.upgrade_until(&node, journal, &Abort(step)).await,
    };
    result.unwrap();
}

async fn die_at(anvil: &Anvil, journal: &Path, way: &str, step: Step) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture"])
        .env(STEP, step.name())
        .env(URL, &anvil.url)
        .env(JOURNAL, journal)
        .env(WAY, way)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        anvil.mine(16).await;
        tokio::time::sleep(Duration::from_millis(30)).await;
    };
    assert!(!status.success(), "it died at {}", step.name());
}

async fn finish(anvil: &Anvil, asked: &Asked, journal: &Path, way: &str) {
    let run = async {
        match way {
            "back" => asked.rollback(&anvil.node, journal).await,
            _ => asked.upgrade(&anvil.node, journal).await,
        }
    };
    let mining = async {
        loop {
            anvil.mine(16).await;
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    };
    tokio::select! {
        receipt = run => assert!(receipt.unwrap().is_final),
        () = mining => unreachable!("mining never ends"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_dies_at_any_step_is_resumed() {
    let asked = Asked::new();
    for step in Step::ALL {
        let Some(anvil) = Anvil::start(&[]) else {
            return;
        };
        anvil.build().await;
        let folder = tempfile::tempdir().unwrap();
        let journal = folder.path().join("journal.jsonl");
        for (way, goal, nonce) in [("forward", GREEN, 1), ("back", BLUE, 2)] {
            die_at(&anvil, &journal, way, step).await;
            finish(&anvil, &asked, &journal, way).await;
            let name = step.name();
            assert_eq!(anvil.implementation().await, goal, "{way} {name}");
            assert_eq!(anvil.nonce(owner().address()).await, nonce, "{way} {name}");
        }
        let signed = events(&journal)
            .into_iter()
            .filter(|event| *event == "signed");
        assert_eq!(signed.count(), 2, "{}", step.name());
    }
}

/// Stops at the n-th step whatever it is.
struct StopAfter(AtomicUsize);

impl Checkpoints for StopAfter {
    fn reached(&self, _step: Step) -> bool {
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(1)
            })
            .is_ok()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_dies_again_and_again_sends_once() {
    let Some(anvil) = Anvil::start(&["--no-mining"]) else {
        return;
    };
    anvil.build().await;
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal.jsonl");
    let mut asked = Asked::new();
    asked.options.patience = Some(Duration::from_millis(60));
    // Each run gets a few steps further; none of them gets to the end before blocks come.
    for steps in 0..12 {
        let stop = StopAfter(AtomicUsize::new(steps));
        let result = asked.upgrade_until(&anvil.node, &journal, &stop).await;
        assert!(
            matches!(
                result,
                Err(RolloutError::Stopped(_) | RolloutError::StillPending { .. })
            ),
            "{result:?}"
        );
    }
    asked.options.patience = None;
    finish(&anvil, &asked, &journal, "forward").await;
    assert_eq!(anvil.nonce(owner().address()).await, 1);
    assert_eq!(
        events(&journal),
        ["pointer", "signed", "broadcast", "included", "finalized"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_of_two_calls_that_dies_again_and_again_sends_each_once() {
    let Some(anvil) = Anvil::start(&[]) else {
        return;
    };
    anvil.build_two_step().await;
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal.jsonl");
    let asked = Asked::two_steps(0);
    for (way, goal, nonce) in [("forward", GREEN, 2), ("back", BLUE, 4)] {
        for steps in 0..24 {
            let stop = StopAfter(AtomicUsize::new(steps));
            let run = async {
                match way {
                    "back" => asked.rollback_until(&anvil.node, &journal, &stop).await,
                    _ => asked.upgrade_until(&anvil.node, &journal, &stop).await,
                }
            };
            let mining = async {
                loop {
                    anvil.mine(16).await;
                    tokio::time::sleep(Duration::from_millis(30)).await;
                }
            };
            let result = tokio::select! {
                result = run => result,
                () = mining => unreachable!("mining never ends"),
            };
            assert!(
                matches!(result, Ok(_) | Err(RolloutError::Stopped(_))),
                "{result:?}"
            );
        }
        finish(&anvil, &asked, &journal, way).await;
        assert_eq!(anvil.implementation().await, goal, "{way}");
        assert_eq!(anvil.nonce(owner().address()).await, nonce, "{way}");
    }
    let signed = events(&journal).into_iter().filter(|e| *e == "signed");
    assert_eq!(signed.count(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_call_waits_for_the_chains_clock() {
    let Some(anvil) = Anvil::start(&[]) else {
        return;
    };
    anvil.build_two_step().await;
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal.jsonl");
    let mut asked = Asked::two_steps(86_400);
    asked.options.patience = Some(Duration::from_millis(500));
    asked.options.finality = cutover_rollout::Finality::Confirmations(0);
    let early = asked.upgrade(&anvil.node, &journal).await;
    assert!(
        matches!(early, Err(RolloutError::NotYet { seconds, .. }) if seconds > 80_000),
        "{early:?}"
    );
    assert_eq!(anvil.implementation().await, BLUE);
    assert_eq!(anvil.nonce(owner().address()).await, 1);
    anvil
        .rpc("evm_increaseTime", serde_json::json!([86_400]))
        .await;
    anvil.mine(1).await;
    asked.upgrade(&anvil.node, &journal).await.unwrap();
    assert_eq!(anvil.implementation().await, GREEN);
    assert_eq!(anvil.nonce(owner().address()).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn any_prefix_of_a_journal_resumes_without_a_second_transaction() {
    let Some(anvil) = Anvil::start(&[]) else {
        return;
    };
    anvil.build().await;
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal.jsonl");
    let asked = Asked::new();
    finish(&anvil, &asked, &journal, "forward").await;
    let bytes = std::fs::read(&journal).unwrap();
    // Every fourteenth cut, and every cut around a line's end.
    let cuts = (0..=bytes.len()).filter(|at| {
        at % 14 == 0 || bytes[at.saturating_sub(2)..(at + 1).min(bytes.len())].contains(&b'\n')
    });
    for at in cuts {
        std::fs::write(&journal, &bytes[..at]).unwrap();
        finish(&anvil, &asked, &journal, "forward").await;
        assert_eq!(anvil.nonce(owner().address()).await, 1, "cut at {at}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_lost_a_waiting_transaction_does_not_sign_another() {
    let Some(anvil) = Anvil::start(&["--no-mining"]) else {
        return;
    };
    anvil.build().await;
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal.jsonl");
    let mut asked = Asked::new();
    asked.options.patience = Some(Duration::from_millis(60));
    let waiting = asked.upgrade(&anvil.node, &journal).await;
    assert!(matches!(waiting, Err(RolloutError::StillPending { .. })));
    let text = std::fs::read_to_string(&journal).unwrap();
    let pointer = text.split_inclusive('\n').next().unwrap();
    std::fs::write(&journal, pointer).unwrap();
    let refused = asked.upgrade(&anvil.node, &journal).await.unwrap_err();
    assert!(refused.to_string().contains("has transactions under way"));
    assert_eq!(events(&journal), ["pointer"]);
}
