//! Who controls a proxy: the tree behind the account it obeys. Each member is tried by executing the whole
//! upgrade from there, through everyone between it and the proxy; what cannot be executed is only claimed.

mod answers;
mod aragon;
mod classify;
mod deed;
mod default_admin;
mod found;
mod gate;
mod governor;
mod grants;
mod inside;
pub(crate) mod logs;
pub(crate) mod manager;
pub(crate) mod osx;
mod past;
mod pending;
mod power;
mod release;
mod roles;
mod safe;
mod survey;
mod through;
mod timelock;
mod trial;
mod upgraders;
mod waits;
pub(crate) mod wards;

use crate::{
    error::InspectError,
    session::{Session, stranger},
};
use alloy_primitives::Address;
use classify::{Question, classify};
use cutover_types::{
    UpgradePath,
    inspection::{Controller, Presses},
};
use deed::{Aim, Deed, Failed, total};
use found::{Found, Member};
pub(crate) use inside::reaches_out;
pub(crate) use power::power;
use release::further;
pub(crate) use release::own_functions;
use std::{collections::BTreeMap, future::Future, pin::Pin, rc::Rc};
use through::Through;
use trial::{Shown, Trial, Tried};

/// How deep the tree goes.
const DEPTH: usize = 8;
/// Accounts in one tree.
const NODES: usize = 128;
/// Controllers that are looked at as proxies themselves.
const PROXIES: usize = 12;

/// The upgrade that a member is tried with.
#[derive(Clone)]
struct Goal {
    aim: Option<Rc<Aim>>,
    /// Whose calls are made by someone behind it.
    actor: Address,
    deed: Option<Deed>,
}

/// The tree that is grown.
struct Tree {
    proxy: Address,
    nodes: usize,
    proxies: usize,
    seen: BTreeMap<Address, Controller>,
    known: Vec<Address>,
}

type Branch<'a, T> = Pin<Box<dyn Future<Output = Result<T, InspectError>> + 'a>>;

/// Who can upgrade `proxy` along `best`, or who is said to when there is no path.
///
/// # Errors
/// When the node could not be asked.
pub(crate) async fn controllers(
    session: &mut Session,
    proxy: Address,
    implementation: Address,
    best: Option<&UpgradePath>,
    otherwise: Option<Address>,
) -> Result<Vec<Controller>, InspectError> {
    let mut tree = Tree {
        proxy,
        nodes: 0,
        proxies: 0,
        seen: BTreeMap::new(),
        known: Vec::new(),
    };
    match best {
        Some(path) => tree.along(session, path, implementation, 0).await,
        None => {
            let Some(root) = otherwise else {
                return Ok(Vec::new());
            };
            let goal = Goal {
                aim: None,
                actor: root,
                deed: None,
            };
            let member = Member::alone(root, "", Through::Claimed("no upgrade call is known"));
            Ok(tree.grow(session, vec![member], goal, 0).await?.members)
        }
    }
}

