use super::*;
use alloy_consensus::TxEip1559;
use alloy_primitives::{U256, address, b256};
use proptest::prelude::*;

/// The test vector of the Web3 secret storage definition; its password is `testpassword`.
pub(super) const KEYSTORE: &str = r#"{
  "crypto": {
    "cipher": "aes-128-ctr",
    "cipherparams": {"iv": "6087dab2f9fdbbfaddc31a909735c1e6"},
    "ciphertext": "5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46",
    "kdf": "pbkdf2",
    "kdfparams": {"c": 262144, "dklen": 32, "prf": "hmac-sha256", "salt": "ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd"},
    "mac": "517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2"
  },
  "id": "3198bc9c-6672-5ab3-d995-4942343ae5b6",
  "version": 3
}"#;

const JUNK: &str = "test test test test test test test test test test test junk";

fn file(folder: &tempfile::TempDir, name: &str, content: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    path
}

async fn open(path: PathBuf, password: PathBuf) -> Result<Signer, KeyError> {
    signer(&KeySource::Keystore {
        path,
        password: PasswordSource::File(password),
    })
    .await
}

#[tokio::test]
async fn a_keystore_opens_with_its_password_and_every_failure_is_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let good = file(&folder, "good.json", KEYSTORE.as_bytes());
    let password = file(&folder, "password", b"testpassword\r\nnot this\n");
    let signer = open(good.clone(), password.clone()).await.unwrap();
    let expected = PrivateKeySigner::from_bytes(&b256!(
        "7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d"
    ));
    assert_eq!(signer.address(), expected.unwrap().address());

    let wrong = file(&folder, "wrong", b"hunter2\n");
    let text = file(&folder, "text.json", b"not a keystore");
    let binary = file(&folder, "binary", &[0xff, 0xfe]);
    let long = file(&folder, "long", &[b'x'; 70_000]);
    let cases = [
        (good.clone(), wrong, "wrong password for keystore"),
        (good.clone(), folder.path().join("none"), "password file"),
        (good.clone(), folder.path().to_owned(), "it is a folder"),
        (good, binary.clone(), "it is not text"),
        (text, password.clone(), "is not a keystore"),
        (
            folder.path().join("gone.json"),
            password.clone(),
            "cannot be read: entity not found",
        ),
        (long, password, "it is too long"),
    ];
    for (path, password, expected) in cases {
        let error = open(path, password).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert!(
            error.lines().count() == 1 && !error.contains("hunter2"),
            "{error}"
        );
    }
}

#[test]
fn keys_are_read_in_the_usual_forms_and_nothing_else() {
    let key = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
    let first = address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
    assert_eq!(private_key("KEY", key).unwrap().address(), first);
    assert_eq!(
        private_key("KEY", &format!("0x{key}")).unwrap().address(),
        first
    );
    let beyond = "f".repeat(64);
    for bad in [
        &key[1..],
        "zz",
        "0x",
        &"0".repeat(64),
        &beyond,
        &format!("{key}00"),
    ] {
        let error = private_key("KEY", bad).unwrap_err();
        assert_eq!(error, KeyError::NotAKey { var: "KEY".into() });
    }
}

#[test]
fn mnemonics_give_their_accounts_and_nothing_else() {
    let first = address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
    let second = address!("70997970C51812dc3A010C7d01b50e0d17dc79C8");
    assert_eq!(mnemonic("M", JUNK, 0).unwrap().address(), first);
    assert_eq!(
        mnemonic("M", &format!("  {}\n", JUNK.replace(' ', "  ")), 1)
            .unwrap()
            .address(),
        second
    );
    assert!(matches!(
        mnemonic("M", JUNK, u32::MAX),
        Err(KeyError::Index { .. })
    ));
    for bad in ["test test", "zzz", &JUNK.replace("junk", "test")] {
        let error = mnemonic("M", bad, 0).unwrap_err().to_string();
        assert!(
            error.contains("variable M ") && !error.contains("zzz") && !error.contains("test"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_missing_variable_is_named_and_a_secret_in_its_place_is_not() {
    let source = KeySource::PrivateKeyEnv {
        var: "CUTOVER_TEST_NO_SUCH_KEY".into(),
    };
    let error = signer(&source).await.unwrap_err().to_string();
    assert_eq!(
        error,
        "environment variable CUTOVER_TEST_NO_SUCH_KEY is not set"
    );
    let secrets = [
        "0x0123",
        JUNK,
        "MY KEY",
        "",
        &"a1".repeat(32),
        &format!("x{}", "a1".repeat(32)),
    ];
    for secret in secrets {
        for source in [
            KeySource::PrivateKeyEnv {
                var: (*secret).to_owned(),
            },
            KeySource::MnemonicEnv {
                var: (*secret).to_owned(),
                index: 0,
            },
        ] {
            assert_eq!(signer(&source).await.unwrap_err(), KeyError::NotAName);
            assert!(secret.is_empty() || !format!("{source:?}").contains(secret));
        }
    }
}

#[tokio::test]
async fn the_signed_bytes_are_the_signers() {
    let signer = Signer::new(mnemonic("M", JUNK, 0).unwrap());
    let transaction = TxEip1559 {
        chain_id: 1,
        nonce: 7,
        gas_limit: 21_000,
        max_fee_per_gas: 9,
        to: Address::ZERO.into(),
        value: U256::from(1),
        ..TxEip1559::default()
    };
    let (hash, raw) = signer.sign(transaction.into()).await.unwrap();
    assert_eq!(hash, alloy_primitives::keccak256(&raw));
    use alloy_eips::eip2718::Decodable2718 as _;
    let envelope = TxEnvelope::decode_2718_exact(&raw).unwrap();
    assert_eq!(envelope.recover_signer().unwrap(), signer.address());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_text_ever_shows_a_key(key in prop::array::uniform32(any::<u8>())) {
        let digits = hex::encode(key);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut texts = Vec::new();
        match private_key("KEY", &digits) {
            Ok(local) => {
                let signer = Signer::new(local);
                texts.push(format!("{signer:?}"));
                let blob = TypedTransaction::from(TxEip1559::default());
                texts.push(format!("{:?}", runtime.block_on(signer.sign(blob))));
            }
            Err(error) => texts.push(format!("{error:?} {error}")),
        }
        // The key where something else belongs, and broken keys.
        let sources = [
            KeySource::PrivateKeyEnv { var: digits.clone() },
            KeySource::PrivateKeyEnv { var: format!("0x{digits}") },
            KeySource::MnemonicEnv { var: format!("k{digits}"), index: 0 },
            KeySource::Keystore { path: digits.clone().into(), password: PasswordSource::File(digits.clone().into()) },
        ];
        for source in sources {
            let result = runtime.block_on(signer(&source));
            let error = result.unwrap_err();
            texts.push(format!("{source:?} {error:?} {error}"));
        }
        for bad in [format!("{digits}00"), format!("{digits}g"), digits[..62].to_owned()] {
            let error = private_key("KEY", &bad).unwrap_err();
            texts.push(format!("{error:?} {error}"));
            let error = mnemonic("KEY", &bad, 0).unwrap_err();
            texts.push(format!("{error:?} {error}"));
        }
        for text in texts {
            prop_assert!(!text.to_lowercase().contains(&digits[..56]), "{}", text.len());
        }
    }
}
