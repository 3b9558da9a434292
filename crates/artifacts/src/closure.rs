//! Units of a build info with what they import, read by several threads.

use crate::{ArtifactError, output};
use cutover_types::source::{SourceUnit, Sources};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError},
    thread,
};

/// More threads gain nothing on the few units of one contract.
const MAX_THREADS: usize = 4;

/// Units that were read before.
pub(crate) type Known = BTreeMap<String, Arc<SourceUnit>>;

/// Reads one unit, with a buffer that may be used; `None` when there is none of that name.
pub(crate) trait Read:
    Fn(&str, &mut Vec<u8>) -> Result<Option<SourceUnit>, ArtifactError> + Sync
{
}

impl<F: Fn(&str, &mut Vec<u8>) -> Result<Option<SourceUnit>, ArtifactError> + Sync> Read for F {}

/// The unit and everything it imports, as far as it is there.
pub(crate) fn closure(
    unit: &str,
    known: &mut Known,
    read: impl Read,
) -> Result<Sources, ArtifactError> {
    let work = Work {
        known,
        read,
        state: Mutex::default(),
        changed: Condvar::new(),
    };
    work.state().add(unit.to_owned());
    let mut buffer = Vec::new();
    // What else there is to read shows in the first.
    work.step(&mut buffer);
    let helpers = threads().min(work.state().waiting.len());
    thread::scope(|scope| {
        // A panic in a helper is one here.
        for _ in 1..helpers {
            scope.spawn(|| work.run(&mut Vec::new()));
        }
        work.run(&mut buffer);
    });
    let state = work.state.into_inner();
    let state = state.unwrap_or_else(PoisonError::into_inner);
    if let Some(error) = state.failed {
        return Err(error);
    }
    let found = state.found.iter();
    known.extend(found.map(|(name, unit)| (name.clone(), Arc::clone(unit))));
    Ok(Sources { units: state.found })
}

struct Work<'k, R> {
    known: &'k Known,
    read: R,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    seen: BTreeSet<String>,
    waiting: Vec<String>,
    /// How many are being read.
    busy: usize,
    found: Known,
    failed: Option<ArtifactError>,
}

impl State {
    fn add(&mut self, name: String) {
        if self.seen.insert(name.clone()) {
            self.waiting.push(name);
        }
    }
}

impl<R: Read> Work<'_, R> {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, buffer: &mut Vec<u8>) {
        while self.step(buffer) {}
    }

    /// Reads one unit. False when there is nothing left to read, and will not be.
    fn step(&self, buffer: &mut Vec<u8>) -> bool {
        let mut state = self.state();
        let name = loop {
            if state.failed.is_some() {
                return false;
            }
            if let Some(name) = state.waiting.pop() {
                break name;
            }
            if state.busy == 0 {
                return false;
            }
            let changed = self.changed.wait(state);
            state = changed.unwrap_or_else(PoisonError::into_inner);
        };
        state.busy += 1;
        drop(state);
        let busy = Busy(self);
        let unit = match self.known.get(&name) {
            Some(unit) => Ok(Some(Arc::clone(unit))),
            None => (self.read)(&name, buffer).map(|unit| unit.map(Arc::new)),
        };
        let mut state = self.state();
        match unit {
            Ok(Some(unit)) => {
                for import in output::imports(&unit.ast) {
                    state.add(import.to_owned());
                }
                state.found.insert(name, unit);
            }
            Ok(None) => {}
            Err(error) => state.failed = Some(error),
        }
        drop(state);
        drop(busy);
        true
    }
}

/// Says that a unit was read, also when reading it panics: nobody waits for it then.
struct Busy<'w, 'k, R: Read>(&'w Work<'k, R>);

impl<R: Read> Drop for Busy<'_, '_, R> {
    fn drop(&mut self) {
        self.0.state().busy -= 1;
        self.0.changed.notify_all();
    }
}

/// How many threads read; finding out takes a dozen reads of system files.
fn threads() -> usize {
    static THREADS: OnceLock<usize> = OnceLock::new();
    *THREADS.get_or_init(|| {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        threads.min(MAX_THREADS)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::{
        panic::{AssertUnwindSafe, catch_unwind},
        sync::atomic::{AtomicUsize, Ordering},
    };

    /// Unit `n` imports `2n` and `2n + 1` below 64, `n - 1`, and one that is not there.
    fn unit(name: &str) -> Option<SourceUnit> {
        let number: usize = name.parse().ok()?;
        let imports = [2 * number, 2 * number + 1, number - 1];
        let imports = imports.into_iter().filter(|one| (1..64).contains(one));
        let names = imports.map(|one| one.to_string()).chain(["x".to_owned()]);
        let nodes: Vec<_> = names
            .map(|name| json!({ "nodeType": "ImportDirective", "absolutePath": name }))
            .collect();
        Some(SourceUnit::new(None, json!({ "nodes": nodes })))
    }

    #[test]
    fn everything_is_read_once_and_known_afterwards() {
        let reads = AtomicUsize::new(0);
        let read = |name: &str, _: &mut Vec<u8>| {
            reads.fetch_add(1, Ordering::Relaxed);
            Ok(unit(name))
        };
        let mut known = Known::new();
        let one = closure("40", &mut known, read).unwrap();
        assert_eq!(one.units.len(), 63);
        assert_eq!(reads.swap(0, Ordering::Relaxed), 64);
        assert_eq!(closure("1", &mut known, read).unwrap(), one);
        assert_eq!(reads.load(Ordering::Relaxed), 1, "only what is not there");
        assert!(closure("x", &mut known, read).unwrap().units.is_empty());
    }

    #[test]
    fn an_error_or_a_panic_ends_all() {
        let read = |name: &str, _: &mut Vec<u8>| match name {
            "50" => Err(ArtifactError::NoVyper),
            _ => Ok(unit(name)),
        };
        let found = closure("1", &mut Known::new(), read);
        assert!(matches!(found, Err(ArtifactError::NoVyper)));
        let read = |name: &str, _: &mut Vec<u8>| match name {
            "50" => panic!("broken"),
            _ => Ok(unit(name)),
        };
        let mut known = Known::new();
        let found = catch_unwind(AssertUnwindSafe(|| closure("1", &mut known, read)));
        assert!(found.is_err());
    }
}
