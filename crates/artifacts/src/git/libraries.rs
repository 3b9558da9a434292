//! Libraries that git does not keep: are the present ones those of the revision?
//!
//! What is compiled of a revision with a library of today is not that revision. Only files that were
//! compiled count, and a library counts as the same only when something says so: a lock file that has
//! not changed, or one that names the version that is installed.

use super::Revision;
use crate::files;
use cutover_types::text::terminal;
use std::{
    collections::BTreeSet,
    path::{Component, Path, PathBuf},
};

/// Lock files of npm and its relatives.
const NPM: [&str; 3] = ["package-lock.json", "yarn.lock", "pnpm-lock.yaml"];
/// Lock files of Foundry and Soldeer.
const OTHERS: [&str; 2] = ["foundry.lock", "soldeer.lock"];
/// Libraries that are told of.
const MAX_TOLD: usize = 8;

/// A submodule whose commit of then is not here.
#[derive(Debug)]
pub(super) struct Lost {
    /// The present folder.
    pub(super) present: PathBuf,
    /// Its path in the repository.
    pub(super) path: String,
    /// The commit the revision names.
    pub(super) commit: String,
}

impl Revision {
    /// Why what was compiled may not be what the revision is: a library that one of `units`, the
    /// names of the compiled files, lies in, and that git does not have as it was.
    pub fn doubts<'u>(&self, units: impl Iterator<Item = &'u str>) -> Vec<String> {
        let Ok(folder) = self.folder.path().canonicalize() else {
            return vec!["where its files lie is not known any more".to_owned()];
        };
        let (mut doubts, mut seen) = (BTreeSet::new(), BTreeSet::new());
        for unit in units {
            match self.file(unit) {
                Some(file) if file.starts_with(&folder) => {}
                Some(file) => {
                    // A package is asked about once: its lock file may be long.
                    let installed = package(&file).filter(|(_, name)| name.is_some());
                    if installed.is_none_or(|package| seen.insert(package)) {
                        doubts.extend(self.doubt(&file));
                    }
                }
                None => {
                    let unit = terminal(unit, 200);
                    doubts.insert(format!("where `{unit}` came from was not found again"));
                }
            }
        }
        let more = doubts.len().saturating_sub(MAX_TOLD);
        let mut told: Vec<_> = doubts.into_iter().take(MAX_TOLD).collect();
        if more > 0 {
            told.push(format!("{more} more libraries like those"));
        }
        told
    }

    /// The file a unit was read from, links followed.
    fn file(&self, unit: &str) -> Option<PathBuf> {
        let root = self.root();
        let above = root.ancestors().map(|up| up.join("node_modules"));
        let bases = [root.clone(), root.join("lib")].into_iter().chain(above);
        let files = bases.map(|base| base.join(unit));
        files.filter_map(|file| file.canonicalize().ok()).next()
    }

    /// What cannot be told of the library a present file is in.
    fn doubt(&self, file: &Path) -> Option<String> {
        if let Some(lost) = self
            .lost
            .iter()
            .find(|lost| file.starts_with(&lost.present))
        {
            return Some(format!(
                "submodule {} was at {} then, which is not here: the present one was compiled",
                terminal(&lost.path, 200),
                terminal(&lost.commit, 12)
            ));
        }
        let (package, name) = package(file)?;
        let same = match &name {
            Some(name) => self.is_installed(&package, name),
            None => OTHERS.iter().any(|lock| self.is_unchanged(lock)),
        };
        let shown = package.strip_prefix(&self.top).unwrap_or(&package);
        (!same).then(|| {
            format!(
                "{} is not in git, and nothing there says that it was the same then: the present one was compiled",
                terminal(&shown.display().to_string(), 200)
            )
        })
    }

    /// Whether a lock file is what it was.
    fn is_unchanged(&self, lock: &str) -> bool {
        let sides = |(then, now): (PathBuf, PathBuf)| {
            let read = |folder: &Path| files::bytes(&folder.join(lock), files::MAX_SOURCE).ok();
            read(&then).is_some_and(|then| read(&now).is_some_and(|now| now == then))
        };
        self.places().into_iter().any(sides)
    }

    /// Whether the revision names the version of a package that is installed now.
    fn is_installed(&self, package: &Path, name: &str) -> bool {
        let Some(version) = version(package) else {
            return false;
        };
        let text = |folder: &Path, file: &str| files::bytes(&folder.join(file), files::MAX_SOURCE);
        for (then, now) in self.places() {
            for lock in NPM {
                let Ok(before) = text(&then, lock) else {
                    continue;
                };
                let after = text(&now, lock).unwrap_or_default();
                return before == after
                    || match lock {
                        "package-lock.json" => {
                            let inside = package.strip_prefix(&now).unwrap_or(package);
                            locked(&before, inside, name).as_deref() == Some(&*version)
                        }
                        _ => {
                            let (then, now) = (blocks(&before, name), blocks(&after, name));
                            !then.is_empty() && then == now
                        }
                    };
            }
        }
        // No lock file: a version that is asked for to the digit.
        let asked = |(then, _): (PathBuf, PathBuf)| {
            let file = text(&then, "package.json").ok()?;
            let file: serde_json::Value = serde_json::from_slice(&file).ok()?;
            let of = |list: &str| file.get(list)?.get(name)?.as_str().map(str::to_owned);
            of("dependencies").or_else(|| of("devDependencies"))
        };
        let mut asked = self.places().into_iter().filter_map(asked);
        asked.next().is_some_and(|asked| asked == version)
    }

    /// The project's folder and the repository's, then and now.
    fn places(&self) -> [(PathBuf, PathBuf); 2] {
        let inner = (self.root(), self.top.join(&self.inside));
        [inner, (self.folder.path().to_owned(), self.top.clone())]
    }
}

