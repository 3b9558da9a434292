//! Build infos: one contract out of a file of hundreds of megabytes.
//!
//! One pass keeps where every unit and contract is; only what belongs to the contract asked for,
//! and to what its unit imports, is parsed.

use crate::{
    ArtifactError, Cache, Code, LoadOptions,
    build_index::BuildIndex,
    closure::{Known, closure},
    given::pick,
    output,
};
use cutover_types::{
    source::{SourceUnit, Sources, Tree},
    text::terminal,
};
use serde_json::{Value, value::RawValue};
use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

/// Build infos read so far: both sides of a check are often in one.
#[derive(Debug, Default)]
pub(crate) struct BuildInfos {
    open: Mutex<HashMap<PathBuf, Arc<BuildInfo>>>,
}

#[derive(Debug)]
struct BuildInfo {
    index: BuildIndex,
    /// Units parsed so far.
    units: Mutex<Known>,
}

impl BuildInfos {
    /// Reads one contract of a build info, or of a bare compiler output; the only one when none
    /// is named. `None` when the file is something else.
    pub(crate) fn load(
        &self,
        path: &Path,
        contract: Option<&str>,
        options: &LoadOptions,
        cache: &Cache,
    ) -> Result<Option<Code>, ArtifactError> {
        let Some(info) = self.open(path, cache)? else {
            return Ok(None);
        };
        let (unit, name) = info.choose(contract)?;
        let code = info
            .compiled(&unit, &name)?
            .code(&unit, &name, options.need)?;
        if !info.index.is_current() {
            return Err(ArtifactError::Stale {
                reference: path.display().to_string(),
                detail: "it changed while it was read".to_owned(),
            });
        }
        Ok(Some(code))
    }

    fn open(&self, path: &Path, cache: &Cache) -> Result<Option<Arc<BuildInfo>>, ArtifactError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = open.get(path)
            && known.index.is_current()
        {
            return Ok(Some(Arc::clone(known)));
        }
        let Some(index) = BuildIndex::read(path, cache)? else {
            return Ok(None);
        };
        let info = Arc::new(BuildInfo {
            index,
            units: Mutex::default(),
        });
        open.insert(path.to_owned(), Arc::clone(&info));
        Ok(Some(info))
    }
}

impl BuildInfo {
    /// The unit and the name that `contract`, qualified or not, means.
    fn choose(&self, contract: Option<&str>) -> Result<(String, String), ArtifactError> {
        let units = self.index.output().contracts.iter().flatten();
        let all = units.flat_map(|(unit, contracts)| {
            let names = contracts.keys();
            names.map(move |name| (unit.as_str(), name.as_str()))
        });
        pick(all, contract, &self.index.path().display().to_string())
    }

    fn compiled(&self, unit: &str, name: &str) -> Result<output::Compiled, ArtifactError> {
        let index = &self.index;
        let contracts = index.output().contracts.as_ref();
        let contract = contracts.and_then(|units| units.get(unit)?.get(name));
        let contract = match contract {
            Some(span) => trimmed(index.bytes(span, &mut Vec::new())?, TRIMMED_LEVELS)
                .map_err(|error| index.malformed(&error))?,
            None => Value::Null,
        };
        Ok(output::Compiled {
            contract,
            sources: self.sources(unit)?,
            version: index.version().map(|version| terminal(&version, 80)),
            settings: index.settings(),
        })
    }

    /// The unit and everything it imports, as far as their trees are there.
    fn sources(&self, unit: &str) -> Result<Sources, ArtifactError> {
        let mut known = self.units.lock().unwrap_or_else(PoisonError::into_inner);
        closure(unit, &mut known, |name: &str, buffer: &mut Vec<u8>| {
            self.unit(name, buffer)
        })
    }

    fn unit(&self, name: &str, buffer: &mut Vec<u8>) -> Result<Option<SourceUnit>, ArtifactError> {
        let index = &self.index;
        let Some(span) = index.output().sources.get(name) else {
            return Ok(None);
        };
        let unit = Tree::from_json(index.bytes(span, buffer)?);
        let unit = unit.map_err(|error| index.malformed(&error))?;
        let ast = unit.into_field("ast");
        if !ast.is_object() {
            return Ok(None);
        }
        let text = index.text(name, buffer)?.map(Arc::from);
        Ok(Some(SourceUnit::new(text, ast)))
    }
}

/// `contract.evm.bytecode` is the innermost object whose members are chosen by name.
const TRIMMED_LEVELS: usize = 2;

/// What a contract's output holds that nobody asks for and that is larger than all the rest.
const UNUSED: [&str; 13] = [
    "assembly",
    "devdoc",
    "functionDebugData",
    "gasEstimates",
    "generatedSources",
    "ir",
    "irAst",
    "irOptimized",
    "irOptimizedAst",
    "legacyAssembly",
    "opcodes",
    "sourceMap",
    "userdoc",
];

/// A contract's output without what nobody asks for.
fn trimmed(bytes: &[u8], levels: usize) -> serde_json::Result<Value> {
    let members: Option<BTreeMap<String, &RawValue>> = match bytes.first() {
        Some(b'{') => Some(serde_json::from_slice(bytes)?),
        _ => None,
    };
    let Some(members) = members else {
        return serde_json::from_slice(bytes);
    };
    let mut kept = serde_json::Map::new();
    for (name, value) in members {
        if UNUSED.contains(&name.as_str()) {
            continue;
        }
        let inner = levels > 0 && matches!(name.as_str(), "evm" | "bytecode" | "deployedBytecode");
        let bytes = value.get().as_bytes();
        let value = if inner {
            trimmed(bytes, levels - 1)?
        } else {
            serde_json::from_slice(bytes)?
        };
        kept.insert(name, value);
    }
    Ok(Value::Object(kept))
}
