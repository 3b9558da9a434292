//! Compiling one contract and what it imports, asking only for what is needed.

use crate::{
    ArtifactError, Code, LoadOptions, Need, Shelf,
    answer::Answer,
    cache::Key,
    output,
    project::{Closure, Project, bounded},
    scan, solc,
};
use cutover_types::text::terminal;
use foundry_compilers::solc::Solc;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Compiles `unit:contract` in the project at the root.
pub(crate) fn source(
    unit: &str,
    contract: Option<&str>,
    options: &LoadOptions,
    shelf: &Shelf,
) -> Result<Code, ArtifactError> {
    let project = Project::open(&options.root)?;
    let unit = project.locate(unit)?;
    let closure = project.closure(&unit)?;
    let contract = choose(&unit, contract, &closure)?;
    let pinned = ["solc", "solc_version"]
        .iter()
        .find_map(|name| project.setting(name)?.as_str());
    let solc = solc::find(
        options.solc.as_deref(),
        pinned,
        &options.root,
        &closure.pragmas,
        &shelf.cache,
    )?;
    let input = input(&project, &closure, &unit, &contract, options);
    compiled(
        shelf,
        &solc,
        &input,
        closure.texts,
        (&unit, &contract),
        options.need,
    )
}

/// What `solc` makes of an input whose selection is [`selection`].
pub(crate) fn compiled(
    shelf: &Shelf,
    solc: &Solc,
    input: &Value,
    texts: BTreeMap<String, String>,
    (unit, contract): (&str, &str),
    need: Need,
) -> Result<Code, ArtifactError> {
    let bad = |detail: String| crate::solc::unusable(&solc.solc, &detail);
    let cache = &shelf.cache;
    let key = cache.is_on().then(|| key(solc, input)).flatten();
    let kept = key.and_then(|key| Answer::unpack(&cache.get(key)?));
    let answer = match kept {
        Some(answer) => answer,
        None => {
            tracing::debug!(%unit, solc = %solc.version, units = texts.len(), "compiling");
            let bytes = solc
                .compile_output(input)
                .map_err(|error| bad(error.to_string()))?;
            let answer = Answer::read(&bytes, (unit, contract))
                .map_err(|error| bad(format!("its answer is no JSON: {error}")))?;
            answer.refuse_errors(unit, &solc.version, &texts)?;
            if let (Some(key), true) = (key, answer.is_closed(&texts)) {
                cache.put(key, &answer.pack());
            }
            answer
        }
    };
    let (told, sources) = answer.taken(texts);
    let compiled = output::Compiled {
        contract: told,
        sources,
        version: Some(solc.version.to_string()),
        settings: input["settings"].clone(),
    };
    let mut code = compiled.code(unit, contract, need)?;
    // Something that answers like a compiler but lays nothing out would let every upgrade pass.
    let layout = !need.layout || code.layout.is_some();
    let trees = !(need.layout || need.ast) || code.sources.is_some();
    if !layout || !trees {
        code.missing.push("it gave no complete answer".to_owned());
        return Err(bad(bounded(code.missing)));
    }
    if code.contract.is_none() {
        code.contract = Some(format!("{unit}:{contract}"));
    }
    Ok(code)
}

fn choose(unit: &str, wanted: Option<&str>, closure: &Closure) -> Result<String, ArtifactError> {
    let scan = scan::scan(closure.texts.get(unit).map_or("", String::as_str));
    if let Some(wanted) = wanted {
        if scan.contracts.iter().any(|(name, _)| name == wanted) {
            return Ok(wanted.to_owned());
        }
        return Err(not_found(
            wanted,
            unit,
            scan.contracts.into_iter().map(|(name, _)| name),
        ));
    }
    let contracts: Vec<_> = scan
        .contracts
        .into_iter()
        .filter(|(_, contract)| *contract)
        .map(|(name, _)| name)
        .collect();
    match contracts.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(not_found("", unit, [])),
        several => Err(ArtifactError::Ambiguous {
            contract: unit.to_owned(),
            place: "the file".to_owned(),
            candidates: bounded(several.iter().map(|name| format!("{unit}:{name}"))),
        }),
    }
}

/// "Not found", with the names that are there.
pub(crate) fn not_found(
    wanted: &str,
    place: &str,
    names: impl IntoIterator<Item = String>,
) -> ArtifactError {
    let mut names: Vec<_> = names.into_iter().collect();
    names.sort_by_key(|name| (distance(name, wanted), name.clone()));
    ArtifactError::NotFound {
        contract: terminal(wanted, 120),
        place: terminal(place, 300),
        near: if names.is_empty() {
            String::new()
        } else {
            format!("; there are {}", bounded(names))
        },
    }
}

