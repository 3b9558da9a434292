//! Proxies that obey an owner who, unlike an admin, may also use what they run: hardhat-deploy's
//! EIP173Proxy, zos' and TrueUSD's OwnedUpgradeabilityProxy, OpenSea's OwnableDelegateProxy.

use super::{Kind, Recognized, Subject, admin, own};
use crate::{
    code::has_selector,
    error::InspectError,
    session::{Session, stranger},
    trace::forwarding,
    watch::Read,
};
use alloy_primitives::{Address, B256, U256, b256};
use alloy_sol_types::SolCall;
use async_trait::async_trait;
use cutover_types::{
    Missing, ProxyKind, UpgradePath, Verb,
    abi::{ADMIN_SLOT, IMPLEMENTATION_SLOT, IProxy, ZOS_IMPLEMENTATION_SLOT},
    inspection::Location,
};

alloy_sol_types::sol! {
    function proxyOwner() external view returns (address);
    function upgradeabilityOwner() external view returns (address);
    function proxyType() external view returns (uint256);
}

/// `org.zeppelinos.proxy.owner`, hashed.
const ZOS_OWNER_SLOT: B256 =
    b256!("337c729c04082e3bdd94ba7d2b5a8a642f3a138702366a91707825373a2029ba");
/// `trueUSD.proxy.implementation` and `trueUSD.proxy.owner`, hashed.
const TRUEUSD_IMPLEMENTATION_SLOT: B256 =
    b256!("6e41e0fbe643dfdb6043698bf865aada82dc46b953f754a3468eaa272a362dc7");
const TRUEUSD_OWNER_SLOT: B256 =
    b256!("6279e8199720cf3557ecd8b58d667c8edc486bd1cf3ad59ea9ebdfcae0d0dfac");

/// ERC-897's proxy type of proxies that can be upgraded.
const UPGRADEABLE: U256 = U256::from_limbs([2, 0, 0, 0]);

/// A proxy that keeps its owner in `owner_slot` and answers `question` with it.
pub(super) struct OwnedProxy {
    kind: ProxyKind,
    slot: B256,
    owner_slot: B256,
    question: [u8; 4],
    /// Whether it must also say that it is upgradeable by ERC-897: its slots are anyone's.
    says_upgradeable: bool,
}

pub(super) const EIP173: OwnedProxy = OwnedProxy {
    kind: ProxyKind::Eip173,
    slot: IMPLEMENTATION_SLOT,
    owner_slot: ADMIN_SLOT,
    question: IProxy::ownerCall::SELECTOR,
    says_upgradeable: false,
};

pub(super) const ZOS_OWNED: OwnedProxy = OwnedProxy {
    kind: ProxyKind::ZosOwned,
    slot: ZOS_IMPLEMENTATION_SLOT,
    owner_slot: ZOS_OWNER_SLOT,
    question: proxyOwnerCall::SELECTOR,
    says_upgradeable: false,
};

pub(super) const TRUEUSD: OwnedProxy = OwnedProxy {
    kind: ProxyKind::TrueUsd,
    slot: TRUEUSD_IMPLEMENTATION_SLOT,
    owner_slot: TRUEUSD_OWNER_SLOT,
    question: proxyOwnerCall::SELECTOR,
    says_upgradeable: false,
};

pub(super) const OPENSEA: OwnedProxy = OwnedProxy {
    kind: ProxyKind::OpenSeaOwned,
    slot: B256::ZERO,
    owner_slot: B256::with_last_byte(1),
    question: upgradeabilityOwnerCall::SELECTOR,
    says_upgradeable: true,
};

#[async_trait(?Send)]
impl Kind for OwnedProxy {
    async fn recognize(
        &self,
        session: &mut Session,
        subject: &Subject,
    ) -> Result<Option<Recognized>, InspectError> {
        let proxy = subject.proxy;
        if subject.forward.location != Location::Slot(self.slot)
            || !has_selector(&subject.code, IProxy::upgradeToCall::SELECTOR)
        {
            return Ok(None);
        }
        let in_slot = admin::address_in(session, proxy, self.owner_slot).await?;
        let owner = in_slot.clone().ok().flatten();
        // The first of zos answer only their owner.
        let mut answers = self.answers(session, proxy, stranger()).await?;
        if let Some(owner) = owner {
            answers = answers || self.answers(session, proxy, owner).await?;
        }
        if !answers {
            return Ok(None);
        }
        if self.says_upgradeable {
            let [form] =
                own::answers(session, proxy, stranger(), [proxyTypeCall {}.abi_encode()]).await?;
            if form.word() != Some(UPGRADEABLE) {
                return Ok(None);
            }
        }
        let mut found = Recognized::new(self.kind);
        let with_data = has_selector(&subject.code, IProxy::upgradeToAndCallCall::SELECTOR);
        let mut path = UpgradePath::one_call(
            proxy,
            self.slot,
            Verb::UpgradeTo,
            with_data.then_some(Verb::UpgradeToAndCall),
        );
        match in_slot {
            Ok(Some(owner)) => {
                path.from = owner;
                found.admin = Some(owner);
                found.paths.push(path);
            }
            Ok(None) => {
                found.shut = Some("it has no owner: nobody can upgrade it".into());
                found.vacant = Some(path);
            }
            Err(unread) => {
                found.unsent = Some((path, format!("its owner is not known: {unread}")));
                found.notes.push(unread);
            }
        }
        Ok(Some(found))
    }
}

impl OwnedProxy {
    /// Whether the proxy itself, not what it runs, answers who its owner is, with what its slot holds.
    async fn answers(
        &self,
        session: &mut Session,
        proxy: Address,
        sender: Address,
    ) -> Result<bool, InspectError> {
        let question = self.question.to_vec();
        let played = session.call(sender, proxy, question).await?;
        let Some(outcome) = played.outcomes.first() else {
            return Ok(false);
        };
        let unread = Missing::Slot {
            address: proxy,
            slot: self.owner_slot,
        };
        let answer = outcome.output.get(..32);
        let holds = played.reads.iter().any(|read| match read {
            Read::Slot(whose, slot, value) => {
                (*whose, *slot) == (proxy, self.owner_slot)
                    && answer == Some(&value.to_be_bytes::<32>()[..])
            }
            Read::Guessed(missing) => *missing == unread,
            Read::Account(_) => false,
        });
        Ok(holds
            && outcome.status.is_success()
            && forwarding(&outcome.calls, proxy, &self.question).is_none())
    }
}
