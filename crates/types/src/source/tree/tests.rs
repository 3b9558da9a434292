use super::*;
use serde_json::{Value, json};

fn parse(text: &str) -> Tree {
    serde_json::from_str(text).unwrap()
}

#[test]
fn what_is_not_there_is_null() {
    let tree = parse(r#"{"a": {"b": [1, "x", true]}, "n": null}"#);
    assert_eq!(tree["a"]["b"][0].as_i64(), Some(1));
    assert!(tree["a"]["b"][1] == "x" && tree["a"]["b"][2] == true);
    for none in [
        &tree["n"],
        &tree["z"],
        &tree["z"]["a"][7],
        &tree["a"]["b"][3],
        &tree["a"][0],
        &tree["a"]["b"]["c"],
    ] {
        assert!(none.is_null());
        assert_eq!((none.as_str(), none.as_i64()), (None, None));
        assert!(none.as_array().is_none() && none.fields().next().is_none());
    }
}

#[test]
fn fields_are_sorted_and_the_later_of_two_counts() {
    let tree = parse(r#"{"src": "1", "b": 2, "a": 1, "src": "3", "nodeType": "X", "b": 4}"#);
    let names: Vec<_> = tree.fields().map(|(name, _)| name).collect();
    assert_eq!(names, ["a", "b", "nodeType", "src"]);
    assert_eq!(tree["src"], "3");
    assert_eq!(tree["b"].as_i64(), Some(4));
    assert_eq!(tree.kind(), "X");
}

#[test]
fn long_texts_are_shared_and_equal() {
    let long = "t_function_internal_view$_t_address_$returns$_t_bool_$";
    let tree = parse(&json!([long, long, "short", "short", "q\"\\\u{1f600}\n"]).to_string());
    assert!(tree[0] == long && tree[1] == long && tree[3] == "short");
    assert!(tree[4] == "q\"\\\u{1f600}\n");
    let at = |place: usize| tree[place].as_str().unwrap().as_ptr();
    assert_eq!(at(0), at(1));
}

#[test]
fn numbers_no_compiler_writes_are_null() {
    for (text, number) in [
        ("0", Some(0)),
        ("-17", Some(-17)),
        ("9223372036854775807", Some(i64::MAX)),
        ("4294967273", Some(4_294_967_273)),
        ("9223372036854775808", None),
        ("1.5", None),
        ("1e3", None),
        ("123456789012345678901234567890", None),
    ] {
        let tree = parse(&format!("{{\"id\": {text}}}"));
        assert_eq!(tree["id"].as_i64(), number, "{text}");
        assert!(number.is_some() || tree["id"].is_null(), "{text}");
    }
}

#[test]
fn a_value_gives_the_same_tree_as_its_text() {
    let value = json!({"nodes": [{"id": 1, "x": [true, null, "y"]}, {}], "src": "0:1:2", "z": -5});
    assert_eq!(parse(&value.to_string()), Tree::from(value));
}

#[test]
fn what_is_no_json_or_too_deep_is_refused() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for text in [
        "{",
        "{\"a\":}",
        "[1,]",
        "\"\u{1}\"",
        "{1:2}",
        "",
        "nul",
        &deep,
    ] {
        assert!(serde_json::from_str::<Tree>(text).is_err());
        assert!(serde_json::from_str::<Value>(text).is_err());
    }
}

#[test]
fn types_are_not_looked_into() {
    let tree = parse(
        r#"{"typeDescriptions": {"a": 1}, "argumentTypes": [{}], "commonType": {}, "body": {"b": []}, "id": 1}"#,
    );
    let inside: Vec<_> = tree.inside().collect();
    assert_eq!(inside, [(1, &tree["body"])]);
    assert_eq!(tree.at(1), &tree["body"]);
    assert!(tree.at(9).is_null() && tree["id"].at(0).is_null());
}

#[test]
fn fields_that_nothing_reads_are_left_out() {
    let tree = parse(r#"{"a": 1, "scope": {"deep": [1, {}]}, "isPure": true, "z": 2}"#);
    let names: Vec<_> = tree.fields().map(|(name, _)| name).collect();
    assert_eq!(names, ["a", "z"]);
    // Whoever reads one is told, and not given a null.
    let read = std::panic::catch_unwind(|| tree["scope"].is_null());
    assert_eq!(read.is_err(), cfg!(debug_assertions));
}
