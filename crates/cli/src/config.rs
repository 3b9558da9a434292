//! `cutover.toml`: what a project says once instead of on every command line.

use crate::exit::usage;
use alloy_primitives::{Address, FixedBytes};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The file's name.
pub(crate) const FILE: &str = "cutover.toml";

/// The whole file.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// The proxy this project upgrades.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "cutover_types::address::optional"
    )]
    pub(crate) proxy: Option<Address>,
    /// The chain it lives on; a node of another chain is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) chain_id: Option<u64>,
    /// The Solidity project, relative to this file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) root: Option<PathBuf>,
    /// The node.
    pub(crate) rpc: Rpc,
    /// Accepted findings of `check`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) waiver: Vec<Waiver>,
    /// Differences of `replay` that are meant.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) expected: Vec<Expected>,
}

/// `[rpc]`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Rpc {
    /// JSON-RPC endpoint. `--rpc-url` and `ETH_RPC_URL` come first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
}

/// `[[waiver]]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Waiver {
    /// Rule id.
    pub(crate) rule: String,
    /// Contract it applies to.
    pub(crate) contract: Option<String>,
    /// Variable it applies to.
    pub(crate) variable: Option<String>,
    /// Who accepts it.
    #[serde(alias = "author")]
    pub(crate) by: String,
    /// Why.
    pub(crate) reason: String,
    /// Last day it holds, `YYYY-MM-DD`, in quotes or as a date of TOML's.
    #[serde(default, deserialize_with = "day")]
    pub(crate) expires: Option<String>,
}

/// A day as it is written, with quotes or without.
fn day<'de, D: serde::Deserializer<'de>>(source: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Day {
        Text(String),
        Date(toml::value::Datetime),
    }
    let wrong = |_| serde::de::Error::custom("`expires` is a day, YYYY-MM-DD");
    Ok(match Option::<Day>::deserialize(source).map_err(wrong)? {
        Some(Day::Text(text)) => Some(text),
        Some(Day::Date(date)) => Some(date.to_string()),
        None => None,
    })
}

/// `[[expected]]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expected {
    /// Function it applies to.
    pub(crate) selector: Option<FixedBytes<4>>,
    /// Kind of difference: `output`, `log`, `storage`…
    pub(crate) what: Option<String>,
    /// Where, as the report writes it.
    #[serde(rename = "where")]
    pub(crate) place: Option<String>,
    /// Why it is meant.
    pub(crate) reason: String,
}

impl Config {
    /// Reads the file, or the defaults when there is none and none was asked for.
    pub(crate) fn load(path: Option<&Path>) -> eyre::Result<Self> {
        let (path, asked) = path.map_or((Path::new(FILE), false), |path| (path, true));
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !asked => {
                return Ok(Self::default());
            }
            Err(error) => {
                return Err(usage(
                    format!("cannot read {}: {error}", path.display()),
                    "write one with `cutover init`",
                ));
            }
        };
        toml::from_str(&text).map_err(|error| {
            let place = error.span().map_or(0, |span| {
                text.get(..span.start)
                    .unwrap_or(&text)
                    .matches('\n')
                    .count()
                    + 1
            });
            usage(
                format!("{}:{place}: {}", path.display(), error.message()),
                "crates/cli/docs/interface.md lists the keys it may have",
            )
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_read_with_quotes_and_without() {
        let waiver = |day: &str| -> Waiver {
            toml::from_str(&format!("rule = 'swap'\nauthor = 'x'\nreason = 'y'\n{day}")).unwrap()
        };
        assert_eq!(waiver("").expires, None);
        for day in ["expires = '2030-01-31'", "expires = 2030-01-31"] {
            assert_eq!(waiver(day).expires.as_deref(), Some("2030-01-31"));
        }
        let number = "rule = 'swap'\nauthor = 'x'\nreason = 'y'\nexpires = 20300131";
        let error = toml::from_str::<Waiver>(number).unwrap_err();
        assert_eq!(error.message(), "`expires` is a day, YYYY-MM-DD");
    }
}
