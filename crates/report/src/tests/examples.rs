//! A whole upgrade as the reports of every step know it.

use crate::Item;
use alloy_primitives::{Address, B256, Bytes, FixedBytes};
use cutover_types::{
    Assumption, Call, CheckReport, Inspection, LayoutVerdict, Proposal, Recording, ReplayReport,
    SafetyVerdict, Status, TransactionVerdict, UpgradePath, Verb, Verdict, Window,
    abi::IMPLEMENTATION_SLOT,
    check::{Category, CheckedCode, Finding, Layouts, Severity, Waiver},
    code::Fingerprint,
    inspection::{
        BlockId, CodeAt, Controller, HistoryEntry, HistorySource, Location, Possible, ProxyFacts,
        ProxyKind, RollbackFacts, UpgradeFacts,
    },
    layout::SourceLine,
    proposal::{Authority, Evidence, Precondition, SafeHashes},
    recording::{Counts, Discovery, Incomplete, Reach},
    replay::{
        Difference, DifferenceKind, EngineName, GasTotals, Mode, RollbackRun, SelectorReport,
        Summary, TransactionReport, UpgradeRun,
    },
    rollout::{Colour, Direction, Progression, Receipt, SentTransaction, Standing},
};
use std::collections::BTreeMap;

const PROXY: Address = Address::repeat_byte(0xa1);
pub(super) const ADMIN: Address = Address::repeat_byte(0xa2);
const SAFE: Address = Address::repeat_byte(0xa3);

pub(super) fn code(byte: u8) -> CodeAt {
    CodeAt {
        address: Address::repeat_byte(byte),
        code_hash: B256::repeat_byte(byte),
    }
}

fn path() -> UpgradePath {
    UpgradePath {
        from: SAFE,
        to: ADMIN,
        ..UpgradePath::one_call(
            PROXY,
            IMPLEMENTATION_SLOT,
            Verb::AdminUpgrade,
            Some(Verb::AdminUpgradeAndCall),
        )
    }
}

fn call(byte: u8, data: &'static [u8]) -> Call {
    let address = Address::repeat_byte(byte);
    path().call(address, &Bytes::from_static(data)).unwrap()
}

fn controller(byte: u8, kind: &str, members: Vec<Controller>) -> Controller {
    Controller {
        address: Address::repeat_byte(byte),
        kind: kind.into(),
        members,
        ..Controller::default()
    }
}

pub(super) fn inspection() -> Inspection {
    let owners = vec![controller(1, "eoa", vec![]), controller(2, "eoa", vec![])];
    let mut safe = controller(0xa3, "safe", owners);
    safe.threshold = Some(2);
    safe.proven = true;
    Inspection {
        address: PROXY,
        chain_id: 1,
        block: BlockId {
            number: 21_000_000,
            hash: B256::repeat_byte(0x77),
        },
        proxy: Some(ProxyFacts {
            kind: ProxyKind::Transparent,
            implementation: code(0xb1),
            location: Location::Slot(IMPLEMENTATION_SLOT),
            admin: Some(ADMIN),
            beacon: None,
            facets: Vec::new(),
            conflicts: vec!["it also has a beacon slot".into()],
        }),
        upgrade: Some(UpgradeFacts {
            verb: "ProxyAdmin.upgrade".into(),
            from: SAFE,
            to: ADMIN,
            data: call(0xb1, &[]).data,
            proven: true,
            why: None,
            then: Vec::new(),
            path: path(),
        }),
        controllers: vec![controller(0xa2, "proxy-admin", vec![safe])],
        power: None,
        rollback: Some(RollbackFacts {
            possible: Possible::Yes,
            data: call(0xb1, &[]).data,
            why: None,
        }),
        history: vec![HistoryEntry {
            implementation: Address::repeat_byte(0xb1),
            block: 12_345_678,
            transaction: Some(B256::repeat_byte(5)),
            found: HistorySource::Event,
        }],
        header_proof: None,
        candidate: None,
        notes: vec!["the Safe's guard was not looked at".into()],
    }
}

pub(super) fn finding(rule: &str, severity: Severity) -> Finding {
    Finding {
        rule: rule.into(),
        category: Category::Layout,
        severity,
        contract: "src/Vault.sol:Vault".into(),
        label: Some("totalShares".into()),
        slot: Some("2".into()),
        offset: Some(20),
        source: Some(SourceLine {
            file: "src/Vault.sol".into(),
            line: 12,
        }),
        message: "`totalShares` was inserted before `owner`, which moves everything after it"
            .into(),
        help: "append new variables at the end, or take them from the gap".into(),
        spans: Vec::new(),
        damage: Vec::new(),
        waived: None,
    }
}

