//! Slots of the proxy, by the names its source gives them.

use alloy_primitives::{Address, B256, I256, U256, keccak256};
use cutover_types::{CallKind, Outcome, StorageItem, StorageLayout};
use std::collections::{BTreeMap, BTreeSet};

/// Words a mapping key is guessed from, at most.
const MAX_WORDS: usize = 512;
/// Words tried for both keys of a nested mapping, at most.
const MAX_NESTED: usize = 96;
/// Elements looked for behind the start of a dynamic array.
const MAX_ELEMENTS: u64 = 1 << 20;

/// A variable, or the part of one, that lives in a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// `balances[0x…]`.
    pub(crate) label: String,
    offset: u64,
    type_id: String,
}

/// Names of one layout.
pub(crate) struct Names<'a> {
    layout: &'a StorageLayout,
    roots: Vec<(U256, &'a StorageItem)>,
}

impl<'a> Names<'a> {
    /// Reads a layout.
    pub(crate) fn new(layout: &'a StorageLayout) -> Self {
        let item = |base: U256| {
            move |item: &'a StorageItem| {
                let slot = item.slot.parse::<U256>().ok()?;
                Some((base.wrapping_add(slot), item))
            }
        };
        let mut roots: Vec<_> = layout.storage.iter().filter_map(item(U256::ZERO)).collect();
        for (id, items) in &layout.namespaces {
            roots.extend(items.iter().filter_map(item(namespace_root(id))));
        }
        Self { layout, roots }
    }

    /// What lives in `slot`; `words` are the values mapping keys are guessed from.
    pub(crate) fn of(&self, slot: B256, words: &[B256]) -> Vec<Place> {
        let slot = U256::from_be_bytes(slot.0);
        let mut found = Vec::new();
        for (base, item) in &self.roots {
            self.inside(slot, *base, item, &item.label, 0, &mut found);
        }
        if !found.is_empty() {
            return found;
        }
        for (base, item) in &self.roots {
            self.behind(
                slot,
                *base,
                &item.type_id,
                &item.label,
                words,
                0,
                &mut found,
            );
            if !found.is_empty() {
                break;
            }
        }
        found
    }

    fn slots_of(&self, type_id: &str) -> U256 {
        let bytes = self
            .layout
            .types
            .get(type_id)
            .and_then(|info| info.number_of_bytes.parse::<U256>().ok())
            .unwrap_or(U256::from(32));
        bytes.div_ceil(U256::from(32)).max(U256::from(1))
    }

    /// A variable that occupies `slot` itself, structs and fixed arrays opened.
    fn inside(
        &self,
        slot: U256,
        base: U256,
        item: &StorageItem,
        label: &str,
        depth: u8,
        found: &mut Vec<Place>,
    ) {
        let distance = slot.wrapping_sub(base);
        if distance >= self.slots_of(&item.type_id) || depth > 4 {
            return;
        }
        let info = self.layout.types.get(&item.type_id);
        if let Some(members) = info.and_then(|info| info.members.as_ref()) {
            for member in members {
                let Ok(at) = member.slot.parse::<U256>() else {
                    continue;
                };
                let label = format!("{label}.{}", member.label);
                self.inside(
                    slot,
                    base.wrapping_add(at),
                    member,
                    &label,
                    depth + 1,
                    found,
                );
            }
            return;
        }
        let label = match info.and_then(|info| info.base.as_ref()) {
            Some(_) if info.is_some_and(|info| info.encoding == "inplace") => {
                format!("{label}[+{distance}]")
            }
            _ => label.to_owned(),
        };
        found.push(Place {
            label,
            offset: item.offset,
            type_id: item.type_id.clone(),
        });
    }

    /// A mapping entry or array element whose slot is a hash.
    #[allow(clippy::too_many_arguments, reason = "a recursion over one path")]
    fn behind(
        &self,
        slot: U256,
        base: U256,
        type_id: &str,
        label: &str,
        words: &[B256],
        depth: u8,
        found: &mut Vec<Place>,
    ) {
        let Some(info) = self.layout.types.get(type_id) else {
            return;
        };
        match info.encoding.as_str() {
            "mapping" => {
                let Some(value) = &info.value else { return };
                let key_type = info.key.as_deref().unwrap_or_default();
                let nested = self.layout.types.get(value).is_some_and(|info| {
                    info.encoding == "mapping" || info.encoding == "dynamic_array"
                });
                let limit = if nested || depth > 0 {
                    MAX_NESTED
                } else {
                    MAX_WORDS
                };
                for word in words.iter().take(limit) {
                    if !fits(key_type, word) {
                        continue;
                    }
                    let mut preimage = [0u8; 64];
                    preimage[..32].copy_from_slice(word.as_slice());
                    preimage[32..].copy_from_slice(&base.to_be_bytes::<32>());
                    let entry = U256::from_be_bytes(keccak256(preimage).0);
                    let label = format!("{label}[{}]", key(key_type, word));
                    if nested {
                        if depth < 2 {
                            self.behind(slot, entry, value, &label, words, depth + 1, found);
                        }
                    } else {
                        self.element(slot, entry, value, &label, found);
                    }
                    if !found.is_empty() {
                        return;
                    }
                }
            }
            "dynamic_array" => {
                let start = U256::from_be_bytes(keccak256(base.to_be_bytes::<32>()).0);
                let distance = slot.wrapping_sub(start);
                if distance < U256::from(MAX_ELEMENTS) {
                    let element = info.base.as_deref().unwrap_or_default();
                    let size = self.slots_of(element);
                    let index = distance / size;
                    let label = format!("{label}[{index}]");
                    self.element(slot, start + index * size, element, &label, found);
                }
            }
            _ => {}
        }
    }

    fn element(&self, slot: U256, base: U256, type_id: &str, label: &str, found: &mut Vec<Place>) {
        let item = StorageItem {
            ast_id: 0,
            contract: String::new(),
            label: String::new(),
            offset: 0,
            slot: String::new(),
            type_id: type_id.to_owned(),
            renamed_from: None,
            retyped_from: None,
            source: None,
        };
        self.inside(slot, base, &item, label, 0, found);
    }

    /// The part of `word` that belongs to `place`, as a person writes it.
    pub(crate) fn value(&self, place: &Place, word: U256) -> String {
        let info = self.layout.types.get(&place.type_id);
        let label = info.map_or("", |info| info.label.as_str());
        let size = info
            .and_then(|info| info.number_of_bytes.parse::<u64>().ok())
            .unwrap_or(32);
        if size >= 32 || place.offset >= 32 {
            return whole(label, word);
        }
        let bits = usize::try_from(size * 8).unwrap_or(256);
        let part = (word >> (place.offset * 8)) & ((U256::from(1) << bits) - U256::from(1));
        if label == "bool" {
            return (!part.is_zero()).to_string();
        }
        if label == "address" || label.starts_with("address ") || label.starts_with("contract ") {
            return Address::from_word(B256::from(part)).to_string();
        }
        if let Some(names) = info.and_then(|info| info.enum_values.as_ref())
            && let Some(name) = usize::try_from(part).ok().and_then(|i| names.get(i))
        {
            return name.clone();
        }
        if label.starts_with("int") && part.bit(bits - 1) {
            let negative = (U256::from(1) << bits) - part;
            return format!("-{negative}");
        }
        if label.starts_with("bytes") {
            return format!("{part:#x}");
        }
        part.to_string()
    }
}

