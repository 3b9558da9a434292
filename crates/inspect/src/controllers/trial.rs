//! Tries who makes a contract act by executing the whole upgrade: as the contract asks for it, and with
//! less. A wait or a threshold that is only said is worth nothing.

use super::{
    deed::{Aim, Deed, Failed},
    found::{Member, Shows},
    through::{Pace, Through},
};
use crate::{error::InspectError, session::Session};
use alloy_primitives::Address;
use cutover_types::inspection::Controller;

/// Waits that are tried at once when the shortest that works is looked for, and how often.
const POINTS: u64 = 16;
const ROUNDS: usize = 8;
const NOT_EXECUTED: &str = "the upgrade itself could not be executed";

/// What the contract above has to send.
pub(super) struct Trial<'a> {
    pub(super) aim: Option<&'a Aim>,
    pub(super) actor: Address,
    pub(super) deed: Option<&'a Deed>,
}

/// A member that was tried.
pub(super) struct Tried {
    pub(super) member: Member,
    /// What it sends, where it is known.
    pub(super) deed: Option<Deed>,
    pub(super) result: Result<(), Failed>,
}

/// What trying showed of the contract above.
#[derive(Debug, Default)]
pub(super) struct Shown {
    /// So many approvals suffice.
    approvals: Option<u64>,
    /// What is said to have to wait so long happens after so long.
    wait: Option<(u64, u64)>,
    pub(super) unknown: Vec<String>,
}

/// One way of a member: as the contract asks for it, and for every way to hurry it.
struct Way<'m> {
    through: &'m Through,
    said: Result<usize, &'static str>,
    hurried: Vec<(Pace, usize)>,
}

/// A way that works although it waits less than it should.
struct Hurry<'m> {
    through: &'m Through,
    pace: Pace,
    index: usize,
    total: u64,
}

/// The quickest that works of those that should not.
fn quickest<'m>(ways: &[Way<'m>], batch: &Batch) -> Option<Hurry<'m>> {
    let hurries = ways.iter().flat_map(|way| {
        way.hurried.iter().map(|(pace, index)| Hurry {
            through: way.through,
            pace: *pace,
            index: *index,
            total: way.through.total(*pace),
        })
    });
    hurries
        .filter(|hurry| batch.at(hurry.index).is_ok())
        .min_by_key(|hurry| hurry.total)
}

/// Deeds that are executed together, and what came of them.
#[derive(Default)]
struct Batch {
    deeds: Vec<Deed>,
    judged: Vec<Result<(), Failed>>,
}

impl Batch {
    fn add(&mut self, deed: Deed) -> usize {
        self.deeds.push(deed);
        self.deeds.len() - 1
    }

    fn at(&self, index: usize) -> Result<(), Failed> {
        let judged = self.judged.get(index).cloned();
        judged.unwrap_or_else(|| Err("it was not executed".into()))
    }

    fn of(&self, way: &Way<'_>) -> Result<(), Failed> {
        match way.said {
            Ok(index) => self.at(index),
            Err(why) => Err(why.into()),
        }
    }
}

