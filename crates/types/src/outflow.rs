//! What an upgrade itself takes from its proxy, besides moving the pointer.

use crate::{CallKind, Outcome, StateDiff, text};
use alloy_primitives::{Address, Log, U256, utils::format_ether};
use alloy_sol_types::SolEvent;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Receivers and tokens that are listed at most.
const LISTED: usize = 32;

mod erc20 {
    alloy_sol_types::sol! {
        event Transfer(address indexed from, address indexed to, uint256 amount);
    }
}
mod erc721 {
    alloy_sol_types::sol! {
        event Transfer(address indexed from, address indexed to, uint256 indexed id);
    }
}
mod erc1155 {
    alloy_sol_types::sol! {
        event TransferSingle(address indexed operator, address indexed from, address indexed to, uint256 id, uint256 amount);
        event TransferBatch(address indexed operator, address indexed from, address indexed to, uint256[] ids, uint256[] amounts);
    }
}

/// Something of value that leaves the proxy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outflow {
    /// Who says that it was transferred; none for ether.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Address>,
    /// How much: wei, or units of the token; of tokens with ids their number.
    pub amount: U256,
    /// Who got of it, as far as is known.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub to: BTreeSet<Address>,
    /// Why somebody wants that, by a rule in `cutover.toml`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
}

impl Outflow {
    /// In words: `5 ether to 0x…`.
    pub fn words(&self) -> String {
        let amount = match self.token {
            None => format!("{} ether", ether(self.amount)),
            Some(token) => format!("{} of token {token}", self.amount),
        };
        let to: Vec<String> = self.to.iter().take(4).map(Address::to_string).collect();
        let more = match self.to.len().saturating_sub(4) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let expected = match &self.expected {
            None => String::new(),
            Some(reason) => format!(" (expected: {})", text::terminal(reason, 200)),
        };
        match to.is_empty() {
            true => format!("{amount}{expected}"),
            false => format!("{amount} to {}{more}{expected}", to.join(", ")),
        }
    }

    /// What a rule of `[[expected]]` names it by.
    pub fn place(&self) -> String {
        match self.token {
            None => "upgrade ether".into(),
            Some(token) => format!("upgrade {token}"),
        }
    }
}

fn ether(wei: U256) -> String {
    let text = format_ether(wei);
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// What left `proxy`: the fall of its balance by `changes`, and every token whose logs say so.
pub fn outflows<'a>(
    proxy: Address,
    changes: &StateDiff,
    logs: impl IntoIterator<Item = &'a Log>,
    outcomes: impl IntoIterator<Item = &'a Outcome>,
) -> Vec<Outflow> {
    let mut found = Vec::new();
    let fall = changes
        .get(&proxy)
        .and_then(|account| account.balance.as_ref())
        .map_or(U256::ZERO, |change| {
            change.before.saturating_sub(change.after)
        });
    if !fall.is_zero() {
        let frames = outcomes.into_iter().flat_map(|outcome| &outcome.calls);
        let paid = frames.filter(|frame| {
            let moves = matches!(
                frame.kind,
                CallKind::Call | CallKind::Create | CallKind::Create2 | CallKind::SelfDestruct
            );
            moves && frame.from == proxy && frame.to != proxy && !frame.value.is_zero()
        });
        found.push(Outflow {
            token: None,
            amount: fall,
            to: paid.map(|frame| frame.to).take(LISTED).collect(),
            expected: None,
        });
    }
    for log in logs {
        let Some((to, amount)) = sent(log, proxy) else {
            continue;
        };
        let listed = found.len();
        let known = found
            .iter_mut()
            .find(|known| known.token == Some(log.address));
        match known {
            Some(known) => {
                known.amount = known.amount.saturating_add(amount);
                if known.to.len() < LISTED {
                    known.to.insert(to);
                }
            }
            None if listed < LISTED => found.push(Outflow {
                token: Some(log.address),
                amount,
                to: [to].into(),
                expected: None,
            }),
            None => {}
        }
    }
    found
}

/// Who got how much of the proxy's, if that is what the log says.
fn sent(log: &Log, proxy: Address) -> Option<(Address, U256)> {
    let (from, to, amount) = if let Ok(log) = erc20::Transfer::decode_log(log) {
        (log.from, log.to, log.amount)
    } else if let Ok(log) = erc721::Transfer::decode_log(log) {
        (log.from, log.to, U256::ONE)
    } else if let Ok(log) = erc1155::TransferSingle::decode_log(log) {
        (log.from, log.to, log.amount)
    } else if let Ok(log) = erc1155::TransferBatch::decode_log(log) {
        let sum = log
            .amounts
            .iter()
            .fold(U256::ZERO, |sum, one| sum.saturating_add(*one));
        (log.from, log.to, sum)
    } else {
        return None;
    };
    (from == proxy && to != proxy && !amount.is_zero()).then_some((to, amount))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AccountDiff, Change};

    const PROXY: Address = Address::repeat_byte(0xaa);
    const TOKEN: Address = Address::repeat_byte(0x70);
    const THIEF: Address = Address::repeat_byte(0xbe);

    #[test]
    fn a_fallen_balance_and_transfers_from_the_proxy_are_told() {
        let five = U256::from(5_500_000_000_000_000_000u64);
        let balance = |before, after| {
            let balance = Some(Change { before, after });
            StateDiff::from([(
                PROXY,
                AccountDiff {
                    balance,
                    ..AccountDiff::default()
                },
            )])
        };
        let transfer = |from, amount: u64| {
            let amount = U256::from(amount);
            let data = erc20::Transfer {
                from,
                to: THIEF,
                amount,
            }
            .encode_log_data();
            Log {
                address: TOKEN,
                data,
            }
        };
        let logs = [transfer(PROXY, 3), transfer(THIEF, 100), transfer(PROXY, 4)];
        let found = outflows(PROXY, &balance(five, U256::ZERO), &logs, []);
        let words: Vec<_> = found.iter().map(Outflow::words).collect();
        assert_eq!(
            words,
            [
                "5.5 ether".to_owned(),
                format!("7 of token {TOKEN} to {THIEF}")
            ]
        );
        assert_eq!(outflows(PROXY, &balance(U256::ZERO, five), [], []), []);
    }

    #[test]
    fn nfts_count_by_number() {
        let id = U256::from(77);
        let data = erc721::Transfer {
            from: PROXY,
            to: THIEF,
            id,
        }
        .encode_log_data();
        let log = Log {
            address: TOKEN,
            data,
        };
        let found = outflows(PROXY, &StateDiff::new(), [&log], []);
        assert_eq!((found.len(), found[0].amount), (1, U256::ONE));
    }
}