impl Tree {
    /// Everyone who can make the calls of `path`: the contract that receives them with whom it obeys, or,
    /// where that is the proxy, those alone.
    async fn along(
        &mut self,
        session: &mut Session,
        path: &UpgradePath,
        implementation: Address,
        depth: usize,
    ) -> Result<Vec<Controller>, InspectError> {
        let aim = Aim::of(session, path, implementation).await?;
        let (aim, deed) = match aim {
            Some((aim, deed)) => (Some(Rc::new(aim)), Some(deed)),
            None => (None, None),
        };
        if path.from != stranger() && !path.from.is_zero() {
            self.known.push(path.from);
        }
        let goal = Goal {
            aim,
            actor: path.from,
            deed,
        };
        let gate = path.to;
        let at_proxy = gate == path.proxy;
        let known = self.known.clone();
        let ask = Question {
            address: gate,
            proxy: path.proxy,
            step: goal.deed.as_ref().and_then(|deed| deed.first()),
            known: &known,
            gate: true,
        };
        let mut found = if at_proxy {
            Found::new("proxy")
        } else {
            told(session, &ask).await?
        };
        let deed = goal.deed.clone().unwrap_or_default();
        gate::obeyed(session, &ask, path.from, &deed, &mut found).await?;
        if found.members.is_empty() && !path.from.is_zero() {
            found.add(Member::alone(path.from, "obeyed", Through::Sends));
        }
        // Beside everyone who is named there may be no check at all.
        found.add(Member::whoever());
        let inside = inside::inside(session, &goal, path, implementation).await?;
        found.members.extend(inside.members);
        found.unknown.extend(inside.unknown);
        let own = match &goal.aim {
            Some(aim) => waits::enforced(session, aim, &deed, &mut found).await?,
            None => 0,
        };
        if at_proxy {
            let mut grown = self.grow(session, found.members, goal, depth).await?;
            grown.wait(own);
            let mut members = grown.members;
            // The one whose call is proposed comes first.
            members.sort_by_key(|member| (member.address != path.from, !member.proven));
            if let Some(first) = members.first_mut() {
                first.unknown.extend(found.unknown);
                first.notes.extend(found.notes);
                first.notes.extend(grown.shown.words(None, None));
                first.unknown.extend(grown.shown.unknown);
            }
            return Ok(members);
        }
        let mut root = Controller {
            address: gate,
            presses: Presses::Alone,
            ..Controller::default()
        };
        describe(&mut root, &found);
        self.seen.insert(gate, root.clone());
        self.nodes += 1;
        let code = release::Asked {
            address: gate,
            kind: &root.kind,
            receives: goal.deed.as_ref().and_then(|deed| deed.first()),
            proxy: path.proxy,
            aim: goal.aim.as_deref(),
            obeyed: found.named(),
        };
        let further = further(session, &code).await?;
        root.unknown.extend(further.unknown);
        found.members.extend(further.members);
        let beside = past::beside(session, &goal, path).await?;
        let mut grown = self.grow(session, found.members, goal, depth + 1).await?;
        grown.wait(own);
        self.weigh(&mut root, grown);
        root.proven = root.members.iter().any(|member| member.proven);
        let upgraders = self.upgraders(session, gate, &root.kind, depth + 1).await?;
        root.members.extend(upgraders.members);
        root.unknown.extend(upgraders.unknown);
        let mut roots = vec![root];
        if let Some((members, goal)) = beside {
            let grown = self.grow(session, members, goal, depth).await?;
            roots.extend(grown.members);
        }
        Ok(roots)
    }

