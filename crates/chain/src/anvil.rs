//! A local anvil.
