//! Storage of a contract, read with its layout: which slot belongs to which variable, and what the
//! words in it say.
//!
//! The words come from a chain and the layout from a compiler's output, so both are bounded: a length
//! of 2^255 is said, not followed.

mod explain;
mod keys;
mod path;
mod value;
mod walk;

pub use explain::{Explained, explain};
pub use keys::{Keys, Preimages, Words};
pub use path::{Path, Step, key_label, namespace_root};
pub use value::Shape;
pub use walk::{Entry, Limits, Reading, Walk, walk};
