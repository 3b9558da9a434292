//! Who signs.
//!
//! No key, mnemonic or password ever reaches a file, a log, an argument list or an error. Even what
//! should be the name of a variable is shown only if it looks like one: people paste keys there.

mod keystore;

use alloy::{
    network::TxSigner,
    signers::local::{MnemonicBuilder, PrivateKeySigner, coins_bip39::English},
};
use alloy_consensus::{
    SignableTransaction, TxEnvelope, TypedTransaction, transaction::SignerRecoverable,
};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, Signature, hex};
use async_trait::async_trait;
use std::{
    fmt,
    path::{Path, PathBuf},
};
use thiserror::Error;
use zeroize::Zeroizing;

/// Where the password of a keystore comes from.
#[derive(Clone, PartialEq, Eq)]
pub enum PasswordSource {
    /// Asked for on the terminal.
    Prompt,
    /// The first line of a file.
    File(PathBuf),
}

/// Where the key comes from.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeySource {
    /// A keystore file (Web3 secret storage, version 3).
    Keystore {
        /// The file.
        path: PathBuf,
        /// Its password.
        password: PasswordSource,
    },
    /// A private key in an environment variable.
    PrivateKeyEnv {
        /// Name of the variable.
        var: String,
    },
    /// A mnemonic in an environment variable.
    MnemonicEnv {
        /// Name of the variable.
        var: String,
        /// Account: `m/44'/60'/0'/0/index`.
        index: u32,
    },
    /// A Ledger.
    #[cfg(feature = "ledger")]
    Ledger {
        /// Ledger Live account.
        index: u32,
    },
}

impl fmt::Debug for PasswordSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prompt => f.write_str("Prompt"),
            Self::File(path) => write!(f, "File({})", shown(path)),
        }
    }
}

impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keystore { path, password } => {
                write!(f, "Keystore({}, {password:?})", shown(path))
            }
            Self::PrivateKeyEnv { var } => write!(f, "PrivateKeyEnv({})", name_of(var)),
            Self::MnemonicEnv { var, index } => write!(f, "MnemonicEnv({}, {index})", name_of(var)),
            #[cfg(feature = "ledger")]
            Self::Ledger { index } => write!(f, "Ledger({index})"),
        }
    }
}

/// Why there is no signature. Never shows a secret.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// What was given as a variable's name looks like a secret, or is no name.
    #[error(
        "what was given as the name of an environment variable is not one (it is not shown, in case \
         it is the secret itself): put the secret into a variable and give the variable's name"
    )]
    NotAName,
    /// The variable is not there.
    #[error("environment variable {var} is not set")]
    NotSet {
        /// Its name.
        var: String,
    },
    /// The variable is empty.
    #[error("environment variable {var} is empty")]
    Empty {
        /// Its name.
        var: String,
    },
    /// The variable holds no private key.
    #[error("environment variable {var} does not hold a private key (32 bytes in hex)")]
    NotAKey {
        /// Its name.
        var: String,
    },
    /// The variable holds no mnemonic.
    #[error(
        "environment variable {var} does not hold a valid mnemonic (12 to 24 English words with a right checksum)"
    )]
    NotAMnemonic {
        /// Its name.
        var: String,
    },
    /// No such account of a mnemonic or device.
    #[error("account index {index} is out of range: the highest is {highest}")]
    Index {
        /// What was asked for.
        index: u32,
        /// The highest.
        highest: u32,
    },
    /// A file cannot be read.
    #[error("{what} {path} cannot be read: {detail}")]
    Unreadable {
        /// What it is.
        what: &'static str,
        /// The file.
        path: String,
        /// Why not.
        detail: String,
    },
    /// The file is no keystore.
    #[error("{path} is not a keystore: {detail}")]
    NotAKeystore {
        /// The file.
        path: String,
        /// What is wrong with it.
        detail: &'static str,
    },
    /// The keystore does not open with this password.
    #[error("wrong password for keystore {path}")]
    WrongPassword {
        /// The file.
        path: String,
    },
    /// Nobody can be asked.
    #[error(
        "there is no terminal to ask for the password of keystore {path}: give a password file"
    )]
    NoTerminal {
        /// The file.
        path: String,
    },
    /// The device does not work.
    #[error("the Ledger cannot be used: {detail}")]
    Device {
        /// Why not.
        detail: String,
    },
    /// It was not signed.
    #[error("{address} did not sign: {detail}")]
    Refused {
        /// Who should have.
        address: Address,
        /// Why not.
        detail: String,
    },
    /// The signature is somebody else's.
    #[error("the signature is by {found}, not by {address}")]
    WrongSignature {
        /// Who should have signed.
        address: Address,
        /// Who did.
        found: Address,
    },
}

/// Someone who signs transactions.
pub struct Signer {
    inner: Box<dyn TxSigner<Signature> + Send + Sync>,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.address())
    }
}

impl Signer {
    /// Takes any signer of alloy's.
    pub fn new(inner: impl TxSigner<Signature> + Send + Sync + 'static) -> Self {
        Self {
            inner: Box::new(inner),
        }
    }

    /// Who signs.
    pub fn address(&self) -> Address {
        self.inner.address()
    }

    /// Signs, and checks who did. Gives the hash and the bytes to send.
    ///
    /// # Errors
    /// When the key or device refuses, or signs as somebody else.
    pub async fn sign(&self, mut transaction: TypedTransaction) -> Result<(B256, Bytes), KeyError> {
        let address = self.address();
        let refused = |detail: String| KeyError::Refused {
            address,
            detail: cutover_types::text::terminal(&detail, 200),
        };
        let signature = self
            .inner
            .sign_transaction(&mut transaction)
            .await
            .map_err(|error| refused(error.to_string()))?;
        let signed: TxEnvelope = transaction.into_envelope(signature);
        let found = signed
            .recover_signer()
            .map_err(|error| refused(error.to_string()))?;
        if found != address {
            return Err(KeyError::WrongSignature { address, found });
        }
        Ok((*signed.tx_hash(), signed.encoded_2718().into()))
    }
}

