//! Compiler output with or without its input: build infos of Foundry and Hardhat 2 and 3, files of
//! solc's standard JSON.

use super::{
    File, artifact,
    bundle::{self, Bundle},
    folder::Search,
};
use crate::{ArtifactError, Code, files};
use cutover_types::text::terminal;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// A contract of a compiler's output; what the output lacks is compiled from the input beside it.
pub(super) fn completed(file: &File<'_>, code: Code) -> Result<Code, ArtifactError> {
    let need = file.options.need;
    let incomplete = (need.layout && code.layout.is_none())
        || ((need.layout || need.ast) && code.sources.is_none());
    if !incomplete {
        return Ok(noted(file, code));
    }
    let json = match other(file.path, ".output.json", ".json") {
        Some(path) => files::json(&path, "a Hardhat build info")?,
        None => files::json(file.path, "a build info")?,
    };
    let qualified = code.contract.clone().unwrap_or_default();
    let (Ok(bundle), Some((unit, name))) = (sources(file, &json), qualified.rsplit_once(':'))
    else {
        return Ok(code);
    };
    let again = bundle.compile(unit, name, file.options, file.shelf);
    Ok(noted(file, filled(code, again)))
}

/// Says when sources have changed since the tool of the project around wrote this build info. One
/// that was put away elsewhere is meant to be older.
fn noted(file: &File<'_>, mut code: Code) -> Code {
    let folder = file.path.parent().and_then(Path::file_name);
    if folder.is_some_and(|folder| folder == "build-info") {
        let search = Search::new(file.path, &file.options.root);
        let hashes = artifact::hashes_of(&code);
        code.notes.extend(artifact::stale(file, &search, &hashes));
    }
    code
}

/// One contract of sources that come without output.
pub(super) fn compile(file: &File<'_>, json: &Value) -> Result<Code, ArtifactError> {
    let bundle = sources(file, json)?;
    let (unit, name) = bundle.choose(file.wanted, &file.place())?;
    let mut code = bundle.compile(&unit, &name, file.options, file.shelf)?;
    if bundle.version.is_none() {
        let version = code.compiler.as_deref().unwrap_or("the newest that fits");
        code.notes.push(format!(
            "{} names no compiler: solc {version} was used",
            file.place()
        ));
    }
    Ok(code)
}

/// Adds to a code what compiling its sources again gave, when both are the same code.
pub(super) fn filled(mut code: Code, again: Result<Code, ArtifactError>) -> Code {
    match again {
        Ok(again) if same(&code, &again) => {
            code.layout = again.layout;
            code.sources = again.sources;
            code.compiler = code.compiler.or(again.compiler);
            code.evm_version = code.evm_version.or(again.evm_version);
            code.via_ir = code.via_ir.or(again.via_ir);
            code.optimizer = code.optimizer.or(again.optimizer);
            code.missing = again.missing;
        }
        Ok(_) => code.missing.push(
            "its sources were compiled again and gave other code, so nothing was taken from them"
                .to_owned(),
        ),
        Err(error) => code
            .missing
            .push(format!("compiling its sources again failed: {error}")),
    }
    code
}

/// Whether two loads have one code, byte for byte; holes for libraries are compared by name.
fn same(code: &Code, again: &Code) -> bool {
    code.runtime == again.runtime
        && code.creation == again.creation
        && (code.runtime.is_some() || names_only(&code.unlinked) == names_only(&again.unlinked))
}

fn names_only(libraries: &[String]) -> Vec<&str> {
    let name = |one: &str| one.rfind(':').map_or(0, |at| at + 1);
    libraries.iter().map(|one| &one[name(one)..]).collect()
}

/// Hardhat 3 keeps a build info in two files, `ID.json` and `ID.output.json`.
fn other(path: &Path, from: &str, to: &str) -> Option<PathBuf> {
    let stem = path.file_name()?.to_str()?.strip_suffix(from)?;
    let other = path.with_file_name(format!("{stem}{to}"));
    other.is_file().then_some(other)
}

/// The compiler's input, inside or as the whole file.
fn given(json: &Value) -> &Value {
    match &json["input"] {
        Value::Object(_) => &json["input"],
        _ => json,
    }
}

fn version(json: &Value) -> Option<String> {
    let version = json["solcLongVersion"]
        .as_str()
        .or_else(|| json["solcVersion"].as_str());
    version.map(|version| terminal(version, 80))
}

/// Sources and settings of a standard-JSON input.
fn sources(file: &File<'_>, json: &Value) -> Result<Bundle, ArtifactError> {
    let input = given(json);
    match input["language"].as_str() {
        Some("Solidity") => {}
        other => {
            return Err(file.malformed(format!(
                "its language is {}, and only Solidity is compiled from it",
                terminal(other.unwrap_or("not given"), 40)
            )));
        }
    }
    let texts = bundle::texts(&input["sources"]).map_err(|why| file.malformed(why))?;
    Ok(Bundle {
        texts,
        settings: input["settings"].clone(),
        version: version(json),
    })
}
