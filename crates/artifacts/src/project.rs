//! A source tree: where units are, what imports mean, what the project asks of the compiler.

use crate::{ArtifactError, files, scan};
use cutover_types::text::terminal;
use foundry_compilers::artifacts::remappings::Remapping;
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fs,
    path::{Component, Path, PathBuf},
    str::FromStr,
};

/// Closures larger than this are no contract's.
const MAX_UNITS: usize = 4096;

/// A source tree of Foundry, Hardhat or plain solc.
pub(crate) struct Project {
    root: PathBuf,
    remappings: Vec<Remapping>,
    /// `[profile.default]` of `foundry.toml`.
    profile: toml::Table,
}

/// A unit and everything it imports.
pub(crate) struct Closure {
    pub(crate) texts: BTreeMap<String, String>,
    pub(crate) pragmas: BTreeSet<String>,
}

impl Project {
    pub(crate) fn open(root: &Path) -> Result<Self, ArtifactError> {
        let root = root.canonicalize().map_err(|source| ArtifactError::Read {
            path: root.to_owned(),
            source,
        })?;
        let profile = profile(&root)?;
        let remappings = remappings(&root, &profile)?;
        Ok(Self {
            root,
            remappings,
            profile,
        })
    }

    /// A setting of the project's Foundry profile.
    pub(crate) fn setting(&self, name: &str) -> Option<&toml::Value> {
        self.profile.get(name)
    }

    /// Remappings as the compiler reads them.
    pub(crate) fn remappings(&self) -> Vec<String> {
        self.remappings
            .iter()
            .map(|one| match &one.context {
                Some(context) => format!("{context}:{}={}", one.name, one.path),
                None => format!("{}={}", one.name, one.path),
            })
            .collect()
    }

    /// The unit name of a file the user named.
    pub(crate) fn locate(&self, given: &str) -> Result<String, ArtifactError> {
        let path = Path::new(given);
        if path.is_absolute() {
            let path = path.canonicalize().map_err(|source| ArtifactError::Read {
                path: path.to_owned(),
                source,
            })?;
            return Ok(match path.strip_prefix(&self.root) {
                Ok(inside) => slashed(inside),
                Err(_) => slashed(&path),
            });
        }
        let direct = normal(given);
        if self.file(&direct).is_some() {
            return Ok(direct);
        }
        let remapped = self.remap("", given);
        if self.file(&remapped).is_some() {
            return Ok(remapped);
        }
        let mut found = BTreeSet::new();
        for folder in self.source_folders() {
            search(&self.root.join(&folder), &direct, 0, &mut found);
        }
        let units: Vec<_> = found
            .iter()
            .filter_map(|path| path.strip_prefix(&self.root).ok().map(slashed))
            .collect();
        match units.as_slice() {
            [one] => Ok(one.clone()),
            [] => Err(ArtifactError::NotFound {
                contract: terminal(given, 200),
                place: self.root.display().to_string(),
                near: String::new(),
            }),
            several => Err(ArtifactError::Ambiguous {
                contract: terminal(given, 200),
                place: self.root.display().to_string(),
                candidates: bounded(several.iter().cloned()),
            }),
        }
    }

    /// The unit with all it imports.
    pub(crate) fn closure(&self, unit: &str) -> Result<Closure, ArtifactError> {
        let mut closure = Closure {
            texts: BTreeMap::new(),
            pragmas: BTreeSet::new(),
        };
        let mut queue = VecDeque::from([(unit.to_owned(), String::new(), String::new())]);
        while let Some((name, importer, import)) = queue.pop_front() {
            if closure.texts.contains_key(&name) {
                continue;
            }
            let Some(path) = self.file(&name) else {
                return Err(ArtifactError::ImportNotFound {
                    importer,
                    import: terminal(&import, 200),
                    tried: "the root, its remappings, lib or node_modules".to_owned(),
                });
            };
            if closure.texts.len() == MAX_UNITS {
                return Err(ArtifactError::Malformed {
                    path,
                    expected: "a source of a project",
                    detail: format!("{unit} imports more than {MAX_UNITS} files"),
                });
            }
            let bytes = files::bytes(&path, files::MAX_SOURCE)?;
            let text = String::from_utf8(bytes).map_err(|_| ArtifactError::Malformed {
                path: path.clone(),
                expected: "a Solidity source",
                detail: "it is not UTF-8".to_owned(),
            })?;
            let scan = scan::scan(&text);
            closure.pragmas.extend(scan.pragmas);
            for import in scan.imports {
                let target = self.resolve(&name, &import);
                queue.push_back((target, name.clone(), import));
            }
            closure.texts.insert(name, text);
        }
        Ok(closure)
    }

    fn resolve(&self, importer: &str, import: &str) -> String {
        if import.starts_with("./") || import.starts_with("../") {
            let folder = importer.rsplit_once('/').map_or("", |(folder, _)| folder);
            let mut name = normal(&format!("{folder}/{import}"));
            if importer.starts_with('/') {
                name.insert(0, '/');
            }
            return self.remap(importer, &name);
        }
        self.remap(importer, import)
    }

