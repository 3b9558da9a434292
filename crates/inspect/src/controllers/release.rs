//! Whether the code of a controller can do more than what is executed here. A threshold and a wait mean nothing
//! where one more function goes around them.

use super::{
    deed::{Aim, Step},
    found::Member,
    survey::{self, Surveyed},
};
use crate::{
    error::InspectError,
    functions::{Functions, functions, reached, without_metadata},
    kinds::safe::RELEASES,
    session::{Session, stranger},
    trace::{forwarding, unknown_call},
};
use alloy_primitives::{Address, B256, Bytes, b256, hex, keccak256};
use cutover_types::ProxyKind;
use std::collections::BTreeSet;

/// Functions and addresses that are named.
const NAMED: usize = 4;
/// Code hashes, without metadata, of the Safes 1.0.0, 1.1.1 and 1.2.0, and of 1.3.0, 1.4.1 and 1.5.0 with
/// their L2 forms.
const SAFES: [B256; 9] = [
    b256!("df83c5265aa77cb3e1aaba4da6e90510d4b062a158c415cd18a3200007c68ab0"),
    b256!("d6a298c0fe1bcc3d945697bb59c42491472b8a2d5673fe62796b1aff271f6e3f"),
    b256!("e14312dd62e9e61b2b91160b746f2ea18e6f09a194d6280a36494d78f4e25077"),
    b256!("a9f474dc957b55c03c8b668153fe00b394383752c38d6cd866be991004b9bb70"),
    b256!("87ea1c2e528f09f2b830807df8219011e28baa9e0078abb9b3cd1506937c53f3"),
    b256!("c24f07894e481e749fee29336ba775cdf2df546259e23fd349c798e62fe43a69"),
    b256!("ea96abef24997deff8f73402f27e5372d9731cdde9f37f90880e7dd156d2ab1b"),
    b256!("b37ec0d81e578f8b74b52199e1521f8f7a659bce5dc79cd7b9e82b6093518b59"),
    b256!("893eaebd375872b45fe775874cb8e88a18a009a8e7548416ebe921856787bd11"),
];
/// Code hash of Solady's ERC1967Factory: it does what a proxy's admin says, and nobody else.
const FACTORY: B256 = b256!("a555146dc8ab54e49bc61ede9e006fb60c84bd660d85792c0663a4301500eb1d");
const OWNABLE: &[&str] = &[
    "owner()",
    "renounceOwnership()",
    "transferOwnership(address)",
    // With an heir, who is asked for.
    "pendingOwner()",
    "acceptOwnership()",
];
const PROXY_ADMIN: &[&str] = &[
    "getProxyImplementation(address)",
    "getProxyAdmin(address)",
    "changeProxyAdmin(address,address)",
    "upgrade(address,address)",
    "upgradeAndCall(address,address,bytes)",
    "UPGRADE_INTERFACE_VERSION()",
    // The Graph's.
    "acceptProxy(address,address)",
    "acceptProxyAndCall(address,address,bytes)",
    "getProxyPendingImplementation(address)",
    "governor()",
    "pendingGovernor()",
    // Optimism's.
    "addressManager()",
    "getAddress(string)",
    "implementationName(address)",
    "isUpgrading()",
    "proxyType(address)",
    "setAddress(string,address)",
    "setAddressManager(address)",
    "setImplementationName(address,string)",
    "setProxyType(address,uint8)",
    "setUpgrading(bool)",
];
const BEACON: &[&str] = &["implementation()", "upgradeTo(address)"];
/// What proxies of OpenZeppelin's kinds answer themselves.
const PROXY: &[&str] = &[
    "admin()",
    "beacon()",
    "changeAdmin(address)",
    "implementation()",
    "upgradeTo(address)",
    "upgradeToAndCall(address,bytes)",
    // Those that are made first and initialized later refuse to be initialized twice.
    "initialize(address,bytes)",
    "initialize(address,address,bytes)",
];
const ROLES: &[&str] = &[
    "DEFAULT_ADMIN_ROLE()",
    "getRoleAdmin(bytes32)",
    "getRoleMember(bytes32,uint256)",
    "getRoleMemberCount(bytes32)",
    "getRoleMembers(bytes32)",
    "grantRole(bytes32,address)",
    "hasRole(bytes32,address)",
    "renounceRole(bytes32,address)",
    "revokeRole(bytes32,address)",
    "supportsInterface(bytes4)",
];
const TIMELOCK: &[&str] = &[
    "CANCELLER_ROLE()",
    "EXECUTOR_ROLE()",
    "PROPOSER_ROLE()",
    "TIMELOCK_ADMIN_ROLE()",
    "cancel(bytes32)",
    "execute(address,uint256,bytes,bytes32,bytes32)",
    "executeBatch(address[],uint256[],bytes[],bytes32,bytes32)",
    "getMinDelay()",
    "getOperationState(bytes32)",
    "getTimestamp(bytes32)",
    "hashOperation(address,uint256,bytes,bytes32,bytes32)",
    "hashOperationBatch(address[],uint256[],bytes[],bytes32,bytes32)",
    "initialize(uint256,address[],address[],address)",
    "initialize(uint256,address[],address[])",
    "isOperation(bytes32)",
    "isOperationDone(bytes32)",
    "isOperationPending(bytes32)",
    "isOperationReady(bytes32)",
    "onERC1155BatchReceived(address,address,uint256[],uint256[],bytes)",
    "onERC1155Received(address,address,uint256,uint256,bytes)",
    "onERC721Received(address,address,uint256,bytes)",
    "schedule(address,uint256,bytes,bytes32,bytes32,uint256)",
    "scheduleBatch(address[],uint256[],bytes[],bytes32,bytes32,uint256)",
    "updateDelay(uint256)",
];
const COMPOUND: &[&str] = &[
    "GRACE_PERIOD()",
    "MAXIMUM_DELAY()",
    "MINIMUM_DELAY()",
    "acceptAdmin()",
    "admin()",
    "cancelTransaction(address,uint256,string,bytes,uint256)",
    "delay()",
    "executeTransaction(address,uint256,string,bytes,uint256)",
    "pendingAdmin()",
    "queueTransaction(address,uint256,string,bytes,uint256)",
    "queuedTransactions(bytes32)",
    "setDelay(uint256)",
    "setPendingAdmin(address)",
];
const MANAGER: &[&str] = &[
    "ADMIN_ROLE()",
    "PUBLIC_ROLE()",
    "canCall(address,address,bytes4)",
    "cancel(address,address,bytes)",
    "consumeScheduledOp(address,bytes)",
    "execute(address,bytes)",
    "expiration()",
    "getAccess(uint64,address)",
    "getNonce(bytes32)",
    "getRoleAdmin(uint64)",
    "getRoleGrantDelay(uint64)",
    "getRoleGuardian(uint64)",
    "getSchedule(bytes32)",
    "getTargetAdminDelay(address)",
    "getTargetFunctionRole(address,bytes4)",
    "grantRole(uint64,address,uint32)",
    "hasRole(uint64,address)",
    "hashOperation(address,address,bytes)",
    "isTargetClosed(address)",
    "labelRole(uint64,string)",
    "minSetback()",
    "multicall(bytes[])",
    "renounceRole(uint64,address)",
    "revokeRole(uint64,address)",
    "schedule(address,bytes,uint48)",
    "setGrantDelay(uint64,uint32)",
    "setRoleAdmin(uint64,uint64)",
    "setRoleGuardian(uint64,uint64)",
    "setTargetAdminDelay(address,uint32)",
    "setTargetClosed(address,bool)",
    "setTargetFunctionRole(address,bytes4[],uint64)",
    "updateAuthority(address,address)",
];
const EXECUTOR: &[&str] = &[
    "ADMIN_ROLE()",
    "EXECUTOR_ROLE()",
    "execute(address,bytes)",
    "executeCall(address,bytes)",
    "initialize(address,address[])",
];
/// Who may change the code is asked of every controller that is a proxy.
const UPGRADED: &[&str] = &[
    "UPGRADE_INTERFACE_VERSION()",
    "proxiableUUID()",
    "upgradeTo(address)",
    "upgradeToAndCall(address,bytes)",
];

