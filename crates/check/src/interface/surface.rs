//! The functions one side answers to, from its ABI or, without one, from its code.

use crate::Side;
use alloy_json_abi::{JsonAbi, StateMutability};
use alloy_primitives::Selector;
use evmole::{ContractInfoArgs, SelectorDispatch, contract_info};
use std::collections::BTreeMap;

/// Codes longer than this cannot be deployed anywhere known, and take long to look through.
const MAX_CODE: usize = 256 * 1024;

/// What a contract answers to.
#[derive(Clone, Debug, Default)]
pub(super) struct Surface {
    pub(super) functions: BTreeMap<Selector, Function>,
    /// Whether an ABI said it: code alone shows selectors and nothing else.
    pub(super) declared: bool,
    pub(super) receive: bool,
    pub(super) fallback: Option<Fallback>,
}

/// A fallback function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fallback {
    pub(super) payable: bool,
}

/// A function; what only an ABI shows is absent when it was read from code.
#[derive(Clone, Debug, Default)]
pub(super) struct Function {
    pub(super) name: String,
    /// `transfer(address,uint256)`; empty when only the selector is known.
    pub(super) signature: String,
    pub(super) outputs: Vec<String>,
    pub(super) mutability: Option<StateMutability>,
}

impl Surface {
    /// Of a side; `None` when neither ABI nor code shows anything.
    pub(super) fn of(side: &Side<'_>) -> Option<Self> {
        match (side.abi, side.runtime) {
            (Some(abi), _) => Some(Self::declared(abi)),
            (None, Some(code)) => {
                let functions: BTreeMap<_, _> = dispatched(code, false)
                    .into_iter()
                    .map(|selector| (selector, Function::default()))
                    .collect();
                (!functions.is_empty()).then(|| Self {
                    functions,
                    ..Self::default()
                })
            }
            (None, None) => None,
        }
    }

    fn declared(abi: &JsonAbi) -> Self {
        let functions = abi.functions().map(|function| {
            let outputs = function.outputs.iter();
            let known = Function {
                name: function.name.clone(),
                signature: function.signature(),
                outputs: outputs
                    .map(|one| one.selector_type().into_owned())
                    .collect(),
                mutability: Some(function.state_mutability),
            };
            (function.selector(), known)
        });
        Self {
            functions: functions.collect(),
            declared: true,
            receive: abi.receive.is_some(),
            fallback: abi.fallback.map(|fallback| Fallback {
                payable: fallback.state_mutability == StateMutability::Payable,
            }),
        }
    }

    /// Whether ether sent without data arrives.
    pub(super) fn takes_ether(&self) -> bool {
        self.receive || self.fallback.is_some_and(|fallback| fallback.payable)
    }
}

/// Selectors that the code compares the calldata with, also those of a fallback if asked.
pub(super) fn dispatched(code: &[u8], fallback: bool) -> Vec<Selector> {
    if code.is_empty() || code.len() > MAX_CODE {
        return Vec::new();
    }
    let functions = contract_info(ContractInfoArgs::new(code).with_selectors()).functions;
    let mut found: Vec<_> = functions
        .into_iter()
        .flatten()
        .filter(|function| fallback || function.dispatch == SelectorDispatch::Abi)
        .map(|function| Selector::from(function.selector))
        .collect();
    found.sort();
    found
}
