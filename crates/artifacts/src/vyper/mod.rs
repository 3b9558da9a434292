//! Vyper: layouts from the compiler's own, types from its syntax tree.
//!
//! Vyper gives every variable whole slots and packs nothing. Its layout names types without saying
//! what they are made of, so they are worked out from the syntax tree, and each has to have the size
//! the layout gives it.

mod types;

use crate::{ArtifactError, Code, LoadOptions, bytecode, compile::not_found, project::Project};
use cutover_types::{StorageItem, StorageLayout, layout::SourceLine, text::terminal};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    env,
    path::{Path, PathBuf},
    process::Command,
};
use types::{Modules, Types};

/// Modules inside modules, deeper than this, are refused.
const MAX_DEPTH: usize = 32;
/// What is asked of the compiler; each answer is one line.
const FORMATS: &str = "layout,abi,bytecode,bytecode_runtime,annotated_ast";

/// Compiles a Vyper source of the project at the root.
pub(crate) fn source(
    unit: &str,
    contract: Option<&str>,
    options: &LoadOptions,
) -> Result<Code, ArtifactError> {
    let project = Project::open(&options.root)?;
    let unit = project.locate(unit)?;
    let file = Path::new(&unit).file_stem().unwrap_or_default();
    let name = file.to_string_lossy().into_owned();
    // A file is one contract, called like the file.
    if let Some(wanted) = contract.filter(|wanted| *wanted != name) {
        return Err(not_found(wanted, &unit, [name]));
    }
    let vyper = find()?;
    let version = run(&vyper, &["--version"], &options.root, &unit)?;
    let answer = run(&vyper, &["-f", FORMATS, &unit], &options.root, &unit)?;
    let bad = |detail: String| ArtifactError::BadVyper {
        path: vyper.clone(),
        detail,
    };
    let lines: Vec<_> = answer
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let [layout, abi, creation, runtime, tree] = lines.as_slice() else {
        return Err(bad(format!(
            "it gave {} answers instead of five",
            lines.len()
        )));
    };
    let json = |text: &str, what: &str| -> Result<Value, ArtifactError> {
        serde_json::from_str(text).map_err(|error| bad(format!("its {what} is no JSON: {error}")))
    };
    let layout = json(layout, "layout")?;
    let mut code = Code {
        contract: Some(format!("{unit}:{name}")),
        compiler: Some(format!("vyper {}", terminal(version.trim(), 60))),
        abi: serde_json::from_str(abi).ok(),
        layout_is_whole: true,
        ..Code::default()
    };
    if options.need.bytecode {
        code.creation = bytecode::bytes(Some(creation));
        code.runtime = bytecode::bytes(Some(runtime));
        let appended = layout["code_layout"].as_object();
        if appended.is_some_and(|map| !map.is_empty()) {
            code.missing.push(
                "Vyper puts immutables after the code when it deploys: code on a chain is not recognised as this build"
                    .to_owned(),
            );
        }
    }
    if options.need.layout {
        let tree = json(tree, "syntax tree")?;
        match placed(&layout["storage_layout"], &tree) {
            Ok(layout) => code.layout = Some(layout),
            Err(why) => code
                .missing
                .push(format!("Vyper's layout was not understood: {why}")),
        }
    }
    if options.need.ast {
        code.missing
            .push("the safety rules read Solidity: Vyper source was not checked".to_owned());
    }
    Ok(code)
}

/// Every variable of the layout with its type.
fn placed(layout: &Value, tree: &Value) -> Result<StorageLayout, String> {
    let modules = Modules::of(tree);
    let mut types = Types::new(&modules);
    let mut storage = Vec::new();
    collect(
        layout,
        modules.main(),
        &modules,
        &mut types,
        &mut storage,
        0,
    )?;
    storage.sort_by_key(|(slot, _)| *slot);
    let declared = modules.variables(storage.iter().map(|(_, item)| item.contract.as_str()));
    let listed = storage
        .iter()
        .filter(|(_, item)| !item.label.starts_with('$'));
    if declared != listed.count() {
        return Err("it does not list every variable of the source".to_owned());
    }
    Ok(StorageLayout {
        storage: storage.into_iter().map(|(_, item)| item).collect(),
        types: types.described,
        ..StorageLayout::default()
    })
}