/// What is asked of the code of one controller.
pub(super) struct Asked<'a> {
    pub(super) address: Address,
    pub(super) kind: &'a str,
    /// The upgrade call, where it is made to it.
    pub(super) receives: Option<&'a Step>,
    /// What the tree is of.
    pub(super) proxy: Address,
    pub(super) aim: Option<&'a Aim>,
    /// Whom it is known to obey.
    pub(super) obeyed: Vec<Address>,
}

/// Whether others may make a contract act.
#[derive(Debug, Default)]
pub(super) struct Further {
    /// Why, in a way that nobody looked at; nothing where its code has nothing else.
    pub(super) unknown: Vec<String>,
    /// Strangers to try.
    pub(super) members: Vec<Member>,
}

/// Who may make a contract act beside everyone it names.
pub(super) async fn further(
    session: &mut Session,
    ask: &Asked<'_>,
) -> Result<Further, InspectError> {
    let (address, kind) = (ask.address, ask.kind);
    let mut further = Further::default();
    if matches!(
        kind,
        "governor" | "aragon-kernel" | "aragon-agent" | "aragon-dao" | "aragon-voting"
    ) {
        further.unknown.push(format!(
            "the code of {address} is not held against the releases of a {kind}: what else makes it act was not looked at"
        ));
    }
    let Some(vocabulary) = vocabulary(kind, ask.receives.is_some()) else {
        return Ok(further);
    };
    let (own, implementation) = runs(session, address).await?;
    let Some(own) = own else {
        return Ok(further);
    };
    let (at, code) = match implementation {
        Some(at) => (at, session.code(at).await?.unwrap_or_default()),
        None => (address, own.clone()),
    };
    if keccak256(&own) == FACTORY {
        return Ok(further);
    }
    let plain = without_metadata(&code);
    let behind = at != address;
    if kind == "safe" {
        if !SAFES.contains(&keccak256(plain)) {
            further.unknown.push(format!("the code of {at} is no Safe's release known here: what else makes {address} act was not looked at"));
        }
        return Ok(further);
    }
    let mut known: Vec<[u8; 4]> = vocabulary
        .concat()
        .iter()
        .map(|name| selector(name))
        .collect();
    if behind {
        known.extend(UPGRADED.iter().map(|name| selector(name)));
    }
    known.extend(ask.receives.map(Step::selector));
    let why = strange(plain, &known, &[address, at], behind || passes_on(kind));
    let has = functions(plain).unwrap_or_default().selectors;
    let names = vocabulary.concat().into_iter();
    let names: Vec<_> = names.filter(|name| has.contains(&selector(name))).collect();
    let owned = matches!(kind, "proxy-admin" | "beacon" | "contract" | "ownable");
    let hashes = owned && !survey::hashes(&names) && reached(plain).instructions.contains(&0x20);
    let why = why.or(hashes.then(|| "it hashes, perhaps who calls it".to_owned()));
    let survey = Surveyed {
        address,
        at,
        proxy: ask.proxy,
        names: &names,
        owned,
        aim: ask.aim,
        obeyed: &ask.obeyed,
    };
    let seen = survey.survey(session).await?;
    let odd = (!seen.odd.is_empty()).then(|| some(seen.odd.into_iter()));
    further.unknown.extend(why.into_iter().chain(odd).map(|why| {
        format!("the code of {at} is no release known here: {why}; who else can make {address} act was not looked at")
    }));
    further.unknown.extend(seen.untold);
    further.members = seen.members;
    Ok(further)
}

