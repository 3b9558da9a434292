//! What a file system says of a file: as long as it says the same, the file is the same.

use std::{
    fs::Metadata,
    path::Path,
    time::{Duration, SystemTime},
};

/// A file that changed less than this before it was read could change again without another time:
/// clocks of file systems tick slowly.
const SETTLED: Duration = Duration::from_secs(2);

/// The name of a file, and all that another file in its place would have another of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    text: String,
    /// When it last changed; unknown where it could have changed unseen.
    changed: Option<SystemTime>,
}

impl Stamp {
    pub(crate) fn of(path: &Path, metadata: &Metadata) -> Option<Self> {
        let modified = metadata.modified().ok()?;
        #[cfg(unix)]
        let (unique, changed) = {
            use std::os::unix::fs::MetadataExt;
            // Package managers set the time of modification back; this one nobody sets.
            let (seconds, nanos) = (metadata.ctime(), metadata.ctime_nsec());
            let since = u64::try_from(seconds).ok().zip(u32::try_from(nanos).ok());
            let changed = since.map(|(seconds, nanos)| Duration::new(seconds, nanos));
            let changed = changed.and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since));
            let unique = (metadata.dev(), metadata.ino(), seconds, nanos);
            (unique, changed.map(|changed| changed.max(modified)))
        };
        #[cfg(not(unix))]
        let (unique, changed) = ((), None);
        let size = metadata.len();
        Some(Self {
            text: format!("{path:?} {size} {modified:?} {unique:?}"),
            changed,
        })
    }

    /// Whether what was read from this moment on can be told from what comes after it.
    pub(crate) fn is_settled(&self, read: SystemTime) -> bool {
        let age = self
            .changed
            .and_then(|changed| read.duration_since(changed).ok());
        age.is_some_and(|age| age >= SETTLED)
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn stamp(path: &Path) -> Stamp {
        Stamp::of(path, &fs::metadata(path).unwrap()).unwrap()
    }

    #[cfg(unix)]
    #[test]
    fn an_edit_that_keeps_size_and_time_shows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "old").unwrap();
        let before = stamp(&path);
        let time = fs::metadata(&path).unwrap().modified().unwrap();
        std::thread::sleep(Duration::from_millis(50));
        fs::write(&path, "new").unwrap();
        fs::File::open(&path).unwrap().set_modified(time).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), time);
        assert_ne!(stamp(&path), before);

        fs::write(folder.path().join("b"), "new").unwrap();
        let before = stamp(&path);
        fs::rename(folder.path().join("b"), &path).unwrap();
        assert_ne!(stamp(&path), before);
    }

    #[cfg(unix)]
    #[test]
    fn what_changed_just_now_or_later_than_now_is_not_settled() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "").unwrap();
        let now = SystemTime::now();
        let set = |time| {
            let file = fs::File::open(&path).unwrap();
            file.set_modified(time).unwrap();
        };
        assert!(!stamp(&path).is_settled(now));
        assert!(stamp(&path).is_settled(now + Duration::from_secs(60)));
        // The time of modification alone proves nothing.
        set(now - Duration::from_secs(60));
        assert!(!stamp(&path).is_settled(now));
        set(now + Duration::from_secs(120));
        assert!(!stamp(&path).is_settled(now + Duration::from_secs(60)));
    }
}
