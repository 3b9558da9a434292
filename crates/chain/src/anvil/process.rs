//! Anvil's process: it ends with its value, or with all others when the program is interrupted.

use std::{
    process::{Child, ExitStatus},
    sync::{Arc, Mutex, PoisonError, Weak},
};

type Held = Mutex<Option<Child>>;

/// Every process that ends with this program; `None` once they were ended.
static RUNNING: Mutex<Option<Vec<Weak<Held>>>> = Mutex::new(Some(Vec::new()));

/// Ends every anvil this program started and did not detach, and lets none start any more.
///
/// For the end of the program: work in other threads cannot be made to drop its values, but it fails
/// once its anvil is gone.
pub fn end_all() {
    let running = RUNNING
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    for process in running.into_iter().flatten() {
        if let Some(process) = process.upgrade() {
            end(&process);
        }
    }
}

fn end(process: &Held) {
    let child = process
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    if let Some(mut child) = child {
        let _ = child.kill();
        // Its home is removed next: nothing may be written there any more.
        let _ = child.wait();
    }
}

/// Ends with this value.
pub(super) struct Process {
    id: u32,
    child: Arc<Held>,
}

impl Process {
    /// `None`, and the process is ended, after [`end_all`].
    pub(super) fn watched(child: Child) -> Option<Self> {
        let process = Self {
            id: child.id(),
            child: Arc::new(Mutex::new(Some(child))),
        };
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        let running = running.as_mut()?;
        running.retain(|other| other.strong_count() > 0);
        running.push(Arc::downgrade(&process.child));
        Some(process)
    }

    pub(super) fn id(&self) -> u32 {
        self.id
    }

    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.child
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_mut()?
            .try_wait()
            .ok()
            .flatten()
    }

    /// Lets it live on.
    pub(super) fn release(&mut self) {
        self.child
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        end(&self.child);
    }
}
