//! USDC's transactions of every block there is, recorded once by the command and shared.

use crate::support::{MainnetNode, Ran, cutover, mainnet_data, run, scratch};
use serde_json::Value;
use std::{
    io::Read as _,
    path::{Path, PathBuf},
    sync::{
        LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
};

pub(crate) const USDC: &str = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48";
pub(crate) const USDC_OLD: &str = "0xa2327a938febf5fec13bacfb16ae10ecbc4cbdcf";
pub(crate) const USDC_NEW: &str = "0x43506849d7c04f9138d1a2050bbf3a0c054402dd";

/// One recorded block.
pub(crate) struct Recorded {
    pub(crate) number: u64,
    pub(crate) folder: PathBuf,
    /// What `record --json` printed.
    pub(crate) said: Value,
    /// USDC's entry of the index.
    pub(crate) indexed: Value,
}

/// Every block, in chain order. The node that gave them is gone.
pub(crate) struct Recordings {
    pub(crate) data: PathBuf,
    pub(crate) scratch: PathBuf,
    pub(crate) blocks: Vec<Recorded>,
}

static RECORDINGS: LazyLock<Option<Recordings>> = LazyLock::new(Recordings::make);

/// The recordings; `None`, said aloud, without the data.
pub(crate) fn recordings() -> Option<&'static Recordings> {
    RECORDINGS.as_ref()
}

/// What the index says of the proxies of each block.
pub(crate) fn index(data: &Path) -> Vec<(u64, Vec<Value>)> {
    let text = std::fs::read_to_string(data.join("INDEX.json")).unwrap();
    let index: Value = serde_json::from_str(&text).unwrap();
    let blocks = index["blocks"].as_array().unwrap().iter();
    blocks
        .map(|block| {
            let proxies = block["proxies"].as_array().unwrap().clone();
            (block["number"].as_u64().unwrap(), proxies)
        })
        .collect()
}

/// `cutover record` of one block.
pub(crate) fn record(url: &str, proxy: &str, number: u64, folder: &Path) -> Ran {
    let number = number.to_string();
    run(cutover(folder.parent().unwrap())
        .args(["record", proxy, "--rpc-url", url, "--json", "-q"])
        .args(["--from-block", &number, "--to-block", &number, "-o"])
        .arg(folder)
        .arg("--run")
        .arg(folder.with_extension("run")))
}

impl Recordings {
    fn make() -> Option<Self> {
        let data = mainnet_data()?;
        let scratch = scratch("mainnet_acceptance");
        let mut wanted = Vec::new();
        for (number, proxies) in index(&data) {
            let is_usdc = |proxy: &Value| {
                let address = proxy["address"].as_str().unwrap();
                address.eq_ignore_ascii_case(USDC)
            };
            if let Some(proxy) = proxies.into_iter().find(is_usdc) {
                wanted.push((number, proxy));
            }
        }
        let node = MainnetNode::start::<&str>(&data, &[]);
        let next = AtomicUsize::new(0);
        let worker = || {
            let mut recorded = Vec::new();
            while let Some((number, indexed)) = wanted.get(next.fetch_add(1, Ordering::Relaxed)) {
                let folder = scratch.join(number.to_string());
                let ran = record(&node.url, USDC, *number, &folder).ended(0);
                recorded.push(Recorded {
                    number: *number,
                    said: ran.json(),
                    indexed: indexed.clone(),
                    folder,
                });
            }
            recorded
        };
        let mut blocks: Vec<Recorded> = std::thread::scope(|scope| {
            let workers = [scope.spawn(worker), scope.spawn(worker)];
            workers.map(|worker| worker.join().unwrap()).into_iter()
        })
        .flatten()
        .collect();
        blocks.sort_by_key(|recorded| recorded.number);
        Some(Self {
            data,
            scratch,
            blocks,
        })
    }

    pub(crate) fn block(&self, number: u64) -> &Recorded {
        let mut blocks = self.blocks.iter();
        blocks.find(|recorded| recorded.number == number).unwrap()
    }

    /// A file with the code an account had in a block, for `code:FILE`.
    pub(crate) fn code(&self, number: u64, address: &str) -> String {
        let path = self.data.join(format!("blocks/block-{number}.json.gz"));
        let mut text = String::new();
        flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap())
            .read_to_string(&mut text)
            .unwrap();
        let block: Value = serde_json::from_str(&text).unwrap();
        let hash = block["preState"][address.to_lowercase()]["codeHash"]
            .as_str()
            .unwrap();
        self.write_code(
            &format!("{address}-{number}"),
            block["codes"][hash].as_str().unwrap(),
        )
    }

    /// A file with this code.
    pub(crate) fn write_code(&self, name: &str, code: &str) -> String {
        let path = self.scratch.join(format!("{name}.hex"));
        // Several tests write the same file: each its own, moved into place.
        let unique = self
            .scratch
            .join(format!("{name}.{:?}", std::thread::current().id()));
        std::fs::write(&unique, code).unwrap();
        std::fs::rename(&unique, &path).unwrap();
        format!("code:{}", path.display())
    }

    /// `cutover replay` of a recording, with no node.
    pub(crate) fn replay(&self, folder: &Path, green: &str, how: &[&str]) -> Ran {
        let run_folder = tempfile::tempdir_in(&self.scratch).unwrap();
        run(cutover(&self.scratch)
            .arg("replay")
            .arg(folder)
            .args(["--green", green, "--json", "-q", "--run"])
            .arg(run_folder.path())
            .args(how))
    }
}
