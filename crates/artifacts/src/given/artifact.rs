//! Artifacts of one contract: Foundry, Hardhat 2 and 3, truffle.
//!
//! An artifact's bytes are what would be deployed, so they are what is loaded. A layout or a syntax
//! tree that is not in it is made from its sources, and only believed when they are the very ones it
//! was built from: their hashes are in the metadata, and compiling them has to give the same bytes.

use super::{
    File, build_info,
    bundle::Bundle,
    folder::{self, Search},
    trees,
};
use crate::{
    ArtifactError, Code, LoadOptions, Need, bytecode, compile, files, held, output, settings,
};
use alloy_primitives::{B256, keccak256};
use cutover_types::{source::Sources, text::terminal};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// Reads an artifact.
pub(super) fn read(file: &File<'_>, json: &Value) -> Result<Code, ArtifactError> {
    let metadata = metadata(json);
    let mut code = Code {
        contract: qualified(json, &metadata),
        compiler: metadata["compiler"]["version"]
            .as_str()
            .or_else(|| json["compiler"]["version"].as_str())
            .map(|version| terminal(version, 80)),
        abi: serde_json::from_value(json["abi"].clone()).ok(),
        ..Code::default()
    };
    settings::fill(&mut code, &metadata, &Value::Null);
    named(file, &code)?;
    bytecode::fill(
        &mut code,
        &part(json, "bytecode"),
        &part(json, "deployedBytecode"),
    );
    let written = [&json["rawMetadata"], &json["metadata"]];
    let written = written.into_iter().find(|one| one.is_string());
    held::whole(&code, written.unwrap_or(&metadata), &Sources::default())?;
    let need = file.options.need;
    if !(need.layout || need.ast) {
        return Ok(code);
    }
    if let Some(path) = build_info(file, json)? {
        return linked(file, json, &path, &code);
    }
    let search = Search::new(file.path, &file.options.root);
    let hashes = hashes(&metadata);
    let sources = trees::collect(json, file.path, &hashes, &search);
    let before = code.missing.len();
    output::complete(&mut code, &json["storageLayout"], sources, need);
    if need.layout && code.layout.is_none() || code.sources.is_none() {
        // What is missing so far is what is looked for now.
        let told = code.missing.split_off(before);
        return Ok(recovered(file, json, &metadata, &search, code, told));
    }
    code.notes.extend(stale(file, &search, &hashes));
    Ok(code)
}

/// The contract whose debug file was named.
pub(super) fn pointed(file: &File<'_>) -> Result<Code, ArtifactError> {
    let name = file.path.file_name().and_then(|name| name.to_str());
    let stem = name.and_then(|name| name.strip_suffix(".dbg.json"));
    let artifact = stem.map(|stem| file.path.with_file_name(format!("{stem}.json")));
    match artifact.filter(|path| path.is_file()) {
        Some(path) => {
            let json = files::json(&path, super::ACCEPTED)?;
            if super::kind(&json) != Some(super::Kind::Artifact) {
                return Err(file.malformed("the file beside it is no artifact"));
            }
            read(
                &File {
                    path: &path,
                    ..*file
                },
                &json,
            )
        }
        None => Err(file.malformed("it only points to a build info: name the artifact")),
    }
}

/// An artifact holds one contract: what follows `#` can only be that one.
fn named(file: &File<'_>, code: &Code) -> Result<(), ArtifactError> {
    let (Some(wanted), Some(contract)) = (file.wanted, &code.contract) else {
        return Ok(());
    };
    let (unit, name) = contract.rsplit_once(':').unwrap_or(("", contract));
    let only = std::iter::once((unit, name));
    super::pick(only, Some(wanted), &file.place()).map(drop)
}

/// The contract as Hardhat's build info has it, when it is the same build.
fn linked(file: &File<'_>, json: &Value, path: &Path, code: &Code) -> Result<Code, ArtifactError> {
    let inner = json["inputSourceName"]
        .as_str()
        .zip(json["contractName"].as_str());
    let name = match inner {
        Some((unit, name)) => Some(format!("{unit}:{name}")),
        None => code.contract.clone(),
    };
    let there = File {
        path,
        wanted: name.as_deref(),
        ..*file
    };
    let mut whole = there.load()?;
    if file.options.need.bytecode
        && (whole.runtime != code.runtime || whole.creation != code.creation)
    {
        return Err(ArtifactError::Stale {
            reference: file.place(),
            detail: format!("its code is not the one in {}: build again", path.display()),
        });
    }
    if whole.notes.is_empty() {
        let search = Search::new(file.path, &file.options.root);
        whole.notes.extend(stale(file, &search, &hashes_of(&whole)));
    }
    Ok(whole)
}

/// Keccak-256 of the sources a code was loaded with.
pub(super) fn hashes_of(code: &Code) -> BTreeMap<String, B256> {
    let units = code.sources.iter().flat_map(|sources| &sources.units);
    units
        .filter_map(|(unit, source)| Some((unit.clone(), keccak256(source.text.as_deref()?))))
        .collect()
}