pub(super) fn check() -> CheckReport {
    let mut waived = finding("rename", Severity::Error);
    waived.waived = Some(Waiver {
        by: "alice".into(),
        reason: "same meaning".into(),
        expires: Some("2027-01-31".into()),
    });
    let checked = |byte| CheckedCode {
        reference: "src/Vault.sol:Vault".into(),
        contract: "src/Vault.sol:Vault".into(),
        build: Fingerprint {
            code_hash: B256::repeat_byte(byte),
            ..Fingerprint::default()
        },
    };
    CheckReport {
        verdict: Verdict::Blocked,
        layout_verdict: LayoutVerdict::Incompatible,
        safety_verdict: SafetyVerdict::Safe,
        blue: checked(0xb1),
        green: checked(0xb2),
        findings: vec![
            waived,
            finding("gap-shrunk", Severity::Note),
            finding("insert", Severity::Error),
        ],
        rollback: None,
        mixed: None,
        live: None,
        layouts: Layouts::default(),
        not_checked: vec!["assembly: storage written by number cannot be followed".into()],
    }
}

fn transaction(byte: u8, verdict: TransactionVerdict) -> TransactionReport {
    TransactionReport {
        hash: B256::repeat_byte(byte),
        block: 20_999_990,
        index: 3,
        reach: Reach::Internal,
        selector: Some(FixedBytes([0xa9, 0x05, 0x9c, 0xbb])),
        verdict,
        why: None,
        control_held: true,
        blue: None,
        green: None,
        differences: vec![],
    }
}

pub(super) fn replay() -> ReplayReport {
    let mut regressed = transaction(0x21, TransactionVerdict::Regressed);
    let difference = |what, place: &str, blue: &str, green: &str| Difference {
        what,
        place: place.into(),
        blue: blue.into(),
        green: green.into(),
    };
    regressed.differences = vec![
        difference(DifferenceKind::Status, "transaction", "success", "revert"),
        difference(
            DifferenceKind::RevertReason,
            "transaction",
            "",
            "Vault: paused",
        ),
        difference(DifferenceKind::Storage, "balances[0xa1a1…]", "100", "0"),
    ];
    let mut unclear = transaction(0x22, TransactionVerdict::Inconclusive);
    unclear.why = Some("it reads PREVRANDAO, which the fork cannot imitate".into());
    let gas = GasTotals {
        blue: 1_000_000,
        green: 1_012_345,
    };
    ReplayReport {
        engine: EngineName::Both,
        mode: Mode::Isolated,
        chain_id: 1,
        proxy: PROXY,
        window: Window {
            from: 20_999_900,
            to: 21_000_000,
        },
        blue: code(0xb1),
        green: code(0xb2),
        upgrade: UpgradeRun {
            from: SAFE,
            to: ADMIN,
            data: call(0xb2, &[]).data,
            then: Vec::new(),
            initializer: alloy_primitives::Bytes::new(),
            status: Status::Success,
            gas: 38_012,
            outflows: vec![],
            why: None,
        },
        cut: None,
        summary: Summary {
            transactions: 1_204,
            control_held: 1_203,
            ran_green: 1_203,
            identical: 1_200,
            gas_only: 2,
            regressed: 1,
            inconclusive: 1,
            gas,
            ..Summary::default()
        },
        selectors: vec![SelectorReport {
            selector: FixedBytes([0xa9, 0x05, 0x9c, 0xbb]),
            signature: Some("transfer(address,uint256)".into()),
            transactions: 1_204,
            verdicts: BTreeMap::from([
                (TransactionVerdict::Identical, 1_200),
                (TransactionVerdict::GasOnly, 2),
                (TransactionVerdict::Regressed, 1),
                (TransactionVerdict::Inconclusive, 1),
            ]),
            gas,
        }],
        transactions: vec![
            transaction(0x20, TransactionVerdict::Identical),
            unclear,
            regressed,
        ],
        rollback: RollbackRun {
            rehearsed: true,
            status: Some(Status::Success),
            back: call(0xb1, &[]).data,
            forward_again: call(0xb2, &[]).data,
            back_then: Vec::new(),
            forward_again_then: Vec::new(),
            forward_again_status: Some(Status::Success),
            lossy: vec!["slot 9 (`feeBps`): green wrote 30, blue never reads it".into()],
            why: None,
        },
        partition: None,
        assumptions: vec![Assumption::CodePlaced {
            address: Address::repeat_byte(0xb2),
        }],
    }
}

