//! Finding a compiler that fits, without ever fetching one.

use crate::{ArtifactError, Cache, cache::Key, project::bounded, stamp::Stamp};
use cutover_types::text::terminal;
use foundry_compilers::{resolver::parse::SolData, solc::Solc};
use semver::{Version, VersionReq};
use std::{
    collections::BTreeSet,
    env, fs,
    io::Read,
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
            let version = short(&open(&path, &Cache::off()).ok()?.version);
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
    cache: &Cache,
) -> Result<Solc, ArtifactError> {
    if let Some(path) = given {
        return open(path, cache);
    }
    if let Some(path) = pinned.filter(|pinned| pinned.contains('/')) {
        return open(&root.join(path), cache);
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
        match open(Path::new(&path), cache) {
            Ok(solc) if fits(&wanted, &solc.version) => return Ok(solc),
            Ok(solc) => tried.push(format!("CUTOVER_SOLC ({})", short(&solc.version))),
            Err(error) => return Err(error),
        }
    }
    for path in on_path() {
        match open(&path, cache) {
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
            return open(&path, cache);
        }
    }
    if let (Some(error), true) = (broken, tried.is_empty()) {
        return Err(error);
    }
    Err(ArtifactError::NoSolc {
        wanted: match pinned {
            Some(pinned) => format!("solc = {pinned}"),
            None if pragmas.iter().all(|one| one.trim().is_empty()) => "any version".to_owned(),
            None => bounded(pragmas.iter().cloned()),
        },
        tried: if tried.is_empty() {
            "PATH, ~/.svm, ~/.local/share/svm and .tools/solc".to_owned()
        } else {
            bounded(tried)
        },
    })
}

/// The program as a compiler. Its version is asked for once: with the compilers of npm that alone
/// takes a third of a second.
fn open(path: &Path, cache: &Cache) -> Result<Solc, ArtifactError> {
    let key = cache.is_on().then(|| identity(path)).flatten();
    let known = key.and_then(|key| cache.get(key));
    let known = known.and_then(|text| std::str::from_utf8(&text).ok()?.parse().ok());
    if let Some(version) = known {
        return Ok(Solc::new_with_version(path, version));
    }
    let solc = Solc::new(path).map_err(|error| unusable(path, &error.to_string()))?;
    if let Some(key) = key {
        cache.put(key, solc.version.to_string().as_bytes());
    }
    Ok(solc)
}

/// What is wrong with a program that is no compiler, in one line.
pub(crate) fn unusable(path: &Path, said: &str) -> ArtifactError {
    ArtifactError::BadSolc {
        path: path.to_owned(),
        detail: terminal(&gist(said), 300),
    }
}

/// What a program said as it failed: of a stack trace the error alone.
fn gist(said: &str) -> String {
    let lines: Vec<_> = said
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let names_error = |line: &&&str| {
        let name = line.split([':', ' ']).next().unwrap_or_default();
        line.contains(": ") && name.ends_with("Error")
    };
    let traced = lines
        .iter()
        .any(|line| line.starts_with("at ") || line.starts_with("Traceback"));
    match lines.iter().find(names_error) {
        Some(error) if traced => format!("it crashed: {error}"),
        _ => lines.join(" "),
    }
}

/// What changes when another program is put in this one's place. A script is known together with
/// the programs it names by absolute path; one that finds its compiler in another way and does not
/// change with it is not told apart.
pub(crate) fn identity(path: &Path) -> Option<Key> {
    let path = path.canonicalize().ok()?;
    let mut parts = vec![stamp(&path)?];
    let mut head = vec![0; MAX_SCRIPT];
    let length = fs::File::open(&path).ok()?.read(&mut head).ok()?;
    head.truncate(length);
    if head.starts_with(b"#!") {
        let text = String::from_utf8_lossy(&head);
        let words = text.split(|c: char| c.is_whitespace() || "'\"=;".contains(c));
        let named = words.filter(|word| word.starts_with('/')).take(64);
        let programs = named.map(Path::new).filter(|path| is_program(path));
        parts.extend(programs.filter_map(stamp));
        parts.push(text.into_owned());
    }
    let parts: Vec<_> = parts.iter().map(String::as_bytes).collect();
    Some(Key::of(
        &[&[b"compiler".as_slice()], parts.as_slice()].concat(),
    ))
}

/// Other files a script names, such as a log, may change whenever it runs.
fn is_program(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let metadata = fs::metadata(path);
        metadata.is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
    }
    #[cfg(not(unix))]
    path.is_file()
}

/// Longer scripts are known by their beginning and their time.
const MAX_SCRIPT: usize = 16 << 10;

fn stamp(path: &Path) -> Option<String> {
    let stamp = Stamp::of(path, &fs::metadata(path).ok()?)?;
    Some(stamp.text().to_owned())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_is_told_by_its_error_and_not_by_its_stack() {
        let crash = "solc exited with exit status: 1\nnode:internal/modules/cjs/loader:1210\n  throw err;\n  ^\n\n\
                     Error: Cannot find module 'solc'\nRequire stack:\n- /a/solc.js\n    at Module._load (node:internal:1)\n";
        assert_eq!(gist(crash), "it crashed: Error: Cannot find module 'solc'");
        assert_eq!(gist("no\nsuch file"), "no such file");
        assert_eq!(gist(""), "");
    }
}
