//! What an upgrade takes: the least wait, the fewest keys, and the paths around a timelock. Computed from
//! the tree alone.

mod ways;
mod words;

use alloy_primitives::Address;
use cutover_types::inspection::{Controller, Power, PowerPath, Presses};
use std::collections::{BTreeMap, BTreeSet};
use ways::{Way, best, both, is_leaf, leaf, some_of};
use words::{bypass, name, words};

/// Paths that are listed.
const PATHS: usize = 64;
/// How deep paths are followed.
const DEPTH: usize = 16;

/// A path under construction, from the proxy outwards.
#[derive(Clone)]
struct Trail<'a> {
    steps: Vec<(&'a Controller, String)>,
    /// Timelocks it waits for.
    waits: BTreeSet<Address>,
}

struct Tree<'a> {
    /// Where each address stands with its members.
    at: BTreeMap<Address, &'a Controller>,
    paths: Vec<(PowerPath, BTreeSet<Address>)>,
    timelocks: BTreeMap<Address, u64>,
    unknown: BTreeSet<String>,
}

/// What an upgrade takes those in `roots`, each of whom can make it happen.
pub(crate) fn power(roots: &[Controller]) -> Power {
    let mut tree = Tree {
        at: BTreeMap::new(),
        paths: Vec::new(),
        timelocks: BTreeMap::new(),
        unknown: BTreeSet::new(),
    };
    tree.place(roots, 0);
    for root in roots {
        let trail = Trail {
            steps: Vec::new(),
            waits: BTreeSet::new(),
        };
        tree.follow(root, None, &trail, 0, &mut BTreeSet::new());
    }
    tree.finish()
}

impl<'a> Tree<'a> {
    fn place(&mut self, controllers: &'a [Controller], depth: usize) {
        for controller in controllers {
            if !controller.repeated {
                self.at.entry(controller.address).or_insert(controller);
            }
            if depth < DEPTH {
                self.place(&controller.members, depth + 1);
            }
        }
    }