#[async_trait]
impl TxSigner<Signature> for Signer {
    fn address(&self) -> Address {
        self.inner.address()
    }

    async fn sign_transaction(
        &self,
        transaction: &mut dyn SignableTransaction<Signature>,
    ) -> alloy::signers::Result<Signature> {
        self.inner.sign_transaction(transaction).await
    }
}

/// Unlocks the key.
///
/// # Errors
/// When it cannot be had: naming the file or variable, never what is in it.
pub async fn signer(source: &KeySource) -> Result<Signer, KeyError> {
    match source {
        KeySource::Keystore { path, password } => {
            let (path, password) = (path.clone(), password.clone());
            // Deriving the key takes a second, and a prompt as long as it takes.
            let open = tokio::task::spawn_blocking(move || keystore::open(&path, &password));
            let opened = open.await.map_err(|_| KeyError::NotAKeystore {
                path: source_path(source),
                detail: "it could not be decrypted",
            })?;
            opened.map(Signer::new)
        }
        KeySource::PrivateKeyEnv { var } => private_key(var, &read(var)?).map(Signer::new),
        KeySource::MnemonicEnv { var, index } => {
            mnemonic(var, &read(var)?, *index).map(Signer::new)
        }
        #[cfg(feature = "ledger")]
        KeySource::Ledger { index } => ledger(*index).await,
    }
}

fn source_path(source: &KeySource) -> String {
    match source {
        KeySource::Keystore { path, .. } => shown(path),
        _ => String::new(),
    }
}

/// Keys of a derivation path are below this; above it they are hardened.
const HIGHEST_INDEX: u32 = 0x7fff_ffff;

fn private_key(var: &str, value: &str) -> Result<PrivateKeySigner, KeyError> {
    let refuse = || KeyError::NotAKey { var: var.into() };
    let digits = value.strip_prefix("0x").unwrap_or(value);
    let mut key = Zeroizing::new([0_u8; 32]);
    hex::decode_to_slice(digits, key.as_mut_slice()).map_err(|_| refuse())?;
    PrivateKeySigner::from_slice(key.as_slice()).map_err(|_| refuse())
}

fn mnemonic(var: &str, value: &str, index: u32) -> Result<PrivateKeySigner, KeyError> {
    if index > HIGHEST_INDEX {
        return Err(KeyError::Index {
            index,
            highest: HIGHEST_INDEX,
        });
    }
    let refuse = |_| KeyError::NotAMnemonic { var: var.into() };
    let words: Zeroizing<String> =
        Zeroizing::new(value.split_whitespace().collect::<Vec<_>>().join(" "));
    let builder = MnemonicBuilder::<English>::default().phrase(words.as_str());
    builder
        .index(index)
        .map_err(refuse)?
        .build()
        .map_err(refuse)
}

#[cfg(feature = "ledger")]
async fn ledger(index: u32) -> Result<Signer, KeyError> {
    use alloy::signers::ledger::{HDPath, LedgerSigner};
    if index > HIGHEST_INDEX {
        return Err(KeyError::Index {
            index,
            highest: HIGHEST_INDEX,
        });
    }
    let path = HDPath::LedgerLive(usize::try_from(index).unwrap_or_default());
    let signer = LedgerSigner::new(path, None)
        .await
        .map_err(|error| KeyError::Device {
            detail: cutover_types::text::terminal(&error.to_string(), 200),
        })?;
    Ok(Signer::new(signer))
}

/// Reads a variable.
fn read(var: &str) -> Result<Zeroizing<String>, KeyError> {
    if !is_name(var) {
        return Err(KeyError::NotAName);
    }
    let var = || var.to_owned();
    let value = match std::env::var(var()) {
        Ok(value) => Zeroizing::new(value),
        Err(std::env::VarError::NotPresent) => return Err(KeyError::NotSet { var: var() }),
        // What is not Unicode is neither hex nor English.
        Err(std::env::VarError::NotUnicode(_)) => return Err(KeyError::NotAKey { var: var() }),
    };
    let trimmed = Zeroizing::new(value.trim().to_owned());
    if trimmed.is_empty() {
        return Err(KeyError::Empty { var: var() });
    }
    Ok(trimmed)
}

/// Whether this is the name of a variable rather than a secret in its place.
fn is_name(text: &str) -> bool {
    let mut characters = text.chars();
    characters
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && characters.all(|c| c.is_ascii_alphanumeric() || c == '_')
        && text.len() <= 128
        && !has_key(text)
}

/// Whether a key may be part of this: very many hex digits in a row.
fn has_key(text: &str) -> bool {
    text.split(|c: char| !c.is_ascii_hexdigit())
        .any(|run| run.len() >= 56)
}

fn name_of(var: &str) -> &str {
    if is_name(var) { var } else { "(not shown)" }
}

/// A path, unless it is a secret in a path's place.
fn shown(path: &Path) -> String {
    let text = path.to_string_lossy();
    // A mnemonic has at least 12 words and nothing else.
    let words = text.split_whitespace().count();
    let is_phrase = words >= 12 && text.chars().all(|c| c.is_alphabetic() || c.is_whitespace());
    if has_key(&text) || is_phrase {
        "(not shown, it looks like a secret)".into()
    } else {
        cutover_types::text::terminal(&text, 300)
    }
}

#[cfg(test)]
mod tests;