/// Layout and syntax trees made from the sources the artifact was built from.
fn recovered(
    file: &File<'_>,
    json: &Value,
    metadata: &Value,
    search: &Search,
    mut code: Code,
    told: Vec<String>,
) -> Code {
    let hashes = hashes(metadata);
    let Some((unit, name)) = code
        .contract
        .as_deref()
        .and_then(|contract| contract.rsplit_once(':'))
        .map(|(unit, name)| (unit.to_owned(), name.to_owned()))
    else {
        code.missing.extend(told);
        return code;
    };
    // Equal bytes are the proof that the sources are the right ones.
    let options = LoadOptions {
        need: Need::ALL,
        ..file.options.clone()
    };
    if hashes.is_empty() {
        return guessed(file, search, (&unit, &name), code, told);
    }
    let given: BTreeMap<_, _> = own_text(json, metadata, &unit);
    let texts = match search.texts(&hashes, &given) {
        Ok(texts) => texts,
        Err(lost) => {
            code.missing.extend(told);
            code.missing.push(format!(
                "{} is older than its sources, or they are elsewhere: {} is not the file it was built from; build again, or give `{}`",
                file.place(),
                terminal(&lost, 200),
                terminal(&format!("{unit}:{name}"), 200),
            ));
            return code;
        }
    };
    let bundle = Bundle {
        texts,
        settings: metadata["settings"].clone(),
        version: metadata["compiler"]["version"].as_str().map(str::to_owned),
    };
    build_info::filled(code, bundle.compile(&unit, &name, &options, file.shelf))
}

/// Without metadata nobody knows which sources and settings it was built with: those of the project
/// are right when they give the same bytes, hash of the sources included.
fn guessed(
    file: &File<'_>,
    search: &Search,
    (unit, name): (&str, &str),
    mut code: Code,
    told: Vec<String>,
) -> Code {
    let root = search.root_of(unit);
    let again = root.filter(|_| code.runtime.is_some()).map(|root| {
        let options = LoadOptions {
            root,
            need: Need::ALL,
            ..file.options.clone()
        };
        compile::source(unit, Some(name), &options, file.shelf)
    });
    match again {
        Some(Ok(again)) if again.runtime == code.runtime && again.creation == code.creation => {
            code.layout = again.layout;
            code.sources = again.sources;
            code.compiler = again.compiler;
            code.evm_version = again.evm_version;
            code.via_ir = again.via_ir;
            code.optimizer = again.optimizer;
        }
        Some(Ok(_)) => {
            code.missing.extend(told);
            code.missing.push(format!(
                "{unit} gives other code in this project than {} holds",
                file.place()
            ));
        }
        _ => code.missing.extend(told),
    }
    code
}

/// "The file on disk is another one", for an artifact that is complete by itself.
pub(super) fn stale(
    file: &File<'_>,
    search: &Search,
    hashes: &BTreeMap<String, B256>,
) -> Option<String> {
    let changed = search.changed(hashes);
    let first = changed.first()?;
    let others = match changed.len() {
        1 => String::new(),
        more => format!(" and {} more", more - 1),
    };
    Some(format!(
        "{} is older than {}{others}: what it holds was loaded, which is what would be deployed; build again to load the source",
        file.place(),
        terminal(first, 200),
    ))
}

/// Keccak-256 of the sources, as solc's metadata lists them.
fn hashes(metadata: &Value) -> BTreeMap<String, B256> {
    let sources = metadata["sources"].as_object().into_iter().flatten();
    sources
        .take(super::MAX_SOURCES)
        .filter_map(|(name, source)| {
            let hash = source["keccak256"].as_str()?.parse().ok()?;
            Some((name.clone(), hash))
        })
        .collect()
}

/// Texts inside the artifact: truffle keeps that of the contract's own unit, solc on demand all.
fn own_text(json: &Value, metadata: &Value, unit: &str) -> BTreeMap<String, String> {
    let listed = metadata["sources"].as_object().into_iter().flatten();
    let mut texts: BTreeMap<_, _> = listed
        .filter_map(|(name, source)| Some((name.clone(), source["content"].as_str()?.to_owned())))
        .collect();
    if let Some(text) = json["source"].as_str() {
        texts.insert(unit.to_owned(), text.to_owned());
    }
    texts
}

/// Foundry keeps `{object, linkReferences}`, the others a hex string beside link references.
fn part(json: &Value, name: &str) -> Value {
    if json[name].is_object() {
        return json[name].clone();
    }
    let references = match name {
        "bytecode" => "linkReferences",
        _ => "deployedLinkReferences",
    };
    serde_json::json!({
        "object": json[name],
        "linkReferences": json[references],
        "immutableReferences": json["immutableReferences"],
    })
}

/// The raw text is what solc wrote; Foundry's `metadata` is a reading of it.
fn metadata(json: &Value) -> Value {
    match settings::parsed(&json["rawMetadata"]) {
        Value::Null => settings::parsed(&json["metadata"]),
        metadata => metadata,
    }
}

fn qualified(json: &Value, metadata: &Value) -> Option<String> {
    if let Some(target) = metadata["settings"]["compilationTarget"].as_object()
        && let Some((unit, name)) = target.iter().next()
    {
        return Some(format!("{unit}:{}", name.as_str()?));
    }
    if let (Some(unit), Some(name)) = (json["sourceName"].as_str(), json["contractName"].as_str()) {
        return Some(format!("{unit}:{name}"));
    }
    let unit = json["ast"]["absolutePath"].as_str()?;
    let name = json["contractName"].as_str()?;
    Some(format!("{unit}:{name}"))
}

/// The build info a Hardhat artifact belongs to: version 2 names it in `NAME.dbg.json`, version 3 by id.
fn build_info(file: &File<'_>, json: &Value) -> Result<Option<PathBuf>, ArtifactError> {
    let debug = file.path.with_extension("dbg.json");
    if debug.is_file() {
        let pointer = files::json(&debug, "a Hardhat debug file")?;
        let found = pointer["buildInfo"]
            .as_str()
            .and_then(|relative| Some(file.path.parent()?.join(relative)));
        return Ok(found.filter(|path| path.is_file()));
    }
    let Some(id) = json["buildInfoId"].as_str().filter(|id| folder::plain(id)) else {
        return Ok(None);
    };
    let found = file
        .path
        .ancestors()
        .skip(1)
        .take(12)
        .map(|up| up.join("build-info").join(format!("{id}.json")));
    Ok(found.into_iter().find(|path| path.is_file()))
}
