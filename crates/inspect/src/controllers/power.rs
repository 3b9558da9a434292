//! What an upgrade takes: the least wait, the fewest keys, and the paths around a timelock. Computed from
//! the tree alone.

use alloy_primitives::Address;
use cutover_types::inspection::{Controller, Power, PowerPath, Presses};
use std::collections::{BTreeMap, BTreeSet};

/// Paths that are listed.
const PATHS: usize = 64;
/// Sets of keys that are kept for one contract: among more than these the fewest could be missed.
const SETS: usize = 48;
/// How deep paths are followed.
const DEPTH: usize = 16;

/// Keys that suffice, and how long it takes them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Way {
    /// Whether they are not known, all or some.
    unknown: bool,
    signers: BTreeSet<Address>,
    delay: u64,
}

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
        power.complete = self.unknown.is_empty();
        power.unknown = self.unknown.into_iter().collect();
        power
    }
}

fn bypass(path: &PowerPath, timelocks: &BTreeMap<Address, u64>) -> String {
    let skipped: Vec<_> = path
        .skips
        .iter()
        .map(|at| {
            let wait = timelocks.get(at).copied().unwrap_or_default();
            format!("{} ({wait} s)", *at)
        })
        .collect();
    let waits = match path.delay_seconds {
        0 => "without any wait".to_owned(),
        wait => format!("after {wait} s"),
    };
    let sure = if path.proven { "" } else { " (claimed)" };
    format!(
        "{}: {waits}{sure}, past the timelock {}",
        path.words,
        skipped.join(" and ")
    )
}

/// Whether nobody stands behind it who would be listed.
fn is_leaf(controller: &Controller) -> bool {
    !controller
        .members
        .iter()
        .any(|m| !matches!(m.presses, Presses::No | Presses::Finishes))
        && !is_passage(&controller.kind)
}

/// Contracts that act only when somebody makes them: without members nobody does.
fn is_passage(kind: &str) -> bool {
    matches!(
        kind,
        "safe"
            | "timelock"
            | "proxy-admin"
            | "beacon"
            | "upgrade-executor"
            | "access-manager"
            | "aragon-kernel"
            | "aragon-agent"
    )
}

fn leaf(controller: &Controller) -> Vec<Way> {
    let way = |unknown, signers| {
        vec![Way {
            unknown,
            signers,
            delay: 0,
        }]
    };
    match controller.kind.as_str() {
        "renounced" => Vec::new(),
        "anyone" => way(false, BTreeSet::new()),
        "eoa" | "eip7702" if !controller.facts.contains_key("may be alias of") => {
            way(false, BTreeSet::from([controller.address]))
        }
        _ => way(true, BTreeSet::new()),
    }
}

/// Every pair of a way of `some` and one of `others`.
fn both(some: &[Way], others: &[Way]) -> Vec<Way> {
    let mut pairs = Vec::new();
    for one in some {
        for other in others {
            pairs.push(Way {
                unknown: one.unknown || other.unknown,
                signers: one.signers.union(&other.signers).copied().collect(),
                delay: one.delay.max(other.delay),
            });
        }
    }
    best(pairs)
}

/// Ways that take `needed` of these members, each by one of its ways.
fn some_of(members: &[Vec<Way>], needed: usize) -> Vec<Way> {
    let start = Way {
        unknown: false,
        signers: BTreeSet::new(),
        delay: 0,
    };
    let needed = needed.max(1);
    if needed > members.len() {
        return Vec::new();
    }
    let mut with: Vec<Vec<Way>> = vec![Vec::new(); needed + 1];
    with[0] = vec![start];
    for member in members {
        for count in (0..needed).rev() {
            let more = both(&with[count], member);
            let kept = &mut with[count + 1];
            kept.extend(more);
            *kept = best(std::mem::take(kept));
        }
    }
    with.pop().unwrap_or_default()
}

/// The quickest and the smallest, none twice.
fn best(mut ways: Vec<Way>) -> Vec<Way> {
    ways.sort_by(|a, b| {
        (a.unknown, a.signers.len(), a.delay, &a.signers).cmp(&(
            b.unknown,
            b.signers.len(),
            b.delay,
            &b.signers,
        ))
    });
    ways.dedup();
    if ways.len() > SETS {
        let quickest = ways.iter().min_by_key(|way| way.delay).cloned();
        ways.truncate(SETS - 1);
        ways.extend(quickest);
    }
    ways
}

fn words(last: &Controller, trail: &Trail<'_>) -> String {
    let mut text = String::new();
    let together = last
        .members
        .iter()
        .filter(|m| m.presses == Presses::Together)
        .count();
    if together > 0 {
        let needed = last.threshold.unwrap_or(1);
        text = format!("{needed} of {together} owners of ");
    }
    for (index, (step, role)) in trail.steps.iter().enumerate().rev() {
        text.push_str(&name(step));
        if !role.is_empty() {
            text.push_str(&format!(" as {role}"));
        }
        if index > 0 {
            text.push_str(if role.is_empty() {
                ", through "
            } else {
                " of "
            });
        }
    }
    text
}

fn name(controller: &Controller) -> String {
    match controller.kind.as_str() {
        "anyone" => "anyone".into(),
        "eoa" => format!("account {}", controller.address),
        kind => format!("{kind} {}", controller.address),
    }
}
