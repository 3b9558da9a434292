//! Whole stories, one file each, against real anvil.