    /// Longest context, then longest prefix, then the last one: solc's order.
    fn remap(&self, importer: &str, name: &str) -> String {
        let fitting = self.remappings.iter().filter(|one| {
            name.starts_with(&one.name)
                && one
                    .context
                    .as_ref()
                    .is_none_or(|context| importer.starts_with(context))
        });
        let best =
            fitting.max_by_key(|one| (one.context.as_ref().map_or(0, String::len), one.name.len()));
        match best {
            Some(one) => format!("{}{}", one.path, &name[one.name.len()..]),
            None => name.to_owned(),
        }
    }

    fn file(&self, unit: &str) -> Option<PathBuf> {
        let path = Path::new(unit);
        let mut bases = vec![self.root.clone(), self.root.join("lib")];
        // Workspaces hoist packages to a folder above.
        bases.extend(
            self.root
                .ancestors()
                .take(8)
                .map(|up| up.join("node_modules")),
        );
        bases
            .iter()
            .map(|base| base.join(path))
            .find(|path| path.is_file())
    }

    fn source_folders(&self) -> BTreeSet<String> {
        let mut folders: BTreeSet<_> = ["src", "contracts"].map(str::to_owned).into();
        folders.extend(
            self.setting("src")
                .and_then(|v| v.as_str())
                .map(str::to_owned),
        );
        folders
    }
}

fn profile(root: &Path) -> Result<toml::Table, ArtifactError> {
    let path = root.join("foundry.toml");
    if !path.is_file() {
        return Ok(toml::Table::new());
    }
    let bytes = files::bytes(&path, files::MAX_SOURCE)?;
    let malformed = |detail: String| ArtifactError::Malformed {
        path: path.clone(),
        expected: "a Foundry configuration",
        detail,
    };
    let text = String::from_utf8(bytes).map_err(|error| malformed(error.to_string()))?;
    let table: toml::Table = text
        .parse()
        .map_err(|error: toml::de::Error| malformed(terminal(error.message(), 200)))?;
    let default = table
        .get("profile")
        .and_then(|profiles| profiles.get("default"));
    Ok(default
        .and_then(|value| value.as_table())
        .cloned()
        .unwrap_or_default())
}

fn remappings(root: &Path, profile: &toml::Table) -> Result<Vec<Remapping>, ArtifactError> {
    let mut lines = Vec::new();
    let listed = root.join("remappings.txt");
    if listed.is_file() {
        let bytes = files::bytes(&listed, files::MAX_SOURCE)?;
        lines.extend(String::from_utf8_lossy(&bytes).lines().map(str::to_owned));
    }
    for value in profile
        .get("remappings")
        .and_then(|v| v.as_array())
        .into_iter()
        .flatten()
    {
        lines.extend(value.as_str().map(str::to_owned));
    }
    let mut found: Vec<_> = lines
        .iter()
        .filter_map(|line| Remapping::from_str(line.trim()).ok())
        .collect();
    // Foundry finds the remappings of its libraries by itself.
    let foundry = !profile.is_empty() || root.join("foundry.toml").is_file();
    if foundry || root.join("remappings.txt").is_file() {
        let configured = profile.get("libs").and_then(|v| v.as_array());
        let libs: Vec<_> = match configured {
            Some(libs) => libs
                .iter()
                .filter_map(|v| v.as_str())
                .map(str::to_owned)
                .collect(),
            None => vec!["lib".to_owned()],
        };
        for lib in libs {
            let folder = root.join(&lib);
            if lib.ends_with("node_modules") || !folder.is_dir() {
                continue;
            }
            for mut one in Remapping::find_many(&folder) {
                if found.iter().any(|known| known.name == one.name) {
                    continue;
                }
                if let Ok(inside) = Path::new(&one.path).strip_prefix(root) {
                    one.path = format!("{}/", slashed(inside).trim_end_matches('/'));
                }
                found.push(one);
            }
        }
    }
    Ok(found)
}

/// Files below `folder` whose path ends like `wanted`.
fn search(folder: &Path, wanted: &str, depth: usize, found: &mut BTreeSet<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    if depth > 16 {
        return;
    }
    for entry in entries.flatten() {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => search(&path, wanted, depth + 1, found),
            Ok(_) if path.ends_with(wanted) => {
                found.insert(path);
            }
            _ => {}
        }
    }
}

/// `a/./b/../c` as `a/c`.
fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn slashed(path: &Path) -> String {
    let parts: Vec<_> = path
        .components()
        .filter_map(|part| match part {
            Component::Normal(part) => Some(part.to_string_lossy().into_owned()),
            Component::ParentDir => Some("..".to_owned()),
            _ => None,
        })
        .collect();
    let joined = parts.join("/");
    if path.is_absolute() {
        format!("/{joined}")
    } else {
        joined
    }
}

/// A list for a message: escaped, and not longer than ten.
pub(crate) fn bounded(names: impl IntoIterator<Item = String>) -> String {
    let names: Vec<_> = names.into_iter().map(|name| terminal(&name, 120)).collect();
    let mut shown = names
        .iter()
        .take(10)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > 10 {
        shown.push_str(&format!(" and {} more", names.len() - 10));
    }
    shown
}