/// The folder of the library a file is in, and the package's name, if npm installed it.
fn package(file: &Path) -> Option<(PathBuf, Option<String>)> {
    let parts: Vec<Component<'_>> = file.components().collect();
    let is = |part: &Component<'_>, name: &str| part.as_os_str() == name;
    let folder = |end: usize| parts[..end.min(parts.len())].iter().collect::<PathBuf>();
    if let Some(at) = parts.iter().rposition(|part| is(part, "node_modules")) {
        let first = parts.get(at + 1)?.as_os_str().to_str()?;
        if !first.starts_with('@') {
            return Some((folder(at + 2), Some(first.to_owned())));
        }
        let second = parts.get(at + 2)?.as_os_str().to_str()?;
        return Some((folder(at + 3), Some(format!("{first}/{second}"))));
    }
    let at = parts
        .iter()
        .rposition(|part| is(part, "lib") || is(part, "dependencies"));
    Some((
        at.map_or_else(|| file.to_owned(), |at| folder(at + 2)),
        None,
    ))
}

/// The version a package says it has.
fn version(package: &Path) -> Option<String> {
    let file = files::bytes(&package.join("package.json"), files::MAX_SOURCE).ok()?;
    let file: serde_json::Value = serde_json::from_slice(&file).ok()?;
    Some(file.get("version")?.as_str()?.to_owned())
}

/// The version a `package-lock.json` has of the package in a folder.
fn locked(lock: &[u8], folder: &Path, name: &str) -> Option<String> {
    let lock: serde_json::Value = serde_json::from_slice(lock).ok()?;
    let of = |list: &str, key: &str| {
        let version = lock.get(list)?.get(key)?.get("version")?;
        version.as_str().map(str::to_owned)
    };
    of("packages", folder.to_str()?).or_else(|| of("dependencies", name))
}

/// The paragraphs of a lock file that speak of a package.
fn blocks<'l>(lock: &'l [u8], name: &str) -> Vec<&'l str> {
    let text = std::str::from_utf8(lock).unwrap_or_default();
    let asked = format!("{name}@");
    let blocks = text.split("\n\n");
    blocks.filter(|block| block.contains(&asked)).collect()
}