/// The code of `address`, and whose code it runs for every call.
async fn runs(
    session: &mut Session,
    address: Address,
) -> Result<(Option<Bytes>, Option<Address>), InspectError> {
    let own = session.code(address).await?;
    let data = unknown_call(address);
    let played = session.call(stranger(), address, data.clone()).await?;
    let outcome = played.outcomes.first();
    let forwarded = outcome.and_then(|outcome| forwarding(&outcome.calls, address, &data));
    Ok((own, forwarded.map(|(_, frame)| frame.to)))
}

/// Whether the code at `safe` is that of a Safe's proxy as it was released, which nobody else upgrades.
pub(super) async fn is_safe_proxy(
    session: &mut Session,
    safe: Address,
) -> Result<bool, InspectError> {
    let code = session.code(safe).await?.unwrap_or_default();
    Ok(RELEASES.contains(&keccak256(&code)))
}

/// Contracts whose every function is known, by kind; `None` for those of which not all is told anyway.
fn vocabulary(kind: &str, receives: bool) -> Option<Vec<&'static [&'static str]>> {
    Some(match kind {
        "proxy-admin" => vec![PROXY_ADMIN, OWNABLE],
        "beacon" => vec![BEACON, OWNABLE],
        "timelock" => vec![TIMELOCK, COMPOUND, ROLES],
        "access-manager" => vec![MANAGER],
        "upgrade-executor" => vec![EXECUTOR, ROLES],
        "safe" => vec![],
        "contract" | "ownable" if receives => vec![PROXY_ADMIN, BEACON, OWNABLE],
        _ => return None,
    })
}

