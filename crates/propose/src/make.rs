//! The proposal itself.

mod judge;
mod ways;

use crate::{ProposeError, Refusal, Runtimes, safe::SafeFacts, words};
use alloy_primitives::{Address, B256, Bytes};
use cutover_types::{
    Call, CheckReport, Inspection, Proposal, ReplayReport, UpgradePath, diamond,
    inspection::{CodeAt, Controller, PowerPath, ProxyFacts},
    proposal::{Authority, Evidence, Precondition, SafeHashes},
    upgrade::safe::Family,
};
use ways::Way;

/// The reports a proposal rests on, each with the digest of its file.
#[derive(Clone, Copy, Debug)]
pub struct Reports<'a> {
    /// Of `inspect`.
    pub inspection: &'a Inspection,
    /// Of `check`.
    pub check: &'a CheckReport,
    /// Digest of `check.json`.
    pub check_digest: B256,
    /// Of `replay`.
    pub replay: &'a ReplayReport,
    /// Digest of `replay.json`.
    pub replay_digest: B256,
    /// The recording's own digest.
    pub recording_digest: B256,
}

/// What the user decides.
#[derive(Clone, Debug, Default)]
pub struct Options<'a> {
    /// Run by the upgrade call on the proxy; empty for none. Going forward again never runs it.
    pub initializer: Bytes,
    /// The block the proposal is made at.
    pub block: u64,
    /// Blocks after which it must be made again.
    pub expires_in_blocks: u64,
    /// Inconclusive transactions that are accepted.
    pub allow_inconclusive: u64,
    /// Transactions the recording lists as incomplete and the replay therefore says nothing of.
    pub unrecorded: u64,
    /// The codes on the chain: immutables and metadata make their hashes differ from the compiler's.
    pub runtimes: Option<Runtimes<'a>>,
    /// Whether to go on although the checked blue is not the code that runs: its layout is then taken
    /// on trust.
    pub trust_blue: bool,
    /// Facts about the Safe, where one controls the proxy.
    pub safe: Option<SafeFacts>,
}

/// Makes the proposal.
///
/// # Errors
/// Every reason why nothing can be proposed.
pub fn propose(reports: &Reports<'_>, options: &Options<'_>) -> Result<Proposal, ProposeError> {
    let mut refusals = Vec::new();
    judge::check(reports.check, &mut refusals);
    judge::replay(reports.replay, options, &mut refusals);
    judge::agreement(reports, options, &mut refusals);
    let Some((proxy, path)) = proven_path(reports.inspection, &mut refusals) else {
        return Err(ProposeError { refusals });
    };
    let path = &match cut(reports, proxy, path) {
        Ok(path) => path,
        Err(refusal) => {
            refusals.push(refusal);
            return Err(ProposeError { refusals });
        }
    };
    let calls = ways::calls(reports, path, proxy, &options.initializer, &mut refusals);
    let authority = authority(reports.inspection, path.from, &mut refusals);
    let several = calls.iter().flatten().any(|way: &Way| !way.then.is_empty());
    let (calls, multi_send) = match (&authority, calls) {
        (Some(authority), Some(calls)) if authority.kind == "safe" && several => {
            match ways::batched(calls, authority.address, options.safe.as_ref()) {
                Ok((calls, multi_send)) => (Some(calls), Some(multi_send)),
                Err(refusal) => {
                    refusals.push(refusal);
                    (None, None)
                }
            }
        }
        (_, calls) => (calls, None),
    };
    let hashes = match (&authority, &calls) {
        (Some(authority), Some(calls)) if authority.kind == "safe" => safe_hashes(
            reports.inspection.chain_id,
            authority.address,
            &calls.each_ref().map(|way| &way.first),
            options.safe.as_ref(),
            &mut refusals,
        ),
        _ => Vec::new(),
    };
    let (Some(authority), Some([forward, back, forward_again]), true) =
        (authority, calls, refusals.is_empty())
    else {
        return Err(ProposeError { refusals });
    };
    let mut proposal = Proposal {
        proxy: reports.inspection.address,
        chain_id: reports.inspection.chain_id,
        blue: proxy.implementation.clone(),
        green: reports.replay.green.clone(),
        holder: path.holder,
        slot: path.slot,
        offset: path.offset,
        authority,
        forward: forward.first,
        back: back.first,
        forward_again: forward_again.first,
        forward_then: forward.then,
        back_then: back.then,
        forward_again_then: forward_again.then,
        cut: reports.replay.cut.clone(),
        steps: Vec::new(),
        hashes,
        executed: None,
        preconditions: preconditions(
            reports.inspection,
            proxy,
            path,
            &reports.replay.green,
            multi_send.as_ref(),
        ),
        evidence: Evidence {
            check: reports.check_digest,
            replay: reports.replay_digest,
            recording: reports.recording_digest,
        },
        expires: options.block.saturating_add(options.expires_in_blocks),
    };
    proposal.steps = words::steps(&proposal, path, &proposal.forward, &proposal.hashes);
    let taken = reports.replay.upgrade.outflows.iter();
    let taken = taken.map(|flow| {
        let taken = flow.words();
        format!("know that the upgrade itself takes {taken} from the proxy; no way back returns it")
    });
    proposal.steps.splice(0..0, taken);
    let open = reports.inspection.warnings().into_iter();
    let open = open.chain(opened(reports));
    let open = open.map(|warning| format!("know that {warning}"));
    proposal.steps.splice(0..0, open);
    Ok(proposal)
}