impl Trial<'_> {
    /// Tries `members`. Those that only count when they are proven are left out when they are not.
    pub(super) async fn of(
        &self,
        session: &mut Session,
        members: Vec<Member>,
    ) -> Result<(Vec<Tried>, Shown), InspectError> {
        let mut batch = Batch::default();
        let ways: Vec<Vec<_>> = members
            .iter()
            .map(|member| {
                let ways = member.through.iter();
                ways.map(|through| self.way(member, through, &mut batch))
                    .collect()
            })
            .collect();
        batch.judged = self.judge(session, &batch.deeds).await?;
        let mut shown = Shown::default();
        let mut tried = Vec::new();
        for (member, ways) in members.iter().zip(&ways) {
            let best = ways.iter().find(|way| batch.of(way).is_ok());
            let best = best.or(ways.first());
            let mut result = best.map_or(Err("it is not known how".into()), |way| batch.of(way));
            let mut index = best.and_then(|way| way.said.ok());
            let quickest = quickest(ways, &batch);
            // It may not even let itself be asked to wait.
            if let (Err(_), Some(hurry)) = (&result, &quickest) {
                (result, index) = (Ok(()), Some(hurry.index));
            }
            if member.only_if_proven && result.is_err() {
                shown.unread(member, ways.iter().map(|way| batch.of(way)));
                continue;
            }
            let mut member = member.clone();
            if result.is_ok() {
                match quickest {
                    Some(hurry) => self.hurry(session, &mut member, hurry, &mut shown).await?,
                    None => shown.waits_unread(&member, ways, &batch),
                }
                match member.shows.take() {
                    None => {}
                    Some(Shows::NoWait) => shown.waits(0, 0),
                    Some(Shows::Approvals(0, _)) => shown.approvals = Some(0),
                    Some(Shows::Approvals(count, fewer)) => {
                        if shown.approvals != Some(0) {
                            let least = self.fewest(session, &member, count, &fewer).await?;
                            shown.approvals = Some(least);
                        }
                        continue;
                    }
                }
            }
            tried.push(Tried {
                deed: index.and_then(|index| batch.deeds.get(index).cloned()),
                member,
                result,
            });
        }
        // Where a stranger is let through, whoever is only looked at is let through as one.
        if tried
            .iter()
            .any(|t| t.member.is_stranger() && t.result.is_ok())
        {
            tried.retain(|t| t.member.is_stranger() || !t.member.is_guessed());
        }
        Ok((tried, shown))
    }

    fn way<'m>(&self, member: &Member, through: &'m Through, batch: &mut Batch) -> Way<'m> {
        let said = self.apply(member, through, Pace::AsSaid);
        let said = said.map(|deed| batch.add(deed));
        let waits = said.is_ok() && member.wait.is_some_and(|wait| wait > 0);
        let paces = if waits { through.hurries() } else { Vec::new() };
        let hurried = paces.into_iter().filter_map(|pace| {
            let deed = self.apply(member, through, pace).ok()?;
            Some((pace, batch.add(deed)))
        });
        Way {
            through,
            said,
            hurried: hurried.collect(),
        }
    }

    fn apply(&self, member: &Member, through: &Through, pace: Pace) -> Result<Deed, &'static str> {
        let deed = self.deed.ok_or(NOT_EXECUTED)?;
        through.apply(self.actor, member.acts(), deed, pace)
    }

    async fn judge(
        &self,
        session: &mut Session,
        deeds: &[Deed],
    ) -> Result<Vec<Result<(), Failed>>, InspectError> {
        match self.aim {
            Some(aim) => aim.judge(session, deeds).await,
            None => Ok(vec![Err(NOT_EXECUTED.into()); deeds.len()]),
        }
    }

    /// Takes back the wait of `member` as far as it acts without.
    async fn hurry(
        &self,
        session: &mut Session,
        member: &mut Member,
        hurry: Hurry<'_>,
        shown: &mut Shown,
    ) -> Result<(), InspectError> {
        let Some(says) = member.wait.filter(|says| hurry.total < *says) else {
            return Ok(());
        };
        let seen = match hurry.total {
            0 => 0,
            _ => {
                self.shortest(session, member, hurry.through, hurry.pace)
                    .await?
            }
        };
        shown.waits(says, seen);
        member.wait = Some(seen);
        Ok(())
    }

    /// The shortest wait that works, where `pace` does and none at all does not.
    async fn shortest(
        &self,
        session: &mut Session,
        member: &Member,
        through: &Through,
        pace: Pace,
    ) -> Result<u64, InspectError> {
        let (mut fails, mut works) = (0, through.longest().saturating_sub(1));
        for _ in 0..ROUNDS {
            let apart = (works.saturating_sub(fails) / (POINTS + 1)).max(1);
            let points: Vec<u64> = (1..=POINTS)
                .map(|n| fails.saturating_add(apart.saturating_mul(n)))
                .take_while(|point| *point < works)
                .collect();
            let deeds: Result<Vec<_>, _> = points
                .iter()
                .map(|most| self.apply(member, through, pace.with(*most)))
                .collect();
            let (Some(last), Ok(deeds)) = (points.last(), deeds) else {
                break;
            };
            let judged = self.judge(session, &deeds).await?;
            match judged.iter().position(Result::is_ok) {
                Some(first) => {
                    fails = match first.checked_sub(1).and_then(|before| points.get(before)) {
                        Some(before) => *before,
                        None => fails,
                    };
                    works = points.get(first).copied().unwrap_or(works);
                }
                None => fails = *last,
            }
        }
        Ok(through.total(pace.with(works)))
    }

    /// The fewest approvals that work; `count` do.
    async fn fewest(
        &self,
        session: &mut Session,
        member: &Member,
        count: u64,
        fewer: &[(u64, Vec<Through>)],
    ) -> Result<u64, InspectError> {
        let mut deeds = Vec::new();
        let mut counts = Vec::new();
        for (count, ways) in fewer {
            for through in ways {
                deeds.extend(self.apply(member, through, Pace::AsSaid).ok());
                counts.resize(deeds.len(), *count);
            }
        }
        let judged = self.judge(session, &deeds).await?;
        let works = counts.iter().zip(&judged).filter(|(_, done)| done.is_ok());
        Ok(works.map(|(count, _)| *count).min().unwrap_or(count))
    }
}

