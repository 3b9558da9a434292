//! Files that are written whole or not at all: made ready beside their places, put there together.

use crate::{context::Context, exit::usage};
use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};
use tempfile::NamedTempFile;

/// Files beside the places they belong to, and what is printed; they vanish unless they are shown.
#[derive(Default)]
pub(crate) struct Staged {
    files: Vec<(NamedTempFile, PathBuf)>,
    printed: String,
}

impl Staged {
    /// Nothing to write yet; this is printed in the end.
    pub(crate) fn printing(printed: String) -> Self {
        Self {
            files: Vec::new(),
            printed,
        }
    }

    /// Makes a file ready.
    pub(crate) fn add(&mut self, path: &Path, text: &str) -> eyre::Result<()> {
        let file = stage(path, text.as_bytes()).map_err(|error| unwritable(path, &error))?;
        self.files.push((file, path.to_owned()));
        Ok(())
    }

    /// Puts every file in its place, then prints.
    pub(crate) fn show(self, context: &Context) -> eyre::Result<()> {
        for (file, path) in self.files {
            file.persist(&path)
                .map_err(|error| unwritable(&path, &error.error))?;
        }
        context.output.print(&self.printed)
    }
}

/// Refuses a folder where a file is to be written.
pub(crate) fn refuse_folder(path: &Path) -> eyre::Result<()> {
    if path.is_dir() {
        return Err(usage(
            format!("cannot write {}: it is a folder", path.display()),
            "name a file",
        ));
    }
    Ok(())
}

/// The bytes beside their target, to be renamed over it.
fn stage(path: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
    let folder = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut builder = tempfile::Builder::new();
    // Other users' tools read it, as far as the umask lets them.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    Ok(file)
}

fn unwritable(path: &Path, error: &io::Error) -> eyre::Report {
    usage(
        format!("cannot write {}: {error}", path.display()),
        "name a file in a folder that can be written",
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_where_a_file_cannot_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let blocked = folder.path().join("file");
        fs::write(&blocked, "mine").unwrap();
        assert!(stage(&blocked.join("check.json"), b"x").is_err());
        drop(stage(&folder.path().join("a.json"), b"x").unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
