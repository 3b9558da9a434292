//! Solidity storage layouts, in the shape of solc's `storageLayout` output.

use alloy_primitives::{B256, U256, keccak256};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A variable of a storage layout, or a member of a struct.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StorageItem {
    /// AST id; differs between compilations, never compared.
    #[serde(default)]
    pub ast_id: i64,
    /// Fully qualified declaring contract, `Source.sol:Contract`.
    pub contract: String,
    /// Variable name.
    pub label: String,
    /// Byte offset inside the slot, from the low end.
    pub offset: u64,
    /// Slot number, decimal. Relative to the root for namespaces and structs.
    pub slot: String,
    /// Type id, a key of [`StorageLayout::types`].
    #[serde(rename = "type")]
    pub type_id: String,
    /// `@custom:oz-renamed-from`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renamed_from: Option<String>,
    /// `@custom:oz-retyped-from`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retyped_from: Option<String>,
    /// Where it is declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceLine>,
}

/// A place in a source file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SourceLine {
    /// Source unit name.
    pub file: String,
    /// Line, from 1.
    pub line: u64,
}

/// A type of a storage layout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TypeInfo {
    /// `inplace`, `mapping`, `dynamic_array` or `bytes`.
    pub encoding: String,
    /// Human name, `mapping(address => uint256)`.
    pub label: String,
    /// Size in bytes, decimal.
    pub number_of_bytes: String,
    /// Key type of a mapping.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Value type of a mapping.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Element type of an array.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// Members of a struct.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub members: Option<Vec<StorageItem>>,
    /// Names of an enum's values, in order, where the AST was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enum_values: Option<Vec<String>>,
    /// Underlying type of a user-defined value type, where the AST was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub underlying: Option<String>,
}

/// The storage of one contract.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StorageLayout {
    /// Variables by slot and offset.
    pub storage: Vec<StorageItem>,
    /// Types by id.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub types: BTreeMap<String, TypeInfo>,
    /// Structs with a root slot of their own: id to members, slots relative to the root. The id is
    /// that of `@custom:storage-location`; without an annotation it is the root itself, `0x…`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub namespaces: BTreeMap<String, Vec<StorageItem>>,
    /// Root slots the code uses for namespaces, where the source shows them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub namespace_roots: BTreeMap<String, B256>,
    /// Where the structs of [`StorageLayout::namespaces`] are declared, by the same ids.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub namespace_structs: BTreeMap<String, NamespaceStruct>,
    /// Single words at constant slots, and so and so far from a variable's: `sload`, `sstore`, `StorageSlot`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub slots: BTreeMap<B256, SlotUse>,
    /// Writes at some distance from a variable's slot that only shows at run time, by the variable.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub strays: BTreeMap<String, SlotUse>,
    /// Functions that name slots by what is no constant's name, `Contract.function(types)`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub slot_users: BTreeMap<String, SlotUser>,
    /// Namespaces that are there but could not be laid out, each with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unplaced: Vec<String>,
}

/// The declaration behind a namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NamespaceStruct {
    /// The struct's name.
    pub name: String,
    /// Where it is declared, `Source.sol:Contract`, or the file alone.
    pub contract: String,
    /// Whether `@custom:storage-location` names the namespace.
    pub annotated: bool,
    /// Whether the code works its root slots out at run time, so that none is known.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub computed: bool,
    /// The constant its root slot is taken from, when it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub constant: Option<String>,
    /// Where it is declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceLine>,
}

/// A word the code reads or writes at a constant slot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SlotUse {
    /// The constant that names it, when one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub constant: Option<String>,
    /// The variable from whose slot the code works it out, when it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variable: Option<String>,
    /// Its type, `address`, where the code tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Whether the code writes it.
    #[serde(default)]
    pub written: bool,
    /// Whose code, `Source.sol:Contract`.
    pub contract: String,
    /// Where it is used first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceLine>,
}

/// A function that names slots itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SlotUser {
    /// The slots.
    pub slots: BTreeSet<B256>,
    /// Where it is declared, `Source.sol:Contract`, or the file alone.
    pub contract: String,
    /// Where it is declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceLine>,
}

/// The root slot ERC-7201 gives to an id.
pub fn erc7201(id: &[u8]) -> B256 {
    let inner = U256::from_be_bytes(keccak256(id).0).wrapping_sub(U256::from(1));
    let root = U256::from_be_bytes(keccak256(inner.to_be_bytes::<32>()).0);
    B256::from(root & !U256::from(0xff))
}

/// solc writes `null` for the types of a contract without storage.
fn null_as_empty<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, TypeInfo>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    #[test]
    fn erc7201_example_of_the_standard() {
        assert_eq!(
            super::erc7201(b"example.main").to_string(),
            "0x183a6125c38840424c4a85fa12bab2ab606c4b6d0e7cc73c0c06ba5300eab500"
        );
    }
}
