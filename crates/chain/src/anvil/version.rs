//! Which anvil it is.

use crate::{error::ChainError, programs::platform, rpc};
use std::{
    collections::HashMap,
    fmt,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// The oldest anvil whose behaviour was measured.
const OLDEST: Version = Version(1, 7, 0);

/// A version of anvil.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u64, pub u64, pub u64);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

impl Version {
    /// Reads it from what `anvil --version` prints.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.split("ersion:").nth(1)?.split_whitespace().next()?;
        let mut parts = rest.split(['-', '+']).next()?.split('.').map(str::parse);
        let mut next = || parts.next()?.ok();
        Some(Self(next()?, next()?, next()?))
    }
}

/// How to get one that serves.
pub(super) fn advice() -> String {
    format!(
        "install Foundry {OLDEST} or newer, or the npm package @foundry-rs/anvil-{} (scripts/setup does), \
         or name the program in CUTOVER_ANVIL",
        platform()
    )
}

/// The version of a program, asked once.
pub(super) async fn of(program: &Path) -> Result<Version, ChainError> {
    static KNOWN: Mutex<Option<HashMap<PathBuf, Version>>> = Mutex::new(None);
    let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(version) = known().as_ref().and_then(|all| all.get(program)) {
        return Ok(*version);
    }
    let version = ask(program).await?;
    if version < OLDEST {
        return Err(super::failed(format!(
            "{} is version {version}, which is too old: {}",
            program.display(),
            advice()
        )));
    }
    known()
        .get_or_insert_default()
        .insert(program.to_owned(), version);
    Ok(version)
}

async fn ask(program: &Path) -> Result<Version, ChainError> {
    let run = tokio::process::Command::new(program)
        .arg("--version")
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(Duration::from_secs(20), run)
        .await
        .map_err(|_| super::failed(format!("{} --version does not end", program.display())))?
        .map_err(|error| {
            super::failed(format!(
                "{} cannot be run ({error}): {}",
                program.display(),
                advice()
            ))
        })?;
    let text = String::from_utf8_lossy(&output.stdout);
    Version::parse(&text).ok_or_else(|| {
        let text: Vec<&str> = text.split_whitespace().take(8).collect();
        super::failed(format!(
            "{} does not say a version of anvil but \"{}\": {}",
            program.display(),
            rpc::shown(&text.join(" ")),
            advice()
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_in_every_form_foundry_prints() {
        let cases = [
            (
                "anvil Version: 1.7.1\nCommit SHA: 40",
                Some(Version(1, 7, 1)),
            ),
            ("anvil Version: 1.8.0-nightly\n", Some(Version(1, 8, 0))),
            ("anvil Version: 1.10.2+dev", Some(Version(1, 10, 2))),
            ("anvil 0.2.0 (abc 2024)", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(Version::parse(text), expected, "{text}");
        }
        assert!(Version(1, 10, 0) > OLDEST && Version(1, 6, 9) < OLDEST);
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn an_old_or_wrong_program_is_refused_with_what_to_install() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        for (name, says, expected) in [
            (
                "old",
                "anvil Version: 1.2.3",
                "version 1.2.3, which is too old",
            ),
            ("other", "hello \u{1b}[2J", "does not say a version"),
        ] {
            let file = folder.path().join(name);
            std::fs::write(&file, format!("#!/bin/sh\necho '{says}'\n")).unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
            let error = of(&file).await.unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
            assert!(
                error.contains("@foundry-rs/anvil-") && error.contains("CUTOVER_ANVIL"),
                "{error}"
            );
            assert!(!error.contains('\u{1b}'));
        }
        let error = of(Path::new("/no/such/anvil"))
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains("/no/such/anvil cannot be run"), "{error}");
    }
}
