//! The block a transaction runs in.

use crate::error::EvmError;
use alloy_consensus::Header;
use alloy_eips::eip7840::BlobParams;
use alloy_primitives::{Address, B256, U256};
use cutover_types::Hardfork;
use revm::{
    context::{BlockEnv, CfgEnv},
    context_interface::block::BlobExcessGasAndPrice,
    primitives::hardfork::SpecId,
};

/// Mainnet's first blob-parameter fork.
const BPO1: u64 = 1_765_290_071;
/// Mainnet's second blob-parameter fork.
const BPO2: u64 = 1_767_747_671;

/// What a block tells the transactions in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// The rules.
    pub hardfork: Hardfork,
    /// `NUMBER`.
    pub number: u64,
    /// `TIMESTAMP`.
    pub timestamp: u64,
    /// `COINBASE`, the receiver of tips.
    pub beneficiary: Address,
    /// `BASEFEE` in wei.
    pub base_fee: u64,
    /// `GASLIMIT`.
    pub gas_limit: u64,
    /// `DIFFICULTY` before the Merge.
    pub difficulty: U256,
    /// `PREVRANDAO` from the Merge on.
    pub prevrandao: Option<B256>,
    /// Sets the price of blob gas, from Cancun on.
    pub excess_blob_gas: Option<u64>,
    /// The price curve of blob gas and the limit of blobs in a transaction.
    pub blob_params: BlobParams,
    /// Hash of the parent block, for EIP-2935.
    pub parent_hash: B256,
    /// For EIP-4788, from Cancun on.
    pub parent_beacon_root: Option<B256>,
}

impl Environment {
    /// What this header tells its transactions.
    ///
    /// # Errors
    /// [`EvmError::Unsupported`] for mainnet blocks before London.
    pub fn of(chain_id: u64, header: &Header) -> Result<Self, EvmError> {
        let hardfork = Hardfork::of(chain_id, header).ok_or_else(|| EvmError::Unsupported {
            what: format!("block {}, older than London,", header.number),
        })?;
        let merged = hardfork >= Hardfork::Paris;
        let cancun = hardfork >= Hardfork::Cancun;
        Ok(Self {
            chain_id,
            hardfork,
            number: header.number,
            timestamp: header.timestamp,
            beneficiary: header.beneficiary,
            base_fee: header.base_fee_per_gas.unwrap_or_default(),
            gas_limit: header.gas_limit,
            difficulty: header.difficulty,
            prevrandao: merged.then_some(header.mix_hash),
            excess_blob_gas: cancun.then(|| header.excess_blob_gas.unwrap_or_default()),
            blob_params: blob_params(chain_id, hardfork, header.timestamp),
            parent_hash: header.parent_hash,
            parent_beacon_root: header.parent_beacon_block_root.filter(|_| cancun),
        })
    }

    pub(crate) fn spec(&self) -> SpecId {
        match self.hardfork {
            Hardfork::London => SpecId::LONDON,
            Hardfork::Paris => SpecId::MERGE,
            Hardfork::Shanghai => SpecId::SHANGHAI,
            Hardfork::Cancun => SpecId::CANCUN,
            Hardfork::Prague => SpecId::PRAGUE,
            // The newest rules known; a later fork gets its own arm here.
            _ => SpecId::OSAKA,
        }
    }

    pub(crate) fn block(&self) -> BlockEnv {
        BlockEnv {
            number: U256::from(self.number),
            beneficiary: self.beneficiary,
            timestamp: U256::from(self.timestamp),
            gas_limit: self.gas_limit,
            basefee: self.base_fee,
            difficulty: self.difficulty,
            prevrandao: self.prevrandao,
            blob_excess_gas_and_price: self
                .excess_blob_gas
                .map(|excess| BlobExcessGasAndPrice::new(excess, self.blob_fraction())),
            slot_num: 0,
        }
    }

    /// The rules with every check a block makes.
    pub(crate) fn rules(&self) -> CfgEnv {
        let mut rules = CfgEnv::new_with_spec(self.spec()).with_chain_id(self.chain_id);
        rules.max_blobs_per_tx = Some(self.blob_params.max_blobs_per_tx);
        rules.blob_base_fee_update_fraction = Some(self.blob_fraction());
        // Elsewhere Osaka is only the newest rule set the header allows: a block that took a
        // transaction above the cap was right to.
        if self.chain_id != 1 {
            rules.tx_gas_limit_cap = Some(u64::MAX);
        }
        rules
    }

    /// The rules without the checks on who pays: for calls and speculation.
    pub(crate) fn lenient_rules(&self) -> CfgEnv {
        let mut rules = self.rules();
        rules.tx_gas_limit_cap = Some(u64::MAX);
        rules.disable_nonce_check = true;
        rules.disable_balance_check = true;
        rules.disable_block_gas_limit = true;
        rules.disable_eip3607 = true;
        rules.disable_base_fee = true;
        rules
    }

    fn blob_fraction(&self) -> u64 {
        u64::try_from(self.blob_params.update_fraction).unwrap_or(u64::MAX)
    }
}

fn blob_params(chain_id: u64, hardfork: Hardfork, timestamp: u64) -> BlobParams {
    match hardfork {
        Hardfork::Osaka if chain_id == 1 && timestamp >= BPO2 => BlobParams::bpo2(),
        Hardfork::Osaka if chain_id == 1 && timestamp >= BPO1 => BlobParams::bpo1(),
        Hardfork::Osaka => BlobParams::osaka(),
        Hardfork::Prague => BlobParams::prague(),
        _ => BlobParams::cancun(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(timestamp: u64) -> Header {
        Header {
            number: 24_000_000,
            timestamp,
            excess_blob_gas: Some(100_000_000),
            mix_hash: B256::repeat_byte(7),
            ..Header::default()
        }
    }

    #[test]
    fn blob_price_follows_the_parameter_forks() {
        let cases = [
            (1_710_338_135, BlobParams::cancun()),
            (1_746_612_311, BlobParams::prague()),
            (1_764_798_551, BlobParams::osaka()),
            (1_765_290_071, BlobParams::bpo1()),
            (1_767_747_671, BlobParams::bpo2()),
        ];
        for (timestamp, params) in cases {
            let environment = Environment::of(1, &header(timestamp)).unwrap();
            assert_eq!(environment.blob_params, params);
            let price = environment.block().blob_excess_gas_and_price.unwrap();
            assert_eq!(price.blob_gasprice, params.calc_blob_fee(100_000_000));
        }
    }

    #[test]
    fn randomness_replaces_difficulty_at_the_merge() {
        let mut header = header(1_663_224_179);
        header.number = 15_537_394;
        let merged = Environment::of(1, &header).unwrap();
        assert_eq!(merged.prevrandao, Some(B256::repeat_byte(7)));
        header.number = 15_537_393;
        let before = Environment::of(1, &header).unwrap();
        assert_eq!((before.prevrandao, before.excess_blob_gas), (None, None));
    }

    #[test]
    fn blocks_before_london_are_refused() {
        let old = Header {
            number: 12_964_999,
            timestamp: 1_628_166_821,
            ..Header::default()
        };
        assert!(matches!(
            Environment::of(1, &old),
            Err(EvmError::Unsupported { .. })
        ));
    }
}
