//! Keystore files.

use super::{KeyError, PasswordSource, shown};
use alloy::signers::local::PrivateKeySigner;
use serde::Deserialize;
use std::{
    fs::File,
    io::{IsTerminal as _, Read as _},
    path::Path,
};
use zeroize::Zeroizing;

/// Keystores are under a kilobyte.
const MOST_KEYSTORE: u64 = 64 << 10;
/// Passwords are shorter.
const MOST_PASSWORD: u64 = 4 << 10;
/// Memory that opening a keystore may take; geth's take 256 MiB.
const MOST_MEMORY: u64 = 1 << 30;
/// Rounds that opening a keystore may take; a second for every few millions.
const MOST_ROUNDS: u64 = 20_000_000;

/// Opens a keystore; asks for the password on the terminal if need be.
pub(super) fn open(path: &Path, password: &PasswordSource) -> Result<PrivateKeySigner, KeyError> {
    let content = bounded(path, MOST_KEYSTORE, "keystore")?;
    let refuse = |detail| KeyError::NotAKeystore {
        path: shown(path),
        detail,
    };
    check(&content).map_err(refuse)?;
    let password = match password {
        PasswordSource::Prompt => prompt(path)?,
        PasswordSource::File(file) => password_in(file)?,
    };
    use alloy::signers::local::LocalSignerError;
    PrivateKeySigner::decrypt_keystore(path, password.as_bytes()).map_err(|error| match error {
        LocalSignerError::EthKeystoreError(error) if error.to_string() == "Mac Mismatch" => {
            KeyError::WrongPassword { path: shown(path) }
        }
        _ => refuse("what it holds is no private key"),
    })
}

fn prompt(path: &Path) -> Result<Zeroizing<String>, KeyError> {
    let none = || KeyError::NoTerminal { path: shown(path) };
    if !std::io::stdin().is_terminal() {
        return Err(none());
    }
    let question = format!("password of keystore {}: ", shown(path));
    rpassword::prompt_password(question)
        .map(Zeroizing::new)
        .map_err(|_| none())
}

fn password_in(file: &Path) -> Result<Zeroizing<String>, KeyError> {
    let content = bounded(file, MOST_PASSWORD, "password file")?;
    Ok(Zeroizing::new(
        content.lines().next().unwrap_or_default().to_owned(),
    ))
}

fn bounded(path: &Path, most: u64, what: &'static str) -> Result<Zeroizing<String>, KeyError> {
    let refuse = |detail: &str| KeyError::Unreadable {
        what,
        path: shown(path),
        detail: detail.into(),
    };
    let file = File::open(path).map_err(|error| refuse(&error.kind().to_string()))?;
    if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
        return Err(refuse("it is a folder"));
    }
    let mut content = Zeroizing::new(String::new());
    file.take(most + 1)
        .read_to_string(&mut content)
        .map_err(|_| refuse("it is not text"))?;
    if content.len() as u64 > most {
        return Err(refuse("it is too long"));
    }
    Ok(content)
}

#[derive(Deserialize)]
struct Keystore {
    version: u64,
    crypto: Crypto,
}

#[derive(Deserialize)]
struct Crypto {
    cipher: String,
    ciphertext: String,
    cipherparams: Cipher,
    kdf: String,
    kdfparams: Kdf,
    mac: String,
}

#[derive(Deserialize)]
struct Cipher {
    iv: String,
}

#[derive(Deserialize)]
struct Kdf {
    dklen: u64,
    c: Option<u64>,
    n: Option<u64>,
    r: Option<u64>,
    p: Option<u64>,
}

/// What the library that decrypts does not check, and would panic of or run out of memory for.
fn check(content: &str) -> Result<(), &'static str> {
    let keystore: Keystore = serde_json::from_str(content)
        .map_err(|_| "it is not in the form of Web3 secret storage, version 3")?;
    let crypto = &keystore.crypto;
    if keystore.version != 3 {
        return Err("its version is not 3");
    }
    if crypto.cipher != "aes-128-ctr" {
        return Err("its cipher is not aes-128-ctr");
    }
    if crypto.cipherparams.iv.len() != 32 || crypto.ciphertext.len() != 64 || crypto.mac.len() != 64
    {
        return Err("a field of it has the wrong length");
    }
    let kdf = &crypto.kdfparams;
    if kdf.dklen != 32 {
        return Err("its derived key is not 32 bytes long");
    }
    match (crypto.kdf.as_str(), kdf) {
        (
            "pbkdf2",
            Kdf {
                c: Some(rounds), ..
            },
        ) if (1..=MOST_ROUNDS).contains(rounds) => Ok(()),
        (
            "scrypt",
            Kdf {
                n: Some(n),
                r: Some(r),
                p: Some(p),
                ..
            },
        ) => {
            let memory = n.checked_mul(*r).and_then(|blocks| blocks.checked_mul(128));
            let fits = memory.is_some_and(|bytes| bytes <= MOST_MEMORY);
            if n.is_power_of_two() && *n > 1 && (1..=64).contains(r) && (1..=16).contains(p) && fits
            {
                Ok(())
            } else {
                Err("its scrypt parameters are out of range")
            }
        }
        _ => Err("its key derivation is out of range or unknown"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_that_would_panic_or_exhaust_the_machine_are_refused() {
        let good = super::super::tests::KEYSTORE;
        assert_eq!(check(good), Ok(()));
        let cases = [
            ("\"dklen\": 32", "\"dklen\": 8"),
            ("\"c\": 262144", "\"c\": 4294967295"),
            ("\"c\": 262144", "\"n\": 4294967296, \"r\": 8, \"p\": 1"),
            ("6087dab2f9fdbbfaddc31a909735c1e6", "60"),
            ("aes-128-ctr", "aes-256-ctr"),
            ("\"version\": 3", "\"version\": 1"),
            ("pbkdf2", "scrypt"),
        ];
        for (from, to) in cases {
            let bad = good.replace(from, to);
            assert_ne!(bad, good);
            assert!(check(&bad).is_err(), "{to}");
        }
    }
}
