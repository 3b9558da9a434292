//! Makes the proposal: forward, back and forward again.
