//! Everything a recording claims, recomputed from its files alone.

use crate::{control, gather::Body, tally::counts};
use alloy_consensus::proofs::calculate_receipt_root;
use alloy_primitives::{Address, B256, Bytes, keccak256};
use alloy_trie::root::ordered_trie_root_encoded;
use cutover_chain::{RecordingFolder, proof};
use cutover_evm::SignedTransaction;
use cutover_types::{
    Reach, RecordedBlock, Recording,
    recording::{BlockEntry, Counts, Discovery, Proofs},
    text,
};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Failures listed; more are only counted.
const LISTED: usize = 100;

/// How one kind of check went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Held.
    pub checked: u64,
    /// Did not hold.
    pub failed: u64,
    /// Could not be checked: the recording does not have what it takes.
    pub absent: u64,
}

/// What verifying a recording found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VerifyReport {
    /// Whether nothing failed.
    pub verified: bool,
    /// By kind of check.
    pub checks: BTreeMap<&'static str, Check>,
    /// What failed, the first hundred.
    pub failures: Vec<String>,
}

/// Checks a recording against itself and against the block hashes somebody trusts. Without any, the
/// recording's own hashes are taken; with some, every block must have one of them or be an ancestor,
/// through recorded blocks, of one that has.
pub fn verify(folder: &RecordingFolder, trusted_hashes: &[B256]) -> VerifyReport {
    let manifest = folder.manifest();
    let mut verifier = Verifier {
        manifest,
        excused: manifest
            .incomplete
            .iter()
            .map(|one| one.transaction)
            .collect(),
        checks: CHECKS
            .iter()
            .map(|name| (*name, Check::default()))
            .collect(),
        failures: Vec::new(),
    };
    let mut anchored: BTreeSet<B256> = trusted_hashes.iter().copied().collect();
    let mut sums = Counts::default();
    // Later blocks first: a trusted hash vouches for the parents it leads to.
    for entry in manifest.blocks.iter().rev() {
        if !trusted_hashes.is_empty() {
            let known = anchored.contains(&entry.hash);
            verifier.put("trusted-hash", known, || {
                format!(
                    "block {} has the hash {}, which no trusted hash leads to",
                    entry.number, entry.hash
                )
            });
        }
        match folder.block(entry.number) {
            Ok(block) => {
                if anchored.contains(&entry.hash) {
                    anchored.insert(block.header.parent_hash);
                }
                verifier.block(entry, &block);
                let block = counts(&block);
                sums.transactions += block.transactions;
                sums.direct += block.direct;
                sums.internal += block.internal;
                sums.accounts += block.accounts;
                sums.slots += block.slots;
                sums.proven_accounts += block.proven_accounts;
                sums.proven_slots += block.proven_slots;
            }
            Err(error) => verifier.put("header-hash", false, || error.to_string()),
        }
    }
    let codes = manifest
        .files
        .keys()
        .filter(|name| name.starts_with("codes/"))
        .count() as u64;
    sums.codes = codes;
    verifier.put("counts", sums == manifest.counts, || {
        "the manifest's counts are not those of its blocks".into()
    });
    verifier.report()
}

const CHECKS: [&str; 11] = [
    "header-hash",
    "transactions-root",
    "transaction-hash",
    "sender",
    "receipts-root",
    "code-hash",
    "block-hash",
    "account-proof",
    "slot-proof",
    "execution",
    "reach",
];

struct Verifier<'a> {
    manifest: &'a Recording,
    /// Transactions the manifest says are incomplete.
    excused: BTreeSet<B256>,
    checks: BTreeMap<&'static str, Check>,
    failures: Vec<String>,
}

