//! Which proxy this is, who can upgrade it, and the way back.
