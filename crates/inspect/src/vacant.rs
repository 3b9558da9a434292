//! Where nobody sits who upgrades: nobody can only where a stranger was not let in either, and the code has no
//! further way.

use crate::{
    controllers::reaches_out,
    error::InspectError,
    functions::{functions, without_metadata},
    kinds::{Recognized, Subject},
    session::Session,
};
use alloy_primitives::{Address, hex, keccak256};
use cutover_types::inspection::Controller;

/// Functions that are named.
const NAMED: usize = 4;
/// What proxies have in their own code whose seat may be empty, as they were released.
const KNOWN: &[&str] = &[
    // EIP-1967's and EIP-173's
    "admin()",
    "changeAdmin(address)",
    "implementation()",
    "owner()",
    "supportsInterface(bytes4)",
    "transferOwnership(address)",
    "upgradeTo(address)",
    "upgradeToAndCall(address,bytes)",
    // zos', TrueUSD's, OpenSea's, Polygon's
    "claimProxyOwnership()",
    "initialize(address,address,bytes)",
    "pendingProxyOwner()",
    "proxyOwner()",
    "proxyType()",
    "transferProxyOwnership(address)",
    "updateAndCall(address,bytes)",
    "updateImplementation(address)",
    "upgradeTo(uint256,address)",
    "upgradeTo(string,address)",
    "upgradeToAndCall(string,address,bytes)",
    "upgradeToAndCall(uint256,address,bytes)",
    "upgradeabilityOwner()",
    "version()",
    // Lido's
    "proxy__changeAdmin(address)",
    "proxy__getAdmin()",
    "proxy__getImplementation()",
    "proxy__getIsOssified()",
    "proxy__ossify()",
    "proxy__upgradeTo(address)",
    "proxy__upgradeToAndCall(address,bytes)",
    "proxy__upgradeToAndCall(address,bytes,bool)",
    // Celo's
    "_getImplementation()",
    "_getOwner()",
    "_setAndInitializeImplementation(address,bytes)",
    "_setImplementation(address)",
    "_transferOwnership(address)",
    // The Graph's and Keep's
    "acceptUpgrade()",
    "acceptUpgradeAndCall(bytes)",
    "completeUpgrade()",
    "initializationData(address)",
    "newImplementation()",
    "pendingImplementation()",
    "setAdmin(address)",
    "updateAdmin(address)",
    "upgradeInitiatedTimestamp()",
    "upgradeTimeDelay()",
    "upgradeTo(address,bytes)",
    // Optimism's
    "getImplementation()",
    "getOwner()",
    "setCode(bytes)",
    "setOwner(address)",
    "setStorage(bytes32,bytes32)",
    // Axelar's
    "contractId()",
    "setup(bytes)",
];

/// What else may fill the empty seat of the proxy, or go around it; `None`: nothing.
pub(crate) async fn further(
    session: &mut Session,
    subject: &Subject,
    implementation: Address,
) -> Result<Option<String>, InspectError> {
    let Some(mut has) = functions(without_metadata(&subject.code)) else {
        return Ok(Some("its own functions could not be listed".into()));
    };
    let late = session.targets(&subject.code);
    has.selectors.extend(&late.selectors);
    let known: Vec<_> = KNOWN.iter().map(keccak256).collect();
    let strange: Vec<_> = has
        .selectors
        .iter()
        .filter(|selector| known.iter().all(|hash| hash[..4] != **selector))
        .map(hex::encode_prefixed)
        .collect();
    if !strange.is_empty() {
        let more = match strange.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let named = strange[..strange.len().min(NAMED)].join(", ");
        return Ok(Some(format!(
            "its own code has further functions ({named}{more}), which were only tried by a stranger"
        )));
    }
    let code = session.code(implementation).await?.unwrap_or_default();
    let reaches = reaches_out(without_metadata(&code));
    Ok(reaches.then(|| {
        format!(
            "the code of {implementation}, which runs as it, delegates calls or names the slots of proxies: \
             whether it can upgrade was not looked at"
        )
    }))
}

/// Says what trying the empty seat showed: `controllers` are those who were found by it.
pub(crate) async fn settle(
    session: &mut Session,
    subject: &Subject,
    recognized: &mut Recognized,
    implementation: Address,
    controllers: &mut Vec<Controller>,
) -> Result<(), InspectError> {
    let Some(path) = recognized.vacant.take() else {
        return Ok(());
    };
    if !recognized.paths.is_empty() || recognized.unsent.is_some() {
        return Ok(());
    }
    let shut = recognized.shut.take();
    if let Some(opener) = controllers.iter().find_map(opener) {
        let nobody = shut.unwrap_or_else(|| "nobody was found who may".into());
        let how = opener.strip_prefix("caller of ").unwrap_or(opener);
        let why = format!("{nobody} yet; but anyone can become who may, by {how}");
        recognized.unsent = Some((path, why));
        return Ok(());
    }
    let Some(shut) = shut else {
        if path.to == path.proxy {
            controllers.clear();
        }
        return Ok(());
    };
    let behind = controllers.iter().find_map(|root| root.unknown.first());
    let further = match behind {
        Some(why) => Some(why.clone()),
        None => further(session, subject, implementation).await?,
    };
    match further {
        None => {
            controllers.clear();
            recognized.shut = Some(shut);
        }
        Some(why) => {
            recognized.without_call = Some(format!("{shut} as far as its seat goes; but {why}"));
            recognized.untold.push(why);
        }
    }
    Ok(())
}

/// How anyone gets there, if executing showed it.
fn opener(controller: &Controller) -> Option<&str> {
    if controller.kind == "anyone" && controller.proven {
        return controller.role.as_deref();
    }
    controller.members.iter().find_map(opener)
}
