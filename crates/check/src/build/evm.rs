//! Which EVM a code needs, from the opcodes it can run.

use cutover_types::{Hardfork, code::without_metadata};
use std::collections::{BTreeSet, HashSet};

/// Hardforks that opcodes came with, and those solc takes as `evmVersion`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Homestead,
    Byzantium,
    Constantinople,
    Istanbul,
    London,
    Paris,
    Shanghai,
    Cancun,
    Prague,
    Osaka,
}

impl Level {
    const NAMES: [(&'static str, Self); 14] = [
        ("homestead", Self::Homestead),
        ("tangerineWhistle", Self::Homestead),
        ("spuriousDragon", Self::Homestead),
        ("byzantium", Self::Byzantium),
        ("constantinople", Self::Constantinople),
        ("petersburg", Self::Constantinople),
        ("istanbul", Self::Istanbul),
        ("berlin", Self::Istanbul),
        ("london", Self::London),
        ("paris", Self::Paris),
        ("shanghai", Self::Shanghai),
        ("cancun", Self::Cancun),
        ("prague", Self::Prague),
        ("osaka", Self::Osaka),
    ];

    /// The one solc calls so.
    pub(super) fn named(name: &str) -> Option<Self> {
        let found = Self::NAMES.iter().find(|(known, _)| *known == name);
        found.map(|(_, level)| *level)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Homestead => "Homestead",
            Self::Byzantium => "Byzantium",
            Self::Constantinople => "Constantinople",
            Self::Istanbul => "Istanbul",
            Self::London => "London",
            Self::Paris => "Paris",
            Self::Shanghai => "Shanghai",
            Self::Cancun => "Cancun",
            Self::Prague => "Prague",
            Self::Osaka => "Osaka",
        }
    }

    pub(super) fn of(fork: Hardfork) -> Self {
        // Newer ones have everything known here.
        Self::named(fork.name()).unwrap_or(Self::Osaka)
    }
}

/// The level an opcode came with, and its name.
fn introduced(opcode: u8) -> Option<(Level, &'static str)> {
    Some(match opcode {
        0x3d => (Level::Byzantium, "RETURNDATASIZE"),
        0x3e => (Level::Byzantium, "RETURNDATACOPY"),
        0xfa => (Level::Byzantium, "STATICCALL"),
        0xfd => (Level::Byzantium, "REVERT"),
        0x1b => (Level::Constantinople, "SHL"),
        0x1c => (Level::Constantinople, "SHR"),
        0x1d => (Level::Constantinople, "SAR"),
        0x3f => (Level::Constantinople, "EXTCODEHASH"),
        0xf5 => (Level::Constantinople, "CREATE2"),
        0x46 => (Level::Istanbul, "CHAINID"),
        0x47 => (Level::Istanbul, "SELFBALANCE"),
        0x48 => (Level::London, "BASEFEE"),
        0x5f => (Level::Shanghai, "PUSH0"),
        0x49 => (Level::Cancun, "BLOBHASH"),
        0x4a => (Level::Cancun, "BLOBBASEFEE"),
        0x5c => (Level::Cancun, "TLOAD"),
        0x5d => (Level::Cancun, "TSTORE"),
        0x5e => (Level::Cancun, "MCOPY"),
        0x1e => (Level::Osaka, "CLZ"),
        _ => return None,
    })
}

/// The newest level among the opcodes that can run, with the names of those.
///
/// Behind the code may be data: after an opcode that ends or jumps, only a JUMPDEST whose place is
/// pushed somewhere starts code again.
pub(super) fn needed(code: &[u8]) -> (Level, Vec<&'static str>) {
    let code = without_metadata(code);
    let targets: HashSet<usize> = instructions(code)
        .filter_map(|(_, _, data)| match data.len() {
            1..=3 => Some(
                data.iter()
                    .fold(0, |all, byte| all << 8 | usize::from(*byte)),
            ),
            _ => None,
        })
        .collect();
    let mut found = BTreeSet::new();
    let mut runs = true;
    for (at, opcode, _) in instructions(code) {
        match opcode {
            0x5b => runs |= targets.contains(&at),
            _ if !runs => continue,
            // STOP, JUMP, RETURN, REVERT, INVALID, SELFDESTRUCT.
            0x00 | 0x56 | 0xf3 | 0xfd | 0xfe | 0xff => runs = false,
            _ => {}
        }
        found.extend(introduced(opcode));
    }
    let level = found.last().map_or(Level::Homestead, |(level, _)| *level);
    let names = found.iter().filter(|(one, _)| *one == level);
    (level, names.map(|(_, name)| *name).collect())
}

/// Place, opcode and pushed bytes of each instruction.
pub(crate) fn instructions(code: &[u8]) -> impl Iterator<Item = (usize, u8, &[u8])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let place = at;
        let opcode = *code.get(place)?;
        let pushed = match opcode {
            0x60..=0x7f => usize::from(opcode - 0x5f),
            _ => 0,
        };
        at = place + 1 + pushed;
        let data = code.get(place + 1..at.min(code.len())).unwrap_or_default();
        Some((place, opcode, data))
    })
}
