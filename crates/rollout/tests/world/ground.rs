//! A chain on which a run is made, and where its journal lies.

use super::{Anvil, Asked};

use cutover_rollout::RolloutError;
use cutover_types::rollout::Receipt;
use std::path::PathBuf;

pub struct Ground {
    pub anvil: Anvil,
    pub asked: Asked,
    pub path: PathBuf,
    _folder: tempfile::TempDir,
}

impl Ground {
    /// A proxy of one call on an anvil with these arguments.
    pub async fn new(extra: &[&str]) -> Option<Self> {
        let anvil = Anvil::start(extra)?;
        anvil.build().await;
        Some(Self::of(anvil, Asked::new()))
    }

    /// A proxy of two calls, with `wait` seconds between them.
    pub async fn two_steps(wait: u64) -> Option<Self> {
        let anvil = Anvil::start(&[])?;
        anvil.build_two_step().await;
        Some(Self::of(anvil, Asked::two_steps(wait)))
    }

    fn of(anvil: Anvil, asked: Asked) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        Self {
            anvil,
            asked,
            path,
            _folder: folder,
        }
    }

    /// A run forward on a chain whose blocks somebody else makes.
    pub async fn upgrade_unmined(&self) -> Result<Receipt, RolloutError> {
        self.asked.upgrade(&self.anvil.node, &self.path).await
    }
}
