//! Names of fields. Those that compilers use are numbers.

use alloy_primitives::map::HashMap;
use std::{cmp::Ordering, ops::Deref, sync::LazyLock};

/// The name of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Name {
    /// Its place in [`KNOWN`].
    Known(u8),
    /// Any other: keys of `exportedSymbols`, and what compilers to come will have.
    Other(Box<str>),
}

/// Sorted, so that numbers have the order of names.
const KNOWN: [&str; 149] = [
    "AST",
    "absolutePath",
    "abstract",
    "anonymous",
    "argumentTypes",
    "arguments",
    "assignments",
    "ast",
    "baseContracts",
    "baseExpression",
    "baseFunctions",
    "baseName",
    "baseSlotExpression",
    "baseType",
    "block",
    "body",
    "canonicalName",
    "cases",
    "children",
    "clauses",
    "commonType",
    "components",
    "condition",
    "constant",
    "contractDependencies",
    "contractKind",
    "contracts",
    "declaration",
    "declarations",
    "defaultValue",
    "definition",
    "documentation",
    "endExpression",
    "errorCall",
    "errorName",
    "errorSelector",
    "eventCall",
    "eventSelector",
    "evmVersion",
    "exportedSymbols",
    "expression",
    "externalCall",
    "externalReferences",
    "falseBody",
    "falseExpression",
    "file",
    "flags",
    "foreign",
    "fullyImplemented",
    "function",
    "functionList",
    "functionName",
    "functionReturnParameters",
    "functionSelector",
    "global",
    "hexValue",
    "id",
    "implemented",
    "indexExpression",
    "indexed",
    "initialValue",
    "initializationExpression",
    "internalFunctionIDs",
    "isConstant",
    "isConstructor",
    "isInlineArray",
    "isLValue",
    "isOffset",
    "isPure",
    "isSimpleCounterLoop",
    "isSlot",
    "isStructConstructorCall",
    "keyName",
    "keyNameLocation",
    "keyType",
    "kind",
    "lValueRequested",
    "leftExpression",
    "leftHandSide",
    "length",
    "libraryName",
    "license",
    "linearizedBaseContracts",
    "literals",
    "local",
    "loopExpression",
    "memberLocation",
    "memberName",
    "members",
    "modifierName",
    "modifiers",
    "mutability",
    "name",
    "nameLocation",
    "nameLocations",
    "names",
    "nativeSrc",
    "nodeType",
    "nodes",
    "operations",
    "operator",
    "options",
    "overloadedDeclarations",
    "overrides",
    "parameterTypes",
    "parameters",
    "pathNode",
    "prefix",
    "referencedDeclaration",
    "returnParameterTypes",
    "returnParameters",
    "rightExpression",
    "rightHandSide",
    "scope",
    "sourceUnit",
    "src",
    "startExpression",
    "stateMutability",
    "stateVariable",
    "statements",
    "storageLayout",
    "storageLocation",
    "subExpression",
    "subdenomination",
    "suffix",
    "superFunction",
    "symbolAliases",
    "text",
    "trueBody",
    "trueExpression",
    "tryCall",
    "type",
    "typeDescriptions",
    "typeIdentifier",
    "typeName",
    "typeString",
    "underlyingType",
    "unitAlias",
    "usedErrors",
    "usedEvents",
    "value",
    "valueName",
    "valueNameLocation",
    "valueSize",
    "valueType",
    "variableNames",
    "variables",
    "virtual",
    "visibility",
];

static NUMBERS: LazyLock<HashMap<&str, u8>> = LazyLock::new(|| {
    (0..)
        .zip(KNOWN)
        .map(|(number, name)| (name, number))
        .collect()
});

impl Name {
    pub(super) const ID: Self = Self::Known(position("id"));
    pub(super) const NODE_TYPE: Self = Self::Known(position("nodeType"));

    pub(super) fn of(text: &str) -> Self {
        match NUMBERS.get(text) {
            Some(number) => Self::Known(*number),
            None => Self::Other(text.into()),
        }
    }

    /// Whether nothing reads what has this name: a fifth of all values, which trees leave out.
    pub(super) fn is_unread(&self) -> bool {
        match self {
            Self::Known(number) => UNREAD_NUMBERS.contains(number),
            Self::Other(_) => false,
        }
    }

    /// Whether what has this name describes types and holds no nodes.
    pub(super) fn is_of_types(&self) -> bool {
        const TYPES: [Name; 3] = [
            Name::Known(position("argumentTypes")),
            Name::Known(position("commonType")),
            Name::Known(position("typeDescriptions")),
        ];
        TYPES.contains(self)
    }
}

/// What is not in trees. A rule that wants one of these takes it off the list.
pub(super) const UNREAD: [&str; 15] = [
    "exportedSymbols",
    "functionReturnParameters",
    "internalFunctionIDs",
    "isConstant",
    "isLValue",
    "isPure",
    "lValueRequested",
    "memberLocation",
    "nameLocations",
    "nativeSrc",
    "overloadedDeclarations",
    "scope",
    "tryCall",
    "usedErrors",
    "usedEvents",
];

const UNREAD_NUMBERS: [u8; UNREAD.len()] = {
    let mut numbers = [0; UNREAD.len()];
    let mut at = 0;
    while at < UNREAD.len() {
        numbers[at] = position(UNREAD[at]);
        at += 1;
    }
    numbers
};

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Known(one), Self::Known(other)) => one.cmp(other),
            _ => (**self).cmp(&**other),
        }
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The number of a name that is known.
const fn position(name: &str) -> u8 {
    let mut at = 0;
    while !same(KNOWN[at as usize].as_bytes(), name.as_bytes()) {
        at += 1;
    }
    at
}

const fn same(one: &[u8], other: &[u8]) -> bool {
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len() && at == other.len()
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Known(number) => KNOWN.get(usize::from(*number)).copied().unwrap_or_default(),
            Self::Other(text) => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_names_are_sorted_and_found() {
        assert!(KNOWN.is_sorted_by(|one, next| one < next));
        for name in KNOWN.into_iter().chain(["", "Ast", "zz"]) {
            assert_eq!(&*Name::of(name), name);
        }
        assert_eq!(Name::of("id"), Name::ID);
        assert_eq!(Name::of("nodeType"), Name::NODE_TYPE);
        assert!(matches!(Name::of("15495"), Name::Other(_)));
    }
}
