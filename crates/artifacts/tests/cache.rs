//! What was compiled is not compiled again, and nothing else is taken for it. Needs the solc of
//! `scripts/setup`.

#![allow(clippy::unwrap_used)]
#![cfg(unix)]

use cutover_artifacts::{Cache, Code, LoadOptions, Need, Reference, Shelf, compilers, load_with};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// A project, a compiler that writes down its runs, and a cache.
struct World {
    folder: TempDir,
}

impl World {
    fn new() -> Self {
        let world = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        fs::create_dir(world.path("project")).unwrap();
        world.write(
            "project/Token.sol",
            "import \"./Own.sol\"; contract Token is Own { uint256 supply; }",
        );
        world.write("project/Own.sol", "contract Own { address owner; }");
        world.compiler("");
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn compiler(&self, comment: &str) {
        let real = compilers().into_iter().find(|one| one.version.minor == 8);
        let real = real
            .expect("no solc: run scripts/setup")
            .path
            .canonicalize()
            .unwrap();
        let log = self.path("runs");
        self.write(
            "solc",
            &format!(
                "#!/bin/sh\n# {comment}\necho \"$1\" >> '{}'\nexec '{}' \"$@\"\n",
                log.display(),
                real.display()
            ),
        );
        fs::set_permissions(self.path("solc"), fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn load(&self) -> Code {
        self.load_from(Cache::at(self.path("cache")))
    }

    fn load_from(&self, cache: Cache) -> Code {
        let options = LoadOptions {
            root: self.path("project"),
            solc: Some(self.path("solc")),
            need: Need::ALL,
        };
        let reference = Reference::parse("Token.sol:Token").unwrap();
        load_with(&reference, &options, &Shelf::new(cache)).unwrap()
    }

    /// How often the compiler compiled since this was asked last; how often it was asked for its
    /// version only counts where that is all, because one process asks once.
    fn runs(&self) -> usize {
        let log = fs::read_to_string(self.path("runs")).unwrap_or_default();
        self.write("runs", "");
        let compiled = log
            .lines()
            .filter(|line| *line == "--standard-json")
            .count();
        if compiled == 0 {
            log.lines().count()
        } else {
            compiled
        }
    }

    fn entries(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.path("cache")).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }
}

fn labels(code: &Code) -> Vec<&str> {
    let storage = &code.layout.as_ref().unwrap().storage;
    storage.iter().map(|item| item.label.as_str()).collect()
}

#[test]
fn nothing_changed_starts_no_compiler() {
    let world = World::new();
    let first = world.load();
    assert_eq!(world.runs(), 1);
    assert_eq!(world.load(), first);
    assert_eq!(world.runs(), 0);
    assert_eq!(world.load_from(Cache::off()), first);
    assert!(world.runs() > 0);
}

#[test]
fn a_changed_source_setting_or_compiler_is_compiled() {
    let world = World::new();
    world.load();
    world.runs();
    world.write(
        "project/Own.sol",
        "contract Own { address owner; address next; }",
    );
    assert_eq!(labels(&world.load()), ["owner", "next", "supply"]);
    assert_eq!(world.runs(), 1);
    world.write(
        "project/foundry.toml",
        "[profile.default]\noptimizer = true\n",
    );
    world.load();
    assert_eq!(world.runs(), 1);
    world.compiler("another program");
    world.load();
    assert_eq!(world.runs(), 1);
}

#[test]
fn a_damaged_entry_is_compiled_again() {
    let world = World::new();
    let first = world.load();
    for damage in [truncate as fn(&Path), flip, empty] {
        world.entries().iter().for_each(|entry| damage(entry));
        world.runs();
        assert_eq!(world.load(), first);
        assert_eq!(world.runs(), 1);
    }
}

fn truncate(entry: &Path) {
    let bytes = fs::read(entry).unwrap();
    fs::write(entry, &bytes[..bytes.len() - 1]).unwrap();
}

fn flip(entry: &Path) {
    let mut bytes = fs::read(entry).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(entry, bytes).unwrap();
}

fn empty(entry: &Path) {
    fs::write(entry, "").unwrap();
}

#[test]
fn a_cache_others_could_have_filled_is_not_read() {
    let world = World::new();
    world.load();
    fs::set_permissions(world.path("cache"), fs::Permissions::from_mode(0o777)).unwrap();
    world.runs();
    world.load();
    assert!(world.runs() > 0);
}