impl Verifier<'_> {
    fn put(&mut self, name: &'static str, holds: bool, failure: impl FnOnce() -> String) {
        let check = self.checks.entry(name).or_default();
        if holds {
            check.checked += 1;
            return;
        }
        check.failed += 1;
        if self.failures.len() < LISTED {
            self.failures
                .push(text::terminal(&format!("{name}: {}", failure()), 600));
        }
    }

    fn absent(&mut self, name: &'static str, count: usize) {
        self.checks.entry(name).or_default().absent += count as u64;
    }

    fn block(&mut self, entry: &BlockEntry, block: &RecordedBlock) {
        let number = block.header.number;
        self.hash(
            "header-hash",
            || format!("the header of block {number}"),
            entry.hash,
            block.header.hash_slow(),
        );
        self.hash(
            "transactions-root",
            || format!("the transactions root of block {number}"),
            block.header.transactions_root,
            ordered_trie_root_encoded(&block.transactions),
        );
        self.hash(
            "receipts-root",
            || format!("the receipts root of block {number}"),
            block.header.receipts_root,
            calculate_receipt_root(&block.receipts),
        );
        for target in &block.targets {
            let raw = usize::try_from(target.index)
                .ok()
                .and_then(|index| block.transactions.get(index));
            let computed = raw.map(keccak256).unwrap_or_default();
            self.hash(
                "transaction-hash",
                || format!("a transaction of block {number}"),
                target.hash,
                computed,
            );
        }
        self.state(block);
        self.proofs(block);
        if let Some(transactions) = self.senders(block) {
            let body = Body {
                header: block.header.clone(),
                transactions,
                receipts: block.receipts.clone(),
            };
            self.execution(block, &body);
        }
    }

    fn hash(
        &mut self,
        name: &'static str,
        what: impl FnOnce() -> String,
        claimed: B256,
        computed: B256,
    ) {
        self.put(name, claimed == computed, || {
            format!("{} is {claimed}, but it computes to {computed}", what())
        });
    }

    fn senders(&mut self, block: &RecordedBlock) -> Option<Vec<SignedTransaction>> {
        let mut all = Some(Vec::with_capacity(block.transactions.len()));
        for (index, raw) in block.transactions.iter().enumerate() {
            let decoded = SignedTransaction::decode(raw);
            let number = block.header.number;
            self.put("sender", decoded.is_ok(), || {
                format!("transaction {index} of block {number} has no sender")
            });
            match (decoded, &mut all) {
                (Ok(decoded), Some(list)) => list.push(decoded),
                _ => all = None,
            }
        }
        all
    }

    fn state(&mut self, block: &RecordedBlock) {
        let hashes: BTreeSet<B256> = block
            .state
            .accounts
            .values()
            .filter(|account| account.has_code())
            .map(|account| account.code_hash)
            .collect();
        for hash in hashes {
            match block.state.codes.get(&hash) {
                Some(code) => self.hash("code-hash", || "a code".into(), hash, keccak256(code)),
                None => self.absent("code-hash", 1),
            }
        }
        for (number, hash) in &block.state.block_hashes {
            let known = if *number + 1 == block.header.number {
                Some(block.header.parent_hash)
            } else {
                let recorded = self
                    .manifest
                    .blocks
                    .iter()
                    .find(|entry| entry.number == *number);
                recorded.map(|entry| entry.hash)
            };
            match known {
                Some(known) => self.hash(
                    "block-hash",
                    || format!("the hash of block {number}"),
                    *hash,
                    known,
                ),
                None => self.absent("block-hash", 1),
            }
        }
    }

    fn proofs(&mut self, block: &RecordedBlock) {
        let parent = block.parent.as_ref();
        if let Some(parent) = parent {
            let number = parent.number;
            self.hash(
                "header-hash",
                || format!("the header of block {number}"),
                block.header.parent_hash,
                parent.hash_slow(),
            );
        }
        let root = parent
            .filter(|parent| parent.hash_slow() == block.header.parent_hash)
            .map(|parent| parent.state_root);
        let none = Proofs::default();
        let (root, proofs) = match (root, &block.proofs) {
            (Some(root), Some(proofs)) => (root, proofs),
            // Without a root nothing can be proven.
            _ => (B256::ZERO, &none),
        };
        for (address, account) in &block.state.accounts {
            let proof = proofs
                .accounts
                .get(address)
                .zip(proofs.storage_roots.get(address));
            let Some((proof, storage_root)) = proof else {
                self.absent("account-proof", 1);
                continue;
            };
            let checked = nodes(proofs, proof).and_then(|nodes| {
                proof::check_account(root, *address, account, *storage_root, nodes)
            });
            self.put_proof("account-proof", checked, || {
                format!("account {address} before block {}", block.header.number)
            });
        }
        for (address, slots) in &block.state.storage {
            for (slot, value) in slots {
                let proof = proofs.slots.get(address).and_then(|slots| slots.get(slot));
                let root = proofs
                    .storage_roots
                    .get(address)
                    .filter(|_| proofs.accounts.contains_key(address));
                let Some((proof, root)) = proof.zip(root) else {
                    self.absent("slot-proof", 1);
                    continue;
                };
                let checked = nodes(proofs, proof)
                    .and_then(|nodes| proof::check_slot(*root, *slot, *value, nodes));
                self.put_proof("slot-proof", checked, || {
                    format!(
                        "slot {slot} of {address} before block {}",
                        block.header.number
                    )
                });
            }
        }
    }

    fn put_proof(
        &mut self,
        name: &'static str,
        checked: Result<(), String>,
        what: impl FnOnce() -> String,
    ) {
        let holds = checked.is_ok();
        self.put(name, holds, || {
            format!(
                "the value of {} is not what its proof proves: {}",
                what(),
                checked.err().unwrap_or_default()
            )
        });
    }

    fn execution(&mut self, block: &RecordedBlock, body: &Body) {
        let Some(last) = block.targets.iter().map(|target| target.index).max() else {
            return;
        };
        let proxy: Address = self.manifest.proxy;
        let control = control::replay(self.manifest.chain_id, &block.state, body, last, proxy);
        let targets: BTreeMap<usize, (Reach, B256)> = block
            .targets
            .iter()
            .filter_map(|target| {
                Some((
                    usize::try_from(target.index).ok()?,
                    (target.reach, target.hash),
                ))
            })
            .collect();
        // The manifest owns up to what is broken when it excuses every target from there on.
        let excused = |index: usize| {
            targets
                .range(index..)
                .all(|(_, (_, hash))| self.excused.contains(hash))
        };
        let count = usize::try_from(last)
            .unwrap_or(usize::MAX)
            .saturating_add(1);
        let excused: Vec<bool> = (0..count.min(body.transactions.len()))
            .map(excused)
            .collect();
        // All that a complete way of looking left out is missing.
        let complete = self.manifest.discovery == Discovery::Traces
            && self.manifest.may_have_missed.is_empty();
        for (index, (tx, excused)) in body.transactions.iter().zip(excused).enumerate() {
            let calls = control.calls.get(index).copied();
            let target = targets.get(&index);
            if !control.holds(index) {
                if excused {
                    self.absent("execution", 1);
                } else {
                    self.put("execution", false, || {
                        format!(
                            "transaction {}: {}",
                            tx.hash,
                            control.why(index).unwrap_or_default()
                        )
                    });
                }
                continue;
            }
            self.put("execution", calls.is_some(), || {
                format!("transaction {} did not run", tx.hash)
            });
            let direct = alloy_consensus::Transaction::to(&tx.envelope) == Some(proxy);
            match target {
                Some((reach, hash)) => {
                    let claimed = match reach {
                        Reach::Direct => direct,
                        Reach::Internal => !direct && calls.is_some_and(|calls| calls > 0),
                    };
                    if !claimed && self.excused.contains(hash) {
                        self.absent("reach", 1);
                    } else {
                        self.put("reach", claimed, || {
                            format!("transaction {hash} does not reach {proxy} as it is said to")
                        });
                    }
                }
                None if complete && calls.is_some_and(|calls| calls > 0) => {
                    self.put("reach", false, || {
                        format!("transaction {} reaches {proxy} and is not listed", tx.hash)
                    });
                }
                None => {}
            }
        }
    }

    fn report(mut self) -> VerifyReport {
        let failed: u64 = self.checks.values().map(|check| check.failed).sum();
        if failed > LISTED as u64 {
            self.failures
                .push(format!("and {} more", failed - LISTED as u64));
        }
        VerifyReport {
            verified: failed == 0,
            checks: self.checks,
            failures: self.failures,
        }
    }
}

/// The trie nodes of a proof.
fn nodes<'a>(proofs: &'a Proofs, proof: &[u32]) -> Result<Vec<&'a Bytes>, String> {
    proof
        .iter()
        .map(|index| {
            let node = usize::try_from(*index)
                .ok()
                .and_then(|index| proofs.nodes.get(index));
            node.ok_or_else(|| format!("trie node {index} is not in the recording"))
        })
        .collect()
}
