//! Where the programs are that Cutover runs.

use std::path::{Path, PathBuf};

/// Finds a program: named by the environment variable, on `PATH`, or installed by `scripts/setup` into
/// `.tools` of this directory, of one above it, or of one above the running executable.
///
/// A path in the variable is taken as it stands: a wrong one is an error later, not another program.
pub fn find_program(env_var: &str, name: &str) -> Option<PathBuf> {
    let named = (!env_var.is_empty())
        .then(|| std::env::var_os(env_var))
        .flatten()
        .filter(|value| !value.is_empty())
        .map(PathBuf::from);
    let name = match named {
        Some(path) if path.components().count() > 1 => return Some(path),
        Some(bare) => return on_path(&bare),
        None => Path::new(name),
    };
    on_path(name).or_else(|| installed(name))
}

fn on_path(name: &Path) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        // An empty entry means the current directory, which is nobody's choice of programs.
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(|file| is_executable(file))
}

fn installed(name: &Path) -> Option<PathBuf> {
    let shown = name.to_str()?;
    let package = format!(
        "node_modules/@foundry-rs/{shown}-{}/bin/{shown}",
        platform()
    );
    let places = [
        package,
        format!("node_modules/.bin/{shown}"),
        format!("bin/{shown}"),
        shown.to_owned(),
    ];
    let here = std::env::current_dir().ok();
    let executable = std::env::current_exe().ok();
    [
        here.as_deref(),
        executable.as_deref().and_then(Path::parent),
    ]
    .into_iter()
    .flatten()
    .flat_map(Path::ancestors)
    .flat_map(|folder| places.iter().map(|place| folder.join(".tools").join(place)))
    .find(|file| is_executable(file))
}

/// The platform as Foundry's npm packages call it.
pub(crate) fn platform() -> String {
    let system = match std::env::consts::OS {
        "macos" => "darwin",
        "windows" => "win32",
        other => other,
    };
    let machine = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    format!("{system}-{machine}")
}

fn is_executable(file: &Path) -> bool {
    let Ok(metadata) = file.metadata() else {
        return false;
    };
    #[cfg(unix)]
    let runs = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o111 != 0;
    #[cfg(not(unix))]
    let runs = true;
    metadata.is_file() && runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_on_path_is_found_and_an_unknown_one_is_not() {
        assert!(find_program("", "sh").is_some_and(|path| path.is_absolute()));
        assert_eq!(
            find_program("CUTOVER_NO_SUCH_VARIABLE", "cutover-no-such-program"),
            None
        );
    }

    #[test]
    fn a_folder_or_a_plain_file_is_no_program() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("plain");
        std::fs::write(&file, "text").unwrap();
        assert!(!is_executable(folder.path()));
        #[cfg(unix)]
        assert!(!is_executable(&file));
    }
}
