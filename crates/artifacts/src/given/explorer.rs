//! Verified source as block explorers answer it: `getsourcecode` of Etherscan and its kin.

use super::{
    File,
    bundle::{self, Bundle},
};
use crate::{ArtifactError, Code, scan};
use alloy_primitives::Address;
use cutover_types::text::terminal;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Whether this is an answer of such an interface, whole or its `result` alone.
pub(super) fn fits(json: &Value) -> bool {
    let answer = json["message"].is_string() && json["status"].is_string();
    entry(json).is_some() || answer && json["result"].is_string()
}

/// Compiles the contract of an answer.
pub(super) fn read(file: &File<'_>, json: &Value) -> Result<Code, ArtifactError> {
    let Some(entry) = entry(json) else {
        let said = json["result"].as_str().unwrap_or_default();
        return Err(file.malformed(format!(
            "the explorer answered without source: {}",
            terminal(said, 120)
        )));
    };
    let text = |name: &str| entry[name].as_str().unwrap_or_default().trim();
    let version = text("CompilerVersion");
    if text("SourceCode").is_empty() {
        return Err(file.malformed("the explorer has no verified source of this contract"));
    }
    if version.starts_with("vyper") {
        return Err(file.malformed(
            "it is Vyper source, and explorers keep no Vyper settings: save the source and name it, `NAME.vy`",
        ));
    }
    let mut bundle = sources(entry).map_err(|why| file.malformed(why))?;
    bundle.version = Some(version.to_owned()).filter(|version| !version.is_empty());
    let named = text("ContractName");
    let wanted = file.wanted.or(Some(named).filter(|name| !name.is_empty()));
    let (unit, name) = bundle.choose(wanted, &file.place())?;
    let mut code = bundle.compile(&unit, &name, file.options, file.shelf)?;
    if text("Proxy") == "1" {
        code.doubts.push(of_a_proxy(text("Implementation")));
    }
    Ok(code)
}

/// What is to be said of the source of a proxy: its storage layout is not that of what it runs.
pub(super) fn of_a_proxy(implementation: &str) -> String {
    let told = "the file says that this is the source of a proxy";
    match implementation.parse::<Address>() {
        Ok(address) => format!("{told}: get that of its implementation, {address}"),
        Err(_) => format!("{told}: get that of its implementation"),
    }
}

/// The first contract of an answer.
fn entry(json: &Value) -> Option<&Value> {
    let inner = match json {
        Value::Array(list) => list.first()?,
        _ => match &json["result"] {
            Value::Array(list) => list.first()?,
            Value::Object(_) => &json["result"],
            _ => json,
        },
    };
    inner["SourceCode"].is_string().then_some(inner)
}

/// The three things `SourceCode` can be: a standard-JSON input in double braces, a list of files,
/// or one flat source.
fn sources(entry: &Value) -> Result<Bundle, String> {
    let code = entry["SourceCode"].as_str().unwrap_or_default().trim();
    let inner = unwrapped(code);
    let settings = settings(entry);
    let Some(json) = inner.and_then(|text| serde_json::from_str::<Value>(text).ok()) else {
        if code.starts_with('{') {
            return Err("its `SourceCode` begins like JSON and is none".to_owned());
        }
        let unit = entry["ContractFileName"]
            .as_str()
            .filter(|name| !name.is_empty())
            .map_or_else(|| flat_name(entry), str::to_owned);
        return Ok(Bundle {
            texts: BTreeMap::from([(unit, code.to_owned())]),
            settings,
            version: None,
        });
    };
    if json["sources"].is_object() {
        return Ok(Bundle {
            texts: bundle::texts(&json["sources"])?,
            settings: json["settings"].clone(),
            version: None,
        });
    }
    Ok(Bundle {
        texts: bundle::texts(&json)?,
        settings,
        version: None,
    })
}

/// JSON text, without the extra pair of braces Etherscan puts around a standard-JSON input.
fn unwrapped(code: &str) -> Option<&str> {
    if let Some(inner) = code.strip_prefix("{{") {
        return Some(&code[1..code.len() - usize::from(inner.ends_with("}}"))]);
    }
    code.starts_with('{').then_some(code)
}

/// `Token.sol`, for a source that came without a file name.
fn flat_name(entry: &Value) -> String {
    let name = entry["ContractName"].as_str().unwrap_or_default();
    let scan = scan::scan(entry["SourceCode"].as_str().unwrap_or_default());
    let known = scan.contracts.iter().any(|(one, _)| one == name);
    format!("{}.sol", if known { name } else { "Contract" })
}

/// What the answer says of the settings, where there is no input.
fn settings(entry: &Value) -> Value {
    let text = |name: &str| entry[name].as_str().unwrap_or_default();
    let runs: u64 = text("Runs").parse().unwrap_or(200);
    let mut settings = json!({
        "optimizer": { "enabled": text("OptimizationUsed") == "1", "runs": runs },
    });
    let evm = text("EVMVersion").to_lowercase();
    if !evm.is_empty() && evm != "default" {
        settings["evmVersion"] = json!(evm);
    }
    // `Name:address;Other:address`, addresses without 0x.
    for one in text("Library").split(';').filter(|one| !one.is_empty()) {
        if let Some((name, address)) = one.rsplit_once(':') {
            let address = address.trim_start_matches("0x");
            settings["libraries"][name] = json!(format!("0x{address}"));
        }
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_shapes_of_source_code() {
        let input = json!({"language": "Solidity", "sources": {"a/T.sol": {"content": "contract T {}"}}, "settings": {"viaIR": true}});
        let cases = [
            (format!("{{{input}}}"), "a/T.sol"),
            (input.to_string(), "a/T.sol"),
            (
                json!({"T.sol": {"content": "contract T {}"}}).to_string(),
                "T.sol",
            ),
            ("contract T {}".to_owned(), "T.sol"),
        ];
        for (code, unit) in cases {
            let entry = json!({"SourceCode": code, "ContractName": "T", "OptimizationUsed": "1", "Runs": "7"});
            let bundle = sources(&entry).unwrap();
            assert_eq!(bundle.texts[unit], "contract T {}", "{code}");
            let own = json!({"enabled": true, "runs": 7});
            assert!(bundle.settings["viaIR"] == true || bundle.settings["optimizer"] == own);
        }
        for wrong in ["{", "{{", "{{}", "{{}}}", "{]"] {
            let entry = json!({"SourceCode": wrong});
            let _ = sources(&entry);
        }
    }

    #[test]
    fn libraries_and_evm_version_are_passed_on() {
        let entry = json!({"EVMVersion": "Paris", "Library": "L:00aa;M:0xbb"});
        let settings = settings(&entry);
        assert_eq!(settings["evmVersion"], "paris");
        assert_eq!(settings["libraries"], json!({"L": "0x00aa", "M": "0xbb"}));
    }
}
