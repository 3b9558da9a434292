//! Upgrade calls that a function's signature and a list of arguments describe, for the kinds that share
//! no ABI with others and for those that need more than one call.

use super::Call;
use crate::inspection::CodeAt;
use alloy_dyn_abi::{DynSolType, DynSolValue, JsonAbiExt};
use alloy_json_abi::Function;
use alloy_primitives::{Address, Bytes, Selector, hex};
use serde::{Deserialize, Serialize};

/// What stands in an argument's place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Argument {
    /// The proxy.
    Proxy,
    /// The implementation to install; as a word where the signature says `bytes32`.
    Implementation,
    /// Keccak-256 of its runtime code.
    CodeHash,
    /// The initializer's calldata; empty bytes for none.
    Data,
    /// A fixed value in Solidity's notation, of the type the signature says.
    Value(String),
    /// A value in Solidity's notation in which `$implementation` stands for the implementation to
    /// install. Never made of text that comes from a chain.
    Pattern(String),
}

/// Who receives a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Receiver {
    /// A contract.
    Contract(Address),
    /// The implementation that is installed.
    Implementation,
}

/// One call of an upgrade, for any implementation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpgradeStep {
    /// The sender.
    pub from: Address,
    /// The receiver.
    pub to: Receiver,
    /// The function's signature, `upgrade(address,bytes32,bytes)`; where its name is not known, its
    /// selector in the name's place: `0xa3499c73(address,bytes32,bytes)`.
    pub function: String,
    /// Its arguments.
    pub arguments: Vec<Argument>,
    /// Seconds the chain must go on before this call is accepted.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub wait_seconds: u64,
    /// 0 call, 1 delegate call from the sender (a Safe's `Enum.Operation`).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub operation: u8,
}

/// One call of an upgrade to a certain implementation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepCall {
    /// The sender.
    pub from: Address,
    /// The call.
    pub call: Call,
    /// Seconds the chain must go on before it is accepted.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub wait_seconds: u64,
}