/// Characters outside the common prefix and suffix: enough to sort by.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.to_lowercase(), b.to_lowercase());
    let prefix = a.bytes().zip(b.bytes()).take_while(|(x, y)| x == y).count();
    let rest = a.len().min(b.len()) - prefix;
    let suffix = a
        .bytes()
        .rev()
        .zip(b.bytes().rev())
        .take(rest)
        .take_while(|(x, y)| x == y)
        .count();
    a.len() + b.len() - 2 * (prefix + suffix)
}

fn input(
    project: &Project,
    closure: &Closure,
    unit: &str,
    contract: &str,
    options: &LoadOptions,
) -> Value {
    let sources: Map<_, _> = closure
        .texts
        .iter()
        .map(|(name, text)| (name.clone(), json!({ "content": text })))
        .collect();
    json!({
        "language": "Solidity",
        "sources": sources,
        "settings": settings(project, selection(unit, contract, options.need)),
    })
}

/// What is asked of the compiler for one contract.
pub(crate) fn selection(unit: &str, contract: &str, need: Need) -> Value {
    let mut wanted = vec!["abi", "metadata"];
    if need.layout {
        wanted.push("storageLayout");
    }
    if need.bytecode {
        wanted.extend([
            "evm.bytecode.object",
            "evm.bytecode.linkReferences",
            "evm.deployedBytecode.object",
            "evm.deployedBytecode.linkReferences",
            "evm.deployedBytecode.immutableReferences",
        ]);
    }
    let mut selection = json!({ unit: { contract: wanted } });
    if need.layout || need.ast {
        // The layout is completed and verified from the syntax trees.
        selection["*"] = json!({ "": ["ast"] });
    }
    selection
}

/// The settings that decide about the code, as the project has them.
fn settings(project: &Project, selection: Value) -> Value {
    let setting = |name: &str| project.setting(name);
    let enabled = setting("optimizer").and_then(toml::Value::as_bool);
    let runs = setting("optimizer_runs").and_then(toml::Value::as_integer);
    let mut settings = json!({
        "remappings": project.remappings(),
        "optimizer": { "enabled": enabled.unwrap_or(false), "runs": runs.unwrap_or(200) },
        "outputSelection": selection,
    });
    if let Some(version) = setting("evm_version").and_then(toml::Value::as_str) {
        settings["evmVersion"] = json!(version);
    }
    if let Some(via) = setting("via_ir").and_then(toml::Value::as_bool) {
        settings["viaIR"] = json!(via);
    }
    let metadata: Map<_, _> = [
        ("bytecode_hash", "bytecodeHash"),
        ("cbor_metadata", "appendCBOR"),
        ("use_literal_content", "useLiteralContent"),
    ]
    .into_iter()
    .filter_map(|(ours, theirs)| {
        let value = setting(ours)?;
        let value = match value {
            toml::Value::String(text) => json!(text),
            toml::Value::Boolean(flag) => json!(flag),
            _ => return None,
        };
        Some((theirs.to_owned(), value))
    })
    .collect();
    if !metadata.is_empty() {
        settings["metadata"] = Value::Object(metadata);
    }
    if let Some(libraries) = libraries(project) {
        settings["libraries"] = libraries;
    }
    settings
}

/// `libraries = ["src/Lib.sol:Lib:0x…"]` of the Foundry profile.
fn libraries(project: &Project) -> Option<Value> {
    let mut found = Map::new();
    for entry in project.setting("libraries")?.as_array()? {
        let mut parts = entry.as_str()?.rsplitn(3, ':');
        let (address, name, unit) = (parts.next()?, parts.next()?, parts.next()?);
        found
            .entry(unit)
            .or_insert_with(|| json!({}))
            .as_object_mut()?
            .insert(name.to_owned(), json!(address));
    }
    Some(Value::Object(found))
}

/// What the answer depends on: the compiler, its input with everything imported, and what is asked.
fn key(solc: &Solc, input: &Value) -> Option<Key> {
    let compiler = solc::identity(&solc.solc)?;
    let version = solc.version.to_string();
    let parts = [b"answer", compiler.bytes(), version.as_bytes()];
    Key::of_json(&parts, input)
}
