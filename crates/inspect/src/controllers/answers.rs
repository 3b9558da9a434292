//! What a contract answers when it is asked what controllers answer.

use super::roles::IRoles;
use crate::{
    error::InspectError,
    session::{Played, Session},
};
use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_sol_types::SolCall;
use cutover_types::abi::{IBeacon, IProxy, IProxyAdmin};
use std::collections::BTreeMap;

alloy_sol_types::sol! {
    interface IAnswers {
        function getOwners() external view returns (address[]);
        function getThreshold() external view returns (uint256);
        function nonce() external view returns (uint256);
        function VERSION() external view returns (string);
        function domainSeparator() external view returns (bytes32);
        function getMinDelay() external view returns (uint256);
        function delay() external view returns (uint256);
        function admin() external view returns (address);
        function pendingAdmin() external view returns (address);
        function GRACE_PERIOD() external view returns (uint256);
        function pendingOwner() external view returns (address);
        function nominatedOwner() external view returns (address);
        function getOwner() external view returns (address);
        function proxyOwner() external view returns (address);
        function upgradeabilityOwner() external view returns (address);
        function governor() external view returns (address);
        function pendingGovernor() external view returns (address);
        function addressManager() external view returns (address);
        function authority() external view returns (address);
        function PUBLIC_ROLE() external view returns (uint64);
        function ADMIN_ROLE() external view returns (bytes32);
        function EXECUTOR_ROLE() external view returns (bytes32);
        function votingDelay() external view returns (uint256);
        function votingPeriod() external view returns (uint256);
        function proposalThreshold() external view returns (uint256);
        function quorumVotes() external view returns (uint256);
        function timelock() external view returns (address);
        function token() external view returns (address);
        function comp() external view returns (address);
        function uni() external view returns (address);
        function guardian() external view returns (address);
        function voteTime() external view returns (uint64);
        function supportRequiredPct() external view returns (uint64);
        function CLOCK_MODE() external view returns (string);
        function COUNTING_MODE() external view returns (string);
        function clock() external view returns (uint48);
        function quorum(uint256 timepoint) external view returns (uint256);
        function acl() external view returns (address);
        function kernel() external view returns (address);
        function EXECUTE_ROLE() external view returns (bytes32);
        function RUN_SCRIPT_ROLE() external view returns (bytes32);
        function avatar() external view returns (address);
        function xvsVault() external view returns (address);
        function EXECUTE_PERMISSION_ID() external view returns (bytes32);
        function ROOT_PERMISSION_ID() external view returns (bytes32);
    }
}

