//! Which rules a block runs under.

use alloy_consensus::Header;
use serde::{Deserialize, Serialize};

/// Ethereum's hardforks from London on (the first with EIP-1559 blocks).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Hardfork {
    /// Mainnet block 12,965,000. Arrow Glacier and Gray Glacier change no execution rule.
    London,
    /// The Merge.
    Paris,
    /// EIP-3651, 3855, 3860, 4895.
    Shanghai,
    /// EIP-1153, 4788, 4844, 5656, 6780.
    Cancun,
    /// EIP-2537, 2935, 7623, 7702.
    Prague,
    /// EIP-7823, 7825, 7883, 7939, 7951.
    Osaka,
}

impl Hardfork {
    /// The rules of this block. Mainnet by its published schedule; on other chains by the fields
    /// the header has, which cannot tell Prague from Osaka: there the newer is taken.
    ///
    /// `None` for mainnet blocks before London, which Cutover does not execute.
    pub fn of(chain_id: u64, header: &Header) -> Option<Self> {
        if chain_id == 1 {
            return Some(match (header.number, header.timestamp) {
                (_, 1_764_798_551..) => Self::Osaka,
                (_, 1_746_612_311..) => Self::Prague,
                (_, 1_710_338_135..) => Self::Cancun,
                (_, 1_681_338_455..) => Self::Shanghai,
                (15_537_394.., _) => Self::Paris,
                (12_965_000.., _) => Self::London,
                _ => return None,
            });
        }
        Some(if header.requests_hash.is_some() {
            Self::Osaka
        } else if header.excess_blob_gas.is_some() {
            Self::Cancun
        } else if header.withdrawals_root.is_some() {
            Self::Shanghai
        } else if header.difficulty.is_zero() {
            Self::Paris
        } else {
            Self::London
        })
    }

    /// All of them, oldest first.
    pub const ALL: [Self; 6] = [
        Self::London,
        Self::Paris,
        Self::Shanghai,
        Self::Cancun,
        Self::Prague,
        Self::Osaka,
    ];

    /// The hardfork of this name.
    pub fn named(name: &str) -> Option<Self> {
        let same = |fork: &Self| fork.name().eq_ignore_ascii_case(name);
        Self::ALL.into_iter().find(same)
    }

    /// The name anvil's `--hardfork` takes.
    pub fn name(self) -> &'static str {
        match self {
            Self::London => "london",
            Self::Paris => "paris",
            Self::Shanghai => "shanghai",
            Self::Cancun => "cancun",
            Self::Prague => "prague",
            Self::Osaka => "osaka",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(number: u64, timestamp: u64) -> Header {
        Header {
            number,
            timestamp,
            ..Header::default()
        }
    }

    #[test]
    fn mainnet_rules_follow_the_schedule() {
        let cases = [
            (13_217_637, 1_631_536_412, Some(Hardfork::London)),
            (15_537_393, 1_663_224_162, Some(Hardfork::London)),
            (15_537_394, 1_663_224_179, Some(Hardfork::Paris)),
            (19_426_586, 1_710_338_123, Some(Hardfork::Shanghai)),
            (19_426_587, 1_710_338_135, Some(Hardfork::Cancun)),
            (12_964_999, 1_628_166_821, None),
        ];
        for (number, timestamp, expected) in cases {
            assert_eq!(
                Hardfork::of(1, &header(number, timestamp)),
                expected,
                "block {number}"
            );
        }
    }
}
