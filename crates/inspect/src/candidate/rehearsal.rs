//! Upgrade, rollback and upgrade again, one after the other in one state.

use super::{
    Candidate, cut, effects, left, obeys,
    reasons::{self, Uups},
    senders,
    way::{Refusal, Tried, Way, attempt},
};
use crate::{error::InspectError, session::Session};
use alloy_primitives::{B256, Bytes};
use cutover_types::{
    Inspection, StateDiff, StepCall, UpgradePath, diamond,
    execution::merge_diff,
    inspection::{CandidateFacts, CodeAt, RoundTrip, SentCall},
};
use std::collections::BTreeSet;

/// Ways that are tried for one upgrade at most.
const TRIES: usize = 48;
/// Reasons that are given of those that were tried in vain.
const REASONS: usize = 4;

/// One of the two implementations.
pub(super) struct Side {
    pub(super) name: &'static str,
    pub(super) at: CodeAt,
    pub(super) uups: Uups,
}

/// The candidate and what it replaces.
pub(super) struct Rehearsal<'a> {
    pub(super) candidate: &'a Candidate,
    /// What is known of the proxy today.
    pub(super) inspection: &'a Inspection,
    pub(super) path: &'a UpgradePath,
    /// Who answers what now, if it is a diamond.
    pub(super) before: diamond::Routes,
    /// The implementation's slot, where the implementation does the upgrade.
    pub(super) uups: Option<B256>,
    pub(super) blue: Side,
    pub(super) green: Side,
}

/// What trying several ways showed.
struct Search {
    done: Option<Way>,
    refusals: Vec<Refusal>,
    unclear: Vec<String>,
}

