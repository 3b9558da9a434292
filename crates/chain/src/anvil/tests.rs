#![allow(clippy::print_stderr)]

use super::*;
use crate::{node::Policy, programs::find_program};

mod fork;
mod outcomes;
mod world;

/// Whether there is an anvil to test with.
pub(crate) fn there_is_anvil() -> bool {
    let found = find_program("CUTOVER_ANVIL", "anvil").is_some();
    if !found {
        eprintln!("skipped: there is no anvil (run scripts/setup)");
    }
    found
}

fn is_running(pid: u32) -> bool {
    // A process that ended and was not waited for is still listed.
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

#[tokio::test]
async fn nothing_is_left_of_an_anvil_that_is_dropped() {
    if !there_is_anvil() {
        return;
    }
    let anvil = Anvil::start(&AnvilOptions::default()).await.unwrap();
    assert_eq!(anvil.url().host_str(), Some("127.0.0.1"));
    assert!(anvil.version() >= Version(1, 7, 0));
    let accounts: Vec<String> = anvil.node().call("eth_accounts", json!([])).await.unwrap();
    assert!(accounts.is_empty());
    anvil.mine_many(3).await.unwrap();
    assert_eq!(anvil.node().latest().await.unwrap(), 3);
    let (pid, home) = (anvil.pid(), anvil.home.path().to_owned());
    let output = fs::metadata(home.join("stdout")).unwrap().len();
    anvil.mine_many(50).await.unwrap();
    assert_eq!(fs::metadata(home.join("stdout")).unwrap().len(), output);
    drop(anvil);
    assert!(!home.exists());
    assert!(!is_running(pid));
}

#[tokio::test]
async fn a_detached_anvil_goes_on() {
    if !there_is_anvil() {
        return;
    }
    let anvil = Anvil::start(&AnvilOptions::default()).await.unwrap();
    let (url, home) = (anvil.url(), anvil.home.path().to_owned());
    let pid = anvil.detach();
    let node = Node::new(url, Policy::once());
    assert_eq!(node.latest().await.unwrap(), 0);
    let killed = std::process::Command::new("kill")
        .arg(pid.to_string())
        .status()
        .unwrap();
    assert!(killed.success());
    fs::remove_dir_all(home).unwrap();
}

#[tokio::test]
async fn an_anvil_that_does_not_start_says_why_on_one_line() {
    if !there_is_anvil() {
        return;
    }
    let options = AnvilOptions {
        extra: vec!["--no-such-option".into()],
        ..AnvilOptions::default()
    };
    let error = Anvil::start(&options).await.unwrap_err().to_string();
    assert!(
        error.contains("it ended with") && error.contains("--no-such-option"),
        "{error}"
    );
    assert_eq!(error.lines().count(), 1);

    let options = AnvilOptions {
        fork_url: Some(
            "http://me:hunter2hunter2@127.0.0.1:1/v2/secret-key?token=secret-token"
                .parse()
                .unwrap(),
        ),
        fork_block: Some(5),
        extra: ["--retries", "0"].map(str::to_owned).to_vec(),
        ..AnvilOptions::default()
    };
    let error = Anvil::start(&options).await.unwrap_err().to_string();
    assert!(
        !error.contains("secret-") && !error.contains("hunter2"),
        "{error}"
    );
}

#[tokio::test]
async fn one_that_never_listens_is_given_up_and_ended() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("anvil");
    let script = "#!/bin/sh\nif [ \"$1\" = --version ]; then echo 'anvil Version: 1.7.1'; exit; fi\necho 'waiting for Godot' >&2\nexec sleep 60\n";
    fs::write(&file, script).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    let options = AnvilOptions {
        program: Some(file),
        patience: Some(Duration::from_millis(300)),
        ..AnvilOptions::default()
    };
    let error = Anvil::start(&options).await.unwrap_err().to_string();
    assert!(
        error.contains("does not listen") && error.contains("waiting for Godot"),
        "{error}"
    );
}

#[test]
fn the_address_of_a_node_is_no_argument() {
    let home = tempfile::tempdir().unwrap();
    let options = AnvilOptions::green(
        "https://node.example/v2/secret-key".parse().unwrap(),
        5,
        cutover_types::Hardfork::Osaka,
    );
    let command = options.command(Path::new("anvil"), home.path()).unwrap();
    let arguments: Vec<_> = command
        .get_args()
        .map(|argument| argument.to_string_lossy())
        .collect();
    assert!(
        !arguments.iter().any(|argument| argument.contains("secret")),
        "{arguments:?}"
    );
    let settings = fs::read_to_string(home.path().join("foundry.toml")).unwrap();
    assert!(!settings.contains("secret"));
    assert!(!format!("{options:?}").contains("secret"));
}

#[tokio::test]
async fn snapshots_go_back_and_reorgs_drop_what_was_mined() {
    if !there_is_anvil() {
        return;
    }
    let anvil = Anvil::start(&AnvilOptions {
        impersonate: true,
        ..AnvilOptions::default()
    })
    .await
    .unwrap();
    let from = alloy_primitives::Address::repeat_byte(7);
    let snapshot = anvil.snapshot().await.unwrap();
    anvil
        .set_balance(
            from,
            alloy_primitives::U256::from(10).pow(alloy_primitives::U256::from(18)),
        )
        .await
        .unwrap();
    let payment = Unsigned {
        from,
        to: Some(from),
        gas: Some(21_000),
        ..Unsigned::default()
    };
    let hash = anvil.send_impersonated(&payment).await.unwrap();
    let mut mined = None;
    for _ in 0..200 {
        mined = anvil.mined(hash).await.unwrap();
        if mined.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(mined.is_some_and(|mined| mined.success && mined.gas_used == 21_000));
    let was = crate::submit::block_hash(anvil.node(), 1).await.unwrap();
    anvil.reorg(1).await.unwrap();
    assert_ne!(
        crate::submit::block_hash(anvil.node(), 1).await.unwrap(),
        was
    );
    assert!(anvil.mined(hash).await.unwrap().is_none());
    anvil.revert(snapshot).await.unwrap();
    assert_eq!(anvil.node().latest().await.unwrap(), 0);
    assert!(anvil.revert(snapshot).await.is_err());
}
