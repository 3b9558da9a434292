//! Whether green has to upgrade its proxy itself: because somebody says so, or because blue does.

use super::{is_upgrade, proxiable, writes_slot};
use crate::{
    input::Kind,
    safety::{
        Subject,
        guard::{never_ends, runs},
        name,
        slots::{Slot, slots_of},
    },
};
use cutover_types::{
    ProxyKind, abi,
    source::{Node, entry_points},
};

/// How it is known.
pub(super) enum Itself<'a> {
    /// The proxy's kind was told or found.
    Told,
    /// Nobody tells the kind, and this function of blue upgrades the proxy.
    AsBlue(&'a str),
}

impl Itself<'_> {
    /// What to add to a message, for whom it is not so.
    pub(super) fn advice(&self) -> String {
        match self {
            Self::Told => String::new(),
            Self::AsBlue(function) => format!(
                " (blue's `{function}` upgrades its proxy; say `--kind transparent` if an admin does it, `--kind beacon` if a beacon)"
            ),
        }
    }
}

pub(super) fn itself<'b>(subject: &Subject<'_>, blue: Option<&Subject<'b>>) -> Option<Itself<'b>> {
    let found = subject.options.live.as_ref().and_then(|live| live.kind);
    match (subject.options.kind, found) {
        (Some(Kind::Uups), _) => Some(Itself::Told),
        (Some(_), _) => None,
        (
            None,
            None
            | Some(
                ProxyKind::Unknown
                | ProxyKind::UupsV41
                | ProxyKind::UupsSolady
                | ProxyKind::Eip1822
                | ProxyKind::Erc7760Uups,
            ),
        ) => upgrade_of(blue?).map(Itself::AsBlue),
        (None, Some(_)) => None,
    }
}

/// The function of a contract that upgrades the proxy it runs behind.
fn upgrade_of<'a>(subject: &Subject<'a>) -> Option<&'a str> {
    let named = proxiable::function(subject).is_some();
    let found = entry_points(subject.linearized).into_iter().find(|entry| {
        !never_ends(subject, *entry) && ((named && is_upgrade(entry)) || puts(subject, *entry))
    });
    found.map(|entry| name(entry.tree))
}

/// Whether a function writes ERC-1967's slot of the implementation.
pub(super) fn puts<'a>(subject: &Subject<'a>, entry: Node<'a>) -> bool {
    let inside = runs(subject, entry);
    let written = || slots_of(subject, entry);
    inside.iter().any(|one| writes_slot(subject, one))
        || written()
            .written
            .contains(&Slot::Known(abi::IMPLEMENTATION_SLOT))
}