impl Shown {
    /// Corrects what `controller` says of itself.
    pub(super) fn correct(self, controller: &mut Controller) {
        let words = self.words(controller.threshold, controller.delay_seconds);
        controller.notes.extend(words);
        if let Some(count) = self.approvals {
            if let Some(says) = controller.threshold {
                controller
                    .facts
                    .insert("says threshold".into(), says.to_string());
            }
            controller.threshold = Some(count);
        }
        if let (Some((_, seen)), Some(says)) = (self.wait, controller.delay_seconds)
            && seen < says
        {
            let fact = "says delay seconds".to_owned();
            controller.facts.insert(fact, says.to_string());
            controller.delay_seconds = Some(seen);
        }
        controller.unknown.extend(self.unknown);
    }

    /// What it says and does not enforce; it says that so many approvals and so many seconds are needed.
    pub(super) fn words(&self, threshold: Option<u64>, delay: Option<u64>) -> Vec<String> {
        let mut words = Vec::new();
        if let Some(count) = self.approvals {
            let says = threshold.unwrap_or_default();
            words.push(format!(
                "it says {says} approvals and does not enforce it: the upgrade was executed with {count}"
            ));
        }
        if let Some((says, seen)) = self.wait {
            let says = delay.unwrap_or_default().max(says);
            words.push(format!(
                "it says {says} s and does not enforce it: the upgrade was executed after {seen} s"
            ));
        }
        words
    }

    fn waits(&mut self, says: u64, seen: u64) {
        let (longest, least) = self.wait.unwrap_or((says, seen));
        self.wait = Some((longest.max(says), least.min(seen)));
    }

    /// Whether the wait of `member` is enforced is open where the node did not give what executing less
    /// takes.
    fn waits_unread(&mut self, member: &Member, ways: &[Way<'_>], batch: &Batch) {
        let says = member.wait.unwrap_or_default();
        for (_, index) in ways.iter().flat_map(|way| &way.hurried) {
            if let Err(Failed::Unread(why)) = batch.at(*index) {
                self.unknown(format!(
                    "whether the wait of {says} s is enforced was not seen: {why}"
                ));
            }
        }
    }

    /// Whether `member` can do it is open where the node did not give what it takes to execute it.
    fn unread(&mut self, member: &Member, results: impl Iterator<Item = Result<(), Failed>>) {
        let what = match member.shows {
            Some(_) => "less than it says",
            None => member.role.as_str(),
        };
        for result in results {
            if let Err(Failed::Unread(why)) = result {
                self.unknown(format!("whether {what} suffices was not seen: {why}"));
            }
        }
    }

    fn unknown(&mut self, what: String) {
        if !self.unknown.contains(&what) {
            self.unknown.push(what);
        }
    }
}