/// What the rehearsal with this green showed of whom the proxy then obeys.
fn opened(reports: &Reports<'_>) -> impl Iterator<Item = String> {
    let green = &reports.replay.green;
    let candidate = reports.inspection.candidate.iter();
    let candidate = candidate.filter(|candidate| candidate.code_hash == green.code_hash);
    let gained = candidate.flat_map(|candidate| &candidate.obeys);
    gained
        .flat_map(|obeys| &obeys.gained)
        .filter_map(PowerPath::how_anyone_can)
        .map(|how| format!("once it runs green, anyone can upgrade this proxy {how}"))
}

fn proven_path<'a>(
    inspection: &'a Inspection,
    refusals: &mut Vec<Refusal>,
) -> Option<(&'a ProxyFacts, &'a UpgradePath)> {
    let address = inspection.address;
    let Some(proxy) = &inspection.proxy else {
        refusals.push(Refusal::NotAProxy { address });
        return None;
    };
    let Some(upgrade) = &inspection.upgrade else {
        let why = inspection
            .rollback
            .as_ref()
            .and_then(|back| back.why.clone());
        refusals.push(Refusal::NoUpgrade {
            proxy: address,
            why: why.unwrap_or_else(|| "nobody was found who can upgrade it".into()),
        });
        return None;
    };
    if !upgrade.proven {
        refusals.push(Refusal::PathNotProven {
            proxy: address,
            why: upgrade.why.clone().unwrap_or_else(|| "unknown".into()),
        });
    }
    Some((proxy, &upgrade.path))
}

/// The path of the cut that was replayed, made again from what the diamond answers.
fn cut(
    reports: &Reports<'_>,
    proxy: &ProxyFacts,
    path: &UpgradePath,
) -> Result<UpgradePath, Refusal> {
    let Some(cut) = &reports.replay.cut else {
        return Ok(path.clone());
    };
    let before = diamond::routes(&proxy.facets);
    let sides = (proxy.implementation.address, reports.replay.green.address);
    if (cut.old, cut.new) != sides || !cut.fits(&before) {
        return Err(Refusal::OtherCut {
            proxy: reports.inspection.address,
        });
    }
    cut.path(path, &before).map_err(Refusal::Cut)
}

/// The account the proxy obeys, if it is one that can be driven.
fn authority(
    inspection: &Inspection,
    obeys: Address,
    refusals: &mut Vec<Refusal>,
) -> Option<Authority> {
    let kind = kind_of(&inspection.controllers, obeys).unwrap_or("contract of unknown kind");
    let kind = match kind {
        "eoa" | "account" => "account",
        "safe" => "safe",
        other => {
            refusals.push(Refusal::CannotDrive {
                address: obeys,
                kind: other.to_owned(),
            });
            return None;
        }
    };
    Some(Authority {
        kind: kind.to_owned(),
        address: obeys,
    })
}

fn kind_of(controllers: &[Controller], address: Address) -> Option<&str> {
    // A worklist, because the tree comes from a file and may be deep.
    let mut open: Vec<&Controller> = controllers.iter().collect();
    while let Some(controller) = open.pop() {
        if controller.address == address {
            return Some(&controller.kind);
        }
        open.extend(&controller.members);
    }
    None
}

fn safe_hashes(
    chain_id: u64,
    safe: Address,
    calls: &[&Call; 3],
    facts: Option<&SafeFacts>,
    refusals: &mut Vec<Refusal>,
) -> Vec<SafeHashes> {
    let mut refuse = |refusal| {
        refusals.push(refusal);
        Vec::new()
    };
    let Some(facts) = facts else {
        return refuse(Refusal::SafeFactsMissing { address: safe });
    };
    if facts.address != safe {
        return refuse(Refusal::WrongSafe {
            given: facts.address,
            expected: safe,
        });
    }
    let Some(family) = Family::of(&facts.version) else {
        return refuse(Refusal::SafeVersion {
            address: safe,
            version: facts.version.clone(),
        });
    };
    let computed = family.domain(chain_id, safe);
    if let Some(found) = facts.domain_separator
        && found != computed
    {
        return refuse(Refusal::SafeDomain {
            address: safe,
            found,
            computed,
        });
    }
    (0..)
        .zip(calls)
        .map(|(later, call)| {
            let nonce = facts.nonce.saturating_add(later);
            family.hashes(chain_id, safe, call, nonce)
        })
        .collect()
}

fn preconditions(
    inspection: &Inspection,
    proxy: &ProxyFacts,
    path: &UpgradePath,
    green: &CodeAt,
    multi_send: Option<&CodeAt>,
) -> Vec<Precondition> {
    let code = |at: &CodeAt| Precondition::CodeHash {
        address: at.address,
        expected: at.code_hash,
    };
    let mut conditions = vec![
        Precondition::ChainId {
            expected: inspection.chain_id,
        },
        Precondition::Implementation {
            holder: path.holder,
            slot: path.slot,
            offset: path.offset,
            expected: proxy.implementation.address,
        },
        code(&proxy.implementation),
        code(green),
    ];
    conditions.extend(multi_send.map(code));
    conditions
}
