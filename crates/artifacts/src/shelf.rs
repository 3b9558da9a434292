//! What has been read before.

use crate::build_info::BuildInfos;

/// What loads share: build infos read so far.
#[derive(Debug, Default)]
pub struct Shelf {
    pub(crate) build_infos: BuildInfos,
}
