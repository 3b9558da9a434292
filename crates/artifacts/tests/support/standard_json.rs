//! The real compiler, asked in its standard JSON.

use serde_json::Value;
use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

/// What solc makes of an input, without errors.
#[track_caller]
pub(crate) fn standard_json(solc: &Path, input: &Value) -> Value {
    let mut child = Command::new(solc)
        .arg("--standard-json")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.to_string().as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let output: Value = serde_json::from_slice(&output.stdout).unwrap();
    let errors: Vec<_> = output["errors"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|error| error["severity"] == "error")
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
    output
}
