//! The newest compiler there is.

#[path = "../../../artifacts/tests/support/standard_json.rs"]
mod standard_json;

use cutover_artifacts::compilers;
use serde_json::Value;

/// What solc makes of an input, without errors, and solc's version.
#[track_caller]
pub(crate) fn compile(input: &Value) -> (Value, String) {
    let compiler = compilers()
        .into_iter()
        .find(|found| found.version >= "0.8.28".parse().unwrap())
        .expect("no solc 0.8.28: run scripts/setup");
    let output = standard_json::standard_json(&compiler.path, input);
    (output, compiler.version.to_string())
}