impl Rehearsal<'_> {
    pub(super) async fn play(
        &self,
        session: &mut Session,
        facts: &mut CandidateFacts,
    ) -> Result<(), InspectError> {
        let (blue, green) = (&self.blue, &self.green);
        let data = &self.candidate.initializer;
        facts.forward = sent(self.path.calls(&green.at, data).unwrap_or_default());
        let own = [(self.path.clone(), data.clone())];
        let forward = search(session, &own, &green.at).await?;
        let Some(forward) = self.settle(forward, "the upgrade", [blue, green], facts) else {
            return Ok(());
        };
        session.suppose(&forward.changes, forward.seconds);
        facts.obeys = obeys::moved(session, self.inspection, forward.seconds).await?;

        let ways = senders::back(session, self.path, &forward, &green.at).await?;
        let tried: Vec<_> = ways
            .paths
            .into_iter()
            .map(|path| (path, Bytes::new()))
            .collect();
        let mut back = search(session, &tried, &blue.at).await?;
        back.unclear.extend(ways.unknown);
        let Some(back) = self.settle(back, "the way back", [green, blue], facts) else {
            return Ok(());
        };
        facts.back = sent(back.calls.clone());
        let from = |calls: &[StepCall]| calls.first().map(|call| call.from);
        if let (Some(first), Some(second)) = (from(&forward.calls), from(&back.calls))
            && first != second
        {
            facts.why.push(format!(
                "the way back is sent by {second}: the candidate does not obey {first}"
            ));
        }
        session.suppose(&back.changes, back.seconds);
        facts.verdict = RoundTrip::Yes;
        let table = match &facts.cut {
            Some(cut) => cut::restored(session, self.path, cut, &self.before).await?,
            None => Default::default(),
        };
        self.compare(&forward, &back, &table, facts);
        self.again(session, &forward, facts).await
    }

    /// What is left of the candidate after the way back.
    fn compare(
        &self,
        forward: &Way,
        back: &Way,
        table: &BTreeSet<B256>,
        facts: &mut CandidateFacts,
    ) {
        let mut changes: StateDiff = forward.changes.clone();
        merge_diff(&mut changes, &back.changes);
        let (left, count) = left::left(&changes, self.path, self.candidate, table);
        if count > 0 {
            facts.verdict = RoundTrip::Lossy;
            facts.why.push(format!(
                "the way back leaves {count} {} that the upgrade changed",
                if count == 1 { "slot" } else { "slots" }
            ));
        }
        facts.left = left;
        let besides = effects::besides_slots(self.path.proxy, forward, back, &changes);
        if !besides.is_empty() {
            facts.verdict = RoundTrip::Lossy;
            facts.why.extend(besides);
        }
    }

    async fn again(
        &self,
        session: &mut Session,
        forward: &Way,
        facts: &mut CandidateFacts,
    ) -> Result<(), InspectError> {
        let data = &self.candidate.initializer;
        let same = [(self.path.clone(), data.clone())];
        let first = search(session, &same, &self.green.at).await?;
        if let Some(again) = first.done {
            facts.forward_again = sent(again.calls);
            if !data.is_empty() {
                facts.why.push(
                    "going forward again runs the initializer a second time: it does not refuse"
                        .into(),
                );
            }
            return Ok(());
        }
        let initialized = first.refusals.iter().any(reasons::is_initialized);
        let again = senders::again(session, self.path, data).await?;
        let mut second = search(session, &again, &self.green.at).await?;
        second.refusals.splice(0..0, first.refusals.iter().cloned());
        second.unclear.extend(first.unclear);
        let sides = [&self.blue, &self.green];
        let Some(again) = self.settle(second, "going forward again", sides, facts) else {
            return Ok(());
        };
        facts.verdict = RoundTrip::Lossy;
        let refusal = first
            .refusals
            .first()
            .map_or("it is refused", |refusal| &refusal.why);
        facts.why.push(format!(
            "the same call does not go forward again: {refusal}"
        ));
        let logs = forward.outcomes.iter().flat_map(|outcome| &outcome.logs);
        let version = left::version(logs, self.path.proxy);
        if let (true, Some(version)) = (initialized, version) {
            facts.why.push(format!(
                "the initializer version stays {version}: forward again takes empty data, or reinitializer({})",
                version.saturating_add(1)
            ));
        } else if !data.is_empty() {
            facts.why.push("forward again takes other data".into());
        }
        facts.forward_again = sent(again.calls);
        Ok(())
    }

    /// The way that was found; without one, what that means.
    fn settle(
        &self,
        search: Search,
        what: &str,
        [now, next]: [&Side; 2],
        facts: &mut CandidateFacts,
    ) -> Option<Way> {
        if search.done.is_some() {
            return search.done;
        }
        facts.verdict = if search.unclear.is_empty() {
            RoundTrip::No
        } else {
            RoundTrip::Unknown
        };
        let names = [now.name, next.name];
        let mut why = Vec::new();
        for refusal in &search.refusals {
            let explained = reasons::explain(refusal, &now.uups, &next.uups, names, self.uups);
            why.extend(explained.into_iter().map(|text| format!("{what}: {text}")));
            why.push(format!("{what}: {}", refusal.why));
        }
        why.extend(search.unclear.iter().map(|text| format!("{what}: {text}")));
        for text in why {
            if facts.why.len() < 2 * REASONS && !facts.why.contains(&text) {
                facts.why.push(text);
            }
        }
        if facts.why.is_empty() {
            facts.why.push(format!("{what}: nobody was found who can"));
        }
        None
    }
}

/// Tries ways until one works.
async fn search(
    session: &mut Session,
    ways: &[(UpgradePath, Bytes)],
    to: &CodeAt,
) -> Result<Search, InspectError> {
    let mut search = Search {
        done: None,
        refusals: Vec::new(),
        unclear: Vec::new(),
    };
    for (path, data) in ways.iter().take(TRIES) {
        match attempt(session, path, to, data).await? {
            Tried::Done(way) => {
                search.done = Some(*way);
                break;
            }
            Tried::Refused(refusal) => search.refusals.push(refusal),
            Tried::Unclear(why) => search.unclear.push(why),
        }
    }
    Ok(search)
}

fn sent(calls: Vec<StepCall>) -> Vec<SentCall> {
    calls.into_iter().map(SentCall::from).collect()
}
