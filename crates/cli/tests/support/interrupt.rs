//! Ctrl-C in the middle of a command, and what it leaves behind.

use super::Ran;
use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// Only what hangs takes this long, however loaded the machine is.
const PATIENCE: Duration = Duration::from_secs(300);

/// Runs the command, presses Ctrl-C once `now` says so, and waits for its end. Everything it starts
/// carries `scratch` as its folder for temporary files.
#[track_caller]
pub fn interrupted(command: &mut Command, scratch: &Path, now: impl Fn() -> bool) -> Ran {
    let (out, err) = (scratch.join("stdout"), scratch.join("stderr"));
    let mut child = command
        .env("TMPDIR", scratch)
        .stdout(fs::File::create(&out).unwrap())
        .stderr(fs::File::create(&err).unwrap())
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let read = |path: &Path| fs::read_to_string(path).unwrap();
    let begin = Instant::now();
    while !now() {
        if let Some(status) = child.try_wait().unwrap() {
            panic!("ended too early, {status}: {}{}", read(&out), read(&err));
        }
        assert!(
            begin.elapsed() < PATIENCE,
            "never got there: {}{}",
            read(&out),
            read(&err)
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    signal("INT", child.id());
    let pressed = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if pressed.elapsed() > Duration::from_secs(20) {
            child.kill().unwrap();
            panic!("Ctrl-C is not heard: {}{}", read(&out), read(&err));
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    Ran {
        code: status.code(),
        stdout: read(&out),
        stderr: read(&err),
    }
}

pub fn signal(name: &str, process: u32) {
    let script = format!("kill -{name} {process}");
    Command::new("sh").args(["-c", &script]).status().unwrap();
}

/// Processes whose environment names this folder.
pub fn processes(scratch: &Path) -> Vec<String> {
    let needle = scratch.to_str().unwrap().as_bytes();
    let Ok(all) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    all.filter_map(|entry| {
        let path = entry.ok()?.path();
        let environment = fs::read(path.join("environ")).ok()?;
        environment
            .windows(needle.len())
            .any(|window| window == needle)
            .then(|| fs::read(path.join("cmdline")).ok())
            .flatten()
            .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
    })
    .collect()
}

/// Whether an anvil of this folder runs.
pub fn has_anvil(scratch: &Path) -> bool {
    processes(scratch)
        .iter()
        .any(|line| line.contains("--port"))
}

/// Nothing that was started may outlive the command, and nothing half-written may be in its folders.
#[track_caller]
pub fn nothing_left(scratch: &Path, run: &Path) {
    assert_eq!(processes(scratch), Vec::<String>::new());
    let homes: Vec<_> = fs::read_dir(scratch)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("cutover-anvil"))
        .collect();
    assert_eq!(homes, Vec::<String>::new());
    whole(run);
}

/// Every JSON file below parses.
#[track_caller]
pub fn whole(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            whole(&path);
        } else if path.extension().is_some_and(|end| end == "json") {
            let text = fs::read(&path).unwrap();
            serde_json::from_slice::<serde_json::Value>(&text)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
    }
}