    /// Members with everyone behind them, each tried.
    fn grow<'a>(
        &'a mut self,
        session: &'a mut Session,
        members: Vec<Member>,
        above: Goal,
        depth: usize,
    ) -> Branch<'a, Grown> {
        Box::pin(async move {
            let aim = above.aim.clone();
            let trial = Trial {
                aim: aim.as_deref(),
                actor: above.actor,
                deed: above.deed.as_ref(),
            };
            let (tried, shown) = trial.of(session, members).await?;
            let mut grown = Grown {
                members: Vec::new(),
                waits: Vec::new(),
                shown,
            };
            for Tried {
                member,
                deed,
                result,
            } in tried
            {
                grown.waits.push(deed.as_ref().map(total));
                let goal = Goal {
                    aim: aim.clone(),
                    actor: member.acts(),
                    deed,
                };
                let result = result.map_err(Failed::words);
                let controller = self.branch(session, member, goal, result, depth).await?;
                grown.members.push(controller);
            }
            Ok(grown)
        })
    }

    async fn branch(
        &mut self,
        session: &mut Session,
        member: Member,
        goal: Goal,
        result: Result<(), String>,
        depth: usize,
    ) -> Result<Controller, InspectError> {
        let behind = member
            .through
            .iter()
            .any(|through| matches!(through, Through::Behind));
        let mut controller = Controller {
            address: member.address,
            kind: member.leaf.unwrap_or("contract").into(),
            role: (!member.role.is_empty()).then_some(member.role),
            presses: member.presses,
            wait_seconds: member.wait.filter(|wait| *wait > 0),
            proven: result.is_ok(),
            why: result.err().filter(|_| member.presses != Presses::No),
            ..Controller::default()
        };
        if member.leaf.is_some() {
            return Ok(controller);
        }
        if let Some(seen) = self.seen.get(&member.address) {
            controller.kind.clone_from(&seen.kind);
            controller.threshold = seen.threshold;
            controller.delay_seconds = seen.delay_seconds;
            controller.repeated = true;
            return Ok(controller);
        }
        if self.nodes >= NODES || depth >= DEPTH {
            controller.kind = "not followed".into();
            let why = format!("{} was not followed: the tree is too large", member.address);
            controller.unknown.push(why);
            return Ok(controller);
        }
        self.nodes += 1;
        let known = self.known.clone();
        let ask = Question {
            address: member.address,
            proxy: self.proxy,
            step: goal
                .deed
                .as_ref()
                .and_then(|deed| deed.iter().find(|step| step.from == goal.actor)),
            known: &known,
            gate: false,
        };
        let found = told(session, &ask).await?;
        describe(&mut controller, &found);
        self.seen.insert(member.address, controller.clone());
        if member.presses == Presses::No {
            // A guard or a canceller: who stands behind it cannot press either.
            self.seen.remove(&member.address);
            controller.unknown.clear();
            controller.notes.clear();
            return Ok(controller);
        }
        self.known.push(member.address);
        let code = release::Asked {
            address: member.address,
            kind: &controller.kind,
            receives: None,
            proxy: self.proxy,
            aim: None,
            obeyed: found.named(),
        };
        let further = further(session, &code).await?;
        controller.unknown.extend(further.unknown);
        let grown = self.grow(session, found.members, goal, depth + 1).await?;
        self.weigh(&mut controller, grown);
        if behind {
            controller.proven = controller.members.iter().any(|member| member.proven);
            if controller.proven {
                controller.why = None;
            }
        }
        let upgraders = self
            .upgraders(session, member.address, &controller.kind, depth + 1)
            .await?;
        controller.members.extend(upgraders.members);
        controller.unknown.extend(upgraders.unknown);
        Ok(controller)
    }

    /// Gives `controller` its members, and takes back what executing showed it not to enforce.
    fn weigh(&mut self, controller: &mut Controller, grown: Grown) {
        controller.members = grown.members;
        grown.shown.correct(controller);
        if let Some(seen) = self.seen.get_mut(&controller.address) {
            seen.threshold = controller.threshold;
            seen.delay_seconds = controller.delay_seconds;
        }
    }
}

/// Members with everyone behind them, and what trying them showed of the one above.
struct Grown {
    members: Vec<Controller>,
    /// The seconds that pass within what each sends, where that is known.
    waits: Vec<Option<u64>>,
    shown: Shown,
}

impl Grown {
    /// Adds what the proxy makes those wait who go the way that has a wait.
    fn wait(&mut self, own: u64) {
        for (member, passes) in self.members.iter_mut().zip(&self.waits) {
            if own > 0 && passes.is_none_or(|passes| passes >= own) {
                let more = member.wait_seconds.unwrap_or_default();
                member.wait_seconds = Some(more.saturating_add(own));
            }
        }
    }
}

impl Member {
    /// Who sends its calls.
    fn acts(&self) -> Address {
        if self.address.is_zero() {
            stranger()
        } else {
            self.address
        }
    }
}

fn describe(controller: &mut Controller, found: &Found) {
    controller.kind = found.kind.into();
    controller.threshold = found.threshold;
    controller.delay_seconds = found.delay;
    controller.facts.clone_from(&found.facts);
    controller.notes.extend(found.notes.iter().cloned());
    controller.unknown.extend(found.unknown.iter().cloned());
}

/// What a controller is. One that asks for ever more state is a contract that nothing is known of; the
/// rest of the tree still is.
async fn told(session: &mut Session, ask: &Question<'_>) -> Result<Found, InspectError> {
    match classify(session, ask).await {
        Err(InspectError::Endless { .. }) => {
            let mut found = Found::new("contract");
            let why = "it asks for ever more state when it is asked who controls it";
            found.unknown.push(format!("{}: {why}", ask.address));
            Ok(found)
        }
        other => other,
    }
}
