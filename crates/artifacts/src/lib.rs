//! The Solidity compiler and what it makes: layouts, code, sources.
