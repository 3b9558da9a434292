//! Places where a run stops.

use cutover_rollout::{Checkpoints, Step};
use std::sync::atomic::{AtomicUsize, Ordering};

pub struct StopAt(pub Step);

impl Checkpoints for StopAt {
    fn reached(&self, step: Step) -> bool {
        step != self.0
    }
}

/// Stops at the n-th step whatever it is.
pub struct StopAfter(AtomicUsize);

impl StopAfter {
    pub fn new(steps: usize) -> Self {
        Self(AtomicUsize::new(steps))
    }
}

impl Checkpoints for StopAfter {
    fn reached(&self, _step: Step) -> bool {
        let less = |left: usize| left.checked_sub(1);
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less)
            .is_ok()
    }
}
