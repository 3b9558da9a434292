//! A local anvil: started, steered, and gone when dropped.
//!
//! It listens on loopback, has a home of its own that is removed with it, and inherits nothing of this
//! process's environment but `PATH`: no key of the user's reaches it.

mod control;
mod execute;
mod options;
mod outcome;
mod process;
mod trace;
mod version;

pub use control::{NextBlock, Unsigned};
pub use execute::{AnvilError, Executed, Execution, Fork, Refusal, Upgrade, execute_on};
pub use options::AnvilOptions;
pub use process::end_all;
pub use trace::{Diff, Mined, Side};
pub use version::Version;

use crate::{error::ChainError, node::Node, rpc};
use process::Process;
use serde_json::{Value, json};
use std::{
    fmt, fs,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use url::Url;

/// How much of what anvil prints is looked at.
const MOST_OUTPUT: usize = 64 << 10;

/// A running anvil. It ends when this is dropped, unless it was detached.
pub struct Anvil {
    // The process goes first, its home after it.
    process: Process,
    home: TempDir,
    node: Node,
    url: Url,
    version: Version,
}

impl fmt::Debug for Anvil {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Anvil {} at {} (pid {})",
            self.version,
            self.url,
            self.pid()
        )
    }
}

impl Anvil {
    /// Starts anvil and waits until it listens.
    ///
    /// # Errors
    /// When there is none, it is too old, or it does not start: then with what it printed.
    pub async fn start(options: &AnvilOptions) -> Result<Self, ChainError> {
        let program = options.find()?;
        let version = version::of(&program).await?;
        let home = tempfile::Builder::new()
            .prefix("cutover-anvil-")
            .tempdir()
            .map_err(|error| failed(format!("no folder for its files: {error}")))?;
        let (out, err) = (home.path().join("stdout"), home.path().join("stderr"));
        let mut command = options.command(&program, home.path())?;
        let file = |path: &Path| {
            fs::File::create(path)
                .map_err(|error| failed(format!("no file for its output: {error}")))
        };
        // Files, not pipes: a detached anvil must not die of a pipe nobody reads.
        let child = command
            .stdin(Stdio::null())
            .stdout(file(&out)?)
            .stderr(file(&err)?)
            .spawn()
            .map_err(|error| failed(format!("{} cannot be run: {error}", program.display())))?;
        let mut process = Process::watched(child)
            .ok_or_else(|| failed("the program is being ended".to_owned()))?;
        let began = Instant::now();
        let url = loop {
            if let Some(url) = listening(&read(&out)) {
                break url;
            }
            let told = || options.without_secrets(&told(&read(&out), &read(&err)));
            if let Some(status) = process.ended() {
                return Err(failed(format!("it ended with {status}: {}", told())));
            }
            if began.elapsed() > options.patience() {
                let seconds = options.patience().as_secs();
                return Err(failed(format!(
                    "it does not listen after {seconds} s: {}",
                    told()
                )));
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        };
        let node = Node::new(url.clone(), options.policy());
        // It prints a line for every call otherwise, for as long as it runs.
        let _: Value = node.call("anvil_setLoggingEnabled", json!([false])).await?;
        tracing::debug!(%url, %version, pid = process.id(), "anvil listens");
        Ok(Self {
            process,
            home,
            node,
            url,
            version,
        })
    }

    /// Where it listens: a port of 127.0.0.1.
    pub fn url(&self) -> Url {
        self.url.clone()
    }

    /// It as a node. Every call is sent once.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// Its version.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Leaves it running, with its folder, and says its process id.
    pub fn detach(self) -> u32 {
        let Self {
            mut process, home, ..
        } = self;
        let id = process.id();
        process.release();
        let _ = home.keep();
        id
    }
}

fn failed(detail: String) -> ChainError {
    ChainError::Local {
        what: "anvil did not start".into(),
        detail,
    }
}

fn read(path: &Path) -> String {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    if let Ok(file) = fs::File::open(path) {
        let _ = file.take(MOST_OUTPUT as u64).read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The address it says it listens on, once the line is whole.
fn listening(output: &str) -> Option<Url> {
    let (_, rest) = output.split_once("Listening on ")?;
    let (address, _) = rest.split_once('\n')?;
    let address: std::net::SocketAddr = address.trim().parse().ok()?;
    Url::parse(&format!("http://{address}")).ok()
}

/// What it said, on one line.
fn told(out: &str, err: &str) -> String {
    let text = if err.trim().is_empty() { out } else { err };
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.is_empty() {
        "it said nothing".into()
    } else {
        rpc::shown(&line)
    }
}

#[cfg(test)]
pub(crate) mod tests;
