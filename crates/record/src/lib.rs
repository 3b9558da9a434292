//! Collects the transactions that reach a proxy and the state they need.
