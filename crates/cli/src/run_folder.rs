//! The run folder: one file per step, each naming the digests of what it was computed from.

use crate::exit::{Exit, stop, usage};
use alloy_primitives::{B256, keccak256};
use cutover_types::{
    file::{Envelope, Format, Input, Inputs},
    json,
};
use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

/// Files of a run folder are read whole; a larger one is refused.
const MAX_FILE: u64 = 256 << 20;

/// The folder of one upgrade.
#[derive(Clone, Debug)]
pub(crate) struct RunFolder {
    path: PathBuf,
}

/// A file as it was read.
#[derive(Clone, Debug)]
pub(crate) struct Stored<T> {
    /// What it holds.
    pub(crate) content: T,
    /// Keccak-256 of its bytes.
    pub(crate) digest: B256,
    /// What it was computed from.
    pub(crate) inputs: Inputs,
}

impl<T: Format> Stored<T> {
    /// This file as an input of another.
    pub(crate) fn as_input(&self) -> Input {
        Input {
            digest: self.digest,
            file: Some(T::FILE.to_owned()),
        }
    }
}

impl RunFolder {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where a file of the folder is.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a file whole or not at all, and returns it as an input.
    pub(crate) fn write<T: Format>(&self, content: &T, inputs: &Inputs) -> eyre::Result<Input> {
        let envelope = Envelope {
            format: T::FORMAT.to_owned(),
            version: T::VERSION,
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            inputs: inputs.clone(),
            content,
        };
        let text = json::to_text(&envelope)?;
        write_atomically(&self.file(T::FILE), text.as_bytes()).map_err(|error| {
            usage(
                format!("cannot write {}: {error}", self.file(T::FILE).display()),
                "choose another folder with --run",
            )
        })?;
        Ok(Input {
            digest: keccak256(text.as_bytes()),
            file: Some(T::FILE.to_owned()),
        })
    }

    /// Reads a file and checks that nothing it was computed from has moved since.
    pub(crate) fn read<T: Format>(&self, made_by: &str) -> eyre::Result<Stored<T>> {
        self.read_if_there(made_by)?
            .ok_or_else(|| self.not_there::<T>(made_by))
    }

    fn not_there<T: Format>(&self, made_by: &str) -> eyre::Report {
        usage(
            format!("{} is not there", self.file(T::FILE).display()),
            format!("run `{made_by}` first, or name its run folder with --run"),
        )
    }

    /// [`Self::read`], or `None` when the file does not exist.
    pub(crate) fn read_if_there<T: Format>(
        &self,
        made_by: &str,
    ) -> eyre::Result<Option<Stored<T>>> {
        let stored = self.read_unchecked_if_there(made_by)?;
        if let Some(stored) = &stored {
            self.refuse_stale(&self.file(T::FILE), &stored.inputs, made_by)?;
        }
        Ok(stored)
    }

    /// [`Self::read`] for what must work even when the files it rests on have moved.
    pub(crate) fn read_unchecked<T: Format>(&self, made_by: &str) -> eyre::Result<Stored<T>> {
        self.read_unchecked_if_there(made_by)?
            .ok_or_else(|| self.not_there::<T>(made_by))
    }

    /// [`Self::read_unchecked`], or `None` when the file does not exist.
    pub(crate) fn read_unchecked_if_there<T: Format>(
        &self,
        made_by: &str,
    ) -> eyre::Result<Option<Stored<T>>> {
        let path = self.file(T::FILE);
        let again = || format!("make it again with `{made_by}`");
        let bytes = match read_bounded(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(usage(
                    format!("cannot read {}: {error}", path.display()),
                    again(),
                ));
            }
        };
        let envelope: Envelope<serde_json::Value> = serde_json::from_slice(&bytes)
            .map_err(|error| usage(format!("{} is not valid: {error}", path.display()), again()))?;
        if envelope.format != T::FORMAT || envelope.version != T::VERSION {
            let found = cutover_types::text::terminal(&envelope.format, 60);
            return Err(usage(
                format!(
                    "{} is {found} version {}, not {} version {}",
                    path.display(),
                    envelope.version,
                    T::FORMAT,
                    T::VERSION
                ),
                again(),
            ));
        }
        let content: T = serde_json::from_slice(&bytes)
            .map_err(|error| usage(format!("{} is not valid: {error}", path.display()), again()))?;
        Ok(Some(Stored {
            content,
            digest: keccak256(&bytes),
            inputs: envelope.inputs,
        }))
    }

    fn refuse_stale(&self, path: &Path, inputs: &Inputs, made_by: &str) -> eyre::Result<()> {
        for (name, input) in inputs {
            let Some(file) = &input.file else { continue };
            let plain = Path::new(file)
                .components()
                .all(|part| matches!(part, std::path::Component::Normal(_)));
            let now = if plain {
                read_bounded(&self.file(file)).ok().map(keccak256)
            } else {
                None
            };
            if now != Some(input.digest) {
                return Err(stop(
                    Exit::PreflightRefused,
                    format!(
                        "{} is stale: {} ({}) has changed since it was made",
                        path.display(),
                        name,
                        cutover_types::text::terminal(file, 120)
                    ),
                    format!("make it again with `{made_by}`"),
                ));
            }
        }
        Ok(())
    }
}

/// Writes beside the target, syncs, then renames over it.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let found = fs::metadata(path)?;
    // Opening a pipe waits for whoever writes to it.
    if !found.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let size = found.len();
    if size > MAX_FILE {
        return Err(io::Error::other(format!(
            "{size} bytes, more than the {MAX_FILE} a run file may have"
        )));
    }
    fs::read(path)
}
