//! Sequence's wallets: the implementation stands in the slot numbered as the wallet's own address, and
//! only the wallet itself may change it.

use super::{Kind, Recognized, Subject};
use crate::{error::InspectError, session::Session};
use alloy_primitives::hex;
use async_trait::async_trait;
use cutover_types::{Argument, ProxyKind, UpgradePath, UpgradeStep, inspection::Location};

const CODE: [u8; 26] = hex!("363d3d373d3d3d363d30545af43d82803e903d91601857fd5bf3");

pub(super) struct SequenceWallet;

#[async_trait(?Send)]
impl Kind for SequenceWallet {
    async fn recognize(
        &self,
        _: &mut Session,
        subject: &Subject,
    ) -> Result<Option<Recognized>, InspectError> {
        let wallet = subject.proxy;
        let slot = wallet.into_word();
        if subject.code[..] != CODE || subject.forward.location != Location::Slot(slot) {
            return Ok(None);
        }
        let mut found = Recognized::new(ProxyKind::SequenceWallet);
        found.notes.push(
            "only the wallet itself may upgrade it: its owners sign a transaction that calls it"
                .into(),
        );
        let step = UpgradeStep::new(
            wallet,
            wallet,
            "updateImplementation(address)",
            vec![Argument::Implementation],
        );
        found.paths.push(UpgradePath::of(wallet, slot, vec![step]));
        Ok(Some(found))
    }
}
