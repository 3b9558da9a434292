//! A Safe's proxy: the singleton stands in slot 0. Up to 1.1.1 the Safe changes it by a call of itself;
//! later it delegate-calls a migration contract that is made for one singleton.

use super::{
    Kind, Recognized, Subject,
    migrations::{Hop, released},
};
use crate::{
    approvals,
    code::{has_selector, moved},
    error::{InspectError, key},
    prove::{elsewhere, forwards_to},
    session::{Played, Script, Session, request, stranger},
    trace::unknown_call,
};
use alloy_primitives::{Address, B256, Bytes, U256, b256, keccak256};
use alloy_sol_types::SolCall;
use async_trait::async_trait;
use cutover_types::{
    Argument, Call, Missing, ProxyKind, UpgradePath, UpgradeStep, inspection::Location, text,
    upgrade::safe,
};
use std::collections::BTreeMap;

/// Code hashes of the proxies of 1.1.1, 1.3.0, 1.4.1 and 1.5.0.
pub(crate) const RELEASES: [B256; 4] = [
    b256!("aea7d4252f6245f301e540cfbee27d3a88de543af8e49c5c62405d5499fab7e5"),
    b256!("b89c1b3bdf2cf8827818646bce9a8f6e372885f8c55e5c07acbd307cb133b000"),
    b256!("d7d408ebcd99b2b70be43e20253d6d92a8ea8fab29bd3be7f55b10032331fb4c"),
    b256!("4e381985ca68b3e5d27b4425fa581c19cf33146d3f887a3cfca96f55528ea46f"),
];
/// Owners whose approval is executed at most.
const OWNERS: usize = 32;

alloy_sol_types::sol! {
    interface ISafe {
        function VERSION() external view returns (string);
        function masterCopy() external view returns (address);
        function nonce() external view returns (uint256);
        function getOwners() external view returns (address[]);
        function getThreshold() external view returns (uint256);
        function changeMasterCopy(address singleton) external;
    }
}

pub(super) struct Safe;

#[async_trait(?Send)]
impl Kind for Safe {
    async fn recognize(
        &self,
        session: &mut Session,
        subject: &Subject,
    ) -> Result<Option<Recognized>, InspectError> {
        if subject.forward.location != Location::Slot(B256::ZERO) {
            return Ok(None);
        }
        let proxy = subject.proxy;
        let singleton = subject.forward.target;
        let questions = [
            ISafe::VERSIONCall {}.abi_encode(),
            ISafe::masterCopyCall {}.abi_encode(),
            ISafe::nonceCall {}.abi_encode(),
            ISafe::getOwnersCall {}.abi_encode(),
            ISafe::getThresholdCall {}.abi_encode(),
        ];
        let answers = session.ask(questions.map(|data| (proxy, data))).await?;
        let [version, copy, nonce, owners, threshold] = answers.as_slice() else {
            return Ok(None);
        };
        let released = RELEASES.contains(&keccak256(&subject.code));
        let owners = owners
            .returns::<ISafe::getOwnersCall>()
            .filter(|owners| !owners.is_empty());
        let threshold = threshold.word().and_then(|word| usize::try_from(word).ok());
        let answers = owners.is_some() && threshold.is_some() && copy.address() == Some(singleton);
        if !released && !answers {
            return Ok(None);
        }
        let mut found = Recognized::new(ProxyKind::SafeProxy);
        found.admin = Some(proxy);
        if !released {
            let note = "its proxy code is of no release that is known here";
            found.notes.push(note.into());
        }
        let version = version.returns::<ISafe::VERSIONCall>();
        let version = version.map_or("unknown".into(), |version| text::terminal(&version, 32));
        let code = session.code(singleton).await?.unwrap_or_default();
        if has_selector(&code, ISafe::changeMasterCopyCall::SELECTOR) {
            let step = UpgradeStep::new(
                proxy,
                proxy,
                "changeMasterCopy(address)",
                vec![Argument::Implementation],
            );
            found
                .paths
                .push(UpgradePath::of(proxy, B256::ZERO, vec![step]));
            return Ok(Some(found));
        }
        found.without_call = Some(format!(
            "a Safe of version {version} has no call that upgrades it: its owners execute a delegate call \
             (operation 1) of migrateSingleton() on a SafeMigration contract whose SAFE_SINGLETON() is \
             the new singleton; the way back needs a second one, whose SAFE_SINGLETON() is {singleton}"
        ));
        found.notes.extend(found.without_call.clone());
        let told = (owners, threshold, nonce.word());
        if let (Some(owners), Some(threshold), Some(nonce)) = told {
            let safe = Owned {
                proxy,
                singleton,
                owners,
                threshold,
                nonce,
            };
            found.notes.push(safe.rehearse(session, &code).await?);
            found.notes.extend(safe.released(session).await?);
        }
        Ok(Some(found))
    }
}

/// What the owners need to agree on a transaction.
struct Owned {
    proxy: Address,
    singleton: Address,
    owners: Vec<Address>,
    threshold: usize,
    nonce: U256,
}

