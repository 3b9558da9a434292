//! Running the command as a user does, and the node that stands in for mainnet.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "each story uses its part"
)]

use serde_json::Value;
use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// What a run of the command gave.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// Insists on the exit code.
    #[track_caller]
    pub fn ended(self, code: i32) -> Self {
        let Self {
            code: found,
            stdout,
            stderr,
        } = &self;
        assert_eq!(*found, Some(code), "{stdout}{stderr}");
        self
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}{}", self.stdout, self.stderr))
    }

    /// Insists on the exit code and on words in stderr.
    #[track_caller]
    pub fn refused(self, code: i32, words: &[&str]) {
        let ran = self.ended(code);
        for word in words {
            assert!(ran.stderr.contains(word), "no {word:?}: {}", ran.stderr);
        }
    }
}

/// The command, in a folder, with no node and no configuration from outside.
pub fn cutover(folder: &Path) -> Command {
    let test = std::env::current_exe().unwrap();
    let program = test.ancestors().nth(2).unwrap().join("cutover");
    assert!(
        program.is_file(),
        "{} is not there: run `cargo build` first, or `cargo test --workspace`",
        program.display()
    );
    let mut command = Command::new(program);
    command
        .current_dir(folder)
        .env_remove("ETH_RPC_URL")
        .env("CUTOVER_LOG", "error")
        .stdin(Stdio::null());
    if let Some(anvil) = cutover_chain::find_program("CUTOVER_ANVIL", "anvil") {
        command.env("CUTOVER_ANVIL", anvil);
    }
    command
}

pub fn run(command: &mut Command) -> Ran {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran {
        code: output.status.code(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

/// The checkout's root.
pub fn root() -> PathBuf {
    let crate_root = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_root.parent().unwrap().to_path_buf()
}

/// An empty folder below `target`, kept for a look after a failure.
pub fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).unwrap();
    }
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// The folder of mainnet blocks, or a word about why the test does nothing.
pub fn mainnet_data() -> Option<PathBuf> {
    let data = std::env::var_os("CUTOVER_MAINNET_DATA").map(|path| root().join(path));
    if data.is_none() {
        println!("skipped: CUTOVER_MAINNET_DATA is not set");
    }
    data
}

/// The archive node over the mainnet blocks; ends with the value.
pub struct MainnetNode {
    process: Child,
    pub url: String,
}

impl Drop for MainnetNode {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl MainnetNode {
    pub fn start<S: AsRef<OsStr>>(data: &Path, arguments: &[S]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("port");
        let process = Command::new("python3")
            .arg(data.join("mainnet-node"))
            .args(["--port", "0", "--port-file"])
            .arg(&file)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut node = Self {
            process,
            url: String::new(),
        };
        let deadline = Instant::now() + Duration::from_secs(120);
        while node.url.is_empty() {
            assert!(Instant::now() < deadline, "the mainnet node did not start");
            std::thread::sleep(Duration::from_millis(20));
            let port = std::fs::read_to_string(&file).unwrap_or_default();
            if let Ok(port) = port.trim().parse::<u16>() {
                node.url = format!("http://127.0.0.1:{port}");
            }
        }
        node
    }
}
