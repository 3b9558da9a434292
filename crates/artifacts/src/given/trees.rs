//! Syntax trees spread over artifacts: each holds that of its own unit.

use super::folder::{Search, listed};
use crate::{files, settings};
use alloy_primitives::{B256, keccak256};
use cutover_types::source::{SourceUnit, Sources, Tree};
use serde::Deserialize;
use serde_json::Value;
use std::{
    cell::OnceCell,
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    sync::Arc,
};

/// Units of one contract beyond this number are left out.
const MAX_UNITS: usize = 1024;

/// The syntax tree in an artifact, and those of its imports in the artifacts beside it.
///
/// A text is only added when it is the one the tree was made from, as far as `hashes` tells.
pub(super) fn collect(
    json: &Value,
    path: &Path,
    hashes: &BTreeMap<String, B256>,
    search: &Search,
) -> Sources {
    let mut sources = Sources::default();
    let mut queue = Vec::new();
    if json["ast"]["nodeType"].is_string() {
        queue.push(Tree::from(json["ast"].clone()));
    }
    let shelf = Shelf::new(path, json["sourcePath"].is_string());
    while let Some(ast) = queue.pop() {
        let Some(unit) = ast["absolutePath"].as_str().map(str::to_owned) else {
            continue;
        };
        if sources.units.contains_key(&unit) || sources.units.len() > MAX_UNITS {
            continue;
        }
        for node in ast["nodes"].as_array().into_iter().flatten() {
            if let (true, Some(import), Some(id)) = (
                node["nodeType"] == "ImportDirective",
                node["absolutePath"].as_str(),
                node["sourceUnit"].as_i64(),
            ) {
                queue.extend(shelf.tree(import, id, hashes.get(import)));
            }
        }
        let own = |text: &String| {
            hashes
                .get(&unit)
                .is_none_or(|hash| keccak256(text) == *hash)
        };
        let text = search.text(&unit).filter(own);
        let text = text.map(|text| Arc::from(text.as_str()));
        let source = Arc::new(SourceUnit::new(text, ast));
        sources.units.insert(unit, source);
    }
    sources
}

/// Artifacts of one build.
struct Shelf {
    folder: Option<PathBuf>,
    /// truffle keeps all in one folder, Foundry in one folder for each source.
    flat: bool,
    /// Files of truffle's folder by the unit they are of.
    units: OnceCell<HashMap<String, PathBuf>>,
}

impl Shelf {
    fn new(path: &Path, flat: bool) -> Self {
        let folder = path.parent().map(Path::to_owned);
        let folder = match flat {
            true => folder,
            // out/Token.sol/Token.json: the others are in out/*.sol/*.json.
            false => folder.and_then(|one| one.parent().map(Path::to_owned)),
        };
        Self {
            folder,
            flat,
            units: OnceCell::new(),
        }
    }

    /// The tree of `unit`, of the same compilation only.
    fn tree(&self, unit: &str, id: i64, hash: Option<&B256>) -> Option<Tree> {
        let folder = self.folder.as_ref()?;
        if self.flat {
            let units = self.units.get_or_init(|| by_unit(folder));
            return tree(units.get(unit)?, unit, id, hash);
        }
        let name = Path::new(unit).file_name()?;
        let files = listed(&folder.join(name));
        files
            .iter()
            .take(256)
            .find_map(|path| tree(path, unit, id, hash))
    }
}

/// What is wanted of the artifacts beside the one that was named.
#[derive(Deserialize)]
struct Beside {
    #[serde(default)]
    ast: Tree,
    #[serde(default, rename = "rawMetadata")]
    metadata: Option<String>,
}

/// The tree in an artifact, when it is that of `unit` and not made from another source than `hash`.
fn tree(path: &Path, unit: &str, id: i64, hash: Option<&B256>) -> Option<Tree> {
    let Beside { ast, metadata } = files::parsed(path, "a contract artifact").ok()?;
    if ast["absolutePath"] != unit || ast["id"].as_i64() != Some(id) {
        return None;
    }
    let read = settings::parsed(&metadata.map_or(Value::Null, Value::from));
    let made_from = read["sources"][unit]["keccak256"].as_str();
    let made_from = made_from.and_then(|hash| hash.parse::<B256>().ok());
    // Trees of two builds can have the same ids.
    let same = hash
        .zip(made_from)
        .is_none_or(|(hash, made_from)| *hash == made_from);
    same.then_some(ast)
}

fn by_unit(folder: &Path) -> HashMap<String, PathBuf> {
    let mut units = HashMap::new();
    for path in listed(folder).into_iter().take(MAX_UNITS) {
        let Ok(Beside { ast, .. }) = files::parsed(&path, "a contract artifact") else {
            continue;
        };
        if let Some(unit) = ast["absolutePath"].as_str() {
            units.insert(unit.to_owned(), path);
        }
    }
    units
}
