//! A revision of a project, laid out in a folder of its own.

mod libraries;

use crate::ArtifactError;
use cutover_types::text::terminal;
use libraries::Lost;
use std::{
    fs,
    path::{Component, Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

/// Submodules inside submodules, deeper than this, are the present ones.
const MAX_DEPTH: usize = 4;

/// A project as it was at a revision; the folder goes away with it.
#[derive(Debug)]
pub struct Revision {
    name: String,
    folder: TempDir,
    inside: PathBuf,
    /// The repository's present folder, links followed.
    top: PathBuf,
    lost: Vec<Lost>,
}

impl Revision {
    /// The project's root.
    pub fn root(&self) -> PathBuf {
        self.folder.path().join(&self.inside)
    }

    /// The revision as it was asked for, escaped.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A text with the paths as they are in the repository.
    pub fn inside_repository(&self, text: &str) -> String {
        let folder = self.folder.path().display().to_string();
        let mut parts = text.split(&folder);
        let mut told = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let inner = part.trim_start_matches('/');
            if inner.len() == part.len() || inner.is_empty() || inner.starts_with(' ') {
                told.push_str("the repository");
            }
            told.push_str(inner);
        }
        told
    }
}

/// Lays out the project at `root` as it was at `revision`, submodules at the commits it names. The
/// repository, its index and its working tree stay as they are. Libraries that git does not track
/// are the present ones: see [`Revision::doubts`].
///
/// # Errors
/// When git is not there, `root` is in no repository, or the revision does not exist.
pub fn revision(root: &Path, revision: &str) -> Result<Revision, ArtifactError> {
    let failed = |detail: &str| ArtifactError::Git {
        root: root.to_owned(),
        revision: terminal(revision, 120),
        detail: terminal(&detail.trim().replace('\n', " "), 300),
    };
    let folder = tempfile::tempdir().map_err(|error| failed(&error.to_string()))?;
    let index = folder.path().join(".cutover-index");
    let git = |arguments: &[&str], at: &Path| git(arguments, at, &index);
    let commit = git(
        &[
            "rev-parse",
            "--verify",
            "--end-of-options",
            &format!("{revision}^{{commit}}"),
        ],
        root,
    )
    .map_err(|why| failed(&unknown(&why)))?;
    let inside = git(&["rev-parse", "--show-prefix"], root).map_err(|why| failed(&why))?;
    let top = git(&["rev-parse", "--show-toplevel"], root).map_err(|why| failed(&why))?;
    let (inside, top) = (PathBuf::from(inside), PathBuf::from(top));
    let top = top.canonicalize().unwrap_or(top);
    let mut lost = Vec::new();
    lay_out(&top, &commit, folder.path(), &index, &mut lost, 0).map_err(|why| failed(&why))?;
    let laid_out = folder.path().join(&inside);
    if !laid_out.is_dir() {
        return Err(failed(
            "the project's folder does not exist at that revision",
        ));
    }
    for library in ["node_modules", "lib", "dependencies"] {
        borrow(&top.join(&inside), &laid_out, library);
        borrow(&top, folder.path(), library);
    }
    Ok(Revision {
        name: terminal(revision, 120),
        folder,
        inside,
        top,
        lost,
    })
}

/// Why git does not know a revision.
fn unknown(why: &str) -> String {
    match why.contains("single revision") {
        true => "it has no such revision; a shallow clone has few (`git fetch --unshallow --tags`, `fetch-depth: 0` in CI)".to_owned(),
        false => why.to_owned(),
    }
}

/// Writes a commit's files below `to`, then those of its submodules.
fn lay_out(
    top: &Path,
    commit: &str,
    to: &Path,
    index: &Path,
    lost: &mut Vec<Lost>,
    depth: usize,
) -> Result<(), String> {
    git(&["read-tree", commit], top, index)?;
    let prefix = format!("--prefix={}/", to.display());
    git(&["checkout-index", "--all", &prefix], top, index)?;
    let listed = git(&["ls-files", "--stage", "-z"], top, index)?;
    let _ = fs::remove_file(index);
    for (commit, path) in listed.split('\0').filter_map(submodule) {
        let (present, wanted) = (top.join(path), to.join(path));
        let known = present.join(".git").exists()
            && depth < MAX_DEPTH
            && git(
                &["cat-file", "-e", &format!("{commit}^{{commit}}")],
                &present,
                index,
            )
            .is_ok();
        if known && lay_out(&present, commit, &wanted, index, lost, depth + 1).is_ok() {
            continue;
        }
        lost.push(Lost {
            present: present.canonicalize().unwrap_or(present),
            path: path.to_owned(),
            commit: commit.to_owned(),
        });
    }
    Ok(())
}

/// Commit and path of a submodule, out of a line of `ls-files --stage`.
fn submodule(line: &str) -> Option<(&str, &str)> {
    let (facts, path) = line.split_once('\t')?;
    let commit = facts.strip_prefix("160000 ")?.split(' ').next()?;
    let inside = Path::new(path)
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    inside.then_some((commit, path))
}

/// What git says; its complaint when it fails.
fn git(arguments: &[&str], at: &Path, index: &Path) -> Result<String, String> {
    let output = Command::new("git")
        .arg("-C")
        .arg(at)
        .args(arguments)
        .env("GIT_INDEX_FILE", index)
        .output()
        .map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Links to a folder that git does not track, or tracks as submodules only.
fn borrow(from: &Path, to: &Path, name: &str) {
    let (present, wanted) = (from.join(name), to.join(name));
    if !present.is_dir() {
        return;
    }
    if !wanted.exists() {
        link(&present, &wanted);
        return;
    }
    // A submodule is an empty folder in what git lays out.
    for entry in fs::read_dir(&present).into_iter().flatten().flatten() {
        let inner = wanted.join(entry.file_name());
        let empty = fs::read_dir(&inner).is_ok_and(|mut list| list.next().is_none());
        if empty && fs::remove_dir(&inner).is_ok() || !inner.exists() {
            link(&entry.path(), &inner);
        }
    }
}

fn link(from: &Path, to: &Path) {
    #[cfg(unix)]
    if let Err(error) = std::os::unix::fs::symlink(from, to) {
        tracing::warn!(%error, from = %from.display(), "could not link a library");
    }
}
