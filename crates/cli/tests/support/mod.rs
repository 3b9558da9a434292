//! What the command's tests share: running it, a node that says what it is told, and real anvil.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::zombie_processes,
    clippy::print_stderr,
    reason = "each test file uses its part"
)]

pub mod interrupt;
pub mod stage;

use serde_json::{Value, json};
use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
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
    /// Insists on the exit code and on words in stderr.
    #[track_caller]
    pub fn refused(&self, code: i32, words: &[&str]) {
        assert_eq!(
            self.code,
            Some(code),
            "stdout: {}\nstderr: {}",
            self.stdout,
            self.stderr
        );
        for word in words {
            assert!(
                self.stderr.contains(word),
                "no {word:?} in stderr: {}",
                self.stderr
            );
        }
        let errors = self
            .stderr
            .lines()
            .filter(|line| line.starts_with("error: "))
            .count();
        assert_eq!(errors, 1, "one clear line: {}", self.stderr);
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
    }

    #[track_caller]
    pub fn ok(&self) -> &Self {
        assert_eq!(
            self.code,
            Some(0),
            "stdout: {}\nstderr: {}",
            self.stdout,
            self.stderr
        );
        self
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}\n{}", self.stdout, self.stderr))
    }
}

/// The command, with no node and no configuration from outside.
pub fn cutover(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cutover"));
    command
        .current_dir(folder)
        .env_remove("ETH_RPC_URL")
        .env("CUTOVER_LOG", "error")
        .stdin(Stdio::null());
    command
}

pub fn run(command: &mut Command) -> Ran {
    let output = command.output().unwrap();
    Ran {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The checkout's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

/// A result, or an error's code and message.
pub type Answer = Result<Value, (i64, &'static str)>;

/// A node that answers what a function says.
pub struct FakeNode {
    pub url: String,
}

impl FakeNode {
    pub fn start(answer: impl Fn(&str, &Value) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answer = Arc::new(answer);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let answer = Arc::clone(&answer);
                std::thread::spawn(move || serve(stream, &*answer));
            }
        });
        Self { url }
    }
}

fn serve(mut stream: TcpStream, answer: &dyn Fn(&str, &Value) -> Answer) {
    let mut bytes = Vec::new();
    let mut chunk = [0; 65_536];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some(head) = text.find("\r\n\r\n") {
            let length = text[..head]
                .lines()
                .find_map(|line| {
                    line.to_ascii_lowercase()
                        .strip_prefix("content-length:")
                        .map(str::trim)
                        .and_then(|n| n.parse::<usize>().ok())
                })
                .unwrap_or(0);
            if bytes.len() >= head + 4 + length {
                let request: Value =
                    serde_json::from_slice(&bytes[head + 4..head + 4 + length]).unwrap_or_default();
                let one = |request: &Value| {
                    let method = request["method"].as_str().unwrap_or_default();
                    match answer(method, &request["params"]) {
                        Ok(result) => {
                            json!({"jsonrpc": "2.0", "id": request["id"], "result": result})
                        }
                        Err((code, message)) => {
                            json!({"jsonrpc": "2.0", "id": request["id"], "error": {"code": code, "message": message}})
                        }
                    }
                };
                let reply = match &request {
                    Value::Array(requests) => Value::Array(requests.iter().map(one).collect()),
                    request => one(request),
                };
                let body = reply.to_string();
                let sent = write!(
                    stream,
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len()
                );
                if sent.is_err() {
                    return;
                }
                bytes.drain(..head + 4 + length);
                continue;
            }
        }
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => return,
            Ok(count) => bytes.extend_from_slice(&chunk[..count]),
        }
    }
}

/// A process that ends with the test.
pub struct Running {
    child: Child,
    /// Its home, removed after it.
    _home: Option<tempfile::TempDir>,
    pub url: String,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Real anvil on a local chain.
pub fn anvil(arguments: &[&str]) -> Running {
    let program = cutover_chain::find_program("CUTOVER_ANVIL", "anvil")
        .expect("run scripts/setup: anvil is missing");
    let home = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let child = Command::new(program)
        .args([
            "--host",
            "127.0.0.1",
            "--port",
            &port.to_string(),
            "--silent",
        ])
        .args(arguments)
        .env("HOME", home.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_for(port);
    Running {
        child,
        _home: Some(home),
        url: format!("http://127.0.0.1:{port}"),
    }
}

/// The stand-in archive node over recorded mainnet blocks; `None`, said aloud, without the data.
pub fn mainnet_node(arguments: &[&str]) -> Option<Running> {
    let Some(data) = std::env::var_os("CUTOVER_MAINNET_DATA") else {
        eprintln!("skipped: CUTOVER_MAINNET_DATA is not set");
        return None;
    };
    let data = PathBuf::from(data);
    let data = if data.is_relative() {
        root().join(data)
    } else {
        data
    };
    let folder = tempfile::tempdir().unwrap();
    let port_file = folder.path().join("port");
    let child = Command::new("python3")
        .arg(data.join("mainnet-node"))
        .args(["--port", "0", "--port-file"])
        .arg(&port_file)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let begin = Instant::now();
    loop {
        if let Ok(text) = std::fs::read_to_string(&port_file)
            && let Ok(port) = text.trim().parse::<u16>()
        {
            wait_for(port);
            return Some(Running {
                child,
                _home: None,
                url: format!("http://127.0.0.1:{port}"),
            });
        }
        assert!(
            begin.elapsed() < Duration::from_secs(30),
            "mainnet-node does not start"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn wait_for(port: u16) {
    let begin = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(
            begin.elapsed() < Duration::from_secs(30),
            "nothing listens on port {port}"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}
