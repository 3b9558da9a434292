//! What has been read and compiled before.

use crate::{Cache, build_info::BuildInfos};

/// What loads share: build infos read so far, and what earlier runs kept.
#[derive(Debug, Default)]
pub struct Shelf {
    pub(crate) build_infos: BuildInfos,
    pub(crate) cache: Cache,
}

impl Shelf {
    /// A shelf that asks the cache before a compiler.
    pub fn new(cache: Cache) -> Self {
        Self {
            build_infos: BuildInfos::default(),
            cache,
        }
    }
}
