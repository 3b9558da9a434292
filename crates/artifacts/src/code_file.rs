//! Runtime bytecode in a file of its own.

use crate::{ArtifactError, Code, LoadOptions, bytecode, files, given::find};
use cutover_types::text::terminal;
use std::path::Path;

/// Reads runtime code, hex or binary.
pub(crate) fn read(path: &Path, options: &LoadOptions) -> Result<Code, ArtifactError> {
    let path = find(path, &options.root);
    let bytes = files::bytes(&path, files::MAX_SOURCE)?;
    let malformed = |detail: String| ArtifactError::Malformed {
        path: path.clone(),
        expected: "runtime bytecode",
        detail,
    };
    let runtime = match text(&bytes) {
        Some(text) => {
            if let Some(detail) = not_hex(text) {
                return Err(malformed(detail));
            }
            bytecode::bytes(Some(text))
        }
        None => Some(bytes.clone().into()),
    };
    let Some(runtime) = runtime.filter(|runtime| !runtime.is_empty()) else {
        return Err(malformed("it is empty".to_owned()));
    };
    let mut code = Code {
        runtime: Some(runtime),
        ..Code::default()
    };
    if options.need.layout {
        code.missing.push(
            "bytecode alone has no storage layout: give the source or an artifact".to_owned(),
        );
    }
    Ok(code)
}

/// The content, when it is text: code has bytes that no text has.
fn text(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    let printed = |one: char| !one.is_control() || one.is_ascii_whitespace();
    text.chars().all(printed).then_some(text.trim())
}

/// Why a text is no hex, with what to do.
fn not_hex(text: &str) -> Option<String> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let wrong = digits
        .char_indices()
        .find(|(_, one)| !one.is_ascii_hexdigit());
    if let Some((at, wrong)) = wrong {
        if digits.get(at..).is_some_and(|rest| rest.starts_with("__")) {
            return Some(format!(
                "the address of a library is missing at digit {}: link it first",
                at + 1
            ));
        }
        let wrong = match wrong.is_whitespace() {
            true => "a space or a new line".to_owned(),
            false => format!("`{}`", terminal(&wrong.to_string(), 20)),
        };
        return Some(format!(
            "digit {} of the hex is {wrong}: give hex digits alone, on one line, or the bytes themselves",
            at + 1
        ));
    }
    (digits.len() % 2 == 1).then(|| {
        format!(
            "it has {} hex digits, an odd number: write each byte with two",
            digits.len()
        )
    })
}
