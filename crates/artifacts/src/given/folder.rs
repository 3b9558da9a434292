//! Sources on disk, recognised by their hash.

use crate::files;
use alloy_primitives::{B256, keccak256};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Folders above a file that may be its project's root.
const MAX_UP: usize = 8;
/// Files of one folder tree that are looked through.
const MAX_FILES: usize = 4096;

/// Where sources may be.
pub(super) struct Search {
    roots: Vec<PathBuf>,
}

impl Search {
    /// The projects around a file, the nearest first, then the given root.
    pub(super) fn new(file: &Path, root: &Path) -> Self {
        let file = file.canonicalize().unwrap_or_else(|_| file.to_owned());
        let mut roots: Vec<PathBuf> = file
            .ancestors()
            .skip(1)
            .take(MAX_UP)
            .map(Path::to_owned)
            .collect();
        if !roots.iter().any(|one| one == root) {
            roots.push(root.to_owned());
        }
        Self { roots }
    }

    /// The text of a unit, wherever it is found first.
    pub(super) fn text(&self, unit: &str) -> Option<String> {
        self.files(unit).find_map(|path| read(&path))
    }

    /// The root of the project that has this unit.
    pub(super) fn root_of(&self, unit: &str) -> Option<PathBuf> {
        let root = self.roots.iter().find(|root| root.join(unit).is_file());
        root.cloned()
    }

    /// Texts with these hashes: those given, those on disk, those in build infos near by. The error
    /// is the first unit whose text is nowhere.
    pub(super) fn texts(
        &self,
        hashes: &BTreeMap<String, B256>,
        given: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, String> {
        let mut found = BTreeMap::new();
        let mut kept = None;
        for (unit, hash) in hashes {
            let fits = |text: &String| keccak256(text) == *hash;
            let text = given
                .get(unit)
                .filter(|text| fits(text))
                .cloned()
                .or_else(|| {
                    let mut files = self.files(unit);
                    files.find_map(|path| read(&path).filter(fits))
                })
                .or_else(|| {
                    let kept = kept.get_or_insert_with(|| self.kept());
                    kept.get(hash).cloned()
                });
            match text {
                Some(text) => found.insert(unit.clone(), text),
                None => return Err(unit.clone()),
            };
        }
        Ok(found)
    }

    /// Units whose file on disk has another text.
    pub(super) fn changed(&self, hashes: &BTreeMap<String, B256>) -> Vec<String> {
        let changed = hashes.iter().filter(|(unit, hash)| {
            self.text(unit)
                .is_some_and(|text| keccak256(&text) != **hash)
        });
        changed.map(|(unit, _)| unit.clone()).collect()
    }

    fn files(&self, unit: &str) -> impl Iterator<Item = PathBuf> {
        // truffle writes `project:/contracts/A.sol`, Hardhat 3 `project/contracts/A.sol`.
        let inner = unit
            .strip_prefix("project:/")
            .or_else(|| unit.strip_prefix("project/"));
        let names: Vec<_> = [Some(unit), inner].into_iter().flatten().collect();
        let mut found = Vec::new();
        for root in &self.roots {
            for name in &names {
                found.push(root.join(name));
                found.push(root.join("node_modules").join(name));
            }
        }
        found.into_iter().filter(|path| path.is_file())
    }

    /// Texts in the build infos of the projects around, by hash.
    fn kept(&self) -> BTreeMap<B256, String> {
        let mut texts = BTreeMap::new();
        for root in &self.roots {
            for folder in ["build-info", "out/build-info", "artifacts/build-info"] {
                for path in listed(&root.join(folder)).into_iter().take(16) {
                    let Ok(mut json) = files::json(&path, "a build info") else {
                        continue;
                    };
                    let sources = json["input"]["sources"].as_object_mut();
                    for (_, source) in sources.into_iter().flatten() {
                        if let serde_json::Value::String(text) = source["content"].take() {
                            texts.insert(keccak256(&text), text);
                        }
                    }
                }
            }
        }
        texts
    }
}

/// Texts of all files below a folder, by hash.
pub(super) fn by_hash(folder: &Path) -> BTreeMap<B256, String> {
    let mut found = BTreeMap::new();
    let mut queue = vec![(folder.to_owned(), 0_usize)];
    let mut seen = 0;
    while let Some((folder, depth)) = queue.pop() {
        for path in listed(&folder) {
            seen += 1;
            if seen > MAX_FILES {
                return found;
            }
            if path.is_dir() && depth < 16 {
                queue.push((path, depth + 1));
            } else if let Some(text) = read(&path) {
                found.insert(keccak256(&text), text);
            }
        }
    }
    found
}

/// What is in a folder, in the order of names.
pub(super) fn listed(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries.take(MAX_FILES).map(|one| one.path()).collect();
    paths.sort();
    paths
}

/// Whether a text from a file is a plain file name.
pub(super) fn plain(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    !name.is_empty() && name.len() < 200 && name.chars().all(allowed) && !name.starts_with('.')
}

fn read(path: &Path) -> Option<String> {
    if !path.is_file() {
        return None;
    }
    let bytes = files::bytes(path, files::MAX_SOURCE).ok()?;
    String::from_utf8(bytes).ok()
}
