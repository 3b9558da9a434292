//! Solidity expressions.

use super::{Evaluated, Evaluator, Frame, Stop, as_word, type_name, type_of};
use crate::{
    functions::called,
    words::{Datum, Type, convert, low, number, operate, rational},
};
use alloy_primitives::{U256, hex, keccak256};
use cutover_types::{
    layout::erc7201,
    source::{Node, Tree, id, kind},
};

/// A hashed text longer than this names no slot.
const MAX_BYTES: usize = 4096;

impl<'a> Evaluator<'a, '_> {
    pub(super) fn word(&mut self, tree: &'a Tree, frame: usize, depth: usize) -> Evaluated<U256> {
        match self.datum(tree, frame, depth)? {
            Datum::Word(word) => Ok(word),
            Datum::Bytes(_) => Err(Stop::Unknown),
        }
    }

    pub(super) fn datum(&mut self, tree: &'a Tree, frame: usize, depth: usize) -> Evaluated<Datum> {
        self.step(depth)?;
        let identifier = tree["typeDescriptions"]["typeIdentifier"].as_str();
        if let Some(word) = identifier.and_then(rational) {
            return Ok(Datum::Word(word));
        }
        match kind(tree) {
            "Literal" => literal(tree).ok_or(Stop::Unknown),
            "Identifier" | "MemberAccess" => {
                if let Some(limit) = limit(tree) {
                    return Ok(Datum::Word(limit));
                }
                let id = tree["referencedDeclaration"]
                    .as_i64()
                    .ok_or(Stop::Unknown)?;
                self.variable(id, frame, depth + 1)
            }
            "TupleExpression" if tree["isInlineArray"] != true => {
                match tree["components"].as_array() {
                    Some([one]) => self.datum(one, frame, depth + 1),
                    _ => Err(Stop::Unknown),
                }
            }
            "UnaryOperation" if tree["operator"] == "~" => {
                let word = self.word(&tree["subExpression"], frame, depth + 1)?;
                match type_of(tree) {
                    Some(Type::Uint(bits)) => Ok(Datum::Word(!word & low(bits))),
                    Some(Type::Fixed(width)) => Ok(Datum::Word(!word & !low(256 - 8 * width))),
                    Some(Type::Int(_)) => Ok(Datum::Word(!word)),
                    _ => Err(Stop::Unknown),
                }
            }
            "BinaryOperation" => self.binary(tree, frame, depth),
            "FunctionCall" => self.call(tree, frame, depth),
            _ => Err(Stop::Unknown),
        }
    }

    fn binary(&mut self, tree: &'a Tree, frame: usize, depth: usize) -> Evaluated<Datum> {
        let operator = tree["operator"].as_str().unwrap_or_default();
        let result = type_of(tree).ok_or(Stop::Unknown)?;
        let mut sides = [U256::ZERO; 2];
        for (side, name) in sides.iter_mut().zip(["leftExpression", "rightExpression"]) {
            let operand = &tree[name];
            let word = self.word(operand, frame, depth + 1)?;
            // What the number of a shift or a power is has nothing to do with the result's type.
            let counts = name == "rightExpression" && matches!(operator, "<<" | ">>" | "**");
            *side = match (counts, type_of(operand)) {
                (true, Some(Type::Uint(_) | Type::Number)) => word,
                (false, Some(from)) => as_word(convert(Datum::Word(word), from, result))?,
                _ => return Err(Stop::Unknown),
            };
        }
        let word = operate(operator, sides[0], sides[1], result);
        word.map(Datum::Word).ok_or(Stop::Unknown)
    }

    fn call(&mut self, tree: &'a Tree, frame: usize, depth: usize) -> Evaluated<Datum> {
        let callee = &tree["expression"];
        let arguments = tree["arguments"].as_array().unwrap_or_default();
        if tree["kind"] == "typeConversion" {
            let argument = arguments.first().ok_or(Stop::Unknown)?;
            let datum = self.datum(argument, frame, depth + 1)?;
            let (Some(from), Some(to)) = (type_of(argument), type_of(tree)) else {
                return Err(Stop::Unknown);
            };
            return convert(datum, from, to).ok_or(Stop::Unknown);
        }
        if let Some((function, arguments)) = called(self.index, self.linearized, tree) {
            return self.returned(function, arguments, frame, depth);
        }
        let name = callee["name"].as_str().or(callee["memberName"].as_str());
        let of = callee["expression"]["name"]
            .as_str()
            .or(callee["expression"]["typeName"]["name"].as_str());
        let first = arguments.first().ok_or(Stop::Unknown);
        match (name.unwrap_or_default(), of) {
            ("keccak256", _) => {
                let bytes = self.packed(first?, frame, depth)?;
                Ok(Datum::Word(U256::from_be_bytes(keccak256(bytes).0)))
            }
            ("erc7201", None) => {
                let bytes = self.packed(first?, frame, depth)?;
                Ok(Datum::Word(U256::from_be_bytes(erc7201(&bytes).0)))
            }
            ("encode", Some("abi")) => self.encoded(arguments, frame, depth),
            ("encodePacked", Some("abi")) | ("concat", Some("bytes" | "string")) => {
                let mut all = Vec::new();
                for argument in arguments {
                    all.extend(self.packed(argument, frame, depth)?);
                    bounded(&all)?;
                }
                Ok(Datum::Bytes(all))
            }
            ("wrap" | "unwrap", _) => {
                let argument = first?;
                let datum = self.datum(argument, frame, depth + 1)?;
                match (type_of(argument), wrapped(callee)) {
                    (Some(from), Some(to)) => convert(datum, from, to).ok_or(Stop::Unknown),
                    (None, None) => Ok(datum),
                    _ => Err(Stop::Unknown),
                }
            }
            _ => Err(Stop::Unknown),
        }
    }

    /// What a function returns, when its body is straight enough.
    fn returned(
        &mut self,
        function: Node<'a>,
        arguments: Vec<&'a Tree>,
        frame: usize,
        depth: usize,
    ) -> Evaluated<Datum> {
        self.step(depth)?;
        let owner = function.contract.and_then(|id| self.index.get(id));
        if let ("erc7201Slot", Some("SlotDerivation"), [argument]) = (
            function.tree["name"].as_str().unwrap_or_default(),
            owner.and_then(|owner| owner.tree["name"].as_str()),
            arguments.as_slice(),
        ) {
            // OpenZeppelin computes it in scratch memory.
            let bytes = self.packed(argument, frame, depth)?;
            return Ok(Datum::Word(U256::from_be_bytes(erc7201(&bytes).0)));
        }
        let results = function.tree["returnParameters"]["parameters"].as_array();
        let [result] = results.unwrap_or_default() else {
            return Err(Stop::Unknown);
        };
        let last = function.tree["body"]["statements"]
            .as_array()
            .and_then(|all| all.last());
        self.frames.push(Frame {
            function,
            arguments,
            caller: Some(frame),
        });
        let inside = self.frames.len() - 1;
        let value = match (self.functions.returns(id(function.tree)), last) {
            ([one], Some(last)) if std::ptr::eq(*one, last) => {
                self.typed(&one["expression"], result, inside, depth)
            }
            ([], Some(_)) => self.variable(id(result), inside, depth + 1),
            _ => Err(Stop::Unknown),
        };
        self.frames.truncate(inside);
        value
    }

    /// `abi.encodePacked` of one value, which is also what `keccak256` takes.
    fn packed(&mut self, tree: &'a Tree, frame: usize, depth: usize) -> Evaluated<Vec<u8>> {
        let word = match self.datum(tree, frame, depth + 1)? {
            Datum::Bytes(bytes) => return Ok(bytes),
            Datum::Word(word) => word.to_be_bytes::<32>(),
        };
        match type_of(tree) {
            Some(Type::Uint(bits) | Type::Int(bits)) => Ok(word[32 - bits / 8..].to_vec()),
            Some(Type::Fixed(width)) => Ok(word[..width].to_vec()),
            _ => Err(Stop::Unknown),
        }
    }

    /// `abi.encode`: words, then the data of what has no fixed size.
    fn encoded(&mut self, list: &'a [Tree], frame: usize, depth: usize) -> Evaluated<Datum> {
        let mut head = Vec::new();
        let mut tail = Vec::new();
        for argument in list {
            match self.datum(argument, frame, depth + 1)? {
                Datum::Word(word) => head.extend(word.to_be_bytes::<32>()),
                Datum::Bytes(bytes) => {
                    let place = U256::from(32 * list.len() + tail.len());
                    head.extend(place.to_be_bytes::<32>());
                    tail.extend(U256::from(bytes.len()).to_be_bytes::<32>());
                    tail.extend(&bytes);
                    tail.resize(tail.len().next_multiple_of(32), 0);
                }
            }
            bounded(&head)?;
            bounded(&tail)?;
        }
        head.extend(tail);
        Ok(Datum::Bytes(head))
    }
}

fn bounded(bytes: &[u8]) -> Evaluated<()> {
    if bytes.len() > MAX_BYTES {
        return Err(Stop::Unknown);
    }
    Ok(())
}

fn literal(tree: &Tree) -> Option<Datum> {
    match tree["kind"].as_str()? {
        "number" => Some(Datum::Word(number(tree["value"].as_str()?)?)),
        "string" | "hexString" | "unicodeString" => {
            let digits = tree["hexValue"].as_str()?;
            let short = digits.len() <= 2 * MAX_BYTES;
            Some(Datum::Bytes(hex::decode(digits).ok().filter(|_| short)?))
        }
        _ => None,
    }
}

/// `type(uint256).max` and its like.
fn limit(tree: &Tree) -> Option<U256> {
    let of = &tree["expression"];
    if tree["memberName"] != "max" || of["expression"]["name"] != "type" {
        return None;
    }
    match type_of(tree)? {
        Type::Uint(bits) => Some(low(bits)),
        _ => None,
    }
}

/// What `wrap` takes: `function (bytes32) pure returns (Slot)`.
fn wrapped(callee: &Tree) -> Option<Type> {
    let (_, rest) = type_name(callee).split_once('(')?;
    Type::read(rest.split_once(')')?.0)
}
