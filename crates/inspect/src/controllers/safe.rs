//! Safes: the owners together, and every module alone. Guards can only refuse.

use super::{
    answers::{Answers, IAnswers},
    found::{Found, Member, Shows, seconds},
    through::Through,
};
use crate::{error::InspectError, session::Session};
use alloy_primitives::{Address, B256, U256, b256};
use alloy_sol_types::SolCall;
use cutover_types::{inspection::Presses, text};
use std::collections::BTreeSet;

const GUARD: B256 = b256!("4a204f620c8c5ccdca3fd54d003badd85ba500436a431f0cbda4f558c93c34c8");
const MODULE_GUARD: B256 =
    b256!("b104e0b93118902c651344349b610029d694cfdec91c589c91ebafbcd0289947");
const FALLBACK_HANDLER: B256 =
    b256!("6c9a6c4a39284e37ed1cf53d337577d14212a4870fb976a4366c693b939918d5");
/// The first and the last of the list of modules.
const SENTINEL: Address =
    Address::new([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
/// Modules of a page, and pages.
const PAGE: u64 = 10;
const PAGES: usize = 8;
/// Owners that are listed.
const OWNERS: usize = 64;
/// Numbers of approvals that are tried below a threshold that is not enforced.
const FEWER: usize = 16;

alloy_sol_types::sol! {
    interface IModules {
        function getModulesPaginated(address start, uint256 pageSize) external view returns (address[] array, address next);
        function getModules() external view returns (address[]);
    }
}

/// The Safe at `safe`, or a multisig that is none; `None` when it is neither.
pub(super) async fn look(
    session: &mut Session,
    safe: Address,
    answers: &Answers,
) -> Result<Option<Found>, InspectError> {
    let owners = answers.returns::<IAnswers::getOwnersCall>("getOwners");
    let threshold = answers.word("getThreshold").filter(|n| !n.is_zero());
    let (Some(owners), Some(threshold)) = (owners, threshold) else {
        return Ok(None);
    };
    let version = answers.returns::<IAnswers::VERSIONCall>("VERSION");
    let domain = answers.word("domainSeparator").map(B256::from);
    let (modules, all) = modules(session, safe).await?;
    let is_safe = version.is_some() && answers.word("nonce").is_some() && modules.is_some();
    let mut found = Found::new(if is_safe { "safe" } else { "multisig" });
    found.threshold = seconds(threshold);
    if owners.len() > OWNERS {
        let more = format!(
            "only {OWNERS} of {} owners of {safe} were looked at",
            owners.len()
        );
        found.unknown.push(more);
    }
    let owners: Vec<Address> = owners.into_iter().take(OWNERS).collect();
    let needed = found
        .threshold
        .and_then(|n| usize::try_from(n).ok())
        .unwrap_or(usize::MAX);
    for owner in &owners {
        let through = match (domain, answers.word("nonce")) {
            (Some(domain), Some(nonce)) if is_safe && needed <= owners.len() => {
                let others = owners.iter().filter(|other| *other != owner);
                let signers = [owner].into_iter().chain(others).take(needed);
                let signers: Vec<_> = signers.copied().collect();
                Through::Signatures {
                    claims: signers.clone(),
                    owners: signers,
                    domain,
                    nonce,
                }
            }
            _ => Through::Claimed("how its owners make it act is not known"),
        };
        found.add(Member::alone(*owner, "owner", through).presses(Presses::Together));
    }
    let domain = domain.unwrap_or_default();
    let nonce = answers.word("nonce").unwrap_or_default();
    if let Some(signers) = owners.get(..needed) {
        weaker(signers, domain, nonce, &mut found);
    }
    if !is_safe {
        found.unknown.push(format!(
            "whether others than its owners can make {safe} act is not known"
        ));
        return Ok(Some(found));
    }
    found.fact("version", text::terminal(&version.unwrap_or_default(), 40));
    if let Some(nonce) = answers.word("nonce") {
        found.fact("nonce", nonce);
    }
    for module in modules.into_iter().flatten() {
        found.add(Member::alone(module, "module", Through::Module));
    }
    if !all {
        found
            .unknown
            .push(format!("not every module of {safe} could be listed"));
    }
    if let Some(singleton) = slot(session, safe, B256::ZERO).await? {
        found.fact("singleton", singleton);
    }
    for (at, role) in [
        (GUARD, "guard"),
        (MODULE_GUARD, "module guard"),
        (FALLBACK_HANDLER, "fallback handler"),
    ] {
        if let Some(holder) = slot(session, safe, at).await? {
            if at == FALLBACK_HANDLER {
                // It calls its handler with anybody's calldata.
                found.add(Member {
                    role: "caller, through the fallback handler".into(),
                    through: vec![Through::Handled(holder)],
                    ..Member::whoever()
                });
            }
            found.add(Member::powerless(holder, role));
        }
    }
    Ok(Some(found))
}

/// Adds what must not suffice: no approval, and one fewer than it asks for.
fn weaker(signers: &[Address], domain: B256, nonce: U256, found: &mut Found) {
    let with = |approve: &[Address], claims: Vec<Address>| Through::Signatures {
        owners: approve.to_vec(),
        claims,
        domain,
        nonce,
    };
    let fewer = |count: usize| {
        let approve = &signers[..count];
        let mut ways = vec![
            with(approve, approve.to_vec()),
            // Counted, but not looked at.
            with(approve, signers.to_vec()),
        ];
        if let Some(last) = approve.last() {
            let mut twice = approve.to_vec();
            twice.resize(signers.len(), *last);
            ways.push(with(approve, twice));
        }
        ways
    };
    let mut nobody = Member::alone(Address::ZERO, "without approvals", Through::Module).anyone();
    nobody.through.extend(fewer(0));
    found.add(nobody.shows(Shows::Approvals(0, Vec::new())));
    if let Some(short) = signers.len().checked_sub(1).filter(|count| *count > 0) {
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let even = (1..short)
            .map(|fewest| (count(fewest), fewer(fewest)))
            .take(FEWER);
        let mut some = Member::alone(signers[0], "too few approvals", Through::Module);
        some.through = fewer(short);
        found.add(some.shows(Shows::Approvals(count(short), even.collect())));
    }
}

/// The enabled modules, and whether these are all; `None` when it lists none in the manner of a Safe.
async fn modules(
    session: &mut Session,
    safe: Address,
) -> Result<(Option<Vec<Address>>, bool), InspectError> {
    let mut modules = BTreeSet::new();
    let mut start = SENTINEL;
    for page in 0..PAGES {
        let question = IModules::getModulesPaginatedCall {
            start,
            pageSize: U256::from(PAGE),
        };
        let answers = session.ask([(safe, question.abi_encode())]).await?;
        let answer = answers
            .first()
            .and_then(|played| played.returns::<IModules::getModulesPaginatedCall>());
        let Some(answer) = answer else {
            if page > 0 {
                return Ok((Some(modules.into_iter().collect()), false));
            }
            let question = IModules::getModulesCall {}.abi_encode();
            let answers = session.ask([(safe, question)]).await?;
            let listed = answers
                .first()
                .and_then(|played| played.returns::<IModules::getModulesCall>());
            return Ok((listed, true));
        };
        let before = modules.len();
        // Where a page begins with the module named as its start, that one comes twice or not at all: all
        // versions leave out the start, and before 1.4 the next page's start, too.
        modules.extend(answer.array.iter().copied());
        if answer.next == SENTINEL || answer.next.is_zero() {
            return Ok((Some(modules.into_iter().collect()), true));
        }
        modules.insert(answer.next);
        if modules.len() == before {
            break;
        }
        start = answer.next;
    }
    Ok((Some(modules.into_iter().collect()), false))
}

async fn slot(
    session: &mut Session,
    safe: Address,
    at: B256,
) -> Result<Option<Address>, InspectError> {
    let value = session.slot(safe, at).await?.unwrap_or_default();
    let address = Address::from_word(value.into());
    Ok((!address.is_zero()).then_some(address))
}
