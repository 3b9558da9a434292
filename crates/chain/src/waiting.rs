//! How long a node has kept everybody waiting, and that somebody is told.

use crate::node::Policy;
use std::{
    future::Future,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// After so long somebody is told.
const TOLD: Duration = Duration::from_secs(5);

/// What a node is waited for.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    /// Since when it does nothing but limit requests.
    limited: Mutex<Option<Instant>>,
    /// Since when a request is under way and nothing was answered.
    silent: Mutex<Option<Instant>>,
    ever: AtomicBool,
    told: AtomicBool,
}

impl Waiting {
    /// A request is sent.
    pub(crate) fn begins(&self) {
        start(&self.silent);
    }

    /// Something arrived.
    pub(crate) fn answered(&self) {
        self.ever.store(true, Ordering::Relaxed);
        stop(&self.silent);
    }

    /// A call was answered with what it asked for, or refused for good.
    pub(crate) fn served(&self) {
        stop(&self.limited);
    }

    /// The node limits requests.
    pub(crate) fn limits(&self, policy: &Policy) {
        start(&self.limited);
        if self.limited() >= TOLD {
            self.tell(policy, "the node limits requests; waiting");
        }
    }

    /// For how long it has done nothing but limit requests.
    pub(crate) fn limited(&self) -> Duration {
        since(&self.limited)
    }

    /// For how long it has answered nothing.
    pub(crate) fn silent(&self) -> Duration {
        since(&self.silent)
    }

    pub(crate) fn ever_answered(&self) -> bool {
        self.ever.load(Ordering::Relaxed)
    }

    /// What it is waited for.
    pub(crate) fn words(&self) -> &'static str {
        match self.limited().is_zero() {
            true => "the node does not answer",
            false => "the node limits the rate of calls",
        }
    }

    /// Awaits an answer; says so when it takes long.
    pub(crate) async fn told<F: Future>(&self, policy: &Policy, answer: F) -> F::Output {
        let mut answer = std::pin::pin!(answer);
        if let Ok(done) = tokio::time::timeout(TOLD * 2, &mut answer).await {
            return done;
        }
        self.tell(policy, "the node has not answered for 10 s; waiting");
        answer.await
    }

    /// Once is enough.
    fn tell(&self, policy: &Policy, line: &str) {
        if !self.told.swap(true, Ordering::Relaxed) {
            tracing::info!("{line}");
            if let Some(notice) = &policy.notice {
                notice.tell(line);
            }
        }
    }
}

fn start(clock: &Mutex<Option<Instant>>) {
    let mut clock = clock.lock().unwrap_or_else(PoisonError::into_inner);
    clock.get_or_insert_with(Instant::now);
}

fn stop(clock: &Mutex<Option<Instant>>) {
    *clock.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

fn since(clock: &Mutex<Option<Instant>>) -> Duration {
    let clock = clock.lock().unwrap_or_else(PoisonError::into_inner);
    clock.map_or(Duration::ZERO, |start| start.elapsed())
}
