//! Finding a compiler that fits, without ever fetching one.

use crate::{ArtifactError, project::bounded};
use cutover_types::text::terminal;
use foundry_compilers::{resolver::parse::SolData, solc::Solc};
use semver::{Version, VersionReq};
use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
};

/// A compiler found on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compiler {
    /// Its version.
    pub version: Version,
    /// The program.
    pub path: PathBuf,
}

/// Every compiler a load could use: `CUTOVER_SOLC`, `PATH`, what svm and `scripts/setup` installed.
pub fn compilers() -> Vec<Compiler> {
    let named = env::var_os("CUTOVER_SOLC").map(PathBuf::from);
    let mut found: Vec<_> = named
        .into_iter()
        .chain(on_path())
        .filter_map(|path| {
            let version = short(&open(&path).ok()?.version);
            Some(Compiler { version, path })
        })
        .collect();
    let installed = installed().into_iter();
    found.extend(installed.map(|(version, path)| Compiler { version, path }));
    found
}

/// A compiler that accepts all `pragmas`; `given` is used whatever it is. A path in the project's
/// configuration is relative to its `root`.
pub(crate) fn find(
    given: Option<&Path>,
    pinned: Option<&str>,
    root: &Path,
    pragmas: &BTreeSet<String>,
) -> Result<Solc, ArtifactError> {
    if let Some(path) = given {
        return open(path);
    }
    if let Some(path) = pinned.filter(|pinned| pinned.contains('/')) {
        return open(&root.join(path));
    }
    let mut wanted: Vec<_> = pragmas
        .iter()
        .filter_map(|text| requirement(text))
        .collect();
    wanted.extend(
        pinned
            .and_then(|pinned| VersionReq::parse(&format!("={pinned}")).ok())
            .map(|exact| vec![exact]),
    );
    let mut tried = Vec::new();
    let mut broken = None;
    if let Some(path) = env::var_os("CUTOVER_SOLC") {
        match open(Path::new(&path)) {
            Ok(solc) if fits(&wanted, &solc.version) => return Ok(solc),
            Ok(solc) => tried.push(format!("CUTOVER_SOLC ({})", short(&solc.version))),
            Err(error) => return Err(error),
        }
    }
    for path in on_path() {
        match open(&path) {
            Ok(solc) if fits(&wanted, &solc.version) => return Ok(solc),
            Ok(solc) => tried.push(format!("{} ({})", path.display(), short(&solc.version))),
            Err(error) => broken = broken.or(Some(error)),
        }
    }
    let mut installed = installed();
    tried.extend(installed.iter().map(|(version, _)| version.to_string()));
    // The newest that fits, as solc users expect of a range.
    installed.sort_by(|a, b| b.0.cmp(&a.0));
    for (version, path) in installed {
        if fits(&wanted, &version) {
            return open(&path);
        }
    }
    if let (Some(error), true) = (broken, tried.is_empty()) {
        return Err(error);
    }
    Err(ArtifactError::NoSolc {
        wanted: match pinned {
            Some(pinned) => format!("solc = {pinned}"),
            None => bounded(pragmas.iter().cloned()),
        },
        tried: if tried.is_empty() {
            "PATH, ~/.svm, ~/.local/share/svm and .tools/solc".to_owned()
        } else {
            bounded(tried)
        },
    })
}

fn open(path: &Path) -> Result<Solc, ArtifactError> {
    Solc::new(path).map_err(|error| ArtifactError::BadSolc {
        path: path.to_owned(),
        detail: terminal(&error.to_string().replace('\n', " "), 300),
    })
}

/// A pragma as alternatives. `None` when solc itself has to judge it.
fn requirement(pragma: &str) -> Option<Vec<VersionReq>> {
    let quoted = pragma.replace(['"', '\''], "");
    quoted
        .split("||")
        .map(|one| {
            let spaced = one.split_whitespace().collect::<Vec<_>>().join(" ");
            let tight = ["<=", ">=", "^", "~", "=", "<", ">"]
                .iter()
                .fold(spaced, |text, mark| text.replace(&format!("{mark} "), mark));
            SolData::parse_version_req(&tight).ok()
        })
        .collect()
}

fn fits(wanted: &[Vec<VersionReq>], version: &Version) -> bool {
    let plain = short(version);
    wanted
        .iter()
        .all(|alternatives| alternatives.iter().any(|one| one.matches(&plain)))
}

fn short(version: &Version) -> Version {
    Version::new(version.major, version.minor, version.patch)
}

fn on_path() -> Vec<PathBuf> {
    let paths = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&paths)
        .map(|folder| folder.join("solc"))
        .filter(|path| path.is_file())
        .take(1)
        .collect()
}

/// Compilers that svm or `scripts/setup` put in place, by version.
fn installed() -> Vec<(Version, PathBuf)> {
    let mut found = Vec::new();
    let home = env::var_os("HOME").map(PathBuf::from);
    let data = env::var_os("XDG_DATA_HOME")
        .map(PathBuf::from)
        .or_else(|| home.as_ref().map(|home| home.join(".local/share")));
    let shelves = [
        home.map(|home| home.join(".svm")),
        data.map(|data| data.join("svm")),
    ];
    for shelf in shelves.into_iter().flatten() {
        for name in names(&shelf) {
            let path = shelf.join(&name).join(format!("solc-{name}"));
            if let (Ok(version), true) = (name.parse(), path.is_file()) {
                found.push((version, path));
            }
        }
    }
    for folder in tools() {
        for name in names(&folder) {
            let path = folder.join(&name);
            if let (Some(Ok(version)), true) =
                (name.strip_prefix("solc-").map(str::parse), path.is_file())
            {
                found.push((version, path));
            }
        }
    }
    found
}

/// `.tools/solc` here or in a folder above, of the working directory and of this program.
fn tools() -> Vec<PathBuf> {
    let starts = [env::current_dir().ok(), env::current_exe().ok()];
    starts
        .iter()
        .flatten()
        .flat_map(|start| start.ancestors())
        .map(|folder| folder.join(".tools/solc"))
        .filter(|folder| folder.is_dir())
        .take(2)
        .collect()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries
        .take(1000)
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}
