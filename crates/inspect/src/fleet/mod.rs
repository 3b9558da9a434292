//! Thousands of proxies: a hundred of them are looked at side by side, so that a round trip is paid once for
//! all, and each is forgotten when it was told.

mod discover;
mod glance;
mod tally;

pub use discover::{DiscoverError, named_by_factory, users_of_beacon};

use crate::{
    error::InspectError,
    session::{Moment, Played, Session},
    snapshot::Snapshot,
};
use alloy_primitives::Address;
use alloy_sol_types::SolCall;
use cutover_chain::{ChainError, Node};
use cutover_types::{
    Missing,
    abi::IBeacon,
    fleet::{FleetAnswer, FleetMember, FleetSummary},
    inspection::BlockId,
    progress::Progress,
};
use glance::{Look, look};
use std::{collections::BTreeSet, future::Future, pin::Pin, rc::Rc};
use tally::Tally;

/// Addresses looked at side by side.
const SIDE_BY_SIDE: usize = 100;
/// What is kept from one hundred to the next: accounts, slots, bytes of code.
const KEPT: usize = 20_000;
const KEPT_BYTES: usize = 64 << 20;

/// How the members of a fleet are looked at.
#[derive(Clone, Copy, Debug, Default)]
pub struct FleetOptions {
    /// Whether everything [`crate::inspect`] says is found out, or kind, implementation and seat of control.
    pub prove: bool,
    /// Only proxies of this beacon belong to it.
    pub beacon: Option<Address>,
    /// Whether only proxies belong to it.
    pub proxies_only: bool,
}

/// Many addresses at one block.
pub struct Fleet {
    snapshot: Rc<Snapshot>,
}

impl Fleet {
    /// The fleet at `block`, the newest when `None`. `named` is whom errors name.
    ///
    /// # Errors
    /// When the block cannot be read.
    pub async fn open(
        node: &Node,
        named: Address,
        block: Option<u64>,
    ) -> Result<Self, InspectError> {
        let snapshot = Snapshot::open(node, named, Moment::After(block)).await?;
        Ok(Self {
            snapshot: Rc::new(snapshot),
        })
    }

    /// The block all of them are looked at.
    pub fn block(&self) -> BlockId {
        self.snapshot.block
    }

    /// Round trips to the node so far; what is asked at the same time counts once.
    pub fn round_trips(&self) -> u64 {
        self.snapshot.waves()
    }

    /// Whether `beacon` says which implementation its proxies run.
    ///
    /// # Errors
    /// When the node does not give what decides it.
    pub async fn is_beacon(&self, beacon: Address) -> Result<bool, InspectError> {
        let mut session = Session::on(Rc::clone(&self.snapshot), beacon);
        // Nomad's answers without a name.
        let questions = [IBeacon::implementationCall {}.abi_encode(), Vec::new()];
        let answers = session.ask(questions.map(|data| (beacon, data))).await?;
        if answers.iter().any(|played| played.address().is_some()) {
            return Ok(true);
        }
        match answers.iter().flat_map(Played::guesses).next() {
            Some(missing) => Err(session.cannot_tell(missing)),
            None => Ok(false),
        }
    }

    /// Whether there is a contract at `address`.
    ///
    /// # Errors
    /// When the node does not say.
    pub async fn has_code(&self, address: Address) -> Result<bool, InspectError> {
        let mut session = Session::on(Rc::clone(&self.snapshot), address);
        match session.code(address).await? {
            Some(code) => Ok(!code.is_empty()),
            None => Err(session.cannot_tell(Missing::Account { address })),
        }
    }

    /// Whether the node still has the same block: state read by number is of that block only then.
    ///
    /// # Errors
    /// When the node could not be asked.
    pub async fn still_there(&self) -> Result<bool, ChainError> {
        let block = self.snapshot.block;
        let (hash, _) = self.snapshot.node.header_unverified(block.number).await?;
        Ok(hash == block.hash)
    }

    /// Looks at each address and hands what it is to `each`, in their order; `each` says whether to go on.
    ///
    /// # Errors
    /// When the node could not be asked about a whole hundred, or `each` had enough.
    pub async fn look<E: From<InspectError>>(
        &self,
        addresses: &[Address],
        options: FleetOptions,
        progress: &dyn Progress,
        each: &mut dyn FnMut(&FleetMember) -> Result<(), E>,
    ) -> Result<FleetSummary, E> {
        let mut tally = Tally::default();
        for hundred in addresses.chunks(SIDE_BY_SIDE) {
            let tasks = hundred.iter().map(|address| {
                let session = Session::on(Rc::clone(&self.snapshot), *address);
                let task: Task<'_> = Box::pin(look(session, *address, options.prove));
                task
            });
            let mut seen = self.snapshot.side_by_side(tasks.collect()).await;
            if seen.iter().all(unreachable) && !seen.is_empty() {
                let Look { told, .. } = seen.remove(0);
                if let Err(error) = told {
                    return Err(error.into());
                }
            }
            for look in seen {
                let member = look.into_member(&self.snapshot);
                if options.keeps(&member) {
                    tally.add(&member);
                    each(&member)?;
                } else {
                    tally.dismissed += 1;
                }
            }
            let seen: BTreeSet<_> = hundred.iter().copied().collect();
            self.snapshot.forget(&seen, KEPT, KEPT_BYTES);
            progress.advance(hundred.len() as u64);
        }
        Ok(tally.into_summary())
    }
}

type Task<'a> = Pin<Box<dyn Future<Output = Look> + 'a>>;

fn unreachable(look: &Look) -> bool {
    matches!(look.told, Err(InspectError::Chain { .. }))
}

impl FleetOptions {
    fn keeps(&self, member: &FleetMember) -> bool {
        match member.answer {
            FleetAnswer::CouldNotTell => true,
            FleetAnswer::Proxy => self.beacon.is_none() || member.beacon == self.beacon,
            FleetAnswer::NotAProxy => !self.proxies_only,
        }
    }
}
