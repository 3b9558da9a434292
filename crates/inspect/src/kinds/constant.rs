//! A target in the code of a contract that is no clone, and one that shares its slot with other values:
//! what is known of them is where the target stands, not who wrote them.

use super::{Kind, Recognized, Subject, clones::behind, unknown::writers};
use crate::{code, error::InspectError, session::Session};
use async_trait::async_trait;
use cutover_types::{ProxyKind, inspection::Location};

pub(super) struct LibraryConstant;

#[async_trait(?Send)]
impl Kind for LibraryConstant {
    async fn recognize(
        &self,
        session: &mut Session,
        subject: &Subject,
    ) -> Result<Option<Recognized>, InspectError> {
        let forward = &subject.forward;
        // Code that looks at anything may only fall back on the constant, or go elsewhere for another call.
        let decided = forward.fixed
            && code::has_address(&subject.code, forward.target)
            && code::only_delegates(&subject.code)
            && code::addresses(&subject.code)
                .iter()
                .all(|address| *address == forward.target);
        if forward.location != Location::Code || !decided {
            return Ok(None);
        }
        let mut found = Recognized::new(ProxyKind::LibraryConstant);
        let why = "its code holds the target and cannot change";
        behind(session, subject, why, &mut found).await?;
        Ok(Some(found))
    }
}

pub(super) struct PackedSlot;

#[async_trait(?Send)]
impl Kind for PackedSlot {
    async fn recognize(
        &self,
        session: &mut Session,
        subject: &Subject,
    ) -> Result<Option<Recognized>, InspectError> {
        let Location::Packed { slot, offset } = subject.forward.location else {
            return Ok(None);
        };
        let mut found = Recognized::new(ProxyKind::PackedSlot);
        found.notes.push(format!(
            "the target stands in slot {slot} from byte {offset} on"
        ));
        writers(session, subject, slot, &mut found).await?;
        Ok(Some(found))
    }
}