pub(super) fn proposal() -> Proposal {
    let hashes = |nonce| SafeHashes {
        safe: SAFE,
        nonce,
        domain: B256::repeat_byte(0xd0),
        message: B256::repeat_byte(0xe0),
        safe_tx_hash: B256::repeat_byte(0xf0),
    };
    Proposal {
        proxy: PROXY,
        chain_id: 1,
        blue: code(0xb1),
        green: code(0xb2),
        holder: PROXY,
        slot: IMPLEMENTATION_SLOT,
        offset: 0,
        authority: Authority {
            kind: "safe".into(),
            address: SAFE,
        },
        forward: call(0xb2, &[1, 2, 3, 4]),
        back: call(0xb1, &[]),
        forward_again: call(0xb2, &[]),
        forward_then: Vec::new(),
        back_then: Vec::new(),
        forward_again_then: Vec::new(),
        cut: None,
        steps: vec!["read the slot again".into(), "sign and send".into()],
        hashes: vec![hashes(7), hashes(8), hashes(9)],
        executed: None,
        preconditions: vec![
            Precondition::ChainId { expected: 1 },
            Precondition::Implementation {
                holder: PROXY,
                slot: IMPLEMENTATION_SLOT,
                offset: 0,
                expected: Address::repeat_byte(0xb1),
            },
            Precondition::CodeHash {
                address: Address::repeat_byte(0xb2),
                expected: B256::repeat_byte(0xb2),
            },
        ],
        evidence: Evidence {
            check: B256::repeat_byte(1),
            replay: B256::repeat_byte(2),
            recording: B256::repeat_byte(3),
        },
        expires: 21_007_200,
    }
}

pub(super) fn recording() -> Recording {
    Recording {
        chain_id: 1,
        proxy: PROXY,
        window: Window {
            from: 20_999_900,
            to: 21_000_000,
        },
        discovery: Discovery::Logs,
        may_have_missed: vec!["calls that leave no log".into()],
        blocks: vec![],
        upgrade: None,
        incomplete: vec![Incomplete {
            transaction: B256::repeat_byte(4),
            why: "the node pruned its state".into(),
        }],
        counts: Counts {
            transactions: 1_204,
            direct: 800,
            internal: 404,
            accounts: 9_120,
            slots: 30_455,
            codes: 311,
            proven_accounts: 9_120,
            proven_slots: 30_455,
        },
        files: BTreeMap::new(),
        digest: B256::repeat_byte(6),
    }
}

pub(super) fn standing() -> Standing {
    Standing {
        proxy: PROXY,
        chain_id: 1,
        block: BlockId {
            number: 21_000_100,
            hash: B256::repeat_byte(8),
        },
        finalized: Some(21_000_036),
        implementation: code(0xb2),
        colour: Colour::Green,
        recorded: Some(Colour::Blue),
        blue: code(0xb1),
        green: code(0xb2),
        transactions: vec![SentTransaction {
            hash: B256::repeat_byte(9),
            direction: Direction::Forward,
            from: SAFE,
            nonce: 12,
            state: Progression::Broadcast,
            block: None,
            success: None,
        }],
        disagreements: vec!["the record says blue, the proxy runs green".into()],
        next: "run upgrade again".into(),
    }
}

pub(super) fn receipt() -> Receipt {
    Receipt {
        direction: Direction::Forward,
        proxy: PROXY,
        chain_id: 1,
        transaction: Some(B256::repeat_byte(9)),
        block: Some(BlockId {
            number: 21_000_050,
            hash: B256::repeat_byte(7),
        }),
        gas_used: Some(38_012),
        implementation: Address::repeat_byte(0xb2),
        is_final: true,
        notes: vec![],
    }
}

pub(super) fn items() -> Vec<Item> {
    let item = |name: &str, found: Option<&str>, required| Item {
        name: name.into(),
        found: found.map(Into::into),
        needed_for: "the green fork".into(),
        help: found.is_none().then(|| "run scripts/setup".into()),
        required,
    };
    vec![
        item("anvil", Some("1.7.1 (/usr/bin/anvil)"), false),
        item("solc", None, false),
        item("node", None, true),
    ]
}
