//! How long-running work tells the terminal where it is.

/// Receives progress; implementations must be cheap and never fail.
pub trait Progress: Send + Sync {
    /// A phase begins: what it does, and how many steps it has, if known.
    fn start(&self, what: &str, total: Option<u64>);
    /// Steps were done.
    fn advance(&self, steps: u64);
    /// Something the user should know now.
    fn warn(&self, message: &str);
    /// Something to read that asks for nothing.
    fn note(&self, _message: &str) {}
    /// The phase ended.
    fn finish(&self);
}

/// Progress nobody looks at.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn start(&self, _what: &str, _total: Option<u64>) {}
    fn advance(&self, _steps: u64) {}
    fn warn(&self, _message: &str) {}
    fn finish(&self) {}
}