impl Owned {
    /// Has the owners move the Safe to a copy of its singleton and back, by delegate calls of contracts
    /// that stand in for a SafeMigration: what they would do, guards included.
    async fn rehearse(&self, session: &mut Session, code: &Bytes) -> Result<String, InspectError> {
        let other = elsewhere(self.singleton);
        let copy = Bytes::from(moved(code, self.singleton, other));
        let mut planted = BTreeMap::from([(other, copy)]);
        let mut hops = Vec::new();
        for target in [other, self.singleton] {
            let migration = elsewhere(Address::from_word(keccak256(target)));
            planted.insert(migration, stand_in(target));
            hops.push(Hop::new(migration, target));
        }
        Ok(match self.go(session, &hops, planted).await? {
            Went::There => format!(
                "executed: with {} it moved to a copy of its singleton and back, by delegate calls of \
                 stand-ins for such contracts",
                self.approvals()
            ),
            Went::Refused(why) => format!(
                "executed: the delegate call of a migration is refused although {} of its owners approve: \
                 {why}",
                self.threshold
            ),
            Went::Unknown(why) => format!("not executed: {why}"),
        })
    }

    /// What the released contracts on this chain do, there and, where one leads back, back.
    async fn released(&self, session: &mut Session) -> Result<Vec<String>, InspectError> {
        let hops = released(session).await?;
        let back = hops.iter().find(|hop| hop.target == self.singleton);
        let mut notes = Vec::new();
        for hop in hops.iter().filter(|hop| hop.target != self.singleton) {
            let way: Vec<_> = [Some(hop), back].into_iter().flatten().cloned().collect();
            let Hop { name, target, .. } = hop;
            let led =
                format!("a delegate call (operation 1) of {name} leads to singleton {target}");
            let returns = match back {
                Some(back) => format!("the way back is {}", back.name),
                None => format!("no released contract here leads back to {}", self.singleton),
            };
            notes.push(match self.go(session, &way, BTreeMap::new()).await? {
                Went::There => {
                    format!("executed: with {}, {led}; {returns}", self.approvals())
                }
                Went::Refused(why) => format!("executed, and refused: {led}; {returns}: {why}"),
                Went::Unknown(why) => format!("not executed, {why}: {led}; {returns}"),
            });
        }
        Ok(notes)
    }

    fn approvals(&self) -> String {
        let (threshold, owners) = (self.threshold, self.owners.len());
        format!("the approvals of {threshold} of its {owners} owners")
    }

    /// Has the owners approve and make these delegate calls, one after the other.
    async fn go(
        &self,
        session: &mut Session,
        hops: &[Hop],
        planted: BTreeMap<Address, Bytes>,
    ) -> Result<Went, InspectError> {
        let mut signers = self.owners.clone();
        signers.truncate(self.threshold);
        signers.sort();
        if signers.len() < self.threshold || self.threshold > OWNERS {
            return Ok(Went::Unknown(
                "it needs more approvals than are tried here".into(),
            ));
        }
        let mut script = Script {
            planted,
            ..Script::default()
        };
        let mut ends = Vec::new();
        for (round, hop) in (0_u64..).zip(hops) {
            let call = Call {
                operation: 1,
                ..Call::new(hop.contract, hop.data.clone())
            };
            let nonce = self.nonce.saturating_add(U256::from(round));
            let question = safe::ask_hash(self.proxy, &call, nonce);
            let asked = (question.to, question.data.to_vec());
            let answers = session.ask([asked]).await?;
            let Some(hash) = answers.first().and_then(Played::word) else {
                return Ok(Went::Unknown(
                    "it gives no hash of a transaction to approve".into(),
                ));
            };
            let approved = (&call, hash.into());
            let steps = approvals::steps(self.proxy, approved, &signers, stranger());
            script.steps.extend(steps);
            let asked = unknown_call(self.proxy);
            script.steps.push(request(stranger(), self.proxy, asked));
            ends.push((script.steps.len() - 1, hop.target));
        }
        let played = session.play(&script).await?;
        let payer = |missing: &Missing| match missing {
            Missing::Account { address } => signers.contains(address),
            _ => false,
        };
        if let Some(missing) = played.guesses().find(|missing| !payer(missing)) {
            return Ok(Went::Unknown(format!(
                "the node does not give {}",
                key(&missing)
            )));
        }
        for (end, target) in ends {
            let arrived = played
                .outcomes
                .get(end)
                .and_then(|outcome| forwards_to(outcome, self.proxy));
            if arrived == Some(target) {
                continue;
            }
            let refused = played.outcomes.get(end.saturating_sub(1));
            let why = refused.and_then(|outcome| cutover_evm::decode_revert(&outcome.output));
            return Ok(Went::Refused(
                why.unwrap_or_else(|| "without a reason".into()),
            ));
        }
        Ok(Went::There)
    }
}

/// What having the owners agree led to.
enum Went {
    /// To the singleton of each call.
    There,
    /// One of the calls did not move it: why.
    Refused(String),
    /// It could not be executed: why.
    Unknown(String),
}

/// Code that writes `target` to slot 0: `PUSH20 target PUSH1 0 SSTORE STOP`.
fn stand_in(target: Address) -> Bytes {
    [&[0x73], target.as_slice(), &[0x60, 0x00, 0x55, 0x00]]
        .concat()
        .into()
}
