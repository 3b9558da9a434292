//! Where the signing key comes from. No key is ever an argument.

use crate::exit::{Exit, OrStop, usage};
use clap::Args;
use cutover_chain::keys::{KeySource, PasswordSource, Signer};
use std::path::PathBuf;

/// Which key signs. A keystore, an environment variable or a Ledger: keys themselves are never
/// arguments, because other processes can read those.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Signer")]
pub(crate) struct SignerArgs {
    /// Keystore file (Web3 secret storage); its password is asked for
    #[arg(long, value_name = "FILE", group = "key")]
    keystore: Option<PathBuf>,
    /// File whose first line is the keystore's password
    #[arg(long, value_name = "FILE", requires = "keystore")]
    password_file: Option<PathBuf>,
    /// Name of the environment variable that holds the private key
    #[arg(long, value_name = "NAME", group = "key")]
    private_key_env: Option<String>,
    /// Name of the environment variable that holds the mnemonic
    #[arg(long, value_name = "NAME", group = "key")]
    mnemonic_env: Option<String>,
    /// Account of the mnemonic (m/44'/60'/0'/0/INDEX)
    #[arg(
        long,
        value_name = "INDEX",
        requires = "mnemonic_env",
        default_value_t = 0
    )]
    mnemonic_index: u32,
    /// Sign on a Ledger; INDEX is the Ledger Live account
    #[cfg(feature = "ledger")]
    #[arg(long, value_name = "INDEX", group = "key", num_args = 0..=1, default_missing_value = "0")]
    ledger: Option<u32>,
}

impl SignerArgs {
    /// Unlocks the key.
    pub(crate) async fn unlock(&self) -> eyre::Result<Signer> {
        let source = self.source()?;
        cutover_chain::keys::signer(&source)
            .await
            .or_stop(Exit::Usage, "")
    }

    fn source(&self) -> eyre::Result<KeySource> {
        if let Some(path) = &self.keystore {
            let password = match &self.password_file {
                Some(file) => PasswordSource::File(file.clone()),
                None => PasswordSource::Prompt,
            };
            return Ok(KeySource::Keystore {
                path: path.clone(),
                password,
            });
        }
        if let Some(variable) = &self.private_key_env {
            return Ok(KeySource::PrivateKeyEnv {
                var: variable.clone(),
            });
        }
        if let Some(variable) = &self.mnemonic_env {
            return Ok(KeySource::MnemonicEnv {
                var: variable.clone(),
                index: self.mnemonic_index,
            });
        }
        #[cfg(feature = "ledger")]
        if let Some(index) = self.ledger {
            return Ok(KeySource::Ledger { index });
        }
        Err(usage(
            "no signer is named",
            "give --keystore FILE, --private-key-env NAME or --mnemonic-env NAME",
        ))
    }
}
