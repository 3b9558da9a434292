//! The compiler settings that decide about the code: which EVM, which code generator.

use crate::Code;
use cutover_types::text::terminal;
use serde_json::Value;

/// Takes them from the contract's metadata, which names defaults too, or else from the input.
pub(crate) fn fill(code: &mut Code, metadata: &Value, input: &Value) {
    let metadata = parsed(metadata);
    let either = |pick: fn(&Value) -> &Value| {
        [pick(&metadata["settings"]), pick(input)]
            .into_iter()
            .find(|value| !value.is_null())
            .cloned()
            .unwrap_or_default()
    };
    code.evm_version = either(|settings| &settings["evmVersion"])
        .as_str()
        .map(|version| terminal(version, 40));
    code.optimizer = either(|settings| &settings["optimizer"]["enabled"]).as_bool();
    // The metadata leaves out what is off.
    let known = metadata["settings"].is_object() || input.is_object();
    code.via_ir = either(|settings| &settings["viaIR"])
        .as_bool()
        .or_else(|| known.then_some(false));
    if metadata["language"] == "Vyper" {
        code.compiler = code.compiler.take().map(|version| {
            if version.starts_with("vyper") {
                version
            } else {
                format!("vyper {version}")
            }
        });
    }
}

/// Metadata is an object, or the text of one.
pub(crate) fn parsed(metadata: &Value) -> Value {
    match metadata {
        Value::String(text) => serde_json::from_str(text).unwrap_or_default(),
        Value::Object(_) => metadata.clone(),
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn metadata_comes_first_and_leaves_out_what_is_off() {
        let metadata =
            json!({ "settings": { "evmVersion": "cancun", "optimizer": { "enabled": true } } });
        let input = json!({ "evmVersion": "paris", "viaIR": true });
        for (metadata, input, expected) in [
            (
                json!(metadata.to_string()),
                Value::Null,
                (Some("cancun"), Some(true), Some(false)),
            ),
            (
                metadata,
                input.clone(),
                (Some("cancun"), Some(true), Some(true)),
            ),
            (Value::Null, input, (Some("paris"), None, Some(true))),
            (json!("no json"), Value::Null, (None, None, None)),
        ] {
            let mut code = Code::default();
            fill(&mut code, &metadata, &input);
            let found = (code.evm_version.as_deref(), code.optimizer, code.via_ir);
            assert_eq!(found, expected);
        }
    }
}
