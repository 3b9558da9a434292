//! Answers of compilers, kept for the next run.
//!
//! What is here decides about verdicts, so it must come from nobody but the user: it lies in the
//! user's cache folder, never in the project. A folder inside the project would come with a cloned
//! repository, and its answers could call any upgrade compatible. For the same reason a folder that
//! another user can write to is not used. Nothing refers to the cache: without it the same comes
//! out, later.

use serde_json::Value;
use sha2::{Digest, Sha256};
use std::{
    env, fs,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    time::SystemTime,
};

/// Changes when entries of older versions must not be read.
const FORMAT: &str = concat!("cutover-cache 2 ", env!("CARGO_PKG_VERSION"));
/// The oldest entries go when there is more.
const MAX_TOTAL: u64 = 256 << 20;
const MAX_ENTRY: u64 = 64 << 20;
const DIGEST: usize = 32;

/// A folder of compilers' answers, or none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cache {
    folder: Option<PathBuf>,
}

/// What an entry answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key([u8; DIGEST]);

impl Key {
    /// The key of a question; no two lists of parts have the same.
    pub(crate) fn of(parts: &[&[u8]]) -> Self {
        Self(begun(parts).finalize().into())
    }

    /// The key of a question that ends in this value.
    pub(crate) fn of_json(parts: &[&[u8]], value: &Value) -> Option<Self> {
        let mut hash = Hashed(begun(parts));
        serde_json::to_writer(&mut hash, value).ok()?;
        Some(Self(hash.0.finalize().into()))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn file(self) -> String {
        alloy_primitives::hex::encode(self.0)
    }
}

fn begun(parts: &[&[u8]]) -> Sha256 {
    let mut hash = Sha256::new();
    for part in [FORMAT.as_bytes()].iter().chain(parts) {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash
}

/// Hashes what is written to it.
struct Hashed(Sha256);

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Cache {
    /// No cache: everything is compiled.
    pub fn off() -> Self {
        Self::default()
    }

    /// The cache in this folder.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        match prepare(&folder) {
            Ok(()) => Self {
                folder: Some(folder),
            },
            Err(error) => {
                tracing::warn!(%error, folder = %folder.display(), "compiling without a cache");
                Self::off()
            }
        }
    }

    /// What `CUTOVER_CACHE` says, a folder or `off`; the user's cache folder when it says nothing.
    pub fn from_env() -> Self {
        match env::var_os("CUTOVER_CACHE") {
            Some(off) if off.is_empty() || off == "off" => Self::off(),
            Some(folder) => Self::at(folder),
            None => match home() {
                Some(folder) => Self::at(folder.join("cutover")),
                None => Self::off(),
            },
        }
    }

    /// Whether answers are kept.
    pub fn is_on(&self) -> bool {
        self.folder.is_some()
    }

    /// The answer that was kept. One that is damaged is none.
    pub(crate) fn get(&self, key: Key) -> Option<Vec<u8>> {
        let path = self.folder.as_ref()?.join(key.file());
        let file = fs::File::open(path).ok()?;
        let size = file.metadata().ok()?.len().min(MAX_ENTRY);
        // One more than there is: what reads to the end then need not ask for room.
        let mut bytes = Vec::with_capacity(usize::try_from(size).ok()? + 1);
        (&file).take(MAX_ENTRY).read_to_end(&mut bytes).ok()?;
        let (digest, answer) = bytes.split_first_chunk::<DIGEST>()?;
        if *digest != seal(key, answer) {
            return None;
        }
        // What is used stays longest.
        let _ = file.set_modified(SystemTime::now());
        bytes.drain(..DIGEST);
        Some(bytes)
    }

    /// Keeps an answer; a cache that cannot be written to is no error.
    pub(crate) fn put(&self, key: Key, answer: &[u8]) {
        let Some(folder) = &self.folder else {
            return;
        };
        if answer.len() as u64 + DIGEST as u64 >= MAX_ENTRY {
            return;
        }
        let write = || -> io::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(&seal(key, answer))?;
            file.write_all(answer)?;
            file.persist(folder.join(key.file()))?;
            prune(folder, MAX_TOTAL)
        };
        if let Err(error) = write() {
            tracing::debug!(%error, folder = %folder.display(), "could not keep an answer");
        }
    }
}

/// Binds an answer to its question: an entry that was renamed is damaged too.
fn seal(key: Key, answer: &[u8]) -> [u8; DIGEST] {
    let mut hash = Sha256::new();
    hash.update(key.0);
    hash.update(answer);
    hash.finalize().into()
}

fn home() -> Option<PathBuf> {
    let named = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let usual = || Some(PathBuf::from(env::var_os("HOME")?).join(".cache"));
    // A relative folder would be in the project.
    named
        .filter(|folder| folder.is_absolute())
        .or_else(usual)
        .filter(|folder| folder.is_absolute())
}

/// Makes the folder, for this user alone, and refuses one that others can write to.
fn prepare(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(folder)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let metadata = fs::metadata(folder)?;
        if metadata.uid() != rustix::process::geteuid().as_raw() || metadata.mode() & 0o022 != 0 {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "another user could have written to it",
            ));
        }
    }
    Ok(())
}

/// Removes the entries used longest ago until the rest is small enough.
fn prune(folder: &Path, limit: u64) -> io::Result<()> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder)?.flatten() {
        if let Ok(metadata) = entry.metadata()
            && metadata.is_file()
        {
            let used = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            entries.push((used, metadata.len(), entry.path()));
        }
    }
    entries.sort();
    let mut total: u64 = entries.iter().map(|(_, size, _)| size).sum();
    for (_, size, path) in entries {
        if total <= limit {
            break;
        }
        fs::remove_file(path)?;
        total -= size;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        Key::of(&[name.as_bytes()])
    }

    #[test]
    fn damaged_entries_are_misses() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path().join("new"));
        cache.put(key("a"), b"answer");
        assert_eq!(cache.get(key("a")).unwrap(), b"answer");
        assert_eq!(cache.get(key("b")), None);

        let path = |name| folder.path().join("new").join(key(name).file());
        let whole = fs::read(path("a")).unwrap();
        let mut other = whole.clone();
        other[DIGEST + 2] ^= 1;
        for damaged in [&other[..], &whole[..DIGEST + 3], &whole[..5], b""] {
            fs::write(path("a"), damaged).unwrap();
            assert_eq!(cache.get(key("a")), None);
        }
        fs::write(path("b"), &whole).unwrap();
        assert_eq!(cache.get(key("b")), None, "the answer to another question");
    }

    #[test]
    fn parts_of_a_key_do_not_run_together() {
        assert_ne!(Key::of(&[b"ab", b"c"]), Key::of(&[b"a", b"bc"]));
        assert_ne!(Key::of(&[b"a"]), Key::of(&[b"a", b""]));
    }

    #[test]
    fn what_was_used_longest_ago_goes_first() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path());
        for (age, name) in [(3, "a"), (2, "b"), (1, "c")] {
            cache.put(key(name), &[0; 100]);
            let file = fs::File::open(folder.path().join(key(name).file())).unwrap();
            let then = SystemTime::now() - std::time::Duration::from_secs(age * 60);
            file.set_modified(then).unwrap();
        }
        assert!(cache.get(key("a")).is_some());
        prune(folder.path(), 2 * (100 + DIGEST as u64)).unwrap();
        let left = ["a", "b", "c"].map(|name| cache.get(key(name)).is_some());
        assert_eq!(left, [true, false, true]);
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_others_can_write_to_is_not_used() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        assert!(Cache::at(folder.path()).is_on());
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(!Cache::at(folder.path()).is_on());
    }
}
