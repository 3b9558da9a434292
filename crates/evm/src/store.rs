//! A state as revm reads it, and what has been committed over it.

use crate::{
    changes::{Changed, Layer},
    codes,
    error::Fault,
    touched::Touched,
};
use alloy_primitives::{
    Address, B256, Bytes, KECCAK256_EMPTY, U256,
    map::{AddressMap, B256Map, HashMap, U256Map},
};
use cutover_types::{Account, AccountDiff, Change, Missing, State, StateDiff};
use revm::{
    Database,
    state::{Account as Touch, AccountInfo, Bytecode, EvmState},
};
use std::collections::BTreeSet;

/// What stands in for the balance of an account nobody knows.
const PLENTY: U256 = U256::from_limbs([0, 0, 1, 0]);

/// A state and what has been committed over it, keeping what was read.
pub(crate) struct Store<'a> {
    base: &'a dyn State,
    accounts: AddressMap<Entry>,
    codes: B256Map<Bytecode>,
    hashes: HashMap<u64, B256>,
    /// Slots known by rule in accounts that may not be known.
    ruled: HashMap<(Address, U256), U256>,
    touched: Touched,
    /// `None` when an unknown key is an error.
    guesses: Option<Guesses>,
}

/// Keys answered with placeholders.
struct Guesses {
    keys: BTreeSet<Missing>,
    /// What an unknown slot is taken to hold.
    word: U256,
    /// How many more the transaction may make.
    left: usize,
}

/// Guesses a transaction may make in one run: a placeholder can be the length of an array.
const MOST_GUESSES: usize = 256;

/// The answer, or a placeholder where guessing is allowed.
fn known<T>(
    answer: Result<T, Missing>,
    guesses: &mut Option<Guesses>,
    placeholder: impl FnOnce(U256) -> T,
) -> Result<T, Fault> {
    match (answer, guesses) {
        (Ok(value), _) => Ok(value),
        (Err(missing), Some(guesses)) if guesses.left > 0 => {
            guesses.keys.insert(missing);
            guesses.left -= 1;
            Ok(placeholder(guesses.word))
        }
        (Err(missing), _) => Err(missing.into()),
    }
}

struct Entry {
    account: Account,
    /// Created or destroyed here: slots not listed are zero.
    fresh: bool,
    slots: U256Map<U256>,
}

impl<'a> Store<'a> {
    pub(crate) fn new(base: &'a dyn State) -> Self {
        Self {
            base,
            accounts: AddressMap::default(),
            codes: B256Map::default(),
            hashes: HashMap::default(),
            ruled: HashMap::default(),
            touched: Touched::default(),
            guesses: None,
        }
    }

    /// From now on answers unknown keys with placeholders, `word` for slots, and notes them: to find
    /// out what a run wants, never for a result.
    pub(crate) fn guessing(mut self, word: U256) -> Self {
        self.guesses = Some(Guesses {
            keys: BTreeSet::new(),
            word,
            left: MOST_GUESSES,
        });
        self
    }

    /// Begins a transaction that may make guesses of its own.
    pub(crate) fn guess_anew(&mut self) {
        if let Some(guesses) = &mut self.guesses {
            guesses.left = MOST_GUESSES;
        }
    }

