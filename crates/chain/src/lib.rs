//! The node, the fork and the signer: everything that talks to a network.
