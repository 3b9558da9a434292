//! Files other tools wrote: artifacts, build infos, bare code.

use crate::{ArtifactError, Code, LoadOptions, Need, Shelf, bytecode, files, output, settings};
use cutover_types::{
    source::{SourceUnit, Sources},
    text::terminal,
};
use serde_json::Value;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// Reads an artifact of Foundry, Hardhat or truffle.
pub(crate) fn artifact(
    path: &Path,
    options: &LoadOptions,
    shelf: &Shelf,
) -> Result<Code, ArtifactError> {
    let path = find(path, &options.root);
    let json = files::json(&path, "a contract artifact")?;
    if json["output"]["contracts"].is_object() {
        return Err(ArtifactError::Malformed {
            path,
            expected: "an artifact of one contract",
            detail: "it is a build info: name the contract after `#`".to_owned(),
        });
    }
    if !json["abi"].is_array() {
        return Err(ArtifactError::Malformed {
            path,
            expected: "an artifact of Foundry, Hardhat or truffle",
            detail: "it has no `abi`".to_owned(),
        });
    }
    let metadata = metadata(&json);
    let mut code = Code {
        contract: qualified(&json, &metadata),
        compiler: metadata["compiler"]["version"]
            .as_str()
            .or_else(|| json["compiler"]["version"].as_str())
            .map(|version| terminal(version, 80)),
        abi: serde_json::from_value(json["abi"].clone()).ok(),
        ..Code::default()
    };
    settings::fill(&mut code, &metadata, &Value::Null);
    if options.need.bytecode {
        let (creation, runtime) = (part(&json, "bytecode"), part(&json, "deployedBytecode"));
        bytecode::fill(&mut code, &creation, &runtime);
    }
    if let Some(linked) = hardhat_build_info(&path, options.need)?
        && let Some(name) = code.contract.clone()
    {
        let mut whole = shelf.build_infos.load(&linked, &name, options)?;
        if whole.runtime.is_some() && whole.runtime != code.runtime && options.need.bytecode {
            return Err(ArtifactError::Stale {
                reference: path.display().to_string(),
                detail: format!("its code is not the one in {}", linked.display()),
            });
        }
        whole.reference = String::new();
        return Ok(whole);
    }
    let sources = sources(&json, &path, &options.root);
    output::complete(&mut code, &json["storageLayout"], sources, options.need);
    Ok(code)
}

/// Reads runtime code, hex or binary.
pub(crate) fn code_file(path: &Path, options: &LoadOptions) -> Result<Code, ArtifactError> {
    let path = find(path, &options.root);
    let bytes = files::bytes(&path, files::MAX_SOURCE)?;
    let text = std::str::from_utf8(&bytes).ok().map(str::trim);
    let runtime = match text {
        Some(text) if !text.is_empty() && is_hex(text) => bytecode::bytes(Some(text)),
        _ if bytes.is_empty() => None,
        _ => Some(bytes.clone().into()),
    };
    let Some(runtime) = runtime else {
        return Err(ArtifactError::Malformed {
            path,
            expected: "runtime bytecode",
            detail: "it is empty, or hex of an odd length".to_owned(),
        });
    };
    let mut code = Code {
        runtime: Some(runtime),
        ..Code::default()
    };
    if options.need.layout {
        code.missing.push(
            "bytecode alone has no storage layout: give the source or an artifact".to_owned(),
        );
    }
    Ok(code)
}

fn is_hex(text: &str) -> bool {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Relative to the root, or else to the working directory.
pub(crate) fn find(path: &Path, root: &Path) -> PathBuf {
    let below = root.join(path);
    if below.is_file() {
        below
    } else {
        path.to_owned()
    }
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

fn metadata(json: &Value) -> Value {
    match settings::parsed(&json["metadata"]) {
        Value::Null => settings::parsed(&json["rawMetadata"]),
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

/// The build info a Hardhat artifact's `.dbg.json` names.
fn hardhat_build_info(path: &Path, need: Need) -> Result<Option<PathBuf>, ArtifactError> {
    let debug = path.with_extension("dbg.json");
    if !debug.is_file() || !(need.layout || need.ast) {
        return Ok(None);
    }
    let json = files::json(&debug, "a Hardhat debug file")?;
    let found = json["buildInfo"]
        .as_str()
        .and_then(|relative| Some(path.parent()?.join(relative)))
        .filter(|file| file.is_file());
    Ok(found)
}

/// The syntax tree in an artifact, and those of its imports in the artifacts beside it.
fn sources(json: &Value, path: &Path, root: &Path) -> Sources {
    let mut sources = Sources::default();
    let mut queue = Vec::new();
    if json["ast"].is_object() {
        queue.push(json["ast"].clone());
    }
    // out/Token.sol/Token.json: the others are in out/*.sol/*.json.
    let shelf = path.parent().and_then(Path::parent);
    while let Some(ast) = queue.pop() {
        let Some(unit) = ast["absolutePath"].as_str().map(str::to_owned) else {
            continue;
        };
        if sources.units.contains_key(&unit) || sources.units.len() > 1024 {
            continue;
        }
        for node in ast["nodes"].as_array().into_iter().flatten() {
            if let (true, Some(import), Some(shelf)) = (
                node["nodeType"] == "ImportDirective",
                node["absolutePath"].as_str(),
                shelf,
            ) {
                queue.extend(beside(shelf, import, node["sourceUnit"].as_i64()));
            }
        }
        let text = files::bytes(&root.join(&unit), files::MAX_SOURCE)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .map(|text| Arc::from(text.as_str()));
        sources
            .units
            .insert(unit, Arc::new(SourceUnit::new(text, ast)));
    }
    sources
}

/// The tree of `unit` in another artifact, of the same compilation only.
fn beside(shelf: &Path, unit: &str, id: Option<i64>) -> Option<Value> {
    let folder = shelf.join(unit.rsplit('/').next()?);
    for entry in std::fs::read_dir(folder).ok()?.flatten().take(256) {
        let Ok(mut json) = files::json(&entry.path(), "a contract artifact") else {
            continue;
        };
        let same = json["ast"]["absolutePath"] == unit && json["ast"]["id"].as_i64() == id;
        if same && id.is_some() {
            return Some(json["ast"].take());
        }
    }
    None
}