/// Answers by the name of what was asked.
pub(super) struct Answers(BTreeMap<&'static str, Played>);

impl Answers {
    /// Asks `address` everything, in one wave.
    pub(super) async fn of(
        session: &mut Session,
        address: Address,
        proxy: Address,
    ) -> Result<Self, InspectError> {
        let has_role = |role: B256| IRoles::hasRoleCall {
            role,
            account: address,
        };
        let mut questions = vec![
            ("nonsense", keccak256(address)[..4].to_vec()),
            ("owner", IProxy::ownerCall {}.abi_encode()),
            (
                "version",
                IProxy::UPGRADE_INTERFACE_VERSIONCall {}.abi_encode(),
            ),
            (
                "getProxyAdmin",
                IProxyAdmin::getProxyAdminCall { proxy }.abi_encode(),
            ),
            (
                "implementation",
                IBeacon::implementationCall {}.abi_encode(),
            ),
            ("hasRole", has_role(B256::ZERO).abi_encode()),
        ];
        macro_rules! ask {
            ($($name:literal $call:ident),* $(,)?) => {
                $(questions.push(($name, IAnswers::$call {}.abi_encode()));)*
            };
        }
        ask!(
            "getOwners" getOwnersCall, "getThreshold" getThresholdCall, "nonce" nonceCall,
            "VERSION" VERSIONCall, "domainSeparator" domainSeparatorCall,
            "getMinDelay" getMinDelayCall, "delay" delayCall, "admin" adminCall,
            "pendingAdmin" pendingAdminCall, "GRACE_PERIOD" GRACE_PERIODCall,
            "pendingOwner" pendingOwnerCall, "nominatedOwner" nominatedOwnerCall,
            "getOwner" getOwnerCall, "proxyOwner" proxyOwnerCall,
            "upgradeabilityOwner" upgradeabilityOwnerCall, "governor" governorCall,
            "pendingGovernor" pendingGovernorCall, "addressManager" addressManagerCall,
            "authority" authorityCall, "PUBLIC_ROLE" PUBLIC_ROLECall, "ADMIN_ROLE" ADMIN_ROLECall,
            "EXECUTOR_ROLE" EXECUTOR_ROLECall, "votingDelay" votingDelayCall,
            "votingPeriod" votingPeriodCall, "proposalThreshold" proposalThresholdCall,
            "quorumVotes" quorumVotesCall, "timelock" timelockCall, "token" tokenCall,
            "comp" compCall, "uni" uniCall, "guardian" guardianCall, "voteTime" voteTimeCall,
            "supportRequiredPct" supportRequiredPctCall, "CLOCK_MODE" CLOCK_MODECall, "COUNTING_MODE" COUNTING_MODECall,
            "clock" clockCall, "acl" aclCall, "kernel" kernelCall,
            "EXECUTE_ROLE" EXECUTE_ROLECall, "RUN_SCRIPT_ROLE" RUN_SCRIPT_ROLECall,
            "avatar" avatarCall, "xvsVault" xvsVaultCall,
            "EXECUTE_PERMISSION_ID" EXECUTE_PERMISSION_IDCall,
            "ROOT_PERMISSION_ID" ROOT_PERMISSION_IDCall,
        );
        let names: Vec<_> = questions.iter().map(|(name, _)| *name).collect();
        let asked = questions.into_iter().map(|(_, data)| (address, data));
        let answers = session.ask(asked).await?;
        Ok(Self(names.into_iter().zip(answers).collect()))
    }

    /// Whether it answers a question that no contract knows: nothing it says means anything then.
    pub(super) fn anything(&self) -> bool {
        self.word("nonsense").is_some()
    }

    pub(super) fn word(&self, name: &str) -> Option<U256> {
        self.0.get(name)?.word()
    }

    /// An address that is not zero.
    pub(super) fn address(&self, name: &str) -> Option<Address> {
        self.0.get(name)?.address()
    }

    /// Whether it has this getter, and what it says; zero is an answer.
    pub(super) fn account(&self, name: &str) -> Option<Address> {
        let word = self.word(name)?.to_be_bytes::<32>();
        (word[..12] == [0; 12]).then(|| Address::from_slice(&word[12..]))
    }

    pub(super) fn returns<C: SolCall>(&self, name: &str) -> Option<C::Return> {
        self.0.get(name)?.returns::<C>()
    }

    /// What the node refuses of what `name` needs.
    pub(super) fn refused(&self, name: &str) -> Option<cutover_types::Missing> {
        self.0.get(name)?.guesses().next()
    }

    /// Everyone it names as its owner or the like, with the word it uses.
    pub(super) fn chiefs(&self) -> Vec<(Address, &'static str)> {
        const GETTERS: [(&str, &str); 6] = [
            ("owner", "owner"),
            ("getOwner", "owner"),
            ("proxyOwner", "proxy owner"),
            ("upgradeabilityOwner", "upgradeability owner"),
            ("admin", "admin"),
            ("governor", "governor"),
        ];
        self.named(&GETTERS)
    }

    /// Everyone who only has to accept to become that.
    pub(super) fn heirs(&self) -> Vec<(Address, &'static str)> {
        const GETTERS: [(&str, &str); 4] = [
            ("pendingOwner", "pending owner"),
            ("nominatedOwner", "nominated owner"),
            ("pendingAdmin", "pending admin"),
            ("pendingGovernor", "pending governor"),
        ];
        self.named(&GETTERS)
    }

    fn named(&self, getters: &[(&str, &'static str)]) -> Vec<(Address, &'static str)> {
        let mut named: Vec<(Address, &'static str)> = Vec::new();
        for (getter, role) in getters {
            if let Some(address) = self.address(getter)
                && !named.iter().any(|(known, _)| *known == address)
            {
                named.push((address, role));
            }
        }
        named
    }
}
