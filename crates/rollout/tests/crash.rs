//! A run that dies at any step is resumed, and nothing is ever sent twice.
#![allow(clippy::unwrap_used)]

mod world;

use cutover_rollout::{Checkpoints, RolloutError, Step, Uninterrupted};
use cutover_types::rollout::Direction;
use std::{path::Path, process::Command, time::Duration};
use world::{Asked, BLUE, GREEN, Ground, StopAfter, events, node, owner};

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
    let way = match std::env::var(WAY).unwrap().as_str() {
        "back" => Direction::Back,
        _ => Direction::Forward,
    };
    let journal = Path::new(&journal);
    let run = Asked::new().run(way, &node, journal, &Abort(step)).await;
    run.unwrap();
}

async fn die_at(ground: &Ground, way: Direction, step: Step) {
    let way = match way {
        Direction::Back => "back",
        _ => "forward",
    };
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture"])
        .env(STEP, step.name())
        .env(URL, &ground.anvil.url)
        .env(JOURNAL, &ground.path)
        .env(WAY, way)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let ended = async {
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let status = ground.anvil.while_mining(ended).await;
    assert!(!status.success(), "it died at {}", step.name());
}

async fn finish(ground: &Ground, way: Direction) {
    let Ground {
        anvil, asked, path, ..
    } = ground;
    let run = asked.run(way, &anvil.node, path, &Uninterrupted);
    let receipt = anvil.while_mining(run).await.unwrap();
    assert!(receipt.is_final);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_dies_at_any_step_is_resumed() {
    for step in Step::ALL {
        let Some(ground) = Ground::new(&[]).await else {
            return;
        };
        let ways = [(Direction::Forward, GREEN, 1), (Direction::Back, BLUE, 2)];
        for (way, goal, nonce) in ways {
            die_at(&ground, way, step).await;
            finish(&ground, way).await;
            let name = step.name();
            let implementation = ground.anvil.implementation().await;
            assert_eq!(implementation, goal, "{way:?} {name}");
            let sent = ground.anvil.nonce(owner().address()).await;
            assert_eq!(sent, nonce, "{way:?} {name}");
        }
        let signed = events(&ground.path)
            .into_iter()
            .filter(|event| *event == "signed");
        assert_eq!(signed.count(), 2, "{}", step.name());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_dies_again_and_again_sends_once() {
    let Some(mut ground) = Ground::new(&["--no-mining"]).await else {
        return;
    };
    ground.asked.options.patience = Some(Duration::from_millis(60));
    // Each run gets a few steps further; none of them gets to the end before blocks come.
    for steps in 0..12 {
        let (stop, node) = (StopAfter::new(steps), &ground.anvil.node);
        let run = ground
            .asked
            .run(Direction::Forward, node, &ground.path, &stop);
        let result = run.await;
        assert!(
            matches!(
                result,
                Err(RolloutError::Stopped(_) | RolloutError::StillPending { .. })
            ),
            "{result:?}"
        );
    }
    ground.asked.options.patience = None;
    finish(&ground, Direction::Forward).await;
    assert_eq!(ground.anvil.nonce(owner().address()).await, 1);
    assert_eq!(
        events(&ground.path),
        ["pointer", "signed", "broadcast", "included", "finalized"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_of_two_calls_that_dies_again_and_again_sends_each_once() {
    let Some(ground) = Ground::two_steps(0).await else {
        return;
    };
    let Ground {
        anvil, asked, path, ..
    } = &ground;
    for (way, goal, nonce) in [(Direction::Forward, GREEN, 2), (Direction::Back, BLUE, 4)] {
        for steps in 0..24 {
            let stop = StopAfter::new(steps);
            let run = asked.run(way, &anvil.node, path, &stop);
            let result = anvil.while_mining(run).await;
            assert!(
                matches!(result, Ok(_) | Err(RolloutError::Stopped(_))),
                "{result:?}"
            );
        }
        finish(&ground, way).await;
        assert_eq!(anvil.implementation().await, goal, "{way:?}");
        assert_eq!(anvil.nonce(owner().address()).await, nonce, "{way:?}");
    }
    let signed = events(path).into_iter().filter(|e| *e == "signed");
    assert_eq!(signed.count(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_call_waits_for_the_chains_clock() {
    let Some(mut ground) = Ground::two_steps(86_400).await else {
        return;
    };
    ground.asked.options.patience = Some(Duration::from_millis(500));
    ground.asked.options.finality = cutover_rollout::Finality::Confirmations(0);
    let early = ground.upgrade_unmined().await;
    assert!(
        matches!(early, Err(RolloutError::NotYet { seconds, .. }) if seconds > 80_000),
        "{early:?}"
    );
    assert_eq!(ground.anvil.implementation().await, BLUE);
    assert_eq!(ground.anvil.nonce(owner().address()).await, 1);
    ground
        .anvil
        .rpc("evm_increaseTime", serde_json::json!([86_400]))
        .await;
    ground.anvil.mine(1).await;
    ground.upgrade_unmined().await.unwrap();
    assert_eq!(ground.anvil.implementation().await, GREEN);
    assert_eq!(ground.anvil.nonce(owner().address()).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn any_prefix_of_a_journal_resumes_without_a_second_transaction() {
    let Some(ground) = Ground::new(&[]).await else {
        return;
    };
    finish(&ground, Direction::Forward).await;
    let bytes = std::fs::read(&ground.path).unwrap();
    // Every fourteenth cut, and every cut around a line's end.
    let cuts = (0..=bytes.len()).filter(|at| {
        at % 14 == 0 || bytes[at.saturating_sub(2)..(at + 1).min(bytes.len())].contains(&b'\n')
    });
    for at in cuts {
        std::fs::write(&ground.path, &bytes[..at]).unwrap();
        finish(&ground, Direction::Forward).await;
        let sent = ground.anvil.nonce(owner().address()).await;
        assert_eq!(sent, 1, "cut at {at}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_lost_a_waiting_transaction_does_not_sign_another() {
    let Some(mut ground) = Ground::new(&["--no-mining"]).await else {
        return;
    };
    ground.asked.options.patience = Some(Duration::from_millis(60));
    let waiting = ground.upgrade_unmined().await;
    assert!(matches!(waiting, Err(RolloutError::StillPending { .. })));
    let text = std::fs::read_to_string(&ground.path).unwrap();
    let pointer = text.split_inclusive('\n').next().unwrap();
    std::fs::write(&ground.path, pointer).unwrap();
    let refused = ground.upgrade_unmined().await.unwrap_err();
    assert!(refused.to_string().contains("has transactions under way"));
    assert_eq!(events(&ground.path), ["pointer"]);
}