fn collect<'a>(
    layout: &Value,
    module: types::Module<'a>,
    modules: &'a Modules<'a>,
    types: &mut Types<'a>,
    storage: &mut Vec<(u64, StorageItem)>,
    depth: usize,
) -> Result<(), String> {
    if depth > MAX_DEPTH {
        return Err("its modules are nested too deep".to_owned());
    }
    for (name, value) in layout.as_object().into_iter().flatten() {
        let shown = terminal(name, 120);
        let Some(slot) = value["slot"].as_u64() else {
            let inner = modules
                .imported(module, name)
                .ok_or_else(|| format!("`{shown}` is no variable and no module"))?;
            collect(value, inner, modules, types, storage, depth + 1)?;
            continue;
        };
        let slots = value["n_slots"].as_u64();
        let (type_id, line) = if name.starts_with('$') {
            // The lock of `@nonreentrant`, which moves like any variable.
            (types.word("uint256"), None)
        } else {
            let variable = module
                .variable(name)
                .ok_or_else(|| format!("`{shown}` is not declared in {}", module.path))?;
            let id = types
                .id(&variable["annotation"], module, 0)
                .map_err(|why| format!("`{shown}`: {why}"))?;
            (id, variable["lineno"].as_u64())
        };
        let size = types.slots(&type_id);
        if slots.is_none() || slots != size {
            return Err(format!(
                "`{shown}` takes {} slots and its type {}",
                slots.unwrap_or_default(),
                size.unwrap_or_default()
            ));
        }
        storage.push((
            slot,
            StorageItem {
                ast_id: 0,
                contract: module.qualified(),
                label: name.clone(),
                offset: 0,
                slot: slot.to_string(),
                type_id,
                renamed_from: None,
                retyped_from: None,
                source: line.map(|line| SourceLine {
                    file: module.path.to_owned(),
                    line,
                }),
            },
        ));
    }
    Ok(())
}

/// `CUTOVER_VYPER`, what `scripts/setup` installed, then `PATH`.
fn find() -> Result<PathBuf, ArtifactError> {
    if let Some(path) = env::var_os("CUTOVER_VYPER") {
        return Ok(path.into());
    }
    let starts = [env::current_dir().ok(), env::current_exe().ok()];
    let installed = starts
        .iter()
        .flatten()
        .flat_map(|start| start.ancestors())
        .map(|folder| folder.join(".tools/vyper/bin/vyper"));
    let paths = env::var_os("PATH").unwrap_or_default();
    let on_path = env::split_paths(&paths).map(|folder| folder.join("vyper"));
    installed
        .chain(on_path)
        .find(|path| path.is_file())
        .ok_or(ArtifactError::NoVyper)
}

fn run(vyper: &Path, arguments: &[&str], root: &Path, unit: &str) -> Result<String, ArtifactError> {
    let bad = |detail: String| ArtifactError::BadVyper {
        path: vyper.to_owned(),
        detail,
    };
    let output = Command::new(vyper)
        .args(arguments)
        .current_dir(root)
        .output()
        .map_err(|error| bad(error.to_string()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let lines = said.lines().map(str::trim).filter(|line| !line.is_empty());
        let lines: Vec<_> = lines
            .filter(|line| !line.starts_with("Error compiling"))
            .take(4)
            .collect();
        return Err(ArtifactError::DoesNotCompileVyper {
            unit: unit.to_owned(),
            errors: terminal(&lines.join(" "), 400),
        });
    }
    String::from_utf8(output.stdout).map_err(|error| bad(error.to_string()))
}

/// Modules by path, for [`Modules`].
type ByPath<'a> = BTreeMap<&'a str, &'a Value>;