fn whole(label: &str, word: U256) -> String {
    if label.starts_with("uint") {
        word.to_string()
    } else if label.starts_with("int") {
        I256::from_raw(word).to_string()
    } else {
        B256::from(word).to_string()
    }
}

/// ERC-7201: `keccak256(abi.encode(uint256(keccak256(id)) - 1)) & ~0xff`.
fn namespace_root(id: &str) -> U256 {
    let id = id.strip_prefix("erc7201:").unwrap_or(id);
    let inner = U256::from_be_bytes(keccak256(id).0).wrapping_sub(U256::from(1));
    let outer = U256::from_be_bytes(keccak256(inner.to_be_bytes::<32>()).0);
    outer & !U256::from(0xff)
}

fn fits(key_type: &str, word: &B256) -> bool {
    let small = key_type.contains("address") || key_type.contains("contract");
    !small || word[..12].iter().all(|byte| *byte == 0)
}

fn key(key_type: &str, word: &B256) -> String {
    if key_type.contains("address") || key_type.contains("contract") {
        Address::from_word(*word).to_string()
    } else if key_type.contains("uint") || key_type.contains("enum") {
        U256::from_be_bytes(word.0).to_string()
    } else {
        word.to_string()
    }
}

/// Every word of an execution that may be the key of a mapping: who takes part, arguments of the
/// proxy's functions, topics and data of its logs.
pub(crate) fn words(outcomes: [&Outcome; 2], proxy: Address, sender: Address) -> Vec<B256> {
    let mut words = BTreeSet::from([sender.into_word(), B256::ZERO]);
    for outcome in outcomes {
        for log in outcome.logs.iter().filter(|log| log.address == proxy) {
            words.extend(log.data.topics().iter().skip(1));
            words.extend(split(&log.data.data));
        }
        for frame in &outcome.calls {
            if frame.to == proxy && frame.kind != CallKind::DelegateCall {
                words.insert(frame.from.into_word());
                words.extend(split(frame.input.get(4..).unwrap_or_default()));
            }
            if frame.from == proxy {
                words.insert(frame.to.into_word());
            }
            if words.len() > MAX_WORDS {
                break;
            }
        }
    }
    // Addresses first: they are the likelier keys where the search is cut short.
    let (small, large): (Vec<_>, Vec<_>) = words
        .into_iter()
        .partition(|word| word[..12].iter().all(|byte| *byte == 0));
    small.into_iter().chain(large).take(MAX_WORDS).collect()
}