    pub(crate) fn base(&self) -> &'a dyn State {
        self.base
    }

    pub(crate) fn touched(&self) -> &Touched {
        &self.touched
    }

    pub(crate) fn into_guessed(self) -> BTreeSet<Missing> {
        self.guesses.map(|guesses| guesses.keys).unwrap_or_default()
    }

    /// Notes that a run wants this account, though it may stop before it reads it.
    pub(crate) fn want(&mut self, address: Address) {
        let _ = self.entry(address);
    }

    /// The account, to be put otherwise for the length of one call.
    pub(crate) fn account_mut(&mut self, address: Address) -> Result<&mut Account, Fault> {
        self.entry(address).map(|entry| &mut entry.account)
    }

    /// Takes the account as absent when nobody knows it.
    pub(crate) fn assume(&mut self, address: Address) {
        if self.base.account(address).is_err() {
            self.accounts.entry(address).or_insert_with(|| Entry {
                account: Account::default(),
                fresh: false,
                slots: U256Map::default(),
            });
        }
    }

    fn entry(&mut self, address: Address) -> Result<&mut Entry, Fault> {
        use alloy_primitives::map::Entry::{Occupied, Vacant};
        match self.accounts.entry(address) {
            Occupied(entry) => Ok(entry.into_mut()),
            Vacant(vacant) => {
                let account = known(self.base.account(address), &mut self.guesses, |_| Account {
                    balance: PLENTY,
                    ..Account::default()
                })?;
                self.touched.accounts.insert(address);
                Ok(vacant.insert(Entry {
                    account,
                    fresh: false,
                    slots: U256Map::default(),
                }))
            }
        }
    }

    /// Sets slots without looking at the account, which nobody may know.
    pub(crate) fn rule(&mut self, address: Address, slots: &[(U256, U256)]) -> (StateDiff, Layer) {
        let mut changed = Changed::default();
        let mut diff = AccountDiff::default();
        for (slot, after) in slots.iter().copied() {
            let key = B256::from(slot);
            self.ruled.insert((address, slot), after);
            changed.slots.insert(key, after);
            let before = self.base.storage(address, key).unwrap_or_default();
            diff.storage.insert(key, Change { before, after });
        }
        let layer = Layer {
            accounts: [(address, changed)].into_iter().collect(),
            ..Layer::default()
        };
        (StateDiff::from([(address, diff)]), layer)
    }

    fn raw_code(&mut self, hash: B256) -> Bytes {
        self.code_by_hash(hash)
            .map_or_else(|_| Bytes::new(), |code| code.original_bytes())
    }

    /// Takes over what an execution left and says what that changed.
    pub(crate) fn commit(&mut self, state: EvmState) -> (StateDiff, Layer) {
        let mut diff = StateDiff::new();
        let mut layer = Layer::default();
        for (address, touch) in state {
            if touch.is_touched() {
                self.commit_account(address, &touch, &mut diff, &mut layer);
            }
        }
        (diff, layer)
    }

    fn commit_account(
        &mut self,
        address: Address,
        touch: &Touch,
        diff: &mut StateDiff,
        layer: &mut Layer,
    ) {
        let Ok(entry) = self.entry(address) else {
            // Nothing is touched that was not loaded from here before.
            return;
        };
        let gone = touch.is_selfdestructed();
        let created = touch.is_created() && !gone;
        let before = entry.account.clone();
        let after = if gone {
            Account::default()
        } else {
            account_of(&touch.info)
        };
        let fresh = created || gone;
        let mut changed = Changed {
            account: Some(after.clone()),
            fresh,
            slots: B256Map::default(),
        };
        let mut account_diff = AccountDiff {
            created,
            destroyed: gone && !before.is_empty(),
            ..AccountDiff::default()
        };
        entry.account = after.clone();
        if fresh {
            entry.fresh = true;
            entry.slots.clear();
        }
        if !gone {
            for (slot, value) in touch.changed_storage_slots() {
                let key = B256::from(*slot);
                entry.slots.insert(*slot, value.present_value());
                changed.slots.insert(key, value.present_value());
                account_diff.storage.insert(
                    key,
                    Change {
                        before: value.original_value(),
                        after: value.present_value(),
                    },
                );
            }
        }
        account_diff.balance = change(before.balance, after.balance);
        account_diff.nonce = change(before.nonce, after.nonce);
        if before.code_hash != after.code_hash {
            let code = match &touch.info.code {
                Some(code) if !gone => code.clone(),
                _ => Bytecode::default(),
            };
            let raw = code.original_bytes();
            if !raw.is_empty() {
                layer.codes.insert(after.code_hash, raw.clone());
                self.codes.insert(after.code_hash, code);
            }
            let old = self.raw_code(before.code_hash);
            account_diff.code = change(old, raw);
        }
        if !account_diff.is_empty() {
            layer.accounts.insert(address, changed);
            diff.insert(address, account_diff);
        }
    }
}

fn change<T: PartialEq>(before: T, after: T) -> Option<Change<T>> {
    (before != after).then_some(Change { before, after })
}

fn account_of(info: &AccountInfo) -> Account {
    Account {
        nonce: info.nonce,
        balance: info.balance,
        code_hash: if info.code_hash.is_zero() {
            KECCAK256_EMPTY
        } else {
            info.code_hash
        },
    }
}

impl Database for Store<'_> {
    type Error = Fault;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, Fault> {
        let account = &self.entry(address)?.account;
        if account.is_empty() {
            return Ok(None);
        }
        let info = AccountInfo {
            balance: account.balance,
            nonce: account.nonce,
            code_hash: account.code_hash,
            account_id: None,
            code: None,
        };
        Ok(Some(if account.has_code() {
            info
        } else {
            info.with_code(Bytecode::default())
        }))
    }

    fn code_by_hash(&mut self, hash: B256) -> Result<Bytecode, Fault> {
        if hash == KECCAK256_EMPTY || hash.is_zero() {
            return Ok(Bytecode::default());
        }
        if let Some(code) = self.codes.get(&hash) {
            return Ok(code.clone());
        }
        let raw = known(self.base.code(hash).map(Some), &mut self.guesses, |_| None)?;
        let code = match raw {
            Some(raw) => codes::analysed(hash, raw)?,
            None => Bytecode::default(),
        };
        self.touched.codes.insert(hash);
        self.codes.insert(hash, code.clone());
        Ok(code)
    }

    fn storage(&mut self, address: Address, slot: U256) -> Result<U256, Fault> {
        let base = self.base;
        let entry = self.entry(address)?;
        if let Some(value) = entry.slots.get(&slot) {
            return Ok(*value);
        }
        if entry.fresh {
            return Ok(U256::ZERO);
        }
        if let Some(value) = self.ruled.get(&(address, slot)) {
            return Ok(*value);
        }
        let key = B256::from(slot);
        let value = known(base.storage(address, key), &mut self.guesses, |word| word)?;
        self.touched.slots.entry(address).or_default().insert(key);
        if let Some(entry) = self.accounts.get_mut(&address) {
            entry.slots.insert(slot, value);
        }
        Ok(value)
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, Fault> {
        if let Some(hash) = self.hashes.get(&number) {
            return Ok(*hash);
        }
        let hash = known(self.base.block_hash(number), &mut self.guesses, |_| {
            B256::ZERO
        })?;
        self.touched.block_hashes.insert(number);
        self.hashes.insert(number, hash);
        Ok(hash)
    }
}
