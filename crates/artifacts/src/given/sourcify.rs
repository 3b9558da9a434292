//! Sourcify: its two interfaces' answers, and solc's metadata with the sources beside it.

use super::{
    File,
    bundle::{self, Bundle},
    explorer,
    folder::{Search, by_hash},
};
use crate::{ArtifactError, Code};
use alloy_primitives::{B256, keccak256};
use cutover_types::text::terminal;
use serde_json::Value;
use std::collections::BTreeMap;

/// Whether this is one of the three.
pub(super) fn fits(json: &Value) -> bool {
    let metadata = json["compiler"].is_object()
        && json["settings"].is_object()
        && json["sources"].is_object()
        && json["output"]["contracts"].is_null();
    metadata || json["compilation"].is_object() || json["files"].is_array()
}

/// Compiles the contract it describes.
pub(super) fn read(file: &File<'_>, json: &Value) -> Result<Code, ArtifactError> {
    let bundle = if json["compilation"].is_object() {
        answer(file, json)?
    } else if let Some(files) = json["files"].as_array() {
        let (metadata, texts) = listed(files).ok_or_else(|| {
            file.malformed("the list of files has no `metadata.json` with solc's metadata")
        })?;
        described(file, &metadata, &texts)?
    } else {
        let beside = file.path.parent().map(by_sources).unwrap_or_default();
        described(file, json, &beside)?
    };
    let (unit, name) = bundle.choose(file.wanted, &file.place())?;
    let mut code = bundle.compile(&unit, &name, file.options, file.shelf)?;
    let proxy = &json["proxyResolution"];
    if proxy["isProxy"] == true {
        let implementation = proxy["implementations"][0]["address"].as_str();
        let doubt = explorer::of_a_proxy(implementation.unwrap_or_default());
        code.doubts.push(doubt);
    }
    Ok(code)
}

/// `/v2/contract/CHAIN/ADDRESS?fields=all`.
fn answer(file: &File<'_>, json: &Value) -> Result<Bundle, ArtifactError> {
    let compilation = &json["compilation"];
    language(file, compilation["language"].as_str())?;
    let input = &json["stdJsonInput"]["sources"];
    let sources = if input.is_object() {
        input
    } else {
        &json["sources"]
    };
    let texts = bundle::texts(sources).map_err(|why| file.malformed(why))?;
    if texts.is_empty() {
        return Err(file.malformed("the answer has no sources: ask for `fields=all`"));
    }
    let mut settings = compilation["compilerSettings"].clone();
    let target = compilation["fullyQualifiedName"].as_str();
    if let (Some((unit, name)), true) = (
        target.and_then(|name| name.rsplit_once(':')),
        settings.is_object(),
    ) {
        settings["compilationTarget"] = serde_json::json!({ unit: name });
    }
    Ok(Bundle {
        texts,
        settings,
        version: compilation["compilerVersion"].as_str().map(str::to_owned),
    })
}

/// The texts that solc's metadata lists.
fn described(
    file: &File<'_>,
    metadata: &Value,
    near: &BTreeMap<B256, String>,
) -> Result<Bundle, ArtifactError> {
    language(file, metadata["language"].as_str())?;
    let search = Search::new(file.path, &file.options.root);
    let mut texts = BTreeMap::new();
    let listed = metadata["sources"].as_object().into_iter().flatten();
    for (unit, source) in listed.take(super::MAX_SOURCES) {
        let hash: Option<B256> = source["keccak256"]
            .as_str()
            .and_then(|hash| hash.parse().ok());
        let fits = |text: &String| hash.is_none_or(|hash| keccak256(text) == hash);
        let text = source["content"].as_str().map(str::to_owned).filter(fits);
        let text = text.or_else(|| near.get(&hash?).cloned()).or_else(|| {
            search
                .text(unit)
                .filter(|text| hash.is_some() && fits(text))
        });
        let Some(text) = text else {
            return Err(file.malformed(format!(
                "the text of `{}` is neither in it nor in the folder beside it, `sources`",
                terminal(unit, 200)
            )));
        };
        texts.insert(unit.clone(), text);
    }
    Ok(Bundle {
        texts,
        settings: metadata["settings"].clone(),
        version: metadata["compiler"]["version"].as_str().map(str::to_owned),
    })
}

/// Texts below `sources` beside the metadata: names there are rewritten, hashes are not.
fn by_sources(folder: &std::path::Path) -> BTreeMap<B256, String> {
    let sources = folder.join("sources");
    by_hash(if sources.is_dir() { &sources } else { folder })
}

/// `/files/any/CHAIN/ADDRESS`: a list of files with their content.
fn listed(files: &[Value]) -> Option<(Value, BTreeMap<B256, String>)> {
    let mut metadata = None;
    let mut texts = BTreeMap::new();
    for file in files.iter().take(super::MAX_SOURCES) {
        let Some(content) = file["content"].as_str() else {
            continue;
        };
        if file["name"] == "metadata.json" {
            metadata = serde_json::from_str(content).ok();
        } else {
            texts.insert(keccak256(content), content.to_owned());
        }
    }
    Some((metadata?, texts))
}

fn language(file: &File<'_>, language: Option<&str>) -> Result<(), ArtifactError> {
    match language {
        Some("Solidity") => Ok(()),
        other => Err(file.malformed(format!(
            "its language is {}, and only Solidity is compiled from it",
            terminal(other.unwrap_or("not given"), 40)
        ))),
    }
}