fn split(data: &[u8]) -> impl Iterator<Item = B256> + '_ {
    data.chunks_exact(32).take(64).map(B256::from_slice)
}

/// Labels of the slots of `layout` that have a fixed place, for lists without a transaction.
pub(crate) fn label(names: &[Names<'_>], slot: B256, words: &[B256]) -> Option<String> {
    names.iter().find_map(|names| {
        let places = names.of(slot, words);
        let labels: BTreeMap<&str, ()> = places.iter().map(|p| (p.label.as_str(), ())).collect();
        let labels: Vec<&str> = labels.into_keys().collect();
        (!labels.is_empty()).then(|| labels.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout() -> StorageLayout {
        serde_json::from_value(serde_json::json!({
            "storage": [
                {"contract": "T.sol:T", "label": "owner", "offset": 0, "slot": "0", "type": "t_address"},
                {"contract": "T.sol:T", "label": "paused", "offset": 20, "slot": "0", "type": "t_bool"},
                {"contract": "T.sol:T", "label": "balances", "offset": 0, "slot": "1", "type": "t_map"},
                {"contract": "T.sol:T", "label": "allowed", "offset": 0, "slot": "2", "type": "t_map2"},
                {"contract": "T.sol:T", "label": "list", "offset": 0, "slot": "3", "type": "t_list"}
            ],
            "types": {
                "t_address": {"encoding": "inplace", "label": "address", "numberOfBytes": "20"},
                "t_bool": {"encoding": "inplace", "label": "bool", "numberOfBytes": "1"},
                "t_uint256": {"encoding": "inplace", "label": "uint256", "numberOfBytes": "32"},
                "t_map": {"encoding": "mapping", "label": "mapping(address => uint256)", "numberOfBytes": "32", "key": "t_address", "value": "t_uint256"},
                "t_map2": {"encoding": "mapping", "label": "mapping(address => mapping(address => uint256))", "numberOfBytes": "32", "key": "t_address", "value": "t_map"},
                "t_list": {"encoding": "dynamic_array", "label": "uint256[]", "numberOfBytes": "32", "base": "t_uint256"}
            }
        }))
        .unwrap()
    }

    fn entry(key: B256, base: B256) -> B256 {
        keccak256([key.0, base.0].concat())
    }

    #[test]
    fn slots_get_the_names_of_their_variables() {
        let layout = layout();
        let names = Names::new(&layout);
        let (a, b) = (Address::repeat_byte(0xaa), Address::repeat_byte(0xbb));
        let words = [a.into_word(), b.into_word()];
        let n = B256::with_last_byte;
        let cases = [
            (n(0), vec!["owner".to_owned(), "paused".to_owned()]),
            (entry(a.into_word(), n(1)), vec![format!("balances[{a}]")]),
            (
                entry(b.into_word(), entry(a.into_word(), n(2))),
                vec![format!("allowed[{a}][{b}]")],
            ),
            (keccak256(n(3)), vec!["list[0]".to_owned()]),
            (B256::repeat_byte(9), vec![]),
        ];
        for (slot, expected) in cases {
            let found: Vec<String> = names
                .of(slot, &words)
                .into_iter()
                .map(|place| place.label)
                .collect();
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn packed_variables_are_taken_apart() {
        let layout = layout();
        let names = Names::new(&layout);
        let word = (U256::from(1) << 160) | U256::from(7);
        let places = names.of(B256::ZERO, &[]);
        assert_eq!(
            names.value(&places[0], word),
            Address::with_last_byte(7).to_string()
        );
        assert_eq!(names.value(&places[1], word), "true");
    }

    #[test]
    fn namespace_root_is_the_standards_example() {
        // OpenZeppelin 5.x Ownable.
        assert_eq!(
            B256::from(namespace_root("openzeppelin.storage.Ownable")).to_string(),
            "0x9016d09d72d40fdae2fd8ceac6b6234c7706214fd39c1cd1e609a0528c199300"
        );
    }
}
