//! Green left running, for people to touch.

use crate::{
    base::Base,
    error::ReplayError,
    options::{Green, Options},
    setup::Setup,
};
use alloy_primitives::{Address, U256};
use cutover_chain::{
    ChainError, RecordingFolder,
    anvil::{Anvil, AnvilOptions, NextBlock, Unsigned},
};
use cutover_evm::{Environment, SignedTransaction};
use cutover_types::{Hardfork, RecordedBlock, State};
use std::{collections::BTreeSet, sync::Arc};
use url::Url;

/// Gas of the upgrade.
const UPGRADE_GAS: u64 = 30_000_000;

/// The precompiles are numbered from one to this…
const LAST_PRECOMPILE: u16 = 0x11;
/// …and one stands apart.
const P256_VERIFY: u16 = 0x100;

/// A fork that outlives this process.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Where it listens.
    pub url: Url,
    /// Its process id.
    pub pid: u32,
}

/// Leaves an anvil running in which green is installed and the last recorded block has been run.
///
/// `archive` serves the recording and must go on doing so, and must answer that green's address and
/// the accounts [`fresh_accounts`] names are empty where the recording does not know them.
///
/// # Errors
/// When the fork does not start or green cannot be installed in it.
pub async fn keep_green(
    folder: &RecordingFolder,
    archive: Url,
    green: &Green,
    options: &Options,
) -> Result<Kept, ReplayError> {
    let recording = folder.manifest();
    let last = recording.blocks.last().ok_or(ReplayError::NoTransactions {
        proxy: recording.proxy,
    })?;
    let block = folder.block(last.number)?;
    let mut base = Base::new(block.clone(), options.node.clone());
    let setup = Setup::new(recording, green, options, &block, &mut base).await?;
    let step = setup.step(&*base.known(), &mut BTreeSet::new())?;
    let environment = Environment::of(setup.chain_id, &block.header)?;
    let view: Arc<dyn State> = base.known();
    let step = setup
        .prepare(&environment, &view, &setup.forward, step)
        .map_err(|error| ReplayError::BadBlock {
            block: last.number,
            why: error.to_string(),
        })?;
    let rules = Hardfork::of(setup.chain_id, &block.header).ok_or(ReplayError::BadBlock {
        block: last.number,
        why: "its rules are older than London".into(),
    })?;
    let anvil = Anvil::start(&AnvilOptions {
        program: options.anvil.clone(),
        chain_id: Some(setup.chain_id),
        ..AnvilOptions::green(archive, last.number.saturating_sub(1), rules)
    })
    .await?;
    anvil.place(&step.place).await?;
    let fee = u128::from(block.header.base_fee_per_gas.unwrap_or_default());
    let cost = U256::from(fee) * U256::from(UPGRADE_GAS);
    let balance = base
        .known()
        .account(step.from)
        .map_or(U256::ZERO, |account| account.balance);
    if balance < cost {
        anvil
            .set_balance(step.from, balance.saturating_add(cost))
            .await?;
    }
    anvil
        .set_next_block(&NextBlock {
            base_fee: block.header.base_fee_per_gas,
            timestamp: Some(block.header.timestamp),
            coinbase: Some(block.header.beneficiary),
            gas_limit: Some(block.header.gas_limit),
        })
        .await?;
    let upgrade = Unsigned {
        from: step.from,
        to: Some(step.to),
        data: step.data,
        gas: Some(UPGRADE_GAS),
        max_fee: Some(fee),
        ..Unsigned::default()
    };
    let sent = anvil.send_impersonated(&upgrade).await?;
    traffic(&anvil, &block, step.from).await?;
    anvil.mine().await?;
    let receipt: serde_json::Value = anvil
        .node()
        .call("eth_getTransactionReceipt", serde_json::json!([sent]))
        .await?;
    if receipt["status"] != "0x1" {
        return Err(ReplayError::BadBlock {
            block: last.number,
            why: "the upgrade does not succeed on the fork that was to be kept".into(),
        });
    }
    // From here on people send to it.
    let _: serde_json::Value = anvil
        .node()
        .call("evm_setAutomine", serde_json::json!([true]))
        .await?;
    let url = anvil.url();
    Ok(Kept {
        url,
        pid: anvil.detach(),
    })
}

/// The block's transactions up to its last target; those the recording has no state for stay out.
async fn traffic(
    anvil: &Anvil,
    block: &RecordedBlock,
    upgrader: Address,
) -> Result<(), ChainError> {
    let last = block.targets.last().map_or(0, |target| target.index);
    let wanted = usize::try_from(last)
        .unwrap_or(usize::MAX)
        .saturating_add(1);
    for raw in block.transactions.iter().take(wanted) {
        // The upgrade took the nonce its sender's own transaction needs.
        let own = SignedTransaction::decode(raw).is_ok_and(|tx| tx.sender == upgrader);
        if own {
            continue;
        }
        match anvil.send_raw(raw).await {
            Ok(_) | Err(ChainError::Rpc { .. }) => {}
            Err(other) => return Err(other),
        }
    }
    Ok(())
}

/// The accounts a kept fork changes or touches by itself and the recording may not know: green, who
/// upgrades, and what any call may touch, which is the zero address, its sender when it names none, and
/// the precompiles.
pub fn fresh_accounts(green: &Green, options: &Options, folder: &RecordingFolder) -> Vec<Address> {
    let path = options
        .upgrade
        .as_ref()
        .or(folder.manifest().upgrade.as_ref());
    let builtin = (0..=LAST_PRECOMPILE).chain([P256_VERIFY]);
    std::iter::once(green.address)
        .chain(path.map(|path| path.from))
        .chain(builtin.map(|number| Address::left_padding_from(&number.to_be_bytes())))
        .collect()
}
