//! A revision of a project, laid out in a folder of its own.

use crate::ArtifactError;
use cutover_types::text::terminal;
use std::{
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

/// A project as it was at a revision; the folder goes away with it.
#[derive(Debug)]
pub struct Revision {
    folder: TempDir,
    inside: PathBuf,
}

impl Revision {
    /// The project's root.
    pub fn root(&self) -> PathBuf {
        self.folder.path().join(&self.inside)
    }
}

/// Lays out the project at `root` as it was at `revision`. The repository, its index and its
/// working tree stay as they are. Libraries that git does not track are the present ones.
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
    let run = |arguments: &[&str], at: &Path| -> Result<String, ArtifactError> {
        let output = Command::new("git")
            .arg("-C")
            .arg(at)
            .args(arguments)
            .env("GIT_INDEX_FILE", &index)
            .output()
            .map_err(|error| failed(&error.to_string()))?;
        if !output.status.success() {
            return Err(failed(&String::from_utf8_lossy(&output.stderr)));
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = run(
        &[
            "rev-parse",
            "--verify",
            "--end-of-options",
            &format!("{revision}^{{commit}}"),
        ],
        root,
    )?;
    let inside = PathBuf::from(run(&["rev-parse", "--show-prefix"], root)?);
    let top = PathBuf::from(run(&["rev-parse", "--show-toplevel"], root)?);
    run(&["read-tree", &commit], &top)?;
    let prefix = format!("--prefix={}/", folder.path().display());
    run(&["checkout-index", "--all", &prefix], &top)?;
    let _ = std::fs::remove_file(&index);
    let laid_out = folder.path().join(&inside);
    if !laid_out.is_dir() {
        return Err(failed(
            "the project's folder does not exist at that revision",
        ));
    }
    for library in ["node_modules", "lib"] {
        borrow(&top.join(&inside), &laid_out, library);
        borrow(&top, folder.path(), library);
    }
    Ok(Revision { folder, inside })
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
    for entry in std::fs::read_dir(&present).into_iter().flatten().flatten() {
        let inner = wanted.join(entry.file_name());
        let empty = std::fs::read_dir(&inner).is_ok_and(|mut list| list.next().is_none());
        if empty && std::fs::remove_dir(&inner).is_ok() || !inner.exists() {
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
