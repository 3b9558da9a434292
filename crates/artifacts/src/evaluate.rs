//! Constant expressions that name storage slots: literals, hashes, and arithmetic on them.

use crate::namespaces::external;
use alloy_primitives::{B256, U256, hex, keccak256};
use cutover_types::source::{Index, Node, dispatch, kind, visit};
use serde_json::Value;

/// Expressions nested deeper than this are left alone.
const MAX_DEPTH: usize = 32;

/// The root slot ERC-7201 gives to an id.
pub(crate) fn erc7201(id: &[u8]) -> B256 {
    let inner = U256::from_be_bytes(keccak256(id).0).wrapping_sub(U256::from(1));
    let root = U256::from_be_bytes(keccak256(inner.to_be_bytes::<32>()).0);
    B256::from(root & !U256::from(0xff))
}

/// Evaluates expressions inside one function.
pub(crate) struct Evaluator<'a, 'i> {
    index: &'i Index<'a>,
    linearized: &'i [Node<'a>],
    function: Node<'a>,
}

enum Datum {
    Word(U256),
    Bytes(Vec<u8>),
}

impl<'a, 'i> Evaluator<'a, 'i> {
    pub(crate) fn new(
        index: &'i Index<'a>,
        linearized: &'i [Node<'a>],
        function: Node<'a>,
    ) -> Self {
        Self {
            index,
            linearized,
            function,
        }
    }

    /// The value of a Yul expression in an assembly block.
    pub(crate) fn assembly(&self, block: &Value, value: &Value) -> Option<B256> {
        let word = match kind(value) {
            "YulLiteral" => number(value["value"].as_str()?)?,
            "YulIdentifier" => self.declared(external(block, value)?, 0)?,
            _ => return None,
        };
        Some(B256::from(word))
    }

    /// The value of a constant, or of a local variable set once at its declaration.
    fn declared(&self, id: i64, depth: usize) -> Option<U256> {
        let tree = self.index.get(id)?.tree;
        if tree["constant"] == true || tree["mutability"] == "constant" {
            return self.word(&tree["value"], depth + 1);
        }
        if tree["stateVariable"] == true {
            return None;
        }
        let mut initial = None;
        let mut assigned = false;
        visit(self.function.tree, &mut |node| match kind(node) {
            "VariableDeclarationStatement"
                if node["declarations"]
                    .as_array()
                    .is_some_and(|all| all.len() == 1 && all[0]["id"].as_i64() == Some(id)) =>
            {
                initial = Some(&node["initialValue"]);
            }
            "Assignment" | "UnaryOperation" => {
                let target = [&node["leftHandSide"], &node["subExpression"]];
                assigned |= target
                    .iter()
                    .any(|side| side["referencedDeclaration"].as_i64() == Some(id));
            }
            _ => {}
        });
        if assigned {
            return None;
        }
        self.word(initial?, depth + 1)
    }

    fn word(&self, tree: &Value, depth: usize) -> Option<U256> {
        match self.datum(tree, depth)? {
            Datum::Word(word) => Some(word),
            Datum::Bytes(bytes) if bytes.len() <= 32 => {
                let mut word = [0; 32];
                word[..bytes.len()].copy_from_slice(&bytes);
                Some(U256::from_be_bytes(word))
            }
            Datum::Bytes(_) => None,
        }
    }

    fn datum(&self, tree: &Value, depth: usize) -> Option<Datum> {
        if depth > MAX_DEPTH {
            return None;
        }
        match kind(tree) {
            "Literal" => match tree["kind"].as_str()? {
                "number" => Some(Datum::Word(number(tree["value"].as_str()?)?)),
                "string" | "hexString" | "unicodeString" => {
                    Some(Datum::Bytes(hex::decode(tree["hexValue"].as_str()?).ok()?))
                }
                _ => None,
            },
            "Identifier" | "MemberAccess" => {
                let id = tree["referencedDeclaration"].as_i64()?;
                let target = self.index.get(id)?;
                // A constant string has bytes, not a word.
                if target.tree["constant"] == true || target.tree["mutability"] == "constant" {
                    return self.datum(&target.tree["value"], depth + 1);
                }
                self.declared(id, depth).map(Datum::Word)
            }
            "TupleExpression" => match tree["components"].as_array()?.as_slice() {
                [one] => self.datum(one, depth + 1),
                _ => None,
            },
            "UnaryOperation" if tree["operator"] == "~" => {
                Some(Datum::Word(!self.word(&tree["subExpression"], depth + 1)?))
            }
            "BinaryOperation" => {
                let left = self.word(&tree["leftExpression"], depth + 1)?;
                let right = self.word(&tree["rightExpression"], depth + 1)?;
                Some(Datum::Word(match tree["operator"].as_str()? {
                    "-" => left.checked_sub(right)?,
                    "+" => left.checked_add(right)?,
                    "&" => left & right,
                    "|" => left | right,
                    "^" => left ^ right,
                    _ => return None,
                }))
            }
            "FunctionCall" => self.call(tree, depth),
            _ => None,
        }
    }

    fn call(&self, tree: &Value, depth: usize) -> Option<Datum> {
        let arguments = tree["arguments"].as_array()?;
        let callee = &tree["expression"];
        if tree["kind"] == "typeConversion" {
            return self.convert(tree, arguments.first()?, depth);
        }
        let name = callee["name"]
            .as_str()
            .or_else(|| callee["memberName"].as_str());
        let user = callee["referencedDeclaration"]
            .as_i64()
            .and_then(|id| self.index.get(id))
            .filter(|node| kind(node.tree) == "FunctionDefinition");
        if let Some(function) = user {
            return self.returned(function, arguments, depth);
        }
        match name? {
            "keccak256" => {
                let bytes = self.bytes(arguments.first()?, depth + 1)?;
                Some(Datum::Word(U256::from_be_bytes(keccak256(bytes).0)))
            }
            "erc7201" => {
                let id = self.bytes(arguments.first()?, depth + 1)?;
                Some(Datum::Word(U256::from_be_bytes(erc7201(&id).0)))
            }
            "encode" if callee["expression"]["name"] == "abi" => {
                let mut bytes = Vec::new();
                for argument in arguments {
                    // Dynamic data is encoded by reference: not a slot anybody computes.
                    match self.datum(argument, depth + 1)? {
                        Datum::Word(word) => bytes.extend(word.to_be_bytes::<32>()),
                        Datum::Bytes(_) => return None,
                    }
                }
                Some(Datum::Bytes(bytes))
            }
            "encodePacked" if callee["expression"]["name"] == "abi" => {
                let mut bytes = Vec::new();
                for argument in arguments {
                    bytes.extend(self.bytes(argument, depth + 1)?);
                }
                Some(Datum::Bytes(bytes))
            }
            _ => None,
        }
    }

    /// Only conversions between whole words keep every bit.
    fn convert(&self, tree: &Value, argument: &Value, depth: usize) -> Option<Datum> {
        match tree["typeDescriptions"]["typeString"].as_str()? {
            "bytes memory" | "string memory" => self.bytes(argument, depth + 1).map(Datum::Bytes),
            "bytes32" | "uint256" | "int256" => self.word(argument, depth + 1).map(Datum::Word),
            _ => None,
        }
    }

    /// What `keccak256` would hash: a string, or a word.
    fn bytes(&self, tree: &Value, depth: usize) -> Option<Vec<u8>> {
        match self.datum(tree, depth)? {
            Datum::Bytes(bytes) => Some(bytes),
            Datum::Word(word) => match tree["typeDescriptions"]["typeString"].as_str()? {
                "bytes32" | "uint256" | "int256" => Some(word.to_be_bytes::<32>().to_vec()),
                _ => None,
            },
        }
    }

    /// A function without arguments whose body is one `return`.
    fn returned(&self, function: Node<'a>, arguments: &[Value], depth: usize) -> Option<Datum> {
        let function = dispatch(self.linearized, function);
        let body = function.tree["body"]["statements"].as_array()?;
        match body.as_slice() {
            [one] if arguments.is_empty() && kind(one) == "Return" => {
                self.datum(&one["expression"], depth + 1)
            }
            _ => None,
        }
    }
}

fn number(text: &str) -> Option<U256> {
    let plain = text.replace('_', "");
    match plain.strip_prefix("0x") {
        Some(digits) => U256::from_str_radix(digits, 16).ok(),
        None => U256::from_str_radix(&plain, 10).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn erc7201_example_of_the_standard() {
        assert_eq!(
            erc7201(b"example.main").to_string(),
            "0x183a6125c38840424c4a85fa12bab2ab606c4b6d0e7cc73c0c06ba5300eab500"
        );
    }
}