fn is_zero<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl UpgradeStep {
    /// A call of `function` on `to`.
    pub fn new(from: Address, to: Address, function: &str, arguments: Vec<Argument>) -> Self {
        Self {
            from,
            to: Receiver::Contract(to),
            function: function.into(),
            arguments,
            wait_seconds: 0,
            operation: 0,
        }
    }

    /// The function's name.
    pub fn name(&self) -> &str {
        self.function.split('(').next().unwrap_or_default()
    }

    /// Whether it hands on initializer data.
    pub fn carries_data(&self) -> bool {
        self.arguments.contains(&Argument::Data)
    }

    /// The function, and its selector where that stands in the name's place.
    fn parsed(&self) -> Option<(Option<Selector>, Function)> {
        let Some(digits) = self.function.strip_prefix("0x") else {
            return Some((None, Function::parse(&self.function).ok()?));
        };
        let (digits, types) = digits.split_at_checked(8)?;
        let mut selector = Selector::ZERO;
        hex::decode_to_slice(digits, selector.as_mut_slice()).ok()?;
        let function = Function::parse(&format!("named{types}")).ok()?;
        Some((Some(selector), function))
    }

    /// The call that installs `implementation`; `None` when the signature and the arguments do not agree.
    pub fn call(&self, proxy: Address, implementation: &CodeAt, data: &Bytes) -> Option<StepCall> {
        let (selector, function) = self.parsed()?;
        if function.inputs.len() != self.arguments.len() {
            return None;
        }
        let values = function
            .inputs
            .iter()
            .zip(&self.arguments)
            .map(|(input, argument)| {
                let kind = input.selector_type().parse::<DynSolType>().ok()?;
                let value = match argument {
                    Argument::Proxy => DynSolValue::Address(proxy),
                    Argument::Implementation => match kind {
                        DynSolType::FixedBytes(32) => {
                            DynSolValue::FixedBytes(implementation.address.into_word(), 32)
                        }
                        _ => DynSolValue::Address(implementation.address),
                    },
                    Argument::CodeHash => DynSolValue::FixedBytes(implementation.code_hash, 32),
                    Argument::Data => DynSolValue::Bytes(data.to_vec()),
                    Argument::Value(text) => match kind {
                        // Not coerced: quotes and spaces are part of it.
                        DynSolType::String => DynSolValue::String(text.clone()),
                        _ => kind.coerce_str(text).ok()?,
                    },
                    Argument::Pattern(text) => {
                        let address = implementation.address.to_string();
                        kind.coerce_str(&text.replace("$implementation", &address))
                            .ok()?
                    }
                };
                kind.matches(&value).then_some(value)
            })
            .collect::<Option<Vec<_>>>()?;
        let to = match self.to {
            Receiver::Contract(address) => address,
            Receiver::Implementation => implementation.address,
        };
        let selector = selector.unwrap_or(function.selector());
        let encoded = function.abi_encode_input_raw(&values).ok()?;
        let mut call = Call::new(to, [selector.as_slice(), &encoded].concat());
        call.operation = self.operation;
        Some(StepCall {
            from: self.from,
            call,
            wait_seconds: self.wait_seconds,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::B256;

    fn code() -> CodeAt {
        CodeAt {
            address: Address::repeat_byte(0x22),
            code_hash: B256::repeat_byte(0x33),
        }
    }

    fn data(step: &UpgradeStep) -> Option<Vec<u8>> {
        let call = step.call(
            Address::repeat_byte(0x11),
            &code(),
            &Bytes::from_static(&hex!("aabb")),
        )?;
        Some(call.call.data.to_vec())
    }

    #[test]
    fn arguments_take_the_place_their_type_allows() {
        let step = |function: &str, arguments: Vec<Argument>| {
            UpgradeStep::new(Address::ZERO, Address::ZERO, function, arguments)
        };
        let encoded = data(&step(
            "upgrade(address,bytes32,bytes)",
            vec![Argument::Implementation, Argument::CodeHash, Argument::Data],
        ))
        .unwrap();
        assert_eq!(encoded[..4], hex!("a3499c73"));
        assert_eq!(encoded[4 + 12..4 + 32], [0x22; 20]);
        assert_eq!(encoded[36..68], [0x33; 32]);
        assert_eq!(encoded[132..134], hex!("aabb"));
        let cut = step(
            "diamondCut((address,uint8,bytes4[])[],address,bytes)",
            vec![
                Argument::Pattern("[($implementation,1,[0x01020304])]".into()),
                Argument::Value("0x0000000000000000000000000000000000000000".into()),
                Argument::Data,
            ],
        );
        assert_eq!(data(&cut).unwrap()[..4], hex!("1f931c1c"));
        let named = step(
            "setAddress(string,address)",
            vec![
                Argument::Value("$implementation \"x\"".into()),
                Argument::Implementation,
            ],
        );
        let encoded = data(&named).unwrap();
        assert!(encoded.windows(15).any(|part| part == b"$implementation"));
        let word = data(&step(
            "setStorage(bytes32,bytes32)",
            vec![
                Argument::Value(B256::repeat_byte(0x44).to_string()),
                Argument::Implementation,
            ],
        ));
        assert_eq!(
            word.unwrap()[36..],
            code().address.into_word().as_slice()[..]
        );
        for wrong in [
            step("upgradeTo(address", vec![Argument::Implementation]),
            step("upgradeTo(address)", vec![]),
            step("upgradeTo(address)", vec![Argument::Data]),
            step("upgradeTo(uint8)", vec![Argument::Value("256".into())]),
        ] {
            assert_eq!(data(&wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_selector_takes_the_place_of_a_name_that_is_not_known() {
        let arguments = || vec![Argument::Implementation, Argument::CodeHash, Argument::Data];
        let step =
            |function: &str| UpgradeStep::new(Address::ZERO, Address::ZERO, function, arguments());
        let named = data(&step("upgrade(address,bytes32,bytes)"));
        assert!(named.is_some());
        assert_eq!(data(&step("0xa3499c73(address,bytes32,bytes)")), named);
        for wrong in [
            "0xa3499c(address)",
            "0x",
            "0xa3499cé3(address)",
            "0xa3499c73",
            "0xa3499c73()",
        ] {
            assert_eq!(data(&step(wrong)), None, "{wrong}");
        }
    }

    #[test]
    fn a_call_of_the_implementation_goes_to_the_new_one() {
        let step = UpgradeStep {
            to: Receiver::Implementation,
            ..UpgradeStep::new(
                Address::ZERO,
                Address::ZERO,
                "_become(address)",
                vec![Argument::Proxy],
            )
        };
        let call = step.call(Address::repeat_byte(0x11), &code(), &Bytes::new());
        assert_eq!(call.unwrap().call.to, code().address);
    }
}
