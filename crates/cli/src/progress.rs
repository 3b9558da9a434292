//! Progress bars on stderr, for what takes over a second.

use crate::output::Output;
use cutover_types::progress::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::{io::IsTerminal, sync::Mutex, time::Duration};

/// A bar on a terminal; nothing elsewhere.
pub(crate) struct Bar {
    output: Output,
    bar: Mutex<Option<ProgressBar>>,
}

impl Bar {
    pub(crate) fn new(output: Output) -> Self {
        Self {
            output,
            bar: Mutex::new(None),
        }
    }

    fn with(&self, act: impl FnOnce(&mut Option<ProgressBar>)) {
        if let Ok(mut bar) = self.bar.lock() {
            act(&mut bar);
        }
    }
}

impl Progress for Bar {
    fn start(&self, what: &str, total: Option<u64>) {
        if self.output.quiet || !std::io::stderr().is_terminal() {
            return;
        }
        let bar = total.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
        bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
        let template = if total.is_some() {
            "{msg:<24} {bar:32} {pos}/{len} {eta:>5}"
        } else {
            "{msg:<24} {spinner} {elapsed}"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(200));
        self.with(|slot| *slot = Some(bar));
    }

    fn advance(&self, steps: u64) {
        self.with(|slot| {
            if let Some(bar) = slot {
                bar.inc(steps);
            }
        });
    }

    fn warn(&self, message: &str) {
        self.with(|slot| match slot {
            Some(bar) => bar.suspend(|| self.output.warn(message)),
            None => self.output.warn(message),
        });
    }

    fn note(&self, message: &str) {
        self.with(|slot| match slot {
            Some(bar) => bar.suspend(|| self.output.note(message)),
            None => self.output.note(message),
        });
    }

    fn finish(&self) {
        self.with(|slot| {
            if let Some(bar) = slot.take() {
                bar.finish_and_clear();
            }
        });
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.finish();
    }
}