/// Whether contracts of this kind run others' code by design.
fn passes_on(kind: &str) -> bool {
    matches!(kind, "access-manager" | "upgrade-executor")
}

fn selector(name: &str) -> [u8; 4] {
    let hash = keccak256(name);
    [hash[0], hash[1], hash[2], hash[3]]
}

/// The functions that a proxy of one of OpenZeppelin's kinds has in its own code beside theirs, in words.
pub(crate) fn own_functions(
    kind: ProxyKind,
    code: &[u8],
    late: &BTreeSet<[u8; 4]>,
) -> Option<String> {
    use ProxyKind::{BeaconProxy, Transparent, TransparentV5, UupsV5, UupsV41, UupsV45, ZosAdmin};
    let plain = [
        BeaconProxy,
        Transparent,
        TransparentV5,
        UupsV41,
        UupsV45,
        UupsV5,
        ZosAdmin,
    ];
    if !plain.contains(&kind) {
        return None;
    }
    let known: Vec<_> = PROXY.iter().map(|name| selector(name)).collect();
    let mut has = functions(without_metadata(code)).unwrap_or_default();
    has.selectors.extend(late);
    let strange = beside(&has, &known)?;
    Some(format!(
        "the proxy itself {strange}, which were not looked at"
    ))
}

/// The functions of a proxy's own code beside those of OpenZeppelin's and `verbs`, in words.
pub(super) fn beyond_proxies(has: &Functions, verbs: &[[u8; 4]]) -> Option<String> {
    let known = PROXY.iter().map(|name| selector(name));
    let known: Vec<_> = known.chain(verbs.iter().copied()).collect();
    beside(has, &known)
}

/// The functions beside those that upgrade, and that say who may, in words.
pub(super) fn beyond_upgrades(has: &Functions) -> Option<String> {
    let known = [UPGRADED, OWNABLE, ROLES].concat();
    let known: Vec<_> = known.iter().map(|name| selector(name)).collect();
    beside(has, &known)
}

/// The functions beside those `known`, in words.
fn beside(has: &Functions, known: &[[u8; 4]]) -> Option<String> {
    let strange: Vec<_> = has
        .selectors
        .iter()
        .filter(|s| !known.contains(*s))
        .collect();
    let names = strange.iter().map(hex::encode_prefixed);
    (!strange.is_empty()).then(|| format!("has further functions ({})", some(names)))
}

/// What `code` has beside the functions `known`.
fn strange(code: &[u8], known: &[[u8; 4]], itself: &[Address], delegates: bool) -> Option<String> {
    let Some(has) = functions(code) else {
        return Some("its functions could not be listed".into());
    };
    if let Some(why) = beside(&has, known) {
        return Some(format!("it {why}"));
    }
    if has.acts {
        return Some("it acts when it is called with no function it has".into());
    }
    let reached = reached(code);
    let does = |instruction: u8| reached.instructions.contains(&instruction);
    if does(0x32) {
        return Some("it looks at who signed the transaction".into());
    }
    // CALLCODE, SELFDESTRUCT, and DELEGATECALL where nothing of the kind passes calls on.
    if does(0xf2) || does(0xff) || (does(0xf4) && !delegates) {
        return Some("it runs other code, or destroys itself".into());
    }
    let others = reached.addresses.iter().filter(|who| !itself.contains(who));
    let others: Vec<_> = others.map(Address::to_string).collect();
    (!others.is_empty()).then(|| format!("addresses stand in it ({})", some(others.into_iter())))
}

/// The first few of `names`, and how many more there are.
fn some(names: impl ExactSizeIterator<Item = String>) -> String {
    let more = names.len().saturating_sub(NAMED);
    let first: Vec<_> = names.take(NAMED).collect();
    let first = first.join(", ");
    match more {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}