    fn whole(&self, controller: &'a Controller) -> &'a Controller {
        if controller.repeated {
            self.at
                .get(&controller.address)
                .copied()
                .unwrap_or(controller)
        } else {
            controller
        }
    }

    /// Lists the paths through `member`, who stands under `above`.
    fn follow(
        &mut self,
        member: &'a Controller,
        above: Option<&'a Controller>,
        trail: &Trail<'a>,
        depth: usize,
        open: &mut BTreeSet<Address>,
    ) {
        if member.presses == Presses::No || member.presses == Presses::Finishes {
            return;
        }
        let mut trail = trail.clone();
        let role = member.role.clone().unwrap_or_default();
        trail.steps.push((member, role));
        if let Some(wait) = member.wait_seconds.filter(|wait| *wait > 0) {
            let at = above.map_or(member.address, |above| above.address);
            let longest = self.timelocks.entry(at).or_default();
            *longest = (*longest).max(wait);
            trail.waits.insert(at);
        }
        let whole = self.whole(member);
        if member.presses == Presses::Unknown {
            let up = above.map_or(member.address, |above| above.address);
            let what = format!("whether {} can make {up} act is not known", name(member));
            self.unknown.insert(what);
        }
        if depth >= DEPTH || !open.insert(member.address) {
            let why = format!(
                "{} stands behind itself: what makes it act is not known",
                name(member)
            );
            self.unknown.insert(why);
            return;
        }
        let alone: Vec<_> = whole
            .members
            .iter()
            .filter(|m| {
                matches!(
                    m.presses,
                    Presses::Alone | Presses::Starts | Presses::Unknown
                )
            })
            .collect();
        let together = whole.members.iter().any(|m| m.presses == Presses::Together);
        if is_leaf(whole) || together {
            self.end(whole, &trail);
        }
        for next in alone {
            self.follow(next, Some(whole), &trail, depth + 1, open);
        }
        open.remove(&member.address);
    }

    /// One whole path: its last step is an account or the owners of a Safe.
    fn end(&mut self, last: &'a Controller, trail: &Trail<'a>) {
        if last.kind == "renounced" {
            return;
        }
        let mut ways = self.ways_of_owners(last, 0);
        let mut proven = last.proven;
        if last.threshold.is_some() && !last.members.is_empty() {
            proven = last
                .members
                .iter()
                .any(|m| m.presses == Presses::Together && m.proven)
                || last.proven;
        }
        let mut above: Option<&Controller> = None;
        let mut known = true;
        for (step, _) in &trail.steps {
            known &= step.presses != Presses::Unknown;
            if step.presses == Presses::Starts {
                let finishers = above.map(|above| self.finishers(above)).unwrap_or_default();
                ways = both(&ways, &finishers);
            }
            let wait = step.wait_seconds.unwrap_or_default();
            for way in &mut ways {
                way.delay = way.delay.saturating_add(wait);
            }
            above = Some(self.whole(step));
        }
        if ways.is_empty() {
            return;
        }
        let signers = ways
            .iter()
            .filter(|way| known && !way.unknown)
            .map(|way| way.signers.len() as u64)
            .min();
        if signers.is_none() {
            let what = match last.kind.as_str() {
                "token" => format!("how many holders of {} it takes is not known", name(last)),
                _ => format!("what makes {} act is not known", name(last)),
            };
            self.unknown.insert(what);
        }
        let delay = ways.iter().map(|way| way.delay).min().unwrap_or_default();
        if self.paths.len() >= PATHS {
            self.unknown
                .insert(format!("more than {PATHS} paths: the rest is not listed"));
            return;
        }
        let route = trail.steps.iter().rev().map(|(step, _)| step.address);
        let path = PowerPath {
            words: words(last, trail),
            route: route.collect(),
            signers,
            delay_seconds: delay,
            proven,
            skips: Vec::new(),
        };
        self.paths.push((path, trail.waits.clone()));
    }

    /// The ways through a controller, whoever it is.
    fn ways(
        &mut self,
        controller: &'a Controller,
        depth: usize,
        open: &mut BTreeSet<Address>,
    ) -> Vec<Way> {
        let whole = self.whole(controller);
        if depth > DEPTH || !open.insert(whole.address) {
            // Around in a circle: no way of its own.
            return Vec::new();
        }
        let mut ways = Vec::new();
        if is_leaf(whole) {
            ways = leaf(whole);
        }
        let members: Vec<_> = whole.members.iter().collect();
        let needed = whole
            .threshold
            .and_then(|n| usize::try_from(n).ok())
            .unwrap_or(1);
        let mut sets: Vec<Vec<Way>> = Vec::new();
        let mut finish = Vec::new();
        for member in members.iter().filter(|m| m.presses == Presses::Finishes) {
            finish.extend(self.ways(member, depth + 1, open));
        }
        for member in members {
            let mut own = match member.presses {
                Presses::No | Presses::Finishes => continue,
                _ => self.ways(member, depth + 1, open),
            };
            for way in &mut own {
                way.delay = way
                    .delay
                    .saturating_add(member.wait_seconds.unwrap_or_default());
                way.unknown |= member.presses == Presses::Unknown;
            }
            match member.presses {
                Presses::Together => sets.push(own),
                Presses::Starts => ways.extend(both(&own, &finish)),
                _ => ways.extend(own),
            }
        }
        if !sets.is_empty() {
            ways.extend(some_of(&sets, needed));
        }
        open.remove(&whole.address);
        best(ways)
    }

    /// The ways through those who act together, or through the account itself.
    fn ways_of_owners(&mut self, last: &'a Controller, depth: usize) -> Vec<Way> {
        if is_leaf(last) {
            return leaf(last);
        }
        let needed = last
            .threshold
            .and_then(|n| usize::try_from(n).ok())
            .unwrap_or(1);
        let mut open = BTreeSet::from([last.address]);
        let mut sets = Vec::new();
        for member in last
            .members
            .iter()
            .filter(|m| m.presses == Presses::Together)
        {
            sets.push(self.ways(member, depth + 1, &mut open));
        }
        best(some_of(&sets, needed))
    }

    fn finishers(&mut self, above: &'a Controller) -> Vec<Way> {
        let whole = self.whole(above);
        let mut ways = Vec::new();
        for member in whole
            .members
            .iter()
            .filter(|m| m.presses == Presses::Finishes)
        {
            ways.extend(self.ways(member, 1, &mut BTreeSet::from([whole.address])));
        }
        best(ways)
    }

    fn notes(&mut self) {
        let unclear: Vec<_> = self
            .at
            .values()
            .filter(|c| c.presses != Presses::No)
            .flat_map(|c| c.unknown.iter().cloned())
            .collect();
        self.unknown.extend(unclear);
    }

    fn finish(mut self) -> Power {
        self.notes();
        let longest = self
            .paths
            .iter()
            .map(|(path, _)| path.delay_seconds)
            .max()
            .unwrap_or_default();
        let timelocks = self.timelocks.clone();
        let mut power = Power::default();
        self.paths
            .sort_by_key(|(path, _)| (path.delay_seconds, path.signers.unwrap_or(u64::MAX)));
        for (mut path, waits) in self.paths {
            if path.delay_seconds < longest {
                path.skips = timelocks
                    .keys()
                    .filter(|at| !waits.contains(*at))
                    .copied()
                    .collect();
            }
            if !path.skips.is_empty() {
                power.bypasses.push(bypass(&path, &timelocks));
            }
            power.paths.push(path);
        }
        let known = || power.paths.iter().filter(|path| path.signers.is_some());
        let fewest = known().filter_map(|path| path.signers).min();
        let delay = power.paths.iter().map(|path| path.delay_seconds).min();
        power.fewest_signers = fewest;
        power.delay_seconds = delay;
        if !power.paths.is_empty() && power.paths.iter().all(|path| !path.proven) {
            let why = "no path was seen to upgrade: what each takes is only claimed";
            self.unknown.insert(why.into());
        }
        power.complete = self.unknown.is_empty();
        power.unknown = self.unknown.into_iter().collect();
        power
    }
}
