//! Storage-layout and upgrade-safety rules.
