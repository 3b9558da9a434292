//! The real compiler, asked in its standard JSON.

use cutover_artifacts::compilers;
use serde_json::Value;
use std::{
    io::Write,
    process::{Command, Stdio},
};

/// What solc makes of an input, without errors, and solc's version.
#[track_caller]
pub(crate) fn compile(input: &Value) -> (Value, String) {
    let compiler = compilers()
        .into_iter()
        .find(|found| found.version >= "0.8.28".parse().unwrap())
        .expect("no solc 0.8.28: run scripts/setup");
    let mut child = Command::new(compiler.path)
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
    (output, compiler.version.to_string())
}
