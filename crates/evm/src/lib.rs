//! Local execution of recorded or lazily read state.
