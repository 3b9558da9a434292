//! What a controller is, told from what it answers, and who stands behind it.

use super::{
    answers::Answers,
    aragon,
    deed::Step,
    found::{Found, Member},
    governor, manager, osx,
    pending::pending,
    safe,
    through::Through,
    timelock,
};
use crate::{
    code::delegation,
    error::{InspectError, key},
    session::Session,
};
use alloy_primitives::{Address, U256, keccak256};
use cutover_types::{Missing, abi::IProxy};

/// Chains where a contract of another chain may act under an alias.
const L2: [u64; 14] = [
    10, 130, 252, 288, 480, 1135, 8453, 34443, 42161, 42170, 57073, 81457, 7777777, 11155420,
];

/// What is asked about a controller.
pub(super) struct Question<'a> {
    pub(super) address: Address,
    /// What the tree is of.
    pub(super) proxy: Address,
    /// The first call it has to make, or that is made to it.
    pub(super) step: Option<&'a Step>,
    /// Accounts worth asking about where a contract keeps no list.
    pub(super) known: &'a [Address],
    /// Whether it receives the upgrade call, rather than sending it.
    pub(super) gate: bool,
}

/// What the controller is.
pub(super) async fn classify(
    session: &mut Session,
    ask: &Question<'_>,
) -> Result<Found, InspectError> {
    let address = ask.address;
    if address[..18] == [0; 18] || address == Address::from_word(U256::from(0xdead).into()) {
        return Ok(Found::new("renounced"));
    }
    let Some(code) = session.code(address).await? else {
        let mut found = Found::new("unknown");
        let missing = key(&Missing::Account { address });
        found
            .unknown
            .push(format!("the node does not give {missing}"));
        return Ok(found);
    };
    if code.is_empty() {
        return account(session, address).await;
    }
    if let Some(delegate) = delegation(&code) {
        let mut found = Found::new("eip7702");
        found.fact("delegate", delegate);
        found.unknown.push(format!(
            "besides its key, the code of {delegate} decides what {address} does, which was not looked at"
        ));
        return Ok(found);
    }
    let answers = Answers::of(session, address, ask.proxy).await?;
    if answers.anything() {
        let mut found = Found::new("contract");
        found.unknown.push(format!(
            "{address} answers whatever it is asked: who controls it is not known"
        ));
        return Ok(found);
    }
    if let Some(found) = safe::look(session, address, &answers).await? {
        return Ok(found);
    }
    let mut queue = timelock::look(session, address, &answers, ask.known).await?;
    if queue.is_none() && manager::is_manager(&answers) {
        queue = Some(manager::look(session, address, ask.step, ask.known).await?);
    }
    if let Some(mut found) = queue {
        let waiting = pending(session, address, found.kind).await?;
        found.unknown.extend(waiting);
        return Ok(found);
    }
    if let Some(found) = executor(session, address, &answers, ask.known).await? {
        return Ok(found);
    }
    if let Some(found) = governor::look(session, address, &answers).await? {
        return Ok(found);
    }
    if let Some(found) = aragon::look(session, address, &answers, ask.known).await? {
        return Ok(found);
    }
    if let Some(found) = osx::look(session, address, &answers, ask.known).await? {
        return Ok(found);
    }
    Ok(plain(address, &answers, ask))
}

async fn account(session: &mut Session, address: Address) -> Result<Found, InspectError> {
    let mut found = Found::new("eoa");
    let fresh = session.nonce(address).await? == Some(0);
    if fresh && L2.contains(&session.chain_id) {
        let number = U256::from_be_slice(address.as_slice());
        let modulus = U256::ONE << 160;
        let origin = number.wrapping_add(modulus).wrapping_sub(alias()) % modulus;
        let origin = Address::from_word(origin.into());
        found.fact("may be alias of", origin);
        found.notes.push(format!(
            "it never sent anything here: it is a key, or the contract {origin} of the chain below"
        ));
    }
    Ok(found)
}

/// An L1 contract's address on a rollup is this much more.
fn alias() -> U256 {
    let mut bytes = [0; 20];
    bytes[..2].copy_from_slice(&[0x11, 0x11]);
    bytes[18..].copy_from_slice(&[0x11, 0x11]);
    U256::from_be_slice(&bytes)
}

/// Arbitrum's UpgradeExecutor.
async fn executor(
    session: &mut Session,
    address: Address,
    answers: &Answers,
    known: &[Address],
) -> Result<Option<Found>, InspectError> {
    let is =
        |name: &'static str| answers.word(name) == Some(U256::from_be_bytes(keccak256(name).0));
    if !is("EXECUTOR_ROLE") || !is("ADMIN_ROLE") || answers.word("hasRole").is_none() {
        return Ok(None);
    }
    let mut found = Found::new("upgrade-executor");
    let role = keccak256("EXECUTOR_ROLE");
    timelock::role_members(
        session,
        address,
        role,
        &Through::Executor,
        known,
        &mut found,
    )
    .await?;
    Ok(Some(found))
}

/// Contracts with an owner, and others.
fn plain(address: Address, answers: &Answers, ask: &Question<'_>) -> Found {
    let version = answers.returns::<IProxy::UPGRADE_INTERFACE_VERSIONCall>("version");
    let administers = answers.address("getProxyAdmin") == Some(address);
    let chiefs = answers.chiefs();
    let kind = if version.as_deref() == Some("5.0.0") && answers.account("owner").is_some()
        || administers
    {
        "proxy-admin"
    } else if answers.account("owner").is_some() && answers.address("implementation").is_some() {
        "beacon"
    } else if answers.account("owner").is_some() {
        "ownable"
    } else {
        "contract"
    };
    let mut found = Found::new(kind);
    if let Some(manager) = answers.address("addressManager").filter(|_| administers) {
        found.fact("address manager", manager);
    }
    if let Some(avatar) = answers.address("avatar") {
        found.fact("avatar", avatar);
    }
    if answers.account("owner") == Some(Address::ZERO) && chiefs.is_empty() {
        found.add(Member::claimed(
            Address::ZERO,
            "owner",
            "nobody can sign for it",
        ));
    }
    if !ask.gate {
        for (chief, role) in &chiefs {
            let why = "whether its owner can make it send this call is not known";
            found.add(Member::claimed(*chief, *role, why));
        }
        for (heir, role) in answers.heirs() {
            let why = "whether its owner can make it send this call is not known";
            found.add(Member::claimed(heir, role, why));
        }
        if chiefs.is_empty() && found.members.is_empty() {
            found
                .unknown
                .push(format!("what makes {address} act is not known"));
        }
        if let Some(missing) = answers.refused("owner") {
            found
                .unknown
                .push(format!("the node does not give {}", key(&missing)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_is_the_address_and_the_constant_of_the_rollups() {
        let text = format!("{:#x}", alias());
        assert_eq!(text, "0x1111000000000000000000000000000000001111");
    }
}
