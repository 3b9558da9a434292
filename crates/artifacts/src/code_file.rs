//! Runtime bytecode in a file of its own.

use crate::{ArtifactError, Code, LoadOptions, bytecode, files, given::find};
use std::path::Path;

/// Reads runtime code, hex or binary.
pub(crate) fn read(path: &Path, options: &LoadOptions) -> Result<Code, ArtifactError> {
    let path = find(path, &options.root);
    let bytes = files::bytes(&path, files::MAX_SOURCE)?;
    let text = std::str::from_utf8(&bytes).ok().map(str::trim);
    let runtime = match text {
        Some(text) if !text.is_empty() && is_hex(text) => bytecode::bytes(Some(text)),
        _ if bytes.is_empty() => None,
        _ => Some(bytes.clone().into()),
    };
    let Some(runtime) = runtime else {
        return Err(ArtifactError::Malformed {
            path,
            expected: "runtime bytecode",
            detail: "it is empty, or hex of an odd length".to_owned(),
        });
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

fn is_hex(text: &str) -> bool {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}
