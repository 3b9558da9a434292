//! Upgrade and rollback: preflight, journal, submit, confirm.
