//! Typed reports as text and Markdown.
